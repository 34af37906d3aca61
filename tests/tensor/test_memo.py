"""The memo beside a weight: it must be gone whenever the memory may have changed."""

import copy

import numpy as np
import pytest

import rushlight as torch


def packed(weight):
    weight._memo()["packed"] = 1
    return weight


def is_kept(weight):
    return weight._memo() is not None and "packed" in weight._memo()


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


@pytest.mark.parametrize(
    "share", [lambda w: w.detach().numpy(), lambda w: np.asarray(w.data), lambda w: np.from_dlpack(w.detach())]
)
def test_none_once_the_memory_was_given_away(share):
    w = packed(torch.ones(3, requires_grad=True))
    share(w)
    assert w._memo() is None


def test_none_for_foreign_memory():
    assert torch.from_numpy(np.ones(3))._memo() is None
    assert torch.from_numpy(np.ones((3, 3)))[0]._memo() is None
    assert torch.tensor(np.ones(3))._memo() == {}
    assert torch.from_numpy(np.ones(3)).clone()._memo() == {}


def test_a_copy_begins_with_an_empty_one():
    w = packed(torch.ones(3))
    assert copy.deepcopy(w)._memo() == {} and w[:]._memo() == {} and is_kept(w)
    np.array(w)
    assert is_kept(w)
