"""Schedulers: what they make of epochs named, of step sizes loaded and set by hand, and copies of them."""

import copy
import pickle
import warnings

import pytest

import rushlight as torch
from rushlight.optim import SGD, lr_scheduler


def optimizer(lr=0.1, **settings):
    return SGD([torch.nn.Parameter(torch.ones(2))], lr=lr, momentum=0.9, **settings)


def lr_of(o):
    return o.param_groups[0]["lr"]


@pytest.mark.parametrize(
    ("make", "first", "epochs", "expected"),
    [
        (lambda o: lr_scheduler.StepLR(o, 10, 0.1), 0.2, (1, 10, 25, 3), (0.2, 0.02, 0.002, 0.2)),
        (lambda o: lr_scheduler.MultiStepLR(o, [10, 20, 30]), 0.2, (1, 10, 25), (0.2, 0.02, 0.002)),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.9), 0.2, (1, 10), (0.18, 0.0697356880)),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 0.1, (3, 0), (0.0793892626, 0.1)),
        (lambda o: lr_scheduler.LinearLR(o, 0.5, 1, 4), 0.1, (1, 9), (0.0625, 0.1)),
    ],
)
def test_epochs_by_name(make, first, epochs, expected):
    o = optimizer(first)
    scheduler = make(o)
    for epoch, lr in zip(epochs, expected, strict=True):
        o.step()
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(epoch)
        assert lr_of(o) == pytest.approx(lr) and scheduler.get_last_lr() == [lr_of(o)]


def trained(make, steps):
    o = optimizer()
    scheduler = make(o)
    for _ in range(steps):
        o.step()
        scheduler.step()
    return o, scheduler


@pytest.mark.parametrize(
    ("make", "steps", "again", "expected"),
    [
        (lambda o: lr_scheduler.ExponentialLR(o, 0.9), 5, {"last_epoch": 4}, 0.059049),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 3, {}, 0.0793892626),
        (lambda o: lr_scheduler.LinearLR(o, 0.5, 1, 4), 3, {}, 0.04375),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 3, {"last_epoch": 3}, 0.0793892626),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.5), 3, {"last_epoch": 3}, 0.0125),
    ],
)
def test_schedulers_go_on_from_what_was_loaded(make, steps, again, expected):
    saved = trained(make, steps)[0].state_dict()
    o = optimizer()
    o.load_state_dict(saved)
    kind = type(make(optimizer()))
    arguments = {"ExponentialLR": (0.9 if steps == 5 else 0.5,), "CosineAnnealingLR": (10,), "LinearLR": (0.5, 1, 4)}
    kind(o, *arguments[kind.__name__], **again)
    assert lr_of(o) == pytest.approx(expected, rel=1e-6)


def test_a_step_size_set_by_hand():
    o, scheduler = trained(lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 1)
    o.param_groups[0]["lr"] = 0.03
    o.step()
    scheduler.step()
    assert lr_of(o) == pytest.approx(0.0278155, rel=1e-4)
    fresh = optimizer()
    scheduler = lr_scheduler.CosineAnnealingLR(fresh, 10)
    fresh.param_groups[0]["lr"] = 0.03
    fresh.step()
    scheduler.step()
    assert lr_of(fresh) == pytest.approx(0.0292658, rel=1e-5)


def test_one_without_its_first_step_size_is_refused():
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(optimizer(), 3, last_epoch=2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_of_both(copied):
    o, scheduler = trained(lambda o: lr_scheduler.StepLR(o, 2), 3)
    o.param_groups[0]["params"][0].grad = torch.ones(2)
    o.step()
    other, its = copied((o, scheduler))
    assert its.optimizer is other and its.last_epoch == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pair in ((o, scheduler), (other, its)):
            pair[0].step()
            pair[1].step()
    assert lr_of(other) == lr_of(o) != 0.1
    other.param_groups[0]["lr"] = 7.0
    assert lr_of(o) != 7.0


def test_the_order_of_steps_is_seen_in_own_optimisers():
    class Own(torch.optim.Optimizer):
        def step(self, closure=None):
            return None

    o = Own([torch.nn.Parameter(torch.ones(1))], {"lr": 0.1})
    scheduler = lr_scheduler.StepLR(o, 1)
    o.step()
    scheduler.step()
    late = lr_scheduler.StepLR(optimizer(), 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        late.step()


def test_step_sizes_that_are_tensors():
    o = optimizer(torch.tensor(0.5))
    scheduler = lr_scheduler.ExponentialLR(o, 0.5)
    held = o.param_groups[0]["lr"]
    o.step()
    scheduler.step()
    assert o.param_groups[0]["lr"] is held and held.item() == 0.25 and scheduler.base_lrs[0].item() == 0.5


def test_lambdas_keep_their_attributes():
    class Halving:
        def __init__(self):
            self.by = 0.5

        def __call__(self, n):
            return self.by**n

    o = optimizer(1.0)
    scheduler = lr_scheduler.LambdaLR(o, Halving())
    saved = scheduler.state_dict()
    saved["lr_lambdas"][0]["by"] = 0.25
    scheduler.load_state_dict(saved)
    o.step()
    scheduler.step()
    assert lr_of(o) == 0.25
