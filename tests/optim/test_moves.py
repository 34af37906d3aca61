"""Steps of many parameters in one launch: the same numbers as one by one, whatever the arrays are."""

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn, optim
from rushlight.backends import reference, registry
from rushlight.optim import moves
from rushlight.tensor.together import is_whole

SHAPES = ((3,), (), (0, 4), (16385,), (2, 3, 3, 3), (300, 70), (1,))
MADE = {
    "sgd": lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: optim.Adam(p, 0.1, amsgrad=True),
    "rprop": lambda p: optim.Rprop(p, 0.1),
    "rmsprop": lambda p: optim.RMSprop(p, 0.1, momentum=0.5, centered=True),
}


def parameters(dtype=torch.float32):
    draw = np.random.RandomState(0)
    made = [nn.Parameter(torch.tensor(draw.randn(*shape)).to(dtype)) for shape in SHAPES]
    for one in made:
        one.grad = torch.tensor(draw.randn(*one.shape)).to(dtype)
    made[4].data = made[4].data.contiguous(memory_format=torch.channels_last)
    return made


def walked(make, p, steps=3):
    optimizer = make(p)
    for _ in range(steps):
        optimizer.step()
    return [one.detach().clone() for one in p], optimizer


def launches(monkeypatch):
    """How many launches were made, and of how many rows."""
    seen, launch = [], moves._Batch._launch

    def counted(self, rows):
        done = launch(self, rows)
        seen.append(len(rows) if done else 0)
        return done

    monkeypatch.setattr(moves._Batch, "_launch", counted)
    return seen


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_one_launch_has_the_bits_of_many(name, dtype, monkeypatch):
    together = walked(MADE[name], parameters(dtype))[0]
    monkeypatch.setattr(moves._Batch, "_launch", lambda self, rows: False)
    for one, other in zip(together, walked(MADE[name], parameters(dtype))[0]):
        assert torch.equal(one, other)


def compiled():
    return getattr(registry.current(), "engines", (registry.current(),))[0] is not reference


def test_one_launch_takes_all_that_has_the_same_formula(monkeypatch):
    if not compiled():
        pytest.skip("the reference has no launches")
    p, seen = parameters(), launches(monkeypatch)
    optimizer = optim.SGD(p, 0.1)
    optimizer.step()
    assert seen == [len(SHAPES)] or seen == [len(SHAPES) - 1]  # the channels-last one, if its gradient lies otherwise
    seen.clear()
    optimizer = optim.SGD([{"params": p[:2]}, {"params": p[2:4], "lr": 1.0}, {"params": p[5:]}], 0.1)
    optimizer.step()
    assert sorted(seen) == [2, 4]


def test_parameters_that_share_memory_move_one_after_the_other(monkeypatch):
    shared = torch.zeros(8)
    p = [nn.Parameter(torch.zeros(1)) for _ in range(3)]
    p[0].data, p[1].data, p[2].data = shared[:5], shared[3:], torch.zeros(4)
    for one in p:
        one.grad = torch.ones(len(one))
    seen = launches(monkeypatch)
    optim.SGD(p, 1.0).step()
    assert shared.tolist() == [-1, -1, -1, -2, -2, -1, -1, -1] and p[2].tolist() == [-1] * 4
    assert seen == [0] or not compiled()


def test_a_gradient_that_is_another_s_memory(monkeypatch):
    first, second = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.ones(4))
    first.grad, second.grad = second.detach(), torch.ones(4)
    optim.SGD([first, second], 1.0).step()
    assert first.tolist() == [-1] * 4 and second.tolist() == [0] * 4
    third = nn.Parameter(torch.full((4,), 2.0))
    third.grad = third.detach()  # its own: read before it is written
    optim.SGD([third], 1.0).step()
    assert third.tolist() == [0] * 4
    shared = torch.arange(40.0)
    third.data, third.grad = shared[1:33], shared[:32]
    optim.SGD([third], 1.0).step()
    assert third.tolist() == [1] * 32


def test_where_elements_lie_without_gaps():
    a = np.zeros((4, 3, 5, 2), np.float32)
    for whole in (a, a.T, a.transpose(0, 2, 3, 1), a[:1], a[:, :, :, :0][..., None], np.zeros((), np.float32)):
        assert not whole.size or is_whole(whole.shape, whole.strides, 4)
    for gapped in (a[:, ::2], a[..., :1], np.broadcast_to(a[:1], (4, 3, 5, 2)), a[::-1]):
        assert not is_whole(gapped.shape, gapped.strides, 4)
