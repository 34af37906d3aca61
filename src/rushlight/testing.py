"""Comparing tensors in tests.

In: what was computed and what was expected. Out: nothing, or an AssertionError that says where and how far they differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Number

import numpy as np

from rushlight.core import absent as _absent
from rushlight.core import dtypes
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import as_tensor

_TOLERANCES = {  # dtype: (rtol, atol), as PyTorch has them
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
}


def assert_close(
    actual: object,
    expected: object,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | None = None,
) -> None:
    """AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Tensors, arrays and numbers are compared; sequences and mappings entry by entry. The tolerances depend on the dtype
    unless both are given.

    >>> import rushlight as torch
    >>> torch.testing.assert_close(torch.ones(2), torch.ones(2))
    """
    if (rtol is None) != (atol is None):
        raise ValueError("Both 'rtol' and 'atol' must be either specified or unspecified.")
    options = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan, "check_dtype": check_dtype, "msg": msg}
    options["check_stride"] = check_stride
    _compare(actual, expected, "", options)


def _compare(actual: object, expected: object, where: str, options: dict) -> None:
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            raise AssertionError(f"The keys of the mappings do not match{where}")
        for key in expected:
            _compare(actual[key], expected[key], f"{where} at key {key!r}", options)
    elif _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            raise AssertionError(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{where}")
        for position, (a, b) in enumerate(zip(actual, expected)):
            _compare(a, b, f"{where} at index {position}", options)
    else:
        _compare_tensors(_as_tensor(actual), _as_tensor(expected), where, options)


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _as_tensor(value: object) -> Tensor:
    if not isinstance(value, (Tensor, np.ndarray, Number, np.generic)):
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(value)}")
    return as_tensor(value)


def _compare_tensors(actual: Tensor, expected: Tensor, where: str, options: dict) -> None:
    problem = _mismatch(actual, expected, options)
    if problem:
        raise AssertionError(options["msg"] or problem + where)


def _mismatch(actual: Tensor, expected: Tensor, options: dict) -> str | None:
    if actual.shape != expected.shape:
        return f"The values for attribute 'shape' do not match: {actual.shape} != {expected.shape}."
    if options["check_dtype"] and actual.dtype is not expected.dtype:
        return f"The values for attribute 'dtype' do not match: {actual.dtype} != {expected.dtype}."
    if options["check_stride"] and actual.stride() != expected.stride():
        return f"The values for attribute 'stride()' do not match: {actual.stride()} != {expected.stride()}."
    rtol, atol = _tolerances(actual, expected, options)
    a, b = (t._array.astype(np.float64) for t in (actual, expected))
    with np.errstate(all="ignore"):
        near = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=options["equal_nan"])
        return None if near.all() else _difference(a, b, ~near, rtol, atol)


def _tolerances(actual: Tensor, expected: Tensor, options: dict) -> tuple[float, float]:
    if options["rtol"] is not None:
        return options["rtol"], options["atol"]
    pairs = [_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected)]
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


def _difference(a: np.ndarray, b: np.ndarray, wrong: np.ndarray, rtol: float, atol: float) -> str:
    distance = np.where(wrong, np.abs(a - b), 0)
    distance = np.where(np.isnan(distance), np.inf, distance)
    at = np.unravel_index(int(np.argmax(distance)), distance.shape)
    relative = distance[at] / abs(b[at]) if b[at] else float("inf")
    if a.ndim == 0:
        return f"Scalars are not close!\n\nExpected {b.item()} but got {a.item()}.\nAbsolute difference: {distance[at]}"
    return (
        f"Tensor-likes are not close!\n\nMismatched elements: {int(wrong.sum())} / {wrong.size} "
        f"({100 * wrong.mean():.1f}%)\nGreatest absolute difference: {distance[at]} at index "
        f"{tuple(int(i) for i in at)} (up to {atol} allowed)\n"
        f"Relative difference there: {relative} (up to {rtol} allowed)"
        f"\nThere: {a[at]} instead of {b[at]}"
    )


__getattr__ = _absent.getter(__name__)
