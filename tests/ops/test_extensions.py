"""What goes beyond PyTorch: pairs of padding, causal, strided 'same', and transposed layers with 'same' and modes."""

import random

import numpy as np
import pytest

import rushlight
from rushlight.nn import functional as F


def draw(shape, seed=0, grad=False):
    numbers = np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float64)
    return rushlight.tensor(numbers, requires_grad=grad)


def same(ours, theirs):
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_pairs_are_a_pad_before(rank, mode):
    function = getattr(F, f"conv{rank}d")
    x, w = draw((2, 3, *[5] * rank)), draw((4, 3, *[3] * rank), 1)
    pairs = ((1, 2), (0, 3), (2, 0))[:rank]
    flat = sum(reversed(pairs), ())
    padded = F.pad(x, flat, "constant" if mode == "zeros" else mode)
    same(function(x, w, padding=pairs, padding_mode=mode), function(padded, w))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [6, 7, 8])
def test_causal_sees_no_future(size, stride):
    x, w = draw((1, 2, size)), draw((3, 2, 3), 1)
    y = F.conv1d(x, w, stride=stride, padding="causal", dilation=2)
    assert y.shape[-1] == -(-size // stride)
    for position in range(y.shape[-1]):
        later = x.clone()
        later[..., position * stride + 1 :] += 100
        changed = F.conv1d(later, w, stride=stride, padding="causal", dilation=2)
        same(changed[..., : position + 1], y[..., : position + 1])


def test_causal_has_one_axis():
    with pytest.raises(RuntimeError, match="one, the time"):
        F.conv2d(draw((1, 1, 5, 5)), draw((1, 1, 3, 3)), padding="causal")


@pytest.mark.parametrize("seed", range(40))
def test_same_strided_keeps_the_size_up_to_the_stride(seed):
    numbers = random.Random(seed)
    size, stride = numbers.randint(1, 12), numbers.randint(1, 4)
    taps, dilation = numbers.randint(1, 5), numbers.randint(1, 3)
    w = draw((1, 1, taps), seed)
    y = F.conv1d(draw((1, 1, size)), w, stride=stride, dilation=dilation, padding="same_strided")
    assert y.shape[-1] == -(-size // stride)
    if stride == 1:
        same(y, F.conv1d(draw((1, 1, size)), w, dilation=dilation, padding="same"))


@pytest.mark.parametrize("seed", range(40))
def test_transposed_same_is_the_adjoint_of_same_strided(seed):
    numbers = random.Random(seed)
    size, stride = numbers.randint(1, 6), numbers.randint(1, 4)
    taps, dilation = numbers.randint(1, 5), numbers.randint(1, 3)
    steps = dict(stride=stride, dilation=dilation)
    w, y = draw((2, 3, taps), seed), draw((1, 2, size), seed + 1)
    x = F.conv_transpose1d(y, w, padding="same", **steps)
    assert x.shape[-1] == size * stride
    z = draw(x.shape, seed + 2)
    assert (x * z).sum() == (F.conv1d(z, w, padding="same_strided", **steps) * y).sum()


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_circular_transposed_is_the_adjoint_on_the_ring(rank, stride):
    w, y = draw((2, 3, *[3] * rank), 1), draw((2, 2, *[4] * rank), 2)
    z = draw((2, 3, *[4 * stride] * rank), 3)
    up, down = getattr(F, f"conv_transpose{rank}d"), getattr(F, f"conv{rank}d")
    x = up(y, w, stride=stride, padding="same", padding_mode="circular")
    total = max(0, 3 - stride)
    pairs = ((total // 2, total - total // 2),) * rank
    back = down(z, w, stride=stride, padding=pairs, padding_mode="circular")
    assert x.shape == z.shape
    assert (x * z).sum() == (back * y).sum()


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("seed", range(20))
def test_transposed_modes_see_the_continued_input(mode, seed):
    """Continue the input by more than enough, run without a mode, and cut out the middle."""
    numbers = random.Random(seed)
    stride, taps, dilation = numbers.randint(1, 3), numbers.randint(1, 3), numbers.randint(1, 2)
    padding, size, more = numbers.randint(0, 2), 6, 5
    w, x = draw((2, 3, taps), seed), draw((1, 2, size), seed + 1)
    steps = dict(stride=stride, dilation=dilation)
    plain = F.conv_transpose1d(x, w, **steps).shape[-1]
    if plain - 2 * padding < 1:
        return
    y = F.conv_transpose1d(x, w, padding=padding, padding_mode=mode, **steps)
    wide = F.conv_transpose1d(F.pad(x, (more, more), mode), w, **steps)
    begin = more * stride + padding
    same(y, wide[..., begin : begin + plain - 2 * padding])


def test_transposed_padding_names():
    x, w = draw((1, 2, 5)), draw((2, 3, 3), 1)
    same(F.conv_transpose1d(x, w, padding="valid"), F.conv_transpose1d(x, w))
    with pytest.raises(RuntimeError, match="Invalid padding string: 'causal'"):
        F.conv_transpose1d(x, w, padding="causal")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("batched", [True, False])
def test_unfold_product_is_convolution(rank, batched):
    steps = dict(stride=(2, 1, 3)[:rank], padding=(1, 0, 2)[:rank], dilation=(1, 2, 1)[:rank])
    taps, lead = (3, 2, 2)[:rank], (2,) if batched else ()
    x, w = draw((*lead, 4, *(7, 6, 5)[:rank])), draw((5, 4, *taps), 1)
    columns = F.unfold(x, taps, **steps)
    y = getattr(F, f"conv{rank}d")(x, w, **steps)
    same((w.reshape(5, -1) @ columns).reshape(y.shape), y)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_fold_is_the_adjoint_of_unfold(rank):
    steps = dict(stride=(2, 1, 3)[:rank], padding=(1, 0, 2)[:rank], dilation=(1, 2, 1)[:rank])
    taps, size = (3, 2, 2)[:rank], (7, 6, 5)[:rank]
    x = draw((2, 4, *size))
    columns = F.unfold(x, taps, **steps)
    other = draw(columns.shape, 1)
    image = F.fold(other, size, taps, **steps)
    assert image.shape == x.shape
    assert (image * x).sum() == (columns * other).sum()
