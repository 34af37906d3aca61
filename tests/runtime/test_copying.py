"""Large copies: every number as it was, whatever lies how, and NumPy where the engine has no way."""

import numpy as np
import pytest

import rushlight as torch
from rushlight.backends import cpu
from rushlight.runtime import copying


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr(copying, "MANY", 0)
    assert cpu.name and copying._copier is not None


def views(array):
    """Arrays of one shape with the numbers of `array`, that lie otherwise."""
    yield array
    yield np.asfortranarray(array)
    yield np.ascontiguousarray(array[:, ::-1])[:, ::-1]
    yield np.repeat(array, 2, axis=-1)[..., ::2]


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "u1", "i2", "i4", "i8", "?", "c8", "c16"])
def test_bits_arrive_whatever_lies_how(dtype):
    bits = np.random.default_rng(0).integers(0, 256, 6 * 7 * 8 * np.dtype(dtype).itemsize, np.uint8)
    array = (bits & 1).astype(bool).reshape(6, 7, 8) if dtype == "?" else bits.view(dtype).reshape(6, 7, 8)
    for source in views(array):
        for target in views(np.zeros_like(array)):
            copying.copy_into(target, source)
            assert target.tobytes() == array.tobytes()


def test_other_dtypes_shapes_and_memory_are_numpys():
    target = np.zeros((4, 5), np.float32)
    copying.copy_into(target, np.arange(5))
    assert target.tolist() == [[0, 1, 2, 3, 4]] * 4
    copying.copy_into(target[:, 1:], target[:, :-1])
    assert target.tolist() == [[0, 0, 1, 2, 3]] * 4
    with pytest.raises(ValueError):
        copying.copy_into(target, np.zeros((4, 6), np.float32))


@pytest.mark.parametrize("dims", [0, 1, (0, 2), (1, 1), -1])
def test_roll_in_pieces(dims):
    x = torch.arange(60000).reshape(40, 50, 30)
    shifts = 7 if isinstance(dims, int) else (-3, 64)
    assert (torch.roll(x, shifts, dims).numpy() == np.roll(x.numpy(), shifts, dims)).all()


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
def test_large_parts_are_joined_in_their_own_order(dim):
    parts = [torch.randn(*[5 + n if axis == dim else 24 for axis in range(4)]) for n in range(2)]
    for order in (torch.contiguous_format, torch.channels_last):
        given = [part.contiguous(memory_format=order) for part in parts]
        joined = torch.cat(given, dim)
        assert (joined.numpy() == np.concatenate([part.numpy() for part in parts], dim)).all()
        assert joined.is_contiguous(memory_format=order)
    stacked = torch.stack([parts[0].contiguous(memory_format=torch.channels_last), parts[0] + 1], dim)
    assert (
        stacked.numpy() == np.stack([parts[0].numpy(), parts[0].numpy() + 1], dim)
    ).all() and stacked.is_contiguous()
