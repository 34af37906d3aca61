"""Element types: what a tensor's numbers are, what two are promoted to, and what numbers each holds.

In: a dtype's name, a NumPy dtype, or two operands. Out: the `dtype` objects that the whole package compares by
identity, and the common dtype of an operation (PyTorch's promotion: categories bool < int < float decide first,
and Python numbers and 0-dim tensors only decide between categories).
"""

from __future__ import annotations

import numpy as np

from rushlight.core.errors import message
from rushlight.core.extras import how_to_install

BOOL, INTEGER, FLOATING, COMPLEX = 0, 1, 2, 3


class dtype:
    """An element type, as `rushlight.float32`.

    >>> import rushlight as torch
    >>> torch.float32, torch.float32.itemsize, torch.int64.is_floating_point
    (torch.float32, 4, False)
    """

    __slots__ = ("_numpy", "category", "itemsize", "name", "rank")

    def __init__(self, name: str, category: int, itemsize: int, rank: int) -> None:
        self.name = name
        self.category = category
        self.itemsize = itemsize
        self.rank = rank
        self._numpy = None if name == "bfloat16" or category == COMPLEX else np.dtype(name)

    @property
    def numpy(self) -> np.dtype:
        """The NumPy dtype of the storage. TypeError for complex ones, of which there are no tensors."""
        return self._numpy or _loaded(self)

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        return self.category != BOOL and not self.name.startswith("uint")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple:
        return (_named, (self.name,))

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict) -> dtype:
        return self


# The rank orders the members of a category; float16 and bfloat16 share one because neither holds the other.
bool = dtype("bool", BOOL, 1, 0)
uint8 = dtype("uint8", INTEGER, 1, 1)
int8 = dtype("int8", INTEGER, 1, 1)
int16 = dtype("int16", INTEGER, 2, 2)
int32 = dtype("int32", INTEGER, 4, 3)
int64 = dtype("int64", INTEGER, 8, 4)
uint16 = dtype("uint16", INTEGER, 2, 2)
uint32 = dtype("uint32", INTEGER, 4, 3)
uint64 = dtype("uint64", INTEGER, 8, 4)
float16 = dtype("float16", FLOATING, 2, 1)
bfloat16 = dtype("bfloat16", FLOATING, 2, 1)
float32 = dtype("float32", FLOATING, 4, 2)
float64 = dtype("float64", FLOATING, 8, 3)
# Names alone, for code that asks whether a tensor is of them.
complex32 = chalf = dtype("complex32", COMPLEX, 4, 1)
complex64 = cfloat = dtype("complex64", COMPLEX, 8, 2)
complex128 = cdouble = dtype("complex128", COMPLEX, 16, 3)

ALL = (bool, uint8, int8, int16, int32, int64, uint16, uint32, uint64, float16, bfloat16, float32, float64)
half, short, long, double = float16, int16, int64, float64
HALVES = (float16, bfloat16)
_WIDE_UNSIGNED = (uint16, uint32, uint64)

_by_name = {kind.name: kind for kind in (*ALL, complex32, complex64, complex128)}
# Keyed by NumPy's type number, which is an attribute read; hashing a np.dtype costs ten times as much.
_by_number = {kind._numpy.num: kind for kind in ALL if kind._numpy is not None}
_by_number[np.dtype(np.longlong).num] = int64
_by_number[np.dtype(np.ulonglong).num] = uint64
_by_number[np.dtype(np.intc).num] = int32
_by_number[np.dtype(np.uintc).num] = uint32


def _named(name: str) -> dtype:
    return _by_name[name]


def _loaded(kind: dtype) -> np.dtype:
    """NumPy's dtype for bfloat16, which is loaded when it is asked for; for complex ones an error."""
    if kind.category == COMPLEX:
        raise TypeError(message(f"there are no tensors of {kind}", fix="two real tensors"))
    return _load_bfloat16()


def _load_bfloat16() -> np.dtype:
    try:
        from ml_dtypes import bfloat16 as scalar_type
    except ImportError:
        raise ImportError(
            message(
                "bfloat16 needs the package ml_dtypes, which is not installed",
                fix=how_to_install("ml_dtypes"),
            )
        ) from None
    bfloat16._numpy = np.dtype(scalar_type)
    _by_number[bfloat16._numpy.num] = bfloat16
    return bfloat16._numpy


def of_numpy(kind: np.dtype) -> dtype | None:
    """The dtype whose storage `kind` is, or None where there is none (complex, strings, foreign byte order).

    >>> of_numpy(np.dtype("float32")), of_numpy(np.dtype("complex64"))
    (torch.float32, None)
    """
    if not kind.isnative:
        return None
    if kind.num not in _by_number and kind.name == "bfloat16":
        _load_bfloat16()
    return _by_number.get(kind.num)


_default = float32


def get_default_dtype() -> dtype:
    """The dtype of new floating tensors that name none."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d` the dtype of new floating tensors that name none.

    Raises TypeError where `d` is not a floating dtype.

    >>> import rushlight as torch
    >>> torch.set_default_dtype(torch.float64); torch.ones(1).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    global _default
    if not isinstance(d, dtype) or d.category != FLOATING:
        raise TypeError(
            message(
                f"only floating-point types are supported as the default type, but got {d!r}",
                fix="torch.float32 or torch.float64",
            )
        )
    _default = d


def of_scalar(value: object) -> dtype:
    """The dtype that a Python number asks for: bool, int64, or the default floating dtype.

    >>> of_scalar(True), of_scalar(3), of_scalar(2.5)
    (torch.bool, torch.int64, torch.float32)
    """
    if isinstance(value, (_python_bool, np.bool_)):
        return bool
    if isinstance(value, (int, np.integer)):
        return int64
    return _default


def of_python(kind: type) -> dtype | None:
    """What PyTorch takes Python's `float`, `int` and `bool` for where a dtype is asked for; None for other types.

    >>> of_python(float)
    torch.float64
    """
    return {float: float64, int: int64, _python_bool: bool}.get(kind)


_python_bool = (True).__class__


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both, by PyTorch's rule.

    >>> promote_types(uint8, int8), promote_types(int64, float16), promote_types(float16, bfloat16)
    (torch.int16, torch.float16, torch.float32)
    """
    if type1 is type2:
        return type1
    if type1.category != type2.category:
        return type1 if type1.category > type2.category else type2
    if type1 in _WIDE_UNSIGNED or type2 in _WIDE_UNSIGNED:
        raise RuntimeError(
            message(
                "Promotion for uint16, uint32, uint64 types is not supported, "
                f"attempted to promote {type1.name} and {type2.name}",
                fix=".to(torch.int64) first",
            )
        )
    if type1.rank == type2.rank:  # uint8 with int8, float16 with bfloat16: neither holds the other
        return int16 if type1.category == INTEGER else float32
    return type1 if type1.rank > type2.rank else type2


def common(dimensioned: dtype | None, weak: dtype | None) -> dtype:
    """The dtype of an operation on tensors with axes (`dimensioned`) and on 0-dim tensors or numbers (`weak`)."""
    if dimensioned is None:
        return weak
    if weak is None or weak.category <= dimensioned.category:
        return dimensioned
    return weak


def can_cast(from_: dtype, to: dtype) -> _python_bool:
    """Whether a result of `from_` may be stored in `to`: never down a category.

    >>> can_cast(float64, float32), can_cast(float32, int64)
    (True, False)
    """
    return from_.category <= to.category


def _given(name: str, kind: object) -> dtype:
    """The argument of finfo or iinfo, if it is a dtype."""
    if not isinstance(kind, dtype):
        what = f"{name}(): argument 'type' (position 1) must be torch.dtype, not {kind.__class__.__name__}"
        raise TypeError(
            message(what, fix=f"torch.{kind}" if kind in _by_name else "torch.float32, or a tensor's dtype")
        )
    return kind


class iinfo:
    """The limits of an integer dtype: `bits`, `min`, `max`, `dtype`.

    >>> iinfo(int8).max
    127
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        if _given("iinfo", type).category != INTEGER:
            raise TypeError(message(f"torch.iinfo() requires an integer input type, not {type}", fix="finfo"))
        limits = np.iinfo(type.numpy)
        self.bits, self.min, self.max, self.dtype = limits.bits, int(limits.min), int(limits.max), type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


class finfo:
    """The limits of a floating dtype: `bits`, `eps`, `min`, `max`, `tiny`, `smallest_normal`, `resolution`.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        type = _given("finfo", type or _default)
        if type.category != FLOATING:
            raise TypeError(message(f"torch.finfo() requires a floating point input type, not {type}", fix="iinfo"))
        limits = _float_limits(type)
        self.bits, self.dtype = limits.bits, type.name
        self.eps, self.min, self.max = float(limits.eps), float(limits.min), float(limits.max)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = 10.0**-limits.precision

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


def _float_limits(kind: dtype) -> object:
    if kind is not bfloat16:
        return np.finfo(kind.numpy)
    kind.numpy  # noqa: B018  loads ml_dtypes, or says how to get it
    from ml_dtypes import finfo as limits

    return limits("bfloat16")


# The short names of dtypes in specs and cache keys.
CODES = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint8": "u8",
    "bool": "b1",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
}
_by_code = {code: _by_name[name] for name, code in CODES.items()}


def of_code(code: str) -> dtype:
    """The dtype of this short name.

    >>> of_code("u8")
    torch.uint8
    """
    return _by_code[code]


def code_of(kind: np.dtype) -> str:
    """The short name of the dtype whose storage `kind` is; TypeError where there is none.

    >>> code_of(np.dtype("bool"))
    'b1'
    """
    found = of_numpy(kind)
    if found is None:
        raise TypeError(f"there are no tensors of {kind}")
    return CODES[found.name]
