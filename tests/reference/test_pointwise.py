"""The definition of expressions: against NumPy where it says the same, and in what it leaves open."""

import numpy as np
import pytest

from rushlight.backends import reference
from rushlight.backends.meta import META
from rushlight.backends.protocol import Task, layout_of, results_of
from rushlight.rules.expression import (
    FUNCTIONS,
    FUNCTIONS_OF_TWO,
    ROUNDINGS,
    cast,
    copysign,
    function,
    inputs,
    maximum,
    minimum,
    where,
)  # fmt: skip

x, y, z = inputs(3)
rng = np.random.default_rng(3)


def one(formula, *arrays):
    (result,) = reference.pointwise((formula,), *arrays)
    return result


def test_every_function_is_there():
    a = rng.uniform(0.1, 0.9, 20)
    for name in (*FUNCTIONS, *ROUNDINGS):
        if name != "acosh":
            assert np.isfinite(one(function(name, x), a)).all(), name
    assert np.isfinite(one(function("acosh", x), a + 1)).all()
    for name in FUNCTIONS_OF_TWO:
        assert np.isfinite(one(function(name, x, y), a, a + 0.5)).all(), name


def test_extremes_pass_nans_and_have_one_zero():
    a, b = np.array([np.nan, 1, 0.0, -0.0, 2]), np.array([1, np.nan, -0.0, 0.0, 3])
    np.testing.assert_array_equal(one(maximum(x, y), a, b), [np.nan, np.nan, 0, 0, 3])
    np.testing.assert_array_equal(one(minimum(x, y), a, b), [np.nan, np.nan, 0, 0, 2])
    assert np.signbit(one(maximum(x, y), a, b)).tolist()[2:4] == [True, False]  # the second, where they are equal


def test_halves_are_rounded_once():
    a, b = (rng.standard_normal(100).astype(np.float16) for _ in range(2))
    wanted = (a.astype(np.float32) * b.astype(np.float32) + a.astype(np.float32)).astype(np.float16)
    np.testing.assert_array_equal(one(x * y + x, a, b), wanted)
    assert one(cast(x, "f16"), np.array([1.0004883, 65520.0])).tolist() == [1.0, np.inf]  # as float32 first


def test_integers_wrap_around():
    a = np.array([127, -128, 1], np.int8)
    assert one(x + 1, a).tolist() == [-128, -127, 2]
    assert one(abs(x), a).tolist() == [127, -128, 1]
    assert one(x << 9, a).tolist() == [0, 0, 0] and one(x >> 9, a).tolist() == [0, -1, 0]
    assert one(cast(x, "u8"), np.array([300.7, -1.0])).tolist() == [44, 255]


def test_nothing_warns_and_numbers_are_arrays():
    assert np.isnan(one(x / x, np.zeros((), np.float32)))
    assert one(copysign(x, -0.0), np.float32(2)[None][0:1])[0] == -2
    assert one(x * y, np.array(3, np.int32), np.array(2, np.int32)).shape == ()


def test_results_lie_as_pytorchs_and_where_they_are_told():
    a = rng.standard_normal((2, 3, 4, 5)).transpose(0, 3, 1, 2)
    b = rng.standard_normal((5, 1, 1))
    results = reference.pointwise((x + y, x > y), a, b)
    assert results[0].strides == a.strides and results[1].strides == tuple(s // 8 for s in a.strides)
    task = Task("pointwise", ((x + y, x > y), None))
    assert [layout_of(r) for r in results] == results_of(task, [layout_of(a), layout_of(b)])
    told = np.empty_like(results[0]).copy("C")
    assert reference.pointwise((x + y,), a, b, out=[told])[0] is told
    np.testing.assert_array_equal(told, results[0])
    (same,) = reference.pointwise((where(x > 0, x, y),), told, b, out=[told])
    assert same is told and (same >= np.minimum(b, 0)).all()


def test_devices_have_them_too():
    result = META.pointwise((x + y, x > y), META.empty((2, 1), np.dtype("f4")), META.empty((3,), np.dtype("f2")))
    assert [(r.shape, r.dtype.name) for r in result] == [((2, 3), "float32"), ((2, 3), "bool")]


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="no tensors of"):
        one(x + 1, np.zeros(3, np.complex64))
