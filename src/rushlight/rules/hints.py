"""The last line of an error: the call that explains it, ready to be pasted.

In comes an error that is already certain, with the call's shapes and arguments; it gets the line, and goes on. The
text names `rushlight.explain`, which says the same facts at length and draws them.
"""

from __future__ import annotations

from operator import index
from typing import NoReturn

HINT = "More: "
_PLAIN = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "output_padding": 0,
    "padding_mode": "zeros",
    "mode": "constant",
    "ceil_mode": False,
}
_STEPS = ("stride", "padding", "dilation", "output_padding")  # one number stands for all axes
_NAMES = ("x", "w", "b")


def raise_hinted(error: Exception, op: str, tensors: tuple, **arguments: object) -> NoReturn:
    """Raise the error again, its text with the hint behind it; `tensors` are shapes, None for one that is missing."""
    shapes = [shape for shape in tensors if shape is not None]
    words = [name for name, shape in zip(_NAMES, tensors) if shape is not None]
    arguments = {name: _short(value) if name in _STEPS else value for name, value in arguments.items()}
    said = {name: value for name, value in arguments.items() if value not in (None, _PLAIN.get(name, ()))}
    words += [f"{name}={_literal(value)}" for name, value in said.items()]
    call = f'"{op}({", ".join(words)})"'
    error.args = (f"{error}\n{HINT}rushlight.explain({', '.join([call, *map(str, shapes)])})",)
    raise error


def _short(value: object) -> object:
    """One value where all axes have the same."""
    alike = isinstance(value, list | tuple) and value and all(entry == value[0] for entry in value)
    return value[0] if alike and not isinstance(value[0], list | tuple) else value


def _literal(value: object) -> str:
    """A value as it is written; NumPy's integers as Python's."""
    if isinstance(value, list | tuple):
        entries = ", ".join(map(_literal, value))
        return f"({entries},)" if len(value) == 1 else f"({entries})"
    return str(index(value)) if hasattr(value, "__index__") and not isinstance(value, bool) else repr(value)
