"""The random stream is PyTorch's: against recorded numbers, and live against PyTorch."""

import json
import random

import pytest

import rushlight
from tests.random.make_golden import GOLDEN
from tests.random.sequences import LIBRARY_CALLS, TOLERANCE, elsewhere, run, sample

golden = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("recorded", golden["sequences"], ids=lambda entry: f"seed{entry['seed']}")
def test_recorded_sequences(recorded):
    check(recorded, run(rushlight, recorded), recorded)


@pytest.mark.parametrize("recorded", golden["states"], ids=lambda entry: f"drawn{entry['drawn']}")
def test_state_bytes(recorded):
    rushlight.manual_seed(recorded["seed"])
    rushlight.rand(recorded["drawn"])
    state = rushlight.get_rng_state()
    assert state.dtype is rushlight.uint8
    assert state.shape == (5056,)
    assert state[:24].tolist() == recorded["header"]
    assert sum(state.tolist()) == recorded["sum"]


@pytest.mark.live
def test_sweep_against_pytorch():
    torch = pytest.importorskip("torch")
    rng = random.Random(20)
    calls = {"bernoulli_", "exponential_"} if elsewhere(torch) else set()
    for _ in range(150):
        sequence = sample(rng, steps=8)
        sequence["steps"] = [step for step in sequence["steps"] if step.get("method") not in calls]
        check(sequence, run(rushlight, sequence), run(torch, sequence), to_the_bit=True)


@pytest.mark.live
def test_states_travel_both_ways():
    torch = pytest.importorskip("torch")
    torch.manual_seed(9)
    torch.randn(3)  # an odd number: one waits in the generator
    rushlight.set_rng_state(rushlight.from_numpy(torch.get_rng_state().numpy()))
    assert rushlight.initial_seed() == 9
    assert rushlight.randn(5).tolist() == torch.randn(5).tolist()
    rushlight.rand(700)
    torch.set_rng_state(torch.from_numpy(rushlight.get_rng_state().numpy()))
    assert rushlight.rand(800).tolist() == torch.rand(800).tolist()


@pytest.mark.live
def test_multinomial_against_pytorch():
    torch = pytest.importorskip("torch")
    weights = [[0.1, 0.0, 0.4, 0.2], [3.0, 1.0, 1.0, 2.0]]
    for options in [(50, True), *([] if elsewhere(torch) else [(1,), (1, True), (3, False)])]:
        drawn = []
        for library in (torch, rushlight):
            library.manual_seed(4)
            drawn.append(library.multinomial(library.tensor(weights), *options).tolist())
        assert drawn[0] == drawn[1]


def check(sequence, ours, theirs, to_the_bit=False):
    """Equal to the last bit, or where the C library of another machine computed, to the tolerance of the dtype."""
    assert ours["next"] == theirs["next"]
    for step, mine, wanted in zip(sequence["steps"], ours["values"], theirs["values"]):
        if not to_the_bit and step.get("method", step.get("function")) in LIBRARY_CALLS:
            mine, wanted = rushlight.tensor(mine), rushlight.tensor(wanted)
            assert mine.shape == wanted.shape
            tolerance = TOLERANCE[step["dtype"]]
            assert rushlight.allclose(mine.double(), wanted.double(), atol=tolerance, rtol=tolerance), step
        else:
            assert mine == wanted, step
