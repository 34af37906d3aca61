"""Making tensors, and refusing to."""

import numpy as np
import pytest


def test_dtype_of_values(t):
    assert t.tensor(1).dtype is t.int64
    assert t.tensor(1.0).dtype is t.float32
    assert t.tensor(True).dtype is t.bool
    assert t.tensor([1, 2.5]).dtype is t.float32
    assert t.tensor([True, 2]).dtype is t.int64
    assert t.tensor([]).dtype is t.float32
    assert t.tensor(np.zeros(2)).dtype is t.float64
    assert t.tensor([np.float64(1.5)]).dtype in (t.float32, t.float64)
    assert t.tensor([t.tensor(3), t.tensor(4)]).tolist() == [3, 4]
    assert t.tensor([[1], [2]]).shape == (2, 1)
    assert t.tensor([[], []]).shape == (2, 0)
    assert t.tensor(5, dtype=t.float16).dtype is t.float16


def test_copies(t):
    array = np.zeros(2)
    x = t.tensor(array)
    array[0] = 7
    assert x.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "data", [[[1, 2], [3]], [[1], 2], [1, [2]], ["a"], "abc", None, [None], object(), [1, object()]]
)
def test_no_numbers(t, data):
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        t.tensor(data)


def test_default_dtype(t):
    t.set_default_dtype(t.float64)
    try:
        assert t.get_default_dtype() is t.float64
        assert t.ones(1).dtype is t.float64 and t.tensor(1.5).dtype is t.float64
        assert (t.tensor(1) / 2).dtype is t.float64
        assert repr(t.ones(1)) == "tensor([1.])"
    finally:
        t.set_default_dtype(t.float32)
    with pytest.raises(TypeError):
        t.set_default_dtype(t.int64)


def test_filled(t):
    assert t.full((2,), 3).dtype is t.int64
    assert t.full((2,), 3.0).dtype is t.float32
    assert t.full([], True).dtype is t.bool
    assert t.zeros(2, 3).shape == t.zeros((2, 3)).shape == t.zeros([2, 3]).shape
    assert t.zeros(()).shape == ()
    assert t.eye(2, 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    x = t.ones(2, dtype=t.float64)
    assert x.new_zeros(3).dtype is t.float64 and x.new_full((1,), 2).dtype is t.float64
    assert x.new_tensor([1, 2]).dtype in (t.float64, t.int64)


def test_like_keeps_the_memory_order(t):
    x = t.zeros(2, 3, 4, 5).contiguous(memory_format=t.channels_last)
    assert t.ones_like(x).stride() == x.stride()
    assert t.empty_like(x, memory_format=t.contiguous_format).is_contiguous()
    assert t.zeros_like(x, dtype=t.int32).dtype is t.int32


@pytest.mark.parametrize("args", [(5,), (2, 5), (1, 2, 0.3), (5, 0, -2), (0.5, 3), (0,), (3, 3), (1.0, 0.0, -0.25)])
def test_arange(args):
    import rushlight

    ours = rushlight.arange(*args)
    assert ours.tolist() == pytest.approx(np.arange(*args).tolist(), rel=1e-6)
    assert ours.dtype is (rushlight.int64 if all(isinstance(a, int) for a in args) else rushlight.float32)


def test_arange_refuses(t):
    with pytest.raises(RuntimeError, match="step must be nonzero"):
        t.arange(0, 1, 0)
    with pytest.raises(RuntimeError, match="upper bound and"):
        t.arange(1, 0)


@pytest.mark.live
@pytest.mark.parametrize("args", [(0, 1, 7), (3, -2, 11), (0, 1, 1), (0, 1, 0), (0.1, 0.9, 1000)])
def test_linspace(torch, args):
    import rushlight

    assert rushlight.linspace(*args).tolist() == torch.linspace(*args).tolist()


@pytest.mark.parametrize("size", [(-1,), (2, -3)])
def test_negative_sizes(t, size):
    with pytest.raises(RuntimeError, match="negative"):
        t.zeros(size)


@pytest.mark.parametrize("size", [(2.0,), ("a",), ([1.5],)])
def test_sizes_that_are_no_integers(t, size):
    with pytest.raises(TypeError):
        t.zeros(*size)


@pytest.mark.parametrize("size", [(1 << 40, 1 << 10), (1 << 62, 4), (1 << 40,)])
def test_too_large_is_refused_in_words(size):
    import rushlight

    with pytest.raises(RuntimeError, match=r"(can't allocate memory|calculation overflowed).*\n.* takes .* [TPE]iB"):
        rushlight.zeros(size)


def test_zero_beside_huge():
    import rushlight

    with pytest.raises(RuntimeError):
        rushlight.zeros(0, 1 << 62, 1 << 62)
    assert rushlight.zeros(0, 1 << 40).numel() == 0


def test_other_devices(t):
    assert t.zeros(1, device="cpu").device == t.device("cpu")
    with pytest.raises((RuntimeError, AssertionError)):
        t.zeros(1, device="cuda")
    with pytest.raises(RuntimeError):
        t.device("nonsense")


def test_legacy_constructor(t):
    assert t.Tensor(2, 3).shape == (2, 3)
    assert t.Tensor([1, 2]).dtype is t.float32
    assert t.Tensor().shape == (0,)


def test_subclass(t):
    class Mine(t.Tensor):
        pass

    x = t.ones(2).as_subclass(Mine) if hasattr(t.Tensor, "as_subclass") else Mine([1.0, 1.0])
    assert isinstance(x, Mine) and x.tolist() == [1.0, 1.0]
    x.note = "kept"
    assert x.note == "kept"


def test_iinfo_and_finfo(t):
    assert (t.iinfo(t.int8).min, t.iinfo(t.int8).max, t.iinfo(t.int8).bits) == (-128, 127, 8)
    assert t.finfo(t.bfloat16).eps == 0.0078125
    assert t.finfo(t.float32).tiny == pytest.approx(1.17549e-38, rel=1e-4)
    assert t.finfo().bits == 32
    for wrong in (lambda: t.iinfo(t.float32), lambda: t.finfo(t.int8)):
        with pytest.raises(TypeError):
            wrong()


def test_dtype_objects(t):
    import copy
    import pickle

    assert repr(t.float32) == "torch.float32"
    assert t.float32.is_floating_point and not t.int8.is_floating_point and t.int8.is_signed
    assert pickle.loads(pickle.dumps(t.float32)) is t.float32 and copy.deepcopy(t.int8) is t.int8
    assert t.half is t.float16 and t.long is t.int64 and t.promote_types(t.int8, t.uint8) is t.int16


def test_size(t):
    size = t.zeros(2, 3, 4).shape
    assert repr(size) == "torch.Size([2, 3, 4])" and size.numel() == 24
    assert isinstance(size[1:], t.Size) and size[-1] == 4
    assert size == (2, 3, 4) and isinstance(size, tuple)
    assert isinstance(size + (1,), t.Size)


def test_bfloat16_without_ml_dtypes_says_what_to_install(monkeypatch):
    import sys

    from rushlight.core import dtypes

    monkeypatch.setattr(dtypes.bfloat16, "_numpy", None)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r"pip install ml_dtypes \(or in a clone"):
        dtypes.bfloat16.numpy  # noqa: B018
