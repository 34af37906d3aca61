"""Reading what users pass: one int or one an axis, padding in all its spellings, channel counts.

In come arguments as they were written; out come tuples of Python ints, or TypeError, ValueError (beyond 64
bits) and RuntimeError (wrong length) in PyTorch's words.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import index

from rushlight.core.errors import message

INT64 = 2**63
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

# PyTorch's names of element types in its sentences about mixed types, and in those about missing kernels.
TYPE_NAMES = {
    "f64": ("double", "Double"),
    "f32": ("float", "Float"),
    "f16": ("c10::Half", "Half"),
    "bf16": ("c10::BFloat16", "BFloat16"),
    "i64": ("long int", "Long"),
    "i32": ("int", "Int"),
    "i16": ("short int", "Short"),
    "i8": ("signed char", "Char"),
    "u8": ("unsigned char", "Byte"),
    "b1": ("bool", "Bool"),
    "u16": ("uint16_t", "UInt16"),
    "u32": ("uint32_t", "UInt32"),
    "u64": ("uint64_t", "UInt64"),
}


def numbers_in(arguments: tuple) -> Iterator[object]:
    """What is in tuples, and in tuples of tuples; what is none stands for itself."""
    for argument in arguments:
        if isinstance(argument, tuple):
            yield from numbers_in(argument)
        else:
            yield argument


def shown(shape: tuple[int, ...]) -> str:
    """A shape as PyTorch's sentences show it: [2, 3]."""
    return str(list(shape))


def crossed(shape: tuple[int, ...]) -> str:
    """A shape as (2 x 3)."""
    return f"({' x '.join(map(str, shape))})"


def by_axis(name: str, values: tuple[int, ...]) -> str:
    """Values named by axis, as `stride_height: 1 stride_width: 2`."""
    return " ".join(f"{name}_{axis}: {value}" for axis, value in zip(AXES[len(values)], values))


def at_axis(op: str, rank: int, axis: int, dim: int) -> str:
    """Where something is wrong: `conv2d, axis 2 (height)`."""
    return f"{op}, axis {dim - rank + axis} ({AXES[rank][axis]})"


def integer(op: str, name: str, value: object, position: int | None = None, bits: int | None = 64) -> int:
    """One int (NumPy's too, not bool, not float); `position` is where it stands in a tuple, None `bits` any size."""
    if value.__class__ is not int:
        if isinstance(value, bool) or not hasattr(value, "__index__") or getattr(value, "ndim", 0):
            raise wrong_type(op, name, "int", value, position)
        value = index(value)
    if bits and not -INT64 <= value < INT64:
        raise _overflow(op, name, value, position)
    return value


def _overflow(op: str, name: str, value: int, position: int | None) -> Exception:
    fact = f"{op}: {name} is {value}"
    if op not in ("pad", "unfold", "fold"):
        return ValueError(message("Overflow when unpacking long long", fact))
    sentence = f"{op}(): argument '{name}' failed to unpack the object at pos {(position or 0) + 1} with error "
    return TypeError(message(f'{sentence}"Overflow when unpacking long long', fact))


def integers(op: str, name: str, value: object, rank: int) -> tuple[int, ...]:
    """An int for all axes, or one an axis (or a sequence of one)."""
    if not isinstance(value, list | tuple):
        if hasattr(value, "__index__") and not isinstance(value, bool) and not getattr(value, "ndim", 0):
            return (integer(op, name, value),) * rank
        raise wrong_type(op, name, "tuple of ints", value)
    entries = tuple(integer(op, name, entry, position) for position, entry in enumerate(value))
    if len(entries) == 1:
        return entries * rank
    if len(entries) != rank:
        raise _wrong_length(op, name, value, rank)
    return entries


def sides(op: str, value: object, rank: int) -> tuple[tuple[int, int], ...]:
    """Padding as a pair (before, after) an axis, from an int, one an axis, or one pair an axis."""
    if not (isinstance(value, list | tuple) and any(isinstance(entry, list | tuple) for entry in value)):
        return tuple((entry, entry) for entry in integers(op, "padding", value, rank))
    pairs = [entry if isinstance(entry, list | tuple) else (entry, entry) for entry in value]
    if len(pairs) not in (1, rank) or any(len(pair) != 2 for pair in pairs):
        raise _wrong_length(op, "padding", value, rank)
    read = tuple((integer(op, "padding", lo), integer(op, "padding", hi)) for lo, hi in pairs)
    return read * rank if len(read) == 1 else read


def wrong_type(op: str, name: str, wanted: str, value: object, position: int | None = None) -> TypeError:
    """The TypeError for an argument of a kind that is not taken."""
    kind = type(value).__name__
    sentence = f"{op}(): argument '{name}' must be {wanted}, not {kind}"
    if position is not None:
        sentence = (
            f"{op}(): argument '{name}' must be tuple of ints, but found element of type {kind} at pos {position}"
        )
    whole = isinstance(value, bool) or (isinstance(value, float) and value == value // 1)
    fix = f"{int(value)} instead of {value}" if whole and "int" in wanted else None
    return TypeError(message(sentence, fix=fix))


def _wrong_length(op: str, name: str, value: object, rank: int) -> RuntimeError:
    fix = f"{name}={value[0]!r}" if len(value) else f"{name}=1"
    if name == "padding" and len(value) == 2 * rank and not isinstance(value[0], list | tuple):
        pairs = tuple(tuple(value[2 * axis : 2 * axis + 2]) for axis in range(rank))
        fix = f"padding={pairs!r} for one (before, after) pair an axis"
    return RuntimeError(
        message(
            f"expected {name} to be a single integer value or a list of {rank} values to match the convolution "
            f"dimensions, but got {name}={list(value)}",
            f"{op}: {len(value)} values for {rank} spatial {'axis' if rank == 1 else 'axes'}",
            fix=fix,
        )
    )


def mixed_types(op: str, x_type: str, other: str, other_type: str) -> RuntimeError:
    """The RuntimeError where input and weight (or bias) differ in element type."""
    first, second = TYPE_NAMES[x_type][0], TYPE_NAMES[other_type][0]
    return RuntimeError(
        message(
            f"Input type ({first}) and {other} type ({second}) should be the same",
            f"{op}: numbers are not converted silently",
            fix=_common_type(x_type, other_type),
        )
    )


def _common_type(x_type: str, other_type: str) -> str:
    """What brings input and layer to one floating dtype."""
    ways = [f"x.{_METHOD[other_type]}()" if other_type in _METHOD else "a floating dtype for the weight"]
    if x_type in _METHOD:
        ways.append(f".{_METHOD[x_type]}() on the layer")
    return " or ".join(ways)


_METHOD = {"f64": "double", "f32": "float", "f16": "half", "bf16": "bfloat16"}


def unsupported_type(op: str, code: str) -> NotImplementedError:
    """The error for an element type that an operation does not compute in."""
    return NotImplementedError(
        message(f"\"{op}\" not implemented for '{TYPE_NAMES[code][1]}'", fix="x.float() and a float weight")
    )


def not_a_tensor(op: str, name: str, position: int, value: object) -> TypeError:
    """The TypeError where an argument must be a Tensor."""
    fix = f"rushlight.tensor({name})" if isinstance(value, list | tuple) or hasattr(value, "__array__") else None
    kind = type(value).__name__
    return TypeError(message(f"{op}(): argument '{name}' (position {position}) must be Tensor, not {kind}", fix=fix))
