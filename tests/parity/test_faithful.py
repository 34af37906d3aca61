"""Nothing is changed silently: what was asked for is what runs. Each is something that a peer gets wrong."""

import gc
import warnings

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F

DTYPES = ["float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_asked_for_is_the_dtype_computed_in(dtype):
    kind = getattr(torch, dtype)
    x = torch.ones(1, 2, 6, 6, dtype=kind, requires_grad=True)
    layer = nn.Conv2d(2, 3, 3, dtype=kind)
    y = layer(x)
    y.sum().backward()
    assert {y.dtype, x.grad.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype} == {kind}


def test_float64_has_float64_precision():
    third = torch.tensor([[[1 / 3] * 3]], dtype=torch.float64)
    assert F.conv1d(third, torch.ones(1, 1, 3, dtype=torch.float64)).item() == pytest.approx(1.0, abs=1e-15)
    assert F.linear(third[0], third[0]).item() == pytest.approx(1 / 3, abs=1e-15)


def test_float32_is_not_rounded_to_bfloat16():
    value = 1.0009765625  # 1 + 2**-10: a float32, not a bfloat16
    assert F.conv1d(torch.tensor([[[value]]]), torch.tensor([[[1.0]]])).item() == value


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_a_padding_mode_asked_for_is_the_mode_run(mode):
    layer = nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 0.0, 0.0]]]))
        edge = layer(torch.tensor([[[1.0, 2.0, 3.0]]]))[0, 0, 0].item()
    assert edge == {"zeros": 0, "reflect": 2, "replicate": 1, "circular": 3}[mode]


def test_a_temporary_array_lives_as_long_as_its_tensor():
    tensors = [torch.from_numpy(np.full((1, 1, 64), number, np.float32)[..., ::2]) for number in range(50)]
    gc.collect()
    noise = [np.full((1, 1, 64), -1, np.float32) for _ in range(50)]
    taps = torch.ones(1, 1, 3)
    assert [F.conv1d(t, taps)[0, 0, 0].item() for t in tensors] == [3 * number for number in range(50)]
    assert len(noise) == 50


def test_memory_is_shared_where_pytorch_shares_it():
    array = np.zeros(3, np.float32)
    t = torch.from_numpy(array)
    array[0] = 5
    t[1] = 7
    assert (t.tolist(), array.tolist()) == ([5, 7, 0], [5, 7, 0])
    copied = torch.tensor(array)
    array[0] = 1
    assert copied[0].item() == 5


def test_a_read_only_array_is_not_written():
    array = np.zeros(3, np.float32)
    array.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = torch.from_numpy(array)
    try:
        t.add_(1)
    except (RuntimeError, ValueError) as error:
        assert "read" in str(error)
    assert array.tolist() == [0, 0, 0]


def test_a_failed_call_leaves_the_gradients_alone():
    layer = nn.Conv2d(2, 3, 3)
    layer(torch.ones(1, 2, 5, 5)).sum().backward()
    before = {name: p.grad.tolist() for name, p in layer.named_parameters()}
    with pytest.raises(RuntimeError):
        layer(torch.ones(1, 4, 5, 5)).sum().backward()
    assert before == {name: p.grad.tolist() for name, p in layer.named_parameters()}


def test_a_failed_load_leaves_every_parameter_alone():
    layer = nn.Linear(2, 3)
    before = [p.tolist() for p in layer.parameters()]
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        layer.load_state_dict({"bias": torch.ones(3), "weight": torch.ones(3, 3)})
    assert before == [p.tolist() for p in layer.parameters()]


def test_an_allocation_that_cannot_fit_is_refused_in_words():
    for make in (
        lambda: torch.empty(2**50),
        lambda: nn.Linear(2**30, 2**20),
        lambda: F.pad(torch.ones(1, 1), (2**50, 0)),
        lambda: torch.ones(1).expand(2**48).contiguous(),
    ):
        with pytest.raises(RuntimeError, match=r"[TPE]iB"):
            make()


def test_inputs_are_not_written():
    """No operation uses its input's memory as scratch: the arrays are read-only while it runs."""
    arrays = [np.ones((2, 4, 6, 6), np.float32), np.ones((4, 2, 3, 3), np.float32), np.ones(4, np.float32)]
    x, w, b = (torch.from_numpy(array).requires_grad_() for array in arrays)
    for array in arrays:
        array.setflags(write=False)
    y = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), w, b, groups=2))
    torch.autograd.grad(torch.autograd.grad(y.sum(), x, create_graph=True)[0].sum(), w)
    assert all((array == 1).all() for array in arrays)


def test_strides_of_the_input_do_not_matter():
    generator = np.random.RandomState(0)
    array = generator.randint(-3, 4, (2, 4, 6, 5)).astype(np.float32)
    w = torch.from_numpy(generator.randint(-3, 4, (6, 2, 3, 3)).astype(np.float32))
    expected = F.conv2d(torch.from_numpy(array), w, padding=1, groups=2)
    for order in ((0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 2, 3), (2, 3, 0, 1)):
        stored = np.ascontiguousarray(array.transpose(order))
        strided = torch.from_numpy(stored).permute(tuple(int(i) for i in np.argsort(order)))
        assert torch.equal(F.conv2d(strided, w, padding=1, groups=2), expected)
    every_second = torch.from_numpy(np.repeat(array, 2, axis=3))[..., ::2]
    assert torch.equal(F.conv2d(every_second, w, padding=1, groups=2), expected)
    one = torch.from_numpy(array[:1]).expand(5, 4, 6, 5)
    assert torch.equal(F.conv2d(one, w, padding=1, groups=2)[3:4], expected[:1])


def test_a_sum_over_no_channels_is_zero():
    """PyTorch gives a result without channels, and thereby loses the bias."""
    x, w = torch.zeros(2, 0, 4, 4, requires_grad=True), torch.zeros(3, 0, 2, 2, requires_grad=True)
    y = F.conv2d(x, w, torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(y, torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1).expand(2, 3, 3, 3))
    dx, dw = torch.autograd.grad(y.sum(), (x, w))
    assert (dx.shape, dw.shape) == (x.shape, w.shape)
