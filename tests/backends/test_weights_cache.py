"""Packed weights beside a tensor: shared by every call with that weight, never older than it."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight import nn
from rushlight.backends import cpu as compiled
from rushlight.backends import reference
from rushlight.backends.cpu import kernels
from rushlight.nn import functional as F
from rushlight.rules.spec import ConvSpec
from tests.backends.test_depthwise_channels import channels_last


@pytest.fixture(autouse=True)
def compiled_engine():
    before = torch.get_engine()
    torch.set_engine("compiled")
    torch.set_exact(True)
    yield
    torch.set_exact(False)
    torch.set_engine(before)


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_one_weight_serves_layers_of_every_geometry(seed, exact):
    """The same taps under other groups, strides, dilations, layouts and directions: one cache for all."""
    torch.set_exact(exact)
    rng = random.Random(seed)
    numbers = np.random.default_rng(seed)
    outputs, inputs = rng.choice([(64, 1), (32, 1), (48, 2), (24, 3), (16, 16), (60, 4)] if exact else [(96, 16)])
    taps = rng.choice([(3,), (3, 3), (1, 2), (5, 1), (2, 3, 1)] if exact else [(3,), (3, 3), (1, 3), (3, 1)])
    weight = numbers.integers(-3, 4, (outputs, inputs, *taps)).astype(np.float32)
    weights_cache: dict = {}
    for _ in range(40):
        groups = rng.choice(divisors(outputs))
        size = tuple(rng.randint(5, 14 if exact else 30) for _ in taps)
        steps = {name: tuple(rng.randint(1, 2) for _ in taps) for name in ("stride", "dilation")}
        padding = tuple((rng.randint(0, 2), rng.randint(0, 2)) for _ in taps)
        spec = ConvSpec.of(2, inputs * groups, outputs, size, taps, groups=groups, padding=padding, **steps)
        if min(spec.out) < 1:
            continue
        kernel = rng.choice(["fprop", "dgrad"])
        shape = spec.x_shape if kernel == "fprop" else spec.y_shape
        source = numbers.integers(-3, 4, shape).astype(np.float32)
        source = channels_last(source) if rng.random() < 0.5 else source
        want = getattr(reference, kernel)(spec, source, weight)
        found = getattr(compiled, kernel)(spec, source, weight, None, None, weights_cache)
        tolerance = 0 if exact else 1e-5 * np.linalg.norm(want)
        np.testing.assert_allclose(found, want, rtol=0, atol=tolerance, err_msg=f"{kernel} {spec}")


@pytest.mark.parametrize("seed", range(4))
def test_one_weight_serves_depthwise_rows_of_every_geometry(seed):
    """An axis of one position takes other taps for each stride and padding, and groups change what dgrad sums."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    weight, weights_cache = numbers.integers(-3, 4, (24, 1, 4, 3, 3)).astype(np.float32), {}
    for _ in range(60):
        size, groups = (rng.choice([1, 1, 6]), rng.choice([7, 8]), rng.choice([7, 8, 14])), rng.choice([6, 12, 24])
        stride, padding = (rng.choice([1, 2, 4]), 1, 1), ((rng.randint(0, 3), rng.randint(3, 5)), (1, 1), (1, 1))
        spec = ConvSpec.of(2, groups, 24, size, (4, 3, 3), groups=groups, padding=padding, stride=stride)
        for kernel, shape in (("fprop", spec.x_shape), ("dgrad", spec.y_shape)):
            source = numbers.integers(-3, 4, shape).astype(np.float32)
            found = getattr(compiled, kernel)(spec, source, weight, None, None, weights_cache)
            np.testing.assert_array_equal(found, getattr(reference, kernel)(spec, source, weight), f"{kernel} {spec}")
    assert any(key[0] == "depthwise_rows" for key in weights_cache if isinstance(key, tuple))


LAYERS = {
    "dense": (lambda: nn.Conv2d(16, 24, 3, padding=1), (2, 16, 9, 9)),
    "winograd": (lambda: nn.Conv2d(32, 32, 3, padding=1), (2, 32, 20, 20)),
    "depthwise": (lambda: nn.Conv2d(32, 32, 3, padding=1, groups=32), (2, 32, 9, 9)),
    "transposed": (lambda: nn.ConvTranspose2d(16, 8, 4, stride=2), (2, 16, 6, 6)),
    "linear": (lambda: nn.Linear(133, 17), (5, 133)),
    "small images": (lambda: nn.Conv2d(64, 48, 3, padding=1), (1, 64, 5, 5)),
    "one tap": (lambda: nn.Conv2d(130, 40, 1), (1, 130, 4, 4)),
}


def by_optimiser(layer):
    torch.optim.SGD(layer.parameters(), lr=0.5).step()


def in_place(layer):
    with torch.no_grad():
        layer.weight.mul_(2).add_(0.25)


def by_state_dict(layer):
    layer.load_state_dict({name: value * 3 + 1 for name, value in layer.state_dict().items()})


def by_data(layer):
    layer.weight.data = layer.weight.data * 2 + 1


def in_data(layer):
    layer.weight.data.add_(1)


def by_view(layer):
    with torch.no_grad():
        layer.weight.view(-1)[1:].mul_(-2)


def by_index(layer):
    with torch.no_grad():
        layer.weight[0] = 7.0


def by_numpy(layer):
    layer.weight.detach().numpy()[...] += 1.0


def by_init(layer):
    nn.init.uniform_(layer.weight)


HELD = []


def by_held_numpy(layer):
    """As long as an array is held, what is written into it must be seen at every call."""
    HELD[:] = [layer.weight.detach().numpy()]
    layer(torch.zeros(HELD_SHAPE[0]))
    HELD[0][...] -= 0.75


def in_held_numpy(layer):
    HELD[0][..., -1] *= -3


CHANGES = [
    by_optimiser,
    in_place,
    by_state_dict,
    by_data,
    in_data,
    by_view,
    by_index,
    by_numpy,
    by_init,
    by_held_numpy,
    in_held_numpy,
    by_index,
]
HELD_SHAPE = [(1,)]


def results(layer, x):
    """Forward and the gradient of the input: both read packed weights, which are kept from the second use on."""
    first, *others = (once(layer, x) for _ in range(3))
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(first, other))
    return first


def once(layer, x):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    y.backward(torch.ones_like(y))
    return y.detach(), x.grad


def fresh(layer, make):
    """A layer with the same numbers that was never called."""
    other = make()
    other.load_state_dict({name: value.clone() for name, value in layer.state_dict().items()})
    return other


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_after_any_change_a_layer_computes_as_a_new_one(kind, exact):
    torch.set_exact(exact)
    make, HELD_SHAPE[0] = LAYERS[kind]
    torch.manual_seed(0)
    layer, x = make(), torch.randn(HELD_SHAPE[0])
    for change in [*CHANGES, *CHANGES]:
        before, _ = results(layer, x)
        change(layer)
        found, wanted = results(layer, x), results(fresh(layer, make), x)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted)), change.__name__
        assert not torch.equal(found[0], before), change.__name__


def test_an_edit_through_an_old_view_is_seen():
    weight, x = torch.randn(8, 4, 3), torch.randn(2, 4, 10)
    view = weight[2:4]
    F.conv1d(x, weight)
    view.fill_(0)
    assert not F.conv1d(x, weight)[:, 2:4].any()


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1e38])
def test_weights_that_are_not_finite_meet_padding_alike_at_every_use(number, exact):
    """A weight that is packed while it is used is known to be finite only afterwards."""
    torch.set_exact(exact)
    layer, x = nn.Conv2d(64, 48, 3, padding=1, stride=2 if exact else 1), torch.randn(1, 64, 5, 5)
    layer.requires_grad_(False)
    with torch.no_grad():
        layer.weight[5, 7, 0, 0] = number
        uses = [layer(x).numpy() for _ in range(3)]
        spec = ConvSpec.of(1, 64, 48, (5, 5), (3, 3), stride=layer.stride, padding=1)
        wanted = reference.fprop(spec, *(a.numpy() for a in (x, layer.weight, layer.bias)))
    for use in uses:
        np.testing.assert_array_equal(use, uses[0])
        if exact:
            np.testing.assert_array_equal(np.isfinite(use), np.isfinite(wanted))


def test_a_weight_used_once_is_not_kept():
    """Nothing is kept of a weight that changes before its second use."""
    numbers = np.random.default_rng(0)
    w, weights_cache = numbers.standard_normal((300, 400, 1)).astype(np.float32), {}
    spec = ConvSpec.of(3, 400, 300, (1,), (1,))
    x = numbers.standard_normal(spec.x_shape).astype(np.float32)
    uses = []
    for kept in (0, 1, 1):
        uses.append(compiled.fprop(spec, x, w, None, None, weights_cache))
        assert sum(made is not None for made in weights_cache.values()) == kept
    assert all(np.array_equal(uses[0], use) for use in uses)


SIZES = {
    "1-D": (lambda: nn.Conv1d(32, 16, 5, padding=2), [(n,) for n in range(6, 60, 3)]),
    "2-D": (lambda: nn.Conv2d(32, 16, 3, padding=1), [(n, m) for n in (6, 9, 14, 20) for m in (5, 7, 12, 17)]),
    "2-D strided": (lambda: nn.Conv2d(16, 24, 5, stride=2, padding=2), [(n, n + 5) for n in range(6, 30, 2)]),
    "3-D": (lambda: nn.Conv3d(16, 16, 3, padding=1), [(4, n, m) for n in (5, 8, 11) for m in (6, 9, 14)]),
    "transposed 1-D": (lambda: nn.ConvTranspose1d(32, 16, 4, stride=2), [(n,) for n in range(6, 60, 3)]),
    "transposed 2-D": (lambda: nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), [(n, n + 3) for n in range(6, 30)]),
    "transposed 3-D": (lambda: nn.ConvTranspose3d(16, 16, 3, padding=1), [(3, n, n + 2) for n in range(5, 14)]),
    "depthwise": (lambda: nn.Conv2d(24, 24, 3, padding=1, groups=24), [(n, m) for n in (5, 9, 20) for m in (7, 14)]),
}


@pytest.mark.parametrize("kind", SIZES)
def test_images_of_all_sizes_leave_no_more_than_so_much(kind):
    """Both directions, exactly and not: what is kept of a weight is bounded, and what a call needs is there."""
    make, sizes = SIZES[kind]
    torch.set_exact(False)
    torch.manual_seed(0)
    layer = make().requires_grad_(False)
    for size in sizes:
        for _ in range(2):  # the second use of a form keeps it
            once(layer, torch.randn(1, layer.in_channels, *size))
    weights_cache = layer.weight._weights_cache()
    assert sum(kernels._bytes_of(made) for made in weights_cache.values()) <= kernels._TIMES * layer.weight.nbytes
    x = torch.randn(1, layer.in_channels, *sizes[-1])
    once(layer, x)
    before = {key: id(made) for key, made in weights_cache.items()}
    once(layer, x)
    assert {
        key: id(made) for key, made in layer.weight._weights_cache().items()
    } == before  # one size alone packs nothing again


def test_entries_of_a_memo_are_bounded_whatever_they_are():
    weights_cache, w = {}, np.ones(1000, np.float32)
    for key in range(500):
        assert kernels.worth_packing(weights_cache, key, np.copy, w) is None
    assert len(weights_cache) == kernels._MOST
    for key in range(500):
        kernels.remembered(weights_cache, f"packed {key}", np.copy, w)
    assert sum(kernels._bytes_of(made) for made in weights_cache.values()) <= kernels._TIMES * w.nbytes
    assert "packed 499" in weights_cache and len(weights_cache) <= kernels._MOST


def test_a_weight_that_someone_holds_is_not_packed_again_until_it_changes(monkeypatch):
    w, x = torch.randn(32, 1, 3, 3), torch.randn(2, 32, 20, 20)
    held, packed = w.numpy(), []
    remember = kernels.keep
    monkeypatch.setattr(kernels, "keep", lambda *arguments: packed.append(1) or remember(*arguments))
    results = [F.conv2d(x, w, groups=32) for _ in range(4)]
    assert len(packed) == 1 and all(torch.equal(results[0], result) for result in results)
    held[1, 0, 2, 0] += 1
    assert not torch.equal(F.conv2d(x, w, groups=32), results[0]) and len(packed) == 2
    del held
    for _ in range(4):
        F.conv2d(x, w, groups=32)
    assert len(packed) == 3
