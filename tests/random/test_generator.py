"""Generators: seeds, states, copies, and what they refuse."""

import copy
import pickle

import pytest

import rushlight as torch


def test_seeds():
    generator = torch.Generator()
    assert generator.initial_seed() == 67280421310721
    assert generator.manual_seed(-1).initial_seed() == 2**64 - 1
    assert torch.manual_seed("3").initial_seed() == 3 == torch.initial_seed()
    assert generator.seed() == generator.initial_seed()
    assert generator.device == torch.device("cpu")


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed):
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        torch.manual_seed(seed)


@pytest.mark.parametrize("seed", [1.5, "3", True, None])
def test_generator_wants_an_integer(seed):
    with pytest.raises(RuntimeError, match="manual_seed expected a long"):
        torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625])
def test_a_state_continues(drawn):
    generator = torch.Generator().manual_seed(1)
    torch.rand(drawn, generator=generator)
    torch.randn(1, generator=generator)
    copies = [
        generator.clone_state(),
        pickle.loads(pickle.dumps(generator)),
        copy.deepcopy(generator),
        torch.Generator(),
    ]
    copies[-1].set_state(generator.get_state())
    wanted = torch.randn(9, generator=generator).tolist()
    for other in copies:
        assert torch.randn(9, generator=other).tolist() == wanted


def test_seeding_drops_the_waiting_normal():
    torch.manual_seed(2)
    wanted = torch.randn(4).tolist()
    torch.randn(1)
    torch.manual_seed(2)
    assert torch.randn(4).tolist() == wanted


def test_bad_states_change_nothing():
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state().tolist()
    with pytest.raises(RuntimeError, match="size 5056 but found the input RNG state size to be 3"):
        generator.set_state(torch.zeros(3, dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        generator.set_state(torch.zeros(5056, dtype=torch.uint8))
    with pytest.raises(TypeError, match="ByteTensor"):
        generator.set_state(torch.zeros(5056))
    with pytest.raises(TypeError, match="ByteTensor"):
        generator.set_state(3)
    assert generator.get_state().tolist() == before


def test_fork_rng():
    torch.manual_seed(0)
    wanted = torch.rand(3).tolist()
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.rand(100)
    assert torch.rand(3).tolist() == wanted


def test_an_explicit_generator_leaves_the_default_one_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state().tolist()
    torch.rand(2, generator=torch.Generator())
    torch.randperm(5, generator=torch.Generator())
    assert torch.get_rng_state().tolist() == before
