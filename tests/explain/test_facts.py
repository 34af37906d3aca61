"""What `explain` says of a layer is what running it gives: sizes, parameters, work and receptive fields."""

import subprocess
import sys

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.backends import reference, registry
from rushlight.nn import functional as F

from .layers import draw

LAYERS = 1200


@pytest.fixture(autouse=True)
def reference_engine():
    with registry.using(reference):
        yield


@pytest.mark.parametrize("start", range(0, LAYERS, 200))
def test_sizes_and_parameters(start):
    for seed in range(start, start + 200):
        layer, x = draw(seed)
        found = torch.explain(layer, x)
        written = torch.explain(repr(layer), x) if type(layer).__name__.startswith(("Conv", "Linear")) else found
        y = layer(torch.zeros(x))
        assert found.error is None
        assert found.output_shape == tuple(y.shape), (layer, x)
        assert found.parameters == sum(p.numel() for p in layer.parameters())
        assert (written.output_shape, written.parameters) == (found.output_shape, found.parameters)
        check_text(found)


def check_text(found):
    for ascii in (False, True):
        text = found.text(ascii=ascii)
        assert max(map(len, text.splitlines())) <= 80, text
    assert text.isascii()


@pytest.mark.parametrize("seed", range(0, 600, 7))
def test_work(seed):
    """Ones everywhere: every output counts the products in it. Padding is counted too, so it is left out."""
    layer, x = draw(seed)
    if not hasattr(layer, "kernel_size") or not hasattr(layer, "groups"):
        return
    layer.padding, layer.bias = (0,) * layer.rank, None
    layer(torch.zeros(x))
    torch.nn.init.ones_(layer.weight)
    assert torch.explain(layer, x).macs == layer(torch.ones(x)).sum().item()


@pytest.mark.parametrize("seed", range(0, 300, 3))
def test_receptive_field(seed):
    """The inputs that have a gradient from one output, where it is largest."""
    layer, _ = draw(seed)
    if not hasattr(layer, "kernel_size") or not hasattr(layer, "groups"):
        return
    if layer.transposed and layer.padding == "same":
        layer.padding = "valid"
    a = layer.in_channels or layer.groups
    size = tuple(4 * d * k + 1 for k, d in zip(layer.kernel_size, layer.dilation))
    x = torch.zeros((1, a, *size), requires_grad=True)
    found = torch.explain(layer, tuple(x.shape))
    assert measured(layer, x) == found.receptive_field


def measured(layer, x):
    """For each axis the largest extent of a gradient, over the outputs in the middle of that axis."""
    y = layer(x)
    nn.init.ones_(layer.weight)
    y = layer(x)
    middle = [n // 2 for n in y.shape[2:]]
    extents = []
    for axis in range(layer.rank):
        found = 0
        for shift in range(layer.stride[axis] if layer.transposed else 1):
            # the sum over the other axes: they must not hide this one
            line = y.movedim(2 + axis, 0)[middle[axis] + shift]
            [grad] = torch.autograd.grad(line.sum(), x, retain_graph=True)
            lit = grad.movedim(2 + axis, 0).flatten(1).sum(1).nonzero().flatten()
            found = max(found, int(lit[-1] - lit[0]) + 1 if lit.numel() else 0)
        extents.append(found)
    return tuple(extents)


# -- the numbers that people ask about


def test_the_terms_of_a_size():
    layer = nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))
    found = torch.explain(layer, (20, 16, 50, 100))
    height, width = found.axes
    assert (height.size, height.out, height.span, height.alike) == (50, 26, 7, (49, 50))
    assert height.steps[1:] == (51, 1)
    assert "⌊(50 + 4 + 4 − 3·(3 − 1) − 1) / 2⌋ + 1 = 26" in str(found.text())
    assert (width.out, width.alike) == (100, (100, 100))


def test_same_is_resolved_into_its_sides():
    text = torch.explain(nn.Conv1d(1, 1, 4, padding="same"), (1, 1, 9)).text()
    assert "padding='same': total = 1·(4 − 1) = 3" in text
    assert "before = ⌊3 / 2⌋ = 1" in text
    assert "after = 3 − ⌊3 / 2⌋ = 2" in text


def test_output_padding_is_a_choice():
    layer = nn.ConvTranspose1d(4, 4, 3, stride=2, padding=1)
    found = torch.explain(layer, (1, 4, 25), output_size=(50,))
    assert found.output_shape == tuple(layer(torch.zeros(1, 4, 25), output_size=(50,)).shape) == (1, 4, 50)
    assert found.axes[0].choices == (49, 50)
    for size in (49, 50):
        assert nn.Conv1d(4, 4, 3, stride=2, padding=1)(torch.zeros(1, 4, size)).shape[-1] == 25
    assert "output_padding=1 chooses 50" in " ".join(found.text().split())


def test_lazy_before_and_after():
    layer = nn.LazyConv2d(8, 3)
    before = torch.explain(layer, (1, 5, 9, 9))
    assert "in_channels becomes 5" in before.text()
    assert layer.has_uninitialized_params()
    layer(torch.zeros(1, 5, 9, 9))
    after = torch.explain(layer, (1, 5, 9, 9))
    assert after.facts.weight == before.facts.weight == (8, 5, 3, 3)


def test_functions():
    assert torch.explain(F.conv2d, (1, 4, 9, 9), (6, 2, 3, 3), (6,), groups=2).parameters == 6 * 2 * 9 + 6
    assert torch.explain(F.pad, (1, 4, 9), (1, 2)).output_shape == (1, 4, 12)
    assert torch.explain(torch.flatten, (1, 4, 9), start_dim=1).output_shape == (1, 36)
    assert torch.explain(F.conv1d, torch.zeros(1, 4, 9), torch.zeros(6, 4, 3)).output_shape == (1, 6, 7)


@pytest.mark.parametrize(
    ("layer", "x", "words"),
    [
        (nn.Conv2d(3, 6, 9), (1, 3, 5, 5), ("Kernel size can't be greater", "no output fits", "Try: padding=2")),
        (nn.Conv1d(3, 6, 3), (1, 10, 3), ("to have 3 channels", "x.permute(0, 2, 1)")),
        (nn.Linear(3, 4), (2, 5), ("cannot be multiplied", "in_features")),
        (nn.Flatten(3), (2, 5), ("Dimension out of range",)),
        (nn.Unfold(9), (1, 2, 3, 3), ("must be at least one",)),
        (nn.ConvTranspose1d(3, 6, 3, output_padding=2), (1, 3, 5), ("output padding must be smaller",)),
    ],
)
def test_refusals_are_explained(layer, x, words):
    found = torch.explain(layer, x)
    with pytest.raises(type(found.error)) as caught:
        layer(torch.zeros(x))
    assert str(found.error).split("\n")[0] == str(caught.value).split("\n")[0]
    for word in words:
        assert word in " ".join(found.text().split())
    with pytest.raises(type(found.error)):
        found.output_shape  # noqa: B018
    check_text(found)


def test_what_is_not_of_the_family():
    with pytest.raises(TypeError, match="MSELoss is not a layer that explain knows"):
        torch.explain(nn.MSELoss(), (1, 2))
    with pytest.raises(TypeError, match="one shape"):
        torch.explain(nn.Linear(2, 3))


def test_huge_layers_are_not_made():
    found = torch.explain("Conv2d(16384, 16384, 5)", (1, 16384, 32, 32))
    assert found.parameters == 16384 * 16384 * 25 + 16384


def test_answers_at_once_and_loads_nothing_heavy():
    script = """if True:
        import sys, time
        import rushlight as torch
        from rushlight import nn
        torch.explain(nn.Linear(2, 3), (2, 2)).text()
        layers = [("Conv3d(16, 64, 3, padding='same')", (8, 16, 20, 30, 40)), ("Conv1d(4, 4, 99)", (1, 4, 16000)),
                  ("Conv2d(64, 64, 3, padding=1)", (8, 64, 56, 56)), ("Flatten()", (8, 64, 56, 56)),
                  ("ConvTranspose2d(64, 32, 4, 2, 1)", (8, 64, 56, 56)), ("Unfold(3)", (8, 64, 56, 56))]
        slowest = 0
        for layer in layers:
            times = []
            for _ in range(5):
                start = time.perf_counter()
                torch.explain(*layer).text()
                times.append(time.perf_counter() - start)
            slowest = max(slowest, min(times))
        print(slowest, *{"llvmlite", "matplotlib"} & set(sys.modules))
    """
    slowest, *heavy = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not heavy
    assert float(slowest) < 0.02
