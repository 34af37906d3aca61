"""The RUSHLIGHT_… variables of the environment: which there are, and one error for values that mean nothing.

In comes a variable's name; out goes its text. Each is read, and judged, by the part that it steers.
"""

from __future__ import annotations

import os

PREFIX = "RUSHLIGHT_"
VARIABLES = {
    "RUSHLIGHT_ENGINE": "who computes: auto, compiled or reference",
    "RUSHLIGHT_TARGET": "the instruction set of the kernels, where it is not to be the machine's best",
    "RUSHLIGHT_DEBUG": "what to show: plan, ir, asm, or several with commas",
    "RUSHLIGHT_CACHE_DIR": "the folder that keeps compiled kernels",
    "RUSHLIGHT_POOL_BYTES": "how many bytes of freed memory are kept for the next results",
    "OMP_NUM_THREADS": "how many threads kernels use",
}


class SettingError(ValueError, SystemExit):
    """A variable whose value means nothing: a ValueError for programs that catch it.

    Left alone it ends the program with its one line, and without a traceback: what is wrong stands outside of it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text  # what an uncaught SystemExit prints

    def __str__(self) -> str:
        return self.code


def value_of(name: str) -> str:
    """The variable's text without space around it; "" where it is not set."""
    return os.environ.get(name, "").strip()


def refusal(name: str, value: str, expected: str) -> SettingError:
    """The error for a value that the variable cannot have.

    >>> print(refusal("RUSHLIGHT_ENGINE", "fast", "one of auto, compiled, reference"))
    RUSHLIGHT_ENGINE='fast' means nothing here: set it to one of auto, compiled, reference, or unset it
    """
    return SettingError(f"{name}={value!r} means nothing here: set it to {expected}, or unset it")


def whole_number(name: str) -> int | None:
    """The variable as a number; None where it is not set."""
    text = value_of(name)
    if text and not (text.isascii() and text.isdigit()):
        raise refusal(name, text, "a whole number")
    return int(text) if text else None


def misspelt() -> list[str]:
    """A line for each variable that looks like one of ours and is none."""
    unknown = [name for name in os.environ if name.startswith(PREFIX) and name not in VARIABLES]
    if not unknown:
        return []
    from difflib import get_close_matches

    ours = {name.partition("_")[2]: name for name in VARIABLES}
    found = ((name, get_close_matches(name.removeprefix(PREFIX), ours, 1, 0.75)) for name in sorted(unknown))
    return [f"{name} is not read by rushlight; did you mean {ours[close[0]]}?" for name, close in found if close]


def given() -> dict[str, str]:
    """The variables that are set."""
    return {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
