"""What the compiler shows of its work: the plan of a layer, the IR of its kernels, their assembly.

`RUSHLIGHT_DEBUG=plan`, `ir`, `asm` or several with commas writes it to standard error; `set_debug` does so from a
program, or hands it to a function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from rushlight.core.environment import refusal, value_of

KINDS = ("plan", "ir", "asm")


def set_debug(what: str | Callable[[str, str, str], None] | None, kinds: str = "plan,ir,asm") -> None:
    """Show plans, IR or assembly from now on.

    `what` is a text of kinds ("plan", "ir,asm"), written to standard error; or a function, called with
    (kind, name, text) for the `kinds` wanted; or None for nothing. Kernels that are loaded already are not shown.

    >>> import rushlight as torch
    >>> seen = []
    >>> torch.set_debug(lambda kind, name, text: seen.append(kind), kinds="plan")
    >>> torch.set_debug(None)
    """
    global _state
    _state = (_parse(kinds), what) if callable(what) else (_parse(what or ""), _to_stderr)


def wanted(kind: str) -> bool:
    """Whether anybody looks at this kind of text: making it may be dear."""
    return kind in _state[0]


def show(kind: str, name: str, text: str) -> None:
    """Hand on a text if its kind is wanted."""
    kinds, sink = _state
    if kind in kinds:
        sink(kind, name, text)


def _from_environment() -> frozenset[str]:
    text = value_of("RUSHLIGHT_DEBUG")
    try:
        return _parse(text)
    except ValueError:
        raise refusal("RUSHLIGHT_DEBUG", text, f"{', '.join(KINDS)}, or several of them with commas") from None


def _parse(kinds: str) -> frozenset[str]:
    names = frozenset(part.strip() for part in kinds.replace("|", ",").split(",") if part.strip())
    unknown = names - set(KINDS)
    if unknown:
        raise ValueError(f"unknown kind of debug output {min(unknown)!r}: choose among {', '.join(KINDS)}")
    return names


def _to_stderr(kind: str, name: str, text: str) -> None:
    print(f"; rushlight {kind}: {name}\n{text}", file=sys.stderr)


# What is wanted and who gets it: one value, replaced as a whole, so that no thread sees half a change.
_state: tuple[frozenset[str], Callable[[str, str, str], None]] = (
    _from_environment(),
    _to_stderr,
)
