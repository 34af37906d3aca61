"""The operations as a user meets them: shared paths, memory formats, element types, the graph."""

import numpy as np
import pytest

import rushlight
from rushlight.backends import registry
from rushlight.nn import functional as F

FLOATS = [rushlight.float16, rushlight.bfloat16, rushlight.float32, rushlight.float64]
INTEGERS = [rushlight.uint8, rushlight.int8, rushlight.int16, rushlight.int32, rushlight.int64]


def draw(*shape, grad=False, dtype=None):
    numbers = np.random.default_rng(len(shape)).integers(-3, 4, shape).astype(np.float32)
    tensor = rushlight.tensor(numbers)
    return (tensor if dtype is None else tensor.to(dtype)).requires_grad_(grad)


def test_conv_of_one_tap_and_linear_agree():
    x, w, bias = draw(4, 5, 8), draw(32, 8), draw(32)
    through_conv = F.conv1d(x.permute(0, 2, 1), w.unsqueeze(-1), bias).permute(0, 2, 1)
    assert rushlight.equal(through_conv, F.linear(x, w, bias))


def test_linear_with_every_kind_of_bias():
    x, w = draw(5, 2, 3), draw(4, 3)
    for shape in [(4,), (1,), (), (2, 4), (5, 2, 4), (5, 1, 1)]:
        bias = draw(*shape)
        expected = x.numpy() @ w.numpy().T + bias.numpy()
        np.testing.assert_array_equal(F.linear(x, w, bias).numpy(), expected)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_dtype_asked_is_dtype_computed(dtype):
    if dtype is rushlight.bfloat16:
        pytest.importorskip("ml_dtypes")
    x, w = draw(1, 2, 6, dtype=dtype), draw(2, 2, 3, dtype=dtype)
    assert F.conv1d(x, w).dtype is dtype
    assert F.conv_transpose1d(x, w).dtype is dtype
    assert F.linear(draw(2, 3, dtype=dtype), draw(4, 3, dtype=dtype)).dtype is dtype
    assert F.pad(x, (1, 2), "reflect").dtype is dtype
    assert F.max_pool1d(x, 2).dtype is dtype


@pytest.mark.parametrize("dtype", FLOATS)
def test_gradients_have_the_dtype_of_their_tensor(dtype):
    if dtype is rushlight.bfloat16:
        pytest.importorskip("ml_dtypes")
    x, w, bias = (
        draw(1, 2, 6, 6, grad=True, dtype=dtype),
        draw(4, 2, 3, 3, grad=True, dtype=dtype),
        draw(4, dtype=dtype),
    )
    y = F.avg_pool2d(F.max_pool2d(F.pad(F.conv2d(x, w, bias.requires_grad_()), (1, 1, 1, 1), "replicate"), 2), 2)
    F.fold(F.unfold(y, 1), tuple(y.shape[2:]), 1).sum().backward()
    assert x.grad.dtype is w.grad.dtype is bias.grad.dtype is dtype


def test_gradients_of_an_empty_batch_are_zeros():
    x, w, bias = draw(0, 2, 5, grad=True), draw(4, 2, 3, grad=True), draw(4, grad=True)
    F.conv1d(x, w, bias).sum().backward()
    assert x.grad.shape == x.shape and w.grad.shape == w.shape
    assert not w.grad.any() and not bias.grad.any()


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_memory_format_flows_through(mode):
    x = draw(2, 3, 5, 4).contiguous(memory_format=rushlight.channels_last)
    assert F.conv2d(x, draw(4, 3, 2, 2)).is_contiguous(memory_format=rushlight.channels_last)
    # PyTorch's circular padding is always contiguous.
    assert F.pad(x, (1, 1, 2, 0), mode).is_contiguous(memory_format=rushlight.channels_last) == (mode != "circular")
    assert rushlight.equal(F.pad(x, (1, 1, 2, 0), mode), F.pad(x.contiguous(), (1, 1, 2, 0), mode))


def test_pad_is_always_a_copy():
    x = draw(1, 2, 3)
    for mode in ("constant", "reflect", "replicate", "circular"):
        y = F.pad(x, (0, 0), mode)
        y += 1
        assert not rushlight.equal(x, y)


def test_pooling_sees_nan_and_infinity():
    x = rushlight.tensor([[[1.0, float("nan"), 3.0, -float("inf"), -float("inf"), -float("inf")]]])
    values, places = F.max_pool1d(x, 2, return_indices=True)
    assert places.tolist() == [[[1, 2, 4]]]
    assert np.isnan(values[0, 0, 0].item()) and values[0, 0, 2].item() == -float("inf")
    assert F.adaptive_avg_pool1d(rushlight.tensor([[[1.0, float("inf"), 3.0, 4.0]]]), 2)[0, 0, 1] == 3.5


@pytest.mark.parametrize(
    ("node", "call"),
    [
        ("ConvolutionBackward0", lambda x: F.conv2d(x, draw(4, 2, 3, 3))),
        ("ConvolutionBackward0", lambda x: F.conv_transpose2d(x, draw(2, 4, 3, 3))),
        ("AddmmBackward0", lambda x: F.linear(x.reshape(12, 6), draw(3, 6), draw(3))),
        ("MmBackward0", lambda x: F.linear(x.reshape(12, 6), draw(3, 6))),
        ("Im2ColBackward0", lambda x: F.unfold(x, 2)),
        ("Col2ImBackward0", lambda x: F.fold(x.reshape(1, 8, 9), (4, 4), 2)),
        ("ConstantPadNdBackward0", lambda x: F.pad(x, (1, 1))),
        ("ReflectionPad2DBackward0", lambda x: F.pad(x, (1, 1, 1, 1), "reflect")),
        ("ReplicationPad2DBackward0", lambda x: F.pad(x, (1, 1, 1, 1), "replicate")),
        ("MaxPool2DWithIndicesBackward0", lambda x: F.max_pool2d(x, 2)),
        ("AvgPool2DBackward0", lambda x: F.avg_pool2d(x, 2)),
        ("AdaptiveAvgPool2DBackward0", lambda x: F.adaptive_avg_pool2d(x, 2)),
    ],
)
def test_nodes_are_named_as_in_pytorch(node, call):
    assert call(draw(1, 2, 6, 6, grad=True)).grad_fn.name() == node


def test_third_derivative():
    x, w = draw(1, 1, 5, grad=True), draw(1, 1, 3, grad=True)
    y = (F.conv1d(x, w) ** 2).sum()
    (first,) = rushlight.autograd.grad(y, x, create_graph=True)
    (second,) = rushlight.autograd.grad((first**2).sum(), w, create_graph=True)
    (third,) = rushlight.autograd.grad((second**2).sum(), x)
    assert third.shape == x.shape and third.any()


class Recorder:
    """An engine that takes nothing, or everything, and says so."""

    name = "recorder"

    def __init__(self, takes):
        self.takes, self.specs = takes, []

    def fprop(self, spec, *arguments):
        self.specs.append(str(spec))
        if not self.takes:
            raise registry.Refusal("not today")
        return registry.reference.fprop(spec, *arguments)


def test_linear_and_convolution_share_the_engine():
    engine = Recorder(takes=True)
    with registry.using(engine):
        F.linear(draw(128, 20), draw(30, 20))
        F.conv1d(draw(1, 20, 128), draw(30, 20, 1))
    assert engine.specs == ["n128_c20_o30_g1_f32", "n1_c20_i128_o30_k1_s1_p0_g1_f32"]


def test_a_refusal_is_recorded_and_the_next_engine_computes():
    registry.refusals.clear()
    with registry.using(registry.Ordered(Recorder(takes=False), registry.reference)):
        y = F.linear(draw(2, 3), draw(4, 3))
    assert y.shape == (2, 4)
    assert registry.refusals[-1] == ("recorder", "fprop", "n2_c3_o4_g1_f32", "not today")
