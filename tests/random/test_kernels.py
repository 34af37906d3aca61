"""Kernels draw what NumPy draws, bit for bit, within their arrays, on every instruction set and number of threads."""

import random

import numpy as np
import pytest

import rushlight as torch
from rushlight.backends import reference, registry
from rushlight.backends.cpu.draws import Draws
from rushlight.backends.reference import draws
from rushlight.plan.target import Target
from rushlight.random import distributions
from rushlight.random.stream import WordStream
from rushlight.runtime import pauses, team
from rushlight.runtime.guard import guarded_copy
from tests import instruction_sets

pytest.importorskip("llvmlite")
ISAS = instruction_sets.asked()
FLOATS = "fde"
KINDS = {
    "uniform": (FLOATS, [(0.0, 1.0), (-1 / 3, 1 / 7), (1.0, 1.0000001), (-1000.0, 60000.0), (0.0, 0.0)]),
    "block_normal": (FLOATS, [(0.0, 1.0), (-0.3, 1.7), (5.0, 0.0)]),
    "paired_normal": (FLOATS, [(0.0, 1.0), (-0.3, 1.7), (-0.0, 1.0)]),
    "exponential": (FLOATS, [(1.0,), (7e-5,)]),
    "cauchy": (FLOATS, [(0.0, 1.0), (0.3, 5.5)]),
    "geometric": (FLOATS + "bBil", [(0.03,), (0.9,)]),
    "bernoulli": (FLOATS + "?bhil", [(0.3, 1.0), (0.0, 1.0), (1.0, 1.0)]),
    "integers": (FLOATS + "?bBhil", [(0, 1, False), (-7, 100, False), (0, (1 << 28) - 1, False), (0, 1 << 31, True)]),
}
WIDE = [(-(1 << 63), (1 << 64) - 1, True), (0, 1 << 63, True), (3, 1 << 32, False), (0, 1 << 64, True)]


@pytest.fixture(params=ISAS)
def kernels(request, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TARGET", request.param)
    return Draws(Target.host())


def words(count):
    """Random ones, and among them those at the ends."""
    found = np.random.default_rng(count).integers(0, 1 << 32, count, dtype=np.uint32)
    found[: count // 8] = 0
    found[-(count // 8) :] = 0xFFFFFFFF
    return guarded_copy(found)


def sizes(kind):
    step = {"block_normal": 16, "paired_normal": 2}.get(kind, 1)
    return [step * n for n in (1, 2, 3, 7, 33, 2049)] + [20_000 // step * step]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_of_numpy(kernels, kind):
    dtypes, parameters = KINDS[kind]
    for dtype in map(np.dtype, dtypes):
        for given in parameters + WIDE * (kind == "integers" and dtype == np.int64):
            for size in sizes(kind):
                some = words(2 * size)[-each(kind, dtype, given) * size :]
                found, wanted = (guarded_copy(np.full(size, 77, dtype)) for _ in range(2))
                distributions._compute(_Stream(kernels), kind, some, found, *given)
                getattr(draws, kind)(some, wanted, *given)
                assert found.tobytes() == wanted.tobytes(), (dtype, given, size)


def each(kind, dtype, given):
    if kind == "integers":
        return 1 + given[-1]
    return draws.words_each(dtype) if kind in ("uniform", "block_normal") else 2


class _Stream:
    """What `_compute` asks of a stream."""

    def __init__(self, kernels):
        self.kernels = kernels


@pytest.mark.parametrize("of", FLOATS)
def test_chances_of_their_own_are_those_of_numpy(kernels, of):
    for dtype in map(np.dtype, FLOATS + "?il"):
        for size in (1, 7, 33, 20_000):
            some, chances = words(2 * size), guarded_copy(np.linspace(0, 1, size).astype(of))
            some = some[-draws.words_each(chances.dtype) * size :]
            found, wanted = (guarded_copy(np.full(size, 77, dtype)) for _ in range(2))
            kernels.bernoulli_each(some, found, chances)
            draws.bernoulli_each(some, wanted, chances)
            assert found.tobytes() == wanted.tobytes(), (dtype, size)


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("size", [2, 17, 4000])
def test_shuffles_are_those_of_numpy(kernels, size, long):
    some, start = words((size - 1) << long), size // 3
    found, wanted = (guarded_copy(np.arange(size, dtype=np.int32)) for _ in range(2))
    for shuffle, order in ((kernels.shuffle, found), (draws.shuffle, wanted)):
        shuffle(some[: start << long], order, 0, long)
        shuffle(some[start << long :], order, start, long)
    assert found.tolist() == wanted.tolist()
    assert sorted(found.tolist()) == list(range(size))


def test_powers_are_those_of_numpy(kernels):
    exponents = guarded_copy(np.linspace(-800, 800, 3001))
    for dtype in map(np.dtype, FLOATS):
        found, wanted = (guarded_copy(np.empty(3001, dtype)) for _ in range(2))
        kernels.powers(found, exponents)
        draws.powers(wanted, exponents)
        assert found.tobytes() == wanted.tobytes()


def test_words_are_those_of_python(kernels):
    rng, generator = random.Random(1), random.Random(5)
    state = guarded_copy(np.zeros(kernels.state_room, np.uint32))
    *key, used = generator.getstate()[1]
    state[:624] = key
    for _ in range(60):
        count = rng.choice([rng.randrange(1, 5), rng.randrange(1, 700), 624, 1248, 10_000])
        out = guarded_copy(np.empty(count + kernels.slack, np.uint32))
        used = kernels.words(state, out)(used, count)
        wanted = generator.getrandbits(32 * count).to_bytes(4 * count, "little")
        assert out[:count].tobytes() == wanted
        assert [*state[:624].tolist(), used] == list(generator.getstate()[1])


def test_long_draws_are_compiled(monkeypatch):
    """None is left to NumPy, whose bits are the same and whose time is not."""

    class Nothing:
        words_each = staticmethod(draws.words_each)

    monkeypatch.setattr(distributions, "draws", Nothing)
    for dtype in (torch.float32, torch.float64, torch.float16):
        x = torch.empty(70_000, dtype=dtype)
        for _ in x.uniform_(), x.normal_(), x.exponential_(), x.cauchy_(), x.bernoulli_(), x.geometric_(0.5):
            pass
        x.random_(), torch.nn.functional.dropout(x), torch.bernoulli(torch.full_like(x, 0.5))
    torch.randint(100, (70_000,)), torch.randint(2**40, (70_000,)), torch.randperm(70_000)


def test_a_stream_may_change_engines():
    """And goes on where it was, be the words drawn few or many."""
    rng = random.Random(3)
    by_turns, alone = WordStream(7), WordStream(7)
    for _ in range(40):
        with registry.using(rng.choice([reference, registry._engine_of("auto")])):
            count = rng.choice([0, 1, 5, 100, 700, 70_000])
            by_turns.prepare(count)
            assert by_turns.words(count).tolist() == alone.words(count).tolist()
            assert by_turns.fresh == alone.fresh
            state, used = by_turns.export_state()
            wanted, wanted_used = alone.export_state()
            assert state.tolist() == wanted.tolist()
            assert used == wanted_used


def test_states_between_draws_of_kernels():
    torch.manual_seed(1)
    torch.rand(100_000)
    state = torch.get_rng_state()
    wanted = torch.rand(70_000), torch.randn(5), torch.randperm(9)
    with registry.using(reference):
        torch.set_rng_state(state)
        assert torch.equal(torch.get_rng_state(), state)
        for found, value in zip((torch.rand(70_000), torch.randn(5), torch.randperm(9)), wanted):
            assert torch.equal(found, value)


def test_threads_give_the_same_numbers():
    drawn = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            torch.manual_seed(4)
            drawn.append([torch.rand(90_001), torch.randn(90_001).double(), torch.randn(90_001, dtype=torch.float64)])
    finally:
        torch.set_num_threads(threads)
    for other in drawn[1:]:
        assert all(torch.equal(a, b) for a, b in zip(drawn[0], other))


def test_a_stop_of_the_watch_changes_no_numbers(monkeypatch):
    """A kernel that steps the state, or exchanges places, runs once, though the watch stops whatever is launched."""
    started = team._start

    def stopped(entry, words, threads):
        started(entry, words, threads)
        if words[0] < pauses.STOPPED and id(words) not in seen:
            seen.add(id(words))
            pauses._stop(words)

    def numbers():
        torch.manual_seed(0)
        return [
            torch.empty(100_000).normal_(), torch.rand(70_000), torch.randperm(200_000), torch.randint(9, (3000,)),
            torch.empty(100_000, dtype=torch.float64).normal_(), torch.nn.functional.dropout(torch.ones(70_000)),
        ]  # fmt: skip

    seen = set()
    expected = [x.numpy() for x in numbers()]
    monkeypatch.setattr(team, "_start", stopped)
    for found, wanted in zip(numbers(), expected):
        np.testing.assert_array_equal(found.numpy(), wanted)
