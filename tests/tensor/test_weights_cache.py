"""The packed-weight cache of a tensor: it must be gone whenever the memory may have changed."""

import copy

import numpy as np
import pytest

import rushlight as torch


def packed(weight):
    weight._weights_cache()["packed"] = 1
    return weight


def is_kept(weight):
    return weight._weights_cache() is not None and "packed" in weight._weights_cache()


def test_kept_while_unchanged():
    w = packed(torch.ones(3, requires_grad=True))
    (w * 2).sum().backward()
    assert is_kept(w)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.add_(1),
        lambda w: w.__setitem__(0, 5),
        lambda w: w[1:].zero_(),
        lambda w: w.view(3, 1).copy_(torch.ones(3, 1)),
        lambda w: w.detach().mul_(2),
        lambda w: w.data.fill_(2),
        lambda w: w.data[0].fill_(2),
        lambda w: setattr(w, "data", torch.zeros(3)),
        lambda w: w.copy_(torch.ones(3)),
    ],
)
def test_gone_after_a_change(change):
    w = packed(torch.ones(3, requires_grad=True))
    with torch.no_grad():
        change(w)
    assert not is_kept(w)


def held_by_numpy(w):
    return w.detach().numpy()


def held_by_a_view_of_a_view(w):
    return np.asarray(w.data)[1:].reshape(-1, 1)[:, 0]


def held_by_dlpack(w):
    return np.from_dlpack(w.detach())


def held_by_a_capsule(w):
    return torch.to_dlpack(w.detach())


def held_by_bytes(w):
    return memoryview(w.detach().numpy()).cast("B")


def held_out_of_order(w):
    return w.detach()[::2].numpy()


def held_by_the_array_between(w):
    return w.detach().numpy().base


def held_by_a_tensor(w):
    return torch.from_numpy(w.detach().numpy())[1:]


HOLDERS = [
    held_by_numpy, held_by_a_view_of_a_view, held_by_dlpack, held_by_a_capsule, held_by_bytes, held_out_of_order,
    held_by_the_array_between, held_by_a_tensor,
]  # fmt: skip


def asked(weights_cache, key="packed"):
    """What a cache answers, as an engine asks it."""
    return weights_cache.get(key)


@pytest.mark.parametrize("hold", HOLDERS)
def test_watched_while_others_hold_the_memory_and_trusted_again_afterwards(hold):
    w = packed(torch.ones(4, requires_grad=True))
    held = hold(w)
    weights_cache = w._weights_cache()
    assert (
        asked(weights_cache) is None and type(weights_cache) is not dict
    )  # what was packed before others could write is not trusted
    weights_cache["packed"] = 2
    assert asked(w._weights_cache()) == 2  # nobody wrote
    with torch.no_grad():
        w._array[2] = 7.0  # as through `held`: nothing tells
    weights_cache = w._weights_cache()
    assert asked(weights_cache) is None
    weights_cache["packed"] = 3
    del held, weights_cache
    weights_cache = w._weights_cache()
    assert type(weights_cache) is dict and not weights_cache
    weights_cache["packed"] = 4
    assert is_kept(w) and asked(w._weights_cache()) == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
@pytest.mark.parametrize("number", [float("nan"), -0.0, 5e-324])
def test_numbers_are_compared_by_their_bits(dtype, number):
    w = torch.zeros(6, dtype=dtype)
    held = w.numpy()
    w._weights_cache().get("packed")
    w._weights_cache()["packed"] = 1
    held[3] = number
    assert asked(w._weights_cache()) == (1 if held.tobytes() == bytes(held.nbytes) else None)
    w._weights_cache()["packed"] = 1
    assert asked(w._weights_cache()) == 1


def test_what_many_hold_for_a_moment_leaves_nothing_behind():
    w = packed(torch.ones(3))
    for _ in range(1000):
        w.numpy()
    assert len(w._memory_version.guests) < 20
    assert w._weights_cache() == {} and not w._memory_version.guests


def test_memory_that_is_lent_is_what_it_was():
    some = torch.arange(6.0).reshape(2, 3)
    one_channel = torch.ones(2, 1, 3, 4).to(memory_format=torch.channels_last)
    strange = torch.ones(4).as_strided((2, 1, 2), (2, 77, 1))
    for x in (some, some.T, some[:, 1], torch.tensor(3), torch.ones(0, 3), one_channel, strange, some[:0, 1:]):
        array = x.numpy()
        assert array.strides == x._array.strides and array.shape == tuple(x.shape)
        assert type(array) is np.ndarray and array.flags.writeable and array.tolist() == x.tolist()
        assert not array.size or array.__array_interface__["data"][0] == x.data_ptr()


def test_memory_of_others_is_watched():
    for array in (np.ones(3), np.ones((3, 3))):
        for w in (torch.from_numpy(array), torch.from_numpy(array)[0], torch.from_dlpack(array)):
            weights_cache = w._weights_cache()
            assert asked(weights_cache) is None
            weights_cache["packed"] = 1
            assert asked(w._weights_cache()) == 1
            array += 1
            assert asked(w._weights_cache()) is None
    assert torch.tensor(np.ones(3))._weights_cache() == {}
    assert type(torch.from_numpy(np.ones(3)).clone()._weights_cache()) is dict


def test_a_copy_begins_with_an_empty_one():
    w = packed(torch.ones(3))
    assert copy.deepcopy(w)._weights_cache() == {} and w[:]._weights_cache() == {} and is_kept(w)
    np.array(w)
    assert is_kept(w)
