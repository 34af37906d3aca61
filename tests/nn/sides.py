"""Run the same text with Rushlight and with PyTorch, and put what came out into one form.

A text is Python in which `torch`, `nn`, `F` and `np` mean the library under test; several statements are
separated by `; ` and the last one is the value.
"""

import warnings
from types import ModuleType

import numpy as np


def run(library: ModuleType, text: str) -> object:
    """The value of the last expression of `text`."""
    space = {"torch": library, "nn": library.nn, "F": library.nn.functional, "np": np}
    *statements, last = text.split("; ")
    for statement in statements:
        exec(statement, space)
    return eval(last, space)


def plain(value: object) -> object:
    """Tensors as arrays, containers gone through; anything else as it is."""
    if hasattr(value, "detach"):
        array = value.detach()
        return (array.float() if "bfloat16" in str(array.dtype) else array.clone()).numpy()
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(entry) for entry in value]
    return value


def outcome(library: ModuleType, text: str) -> tuple[str, object, list[str]]:
    """("value", repr, warnings) or (name of the exception, first line, warnings)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ("value", repr(run(library, text)))
        except Exception as error:
            result = (type(error).__name__, str(error).split("\n")[0])
    return (*result, [str(w.message) for w in caught])


def assert_same(ours: object, theirs: object, tolerance: float, where: str) -> None:
    """Equal structure and dtypes, and numbers that differ by no more than the tolerance."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], tolerance, f"{where}[{key}]")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for place, (a, b) in enumerate(zip(ours, theirs)):
            assert_same(a, b, tolerance, f"{where}[{place}]")
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (where, ours.dtype, ours.shape, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=where)
    else:
        assert ours == theirs or (ours != ours and theirs != theirs), where
