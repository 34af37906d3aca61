"""The reference engine equals nested loops exactly, and its three kernels are adjoint to each other."""

import numpy as np
import pytest

from rushlight.backends import reference
from rushlight.rules.spec import ConvSpec

from . import oracle
from .samples import integers, sample


def tensors(spec, dtype=np.float32):
    return (
        integers(spec.x_shape, 1, dtype),
        integers(spec.w_shape, 2, dtype),
        integers(spec.y_shape, 3, dtype),
    )


@pytest.mark.parametrize("seed", range(120))
def test_equals_nested_loops(seed):
    spec = sample(seed)
    x, w, y = tensors(spec)
    np.testing.assert_array_equal(reference.fprop(spec, x, w), oracle.fprop(spec, x, w))
    np.testing.assert_array_equal(reference.dgrad(spec, y, w), oracle.dgrad(spec, y, w))
    np.testing.assert_array_equal(reference.wgrad(spec, x, y), oracle.wgrad(spec, x, y))


@pytest.mark.parametrize("seed", range(200, 260))
def test_kernels_are_adjoint(seed):
    spec = sample(seed)
    x, w, y = tensors(spec, np.int64)
    form = (reference.fprop(spec, x, w) * y).sum()
    assert form == (reference.dgrad(spec, y, w) * x).sum()
    assert form == (reference.wgrad(spec, x, y) * w).sum()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64"])
def test_dtype_asked_is_dtype_computed(dtype):
    spec = ConvSpec.of(2, 3, 4, (6, 5), (3, 2), stride=2, padding=1)
    x, w, y = (np.abs(array) for array in tensors(spec, np.dtype(dtype)))
    assert reference.fprop(spec, x, w).dtype == dtype
    assert reference.dgrad(spec, y, w).dtype == dtype
    assert reference.wgrad(spec, x, y).dtype == dtype


def test_bfloat16_is_summed_in_float32():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    spec = ConvSpec.of(1, 512, 1, (1,), (1,))
    x, w = np.ones(spec.x_shape, bfloat16), np.ones(spec.w_shape, bfloat16)
    y = reference.fprop(spec, x, w)  # a sum in bfloat16 would stop at 256
    assert y.dtype == bfloat16 and float(y[0, 0, 0]) == 512


def test_padded_zero_times_infinity_is_nan():
    spec = ConvSpec.of(1, 1, 1, (3,), (3,), padding=1)
    w = np.array([[[np.inf, 1, 1]]], np.float32)
    y = reference.fprop(spec, np.ones(spec.x_shape, np.float32), w)
    assert np.isnan(y[0, 0, 0]) and y[0, 0, 1] == np.inf


def test_huge_padding_and_dilation_cost_nothing():
    spec = ConvSpec.of(1, 1, 1, (5,), (3,), dilation=2**40, padding=2**40)
    x = integers(spec.x_shape, 1)
    np.testing.assert_array_equal(reference.fprop(spec, x, np.ones((1, 1, 3), np.float32)), x)


def test_memory_format_flows_through():
    spec = ConvSpec.of(2, 3, 4, (6, 5), (3, 2))
    x, w, _ = tensors(spec)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    result = reference.fprop(spec, last, w)
    assert np.moveaxis(result, 1, -1).flags.c_contiguous
    np.testing.assert_array_equal(result, reference.fprop(spec, x, w))


@pytest.mark.parametrize("flip", [np.s_[::-1], np.s_[:, ::-1], np.s_[..., ::-1]])
def test_strided_arrays(flip):
    spec = ConvSpec.of(2, 3, 4, (6, 5), (3, 2))
    x, w, y = (array[flip] for array in tensors(spec))
    x.flags.writeable = False
    np.testing.assert_array_equal(reference.fprop(spec, x, w), oracle.fprop(spec, x, w))
    np.testing.assert_array_equal(reference.wgrad(spec, x, y), oracle.wgrad(spec, x, y))


def test_epilogue():
    spec = ConvSpec.of(2, 3, 4, (6,), (3,))
    x, w, _ = tensors(spec)
    bias = integers(4, 5)
    expected = np.maximum(oracle.fprop(spec, x, w) + bias[:, None], 0)
    np.testing.assert_array_equal(reference.fprop(spec, x, w, bias, "relu"), expected)
