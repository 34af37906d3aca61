"""Every distribution gives PyTorch's bits: short and long, by NumPy and by kernels, wherever the numbers lie."""

import numpy as np
import pytest

import rushlight
from tests.random.sequences import FLOATS, INTEGERS, elsewhere

pytestmark = pytest.mark.live

SIZES = (1, 2, 15, 16, 17, 31, 1000, 40_007)  # the last is long enough for kernels, in several pieces
CALLS = {
    "uniform_": [(), (-1 / 3, 1 / 7), (1.0, 1.0000001), (-1000, 60000)],
    "normal_": [(), (-0.3, 1.7), (5.0, 0.0)],
    "exponential_": [(), (1.7,), (7e-5,)],
    "cauchy_": [(), (-0.3, 1.7)],
    "log_normal_": [(), (0.3, 5.5)],
    "geometric_": [(0.03,)],
    "bernoulli_": [(0.3,), (0.0,), (1.0,)],
    "random_": [(), (100,), (3, None)],
}
NAMED = [(name, arguments) for name, some in CALLS.items() for arguments in some]


def alike(torch, fill, *arguments):
    """Whether a function draws the same from both libraries, and leaves the same to come."""
    return _drawn(rushlight, fill, *arguments) == _drawn(torch, fill, *arguments)


def _drawn(library, fill, *arguments):
    library.manual_seed(3)
    found = fill(library, *arguments)
    if found.dtype.is_floating_point:
        found = found.double()
    return found.numpy().tobytes(), library.rand(3).tolist()


def empty(library, layout, size, dtype):
    dtype = getattr(library, dtype)
    if layout == "every other":
        return library.empty(size, 2, dtype=dtype)[:, 0]
    if layout == "channels last":
        return library.empty(2, 3, -(-size // 12), 2, dtype=dtype, memory_format=library.channels_last)
    return library.empty(size, dtype=dtype)


@pytest.mark.parametrize("layout", ["plain", "every other", "channels last"])
@pytest.mark.parametrize("name, arguments", NAMED, ids=[f"{name}{arguments}" for name, arguments in NAMED])
def test_methods(torch, name, arguments, layout):
    if name in ("bernoulli_", "exponential_") and elsewhere(torch):
        pytest.skip("PyTorch draws from another generator here")
    dtypes = {"random_": FLOATS + INTEGERS[:-1], "geometric_": FLOATS + INTEGERS[:-1], "bernoulli_": FLOATS + INTEGERS}
    for dtype in dtypes.get(name, FLOATS):
        for size in SIZES if layout == "plain" else SIZES[-3:]:
            assert alike(torch, _filled, name, arguments, layout, size, dtype), (dtype, size)


def _filled(library, name, arguments, layout, size, dtype):
    return getattr(empty(library, layout, size, dtype), name)(*arguments).contiguous()


@pytest.mark.parametrize("span", [2, 100, 2**24 + 1, 2**28 - 1, 2**28, 2**31, 2**32, 2**33 + 5, 2**62])
def test_integers(torch, span):
    for low in (0, -span, 7):
        assert alike(torch, lambda library, first: library.randint(first, first + span, (40_007,)), low)


@pytest.mark.parametrize("low, high", [(-(2**63), None), (-(2**63), 2**63 - 1), (0, None)])
def test_integers_of_the_whole_range(torch, low, high):
    def fill(library):
        return library.empty(40_007, dtype=library.int64).random_(low, high)

    assert alike(torch, fill)


@pytest.mark.parametrize("n", [2, 30, 20_000, 100_003])
def test_permutations(torch, n):
    for dtype in ("int64", "int32", "float64"):
        assert alike(torch, lambda library, name: library.randperm(n, dtype=getattr(library, name)), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_chances_of_their_own(torch, dtype):
    chances = np.random.default_rng(0).random(40_007)

    def fill(library):
        return library.bernoulli(library.from_numpy(chances).float().to(getattr(library, dtype)))

    assert alike(torch, fill)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [7, 40_007])
def test_normals_around_tensors(torch, dtype, size):
    numbers = np.random.default_rng(0).random(size)

    def fill(library, which):
        some = library.from_numpy(numbers).float().to(getattr(library, dtype))
        return library.normal(0.3 if which == "std" else some, 1.7 if which == "mean" else some + 1)

    for which in ("mean", "std", "both"):
        assert alike(torch, fill, which), which


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("samples, again", [(1, False), (1, True), (50, True), (20_000, True)])
def test_multinomial(torch, dtype, samples, again):
    if samples == 1 and elsewhere(torch):
        pytest.skip("PyTorch draws from another generator here")
    weights = np.random.default_rng(0).random((3, 300))

    def fill(library):
        return library.multinomial(library.from_numpy(weights).float().to(getattr(library, dtype)), samples, again)

    assert alike(torch, fill)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_dropout(torch, dtype, p):
    if elsewhere(torch):
        pytest.skip("PyTorch draws from another generator here")
    numbers = np.random.default_rng(0).standard_normal((40, 1001))

    def fill(library):
        return library.nn.functional.dropout(library.from_numpy(numbers).float().to(getattr(library, dtype)), p)

    assert alike(torch, fill)


def test_layers_begin_alike(torch):
    def fill(library):
        net = library.nn.Sequential(
            library.nn.Conv2d(64, 70, 3), library.nn.ConvTranspose2d(7, 9, 5), library.nn.Linear(300, 130)
        )
        library.nn.init.kaiming_normal_(net[0].weight, mode="fan_out")
        return library.cat([p.detach().reshape(-1) for p in net.parameters()])

    assert alike(torch, fill)
