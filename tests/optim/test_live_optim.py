"""Training, optimisers' texts and errors against PyTorch while it runs."""

import numpy as np
import pytest

import rushlight
from tests.nn.sides import assert_same, plain

pytestmark = pytest.mark.live

OPTIMIZERS = {
    "sgd": "torch.optim.SGD(p, 0.1)",
    "momentum": "torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-3, nesterov=True)",
    "dampened": "torch.optim.SGD(p, 0.1, momentum=0.9, dampening=0.2, maximize=True)",
    "adam": "torch.optim.Adam(p, 1e-2, eps=1e-3, weight_decay=1e-3, amsgrad=True)",
    "adamw": "torch.optim.AdamW(p, 1e-2)",
}
FAILURES = """
SGD([], lr=0.1)|SGD(p, lr=-1)|SGD(p, momentum=-1)|SGD(p, weight_decay=-1)|SGD(p, nesterov=True)|SGD(p[0], lr=0.1)
SGD([3])|SGD([p[0] * 2])|SGD([{'params': p}, {'params': p}])|SGD([{'lr': 1}])|SGD([p])|Adam(p, betas=(1.0, 0.9))
Adam(p, betas=(0.9, 1.0))|Adam(p, eps=-1)|Adam(p, lr=-1)|Adam(p, weight_decay=-1)|Adam(p).add_param_group(3)
Adam(p).add_param_group({'params': p})
SGD([{'params': p[:1]}, {'params': p[1:]}]).load_state_dict(SGD(p).state_dict())
SGD(p[:1]).load_state_dict(SGD(p).state_dict())|lr_scheduler.StepLR(3, 1)|lr_scheduler.LinearLR(SGD(p), 2.0)
lr_scheduler.ReduceLROnPlateau(SGD(p), 'x')
"""
SCHEDULES = """
StepLR(o, 2, 0.5)|MultiStepLR(o, [2, 2, 5], 0.5)|ExponentialLR(o, 0.9)|LambdaLR(o, lambda n: 0.9**n)|LinearLR(o)
CosineAnnealingLR(o, 6, 0.01)|CosineAnnealingLR(o, 3)|PolynomialLR(o, 4, 2.0)|ConstantLR(o, 0.3, 3)
MultiplicativeLR(o, lambda n: 1 - n / 20)|CyclicLR(o, 0.1, 0.4, 2)|CyclicLR(o, 0.1, 0.4, 2, 3, 'triangular2')
CyclicLR(o, [0.1], 0.4, 2, mode='exp_range', gamma=0.9)|CosineAnnealingWarmRestarts(o, 2, 2, 0.1)
CyclicLR(o, 0.1, 0.4, 2, scale_fn=lambda x: 1 / x)|OneCycleLR(o, 0.4, 7)|CosineAnnealingWarmRestarts(o, 3)
OneCycleLR(o, 0.4, epochs=2, steps_per_epoch=4, anneal_strategy='linear', three_phase=True, pct_start=0.4)
OneCycleLR(o, 0.4, 7, pct_start=0.1)|SequentialLR(o, [ConstantLR(o, 0.1, 2), ExponentialLR(o, 0.9)], [3])
SequentialLR(o, [LinearLR(o), CosineAnnealingLR(o, 5), StepLR(o, 2)], [2, 4])
ChainedScheduler([ConstantLR(o, 0.1, 2), ExponentialLR(o, 0.9)])|SWALR(o, 0.05, 3)|SWALR(o, 0.05, 4, 'linear')
SWALR(o, 0.05, 0)
"""


def texts(block):
    return [text for line in block.strip().splitlines() for text in line.split("|")]


def lenet(nn):
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten()),
        *(nn.Linear(16 * 5 * 5, 120), nn.Tanh(), nn.Dropout(0.2), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def train(torch, optimizer, steps=6):
    """Losses, weights and optimiser after a few steps from seed 0: data order, weights and dropout are drawn."""
    torch.manual_seed(0)
    net = lenet(torch.nn)
    data = torch.utils.data.TensorDataset(torch.rand(48, 1, 28, 28), torch.arange(48) % 10)
    made = eval(optimizer, {"torch": torch, "p": net.parameters()})
    losses = []
    while len(losses) < steps:
        for x, y in torch.utils.data.DataLoader(data, 16, shuffle=True):
            made.zero_grad()
            loss = torch.nn.CrossEntropyLoss()(net(x), y)
            loss.backward()
            made.step()
            losses.append(loss.item())
    return losses, plain(net.state_dict()), made


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_a_lenet_gives_the_same_losses(torch, name):
    (ours, weights, mine), (theirs, expected, reference) = (
        train(library, OPTIMIZERS[name]) for library in (rushlight, torch)
    )
    assert ours == pytest.approx(theirs, abs=1e-5)
    # Adam divides by the gradient's own size, so a gradient that is nearly nothing moves a weight by rounding; less
    # with the larger eps, without which a unit whose input is nearly nothing goes one way here and another there.
    tolerance = 1e-3 if "adam" in name else 1e-6
    assert_same(weights, expected, tolerance, name)
    assert repr(mine) == repr(reference)
    assert mine.state_dict()["param_groups"] == reference.state_dict()["param_groups"]
    assert_same(plain(mine.state_dict()["state"]), plain(reference.state_dict()["state"]), tolerance, name)


def test_weights_travel_both_ways(torch):
    ours, theirs = lenet(rushlight.nn), lenet(torch.nn)
    theirs.load_state_dict({name: torch.from_numpy(t.detach().numpy()) for name, t in ours.state_dict().items()})
    back = lenet(rushlight.nn)
    back.load_state_dict({name: rushlight.from_numpy(t.detach().numpy()) for name, t in theirs.state_dict().items()})
    x = np.random.RandomState(0).rand(2, 1, 28, 28).astype(np.float32)
    results = [net.eval()(library.tensor(x)) for net, library in ((back, rushlight), (theirs, torch))]
    assert_same(plain(results[0]), plain(results[1]), 1e-5, "lenet")


@pytest.mark.parametrize("text", texts(FAILURES))
def test_failure(torch, text):
    errors = []
    for library in (rushlight, torch):
        p = [library.nn.Parameter(library.ones(2)), library.nn.Parameter(library.ones(3))]
        with pytest.raises(Exception) as failure:
            eval(text, {**vars(library.optim), "p": p})
        errors.append((failure.type, str(failure.value).split("\n")[0][:60]))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("text", texts(SCHEDULES))
def test_schedule(torch, text):
    rates, states = [], []
    for library in (rushlight, torch):
        optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=0.5, momentum=0.5)
        scheduler = eval(text, {**vars(library.optim.lr_scheduler), **swa(library), "o": optimizer})
        rates.append([])
        for _ in range(6):
            rates[-1] += optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]
            optimizer.step()
            scheduler.step()
        kept = scheduler.state_dict()
        states.append({key: value for key, value in kept.items() if key not in ("anneal_func", "_schedulers")})
        if library is torch:  # what PyTorch saved goes on here
            mine = rushlight.optim.SGD([rushlight.nn.Parameter(rushlight.ones(1))], lr=0.5, momentum=0.5)
            resumed = eval(text, {**vars(rushlight.optim.lr_scheduler), **swa(rushlight), "o": mine})
            mine.load_state_dict(optimizer.state_dict())
            resumed.load_state_dict(kept)
            for o, s in ((mine, resumed), (optimizer, scheduler)):
                o.step()
                s.step()
            assert mine.param_groups[0]["lr"] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        assert value == (pytest.approx(states[1][key]) if isinstance(value, float) else states[1][key]) or "lr" in key


def swa(library):
    return {"SWALR": library.optim.swa_utils.SWALR}


WRONG_SCHEDULES = """
ConstantLR(o, 2)|CyclicLR(o, 0.1, 0.2, mode='x')|CyclicLR(o, [0.1, 0.2], 0.2)|CyclicLR(a, 0.1, 0.2)|OneCycleLR(o, 0.1)
OneCycleLR(o, 0.1, -1)|OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=3)|OneCycleLR(o, 0.1, epochs=2, steps_per_epoch=0)
OneCycleLR(o, 0.1, 9, pct_start=2)|OneCycleLR(o, 0.1, 9, pct_start=1)|OneCycleLR(o, 0.1, 9, anneal_strategy='x')
OneCycleLR(a, 0.1, 9)|OneCycleLR(3, 0.1, 9)|CyclicLR(3, 0.1, 0.2)|CosineAnnealingWarmRestarts(o, 0)|SWALR(o, 0.1, -1)
CosineAnnealingWarmRestarts(o, 2, 0)|CosineAnnealingWarmRestarts(o, 2.5)|CosineAnnealingWarmRestarts(o, 2, eta_min='x')
SequentialLR(o, [], [])|SequentialLR(o, [3], [])|SequentialLR(o, [StepLR(o, 2)], [1])|ChainedScheduler([])
SequentialLR(o, [ReduceLROnPlateau(o)], [])|SequentialLR(a, [StepLR(o, 2)], [])|ChainedScheduler([StepLR(o, 2), 3])
ChainedScheduler([StepLR(o, 2), StepLR(a, 2)])|MultiplicativeLR(o, 3)|MultiplicativeLR(o, [])|SWALR(o, [0.1, 0.1])
SWALR(o, 0.1, 2, 'x')|LambdaLR(o, [])|ReduceLROnPlateau(o, threshold_mode='x')|ReduceLROnPlateau(o, min_lr=[1, 2])
ReduceLROnPlateau(o, factor=1)|StepLR(o, 2).get_lr()|CosineAnnealingWarmRestarts(o, 2).step(-1)|LRScheduler(o)
CosineAnnealingWarmRestarts(o, 2).get_lr()|SequentialLR(o, [StepLR(o, 2), StepLR(o, 2)], [1]).step()
SequentialLR(o, [ChainedScheduler([ConstantLR(o, 0.1, 2), ExponentialLR(o, 0.9)]), StepLR(o, 2)], [3])
"""


@pytest.mark.parametrize("text", texts(WRONG_SCHEDULES))
def test_what_schedulers_refuse_and_warn_of(torch, text):
    import warnings

    found = []
    for library in (rushlight, torch):
        o, a = (
            kind([library.nn.Parameter(library.ones(1))], lr=0.5) for kind in (library.optim.SGD, library.optim.Adagrad)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                eval(text, {**vars(library.optim.lr_scheduler), **swa(library), "o": o, "a": a})
                found.append(None)
            except Exception as error:
                found.append((type(error), str(error).split("\n")[0][:90]))
    if "LRScheduler(" in text:
        assert found[0][0] is found[1][0]
    else:
        assert found[0] == found[1]


def test_averages_of_weights(torch):
    for made in (
        "AveragedModel(net)", "AveragedModel(net, multi_avg_fn=utils.get_ema_multi_avg_fn(0.9), use_buffers=True)",
        "AveragedModel(net, multi_avg_fn=utils.get_ema_multi_avg_fn(0.9))",
        "AveragedModel(net, avg_fn=utils.get_ema_avg_fn(0.9), use_buffers=True)",
        "AveragedModel(net, avg_fn=utils.get_swa_avg_fn())",
        "AveragedModel(net, multi_avg_fn=utils.get_swa_multi_avg_fn())",
    ):  # fmt: skip
        states = []
        for library in (rushlight, torch):
            library.manual_seed(0)
            net = library.nn.Sequential(
                library.nn.Conv1d(2, 3, 3, bias=False),
                library.nn.BatchNorm1d(3),
                library.nn.BatchNorm1d(3, momentum=None),
            )
            utils = library.optim.swa_utils
            averaged = eval(f"utils.{made}", {"utils": utils, "net": net})
            optimizer = library.optim.SGD(net.parameters(), lr=0.1)
            batches = [library.randn(4, 2, 9) for _ in range(4)]
            for x in batches:
                optimizer.zero_grad()
                (net(x) - 1).pow(2).mean().backward()
                optimizer.step()
                averaged.update_parameters(net)
            states.append(plain(averaged.state_dict()))
            utils.update_bn([(x, 0) for x in batches], averaged)
            states.append(plain(averaged.state_dict()))
            assert averaged.training and averaged.module[1].momentum == 0.1 and averaged.module[2].momentum is None
        assert list(states[0]) == list(states[2])
        assert_same(states[0], states[2], 1e-5, made)
        assert_same(states[1], states[3], 1e-5, made)


RECIPES = """
StepLR(o, 3, 0.5)|StepLR(o, 1, 0.9)|MultiStepLR(o, [2, 2, 5, 9], 0.5)|ExponentialLR(o, 0.9)
LambdaLR(o, lambda n: 0.9**n)|MultiplicativeLR(o, lambda n: 0.9)|ConstantLR(o)|ConstantLR(o, 0.5, 3)|PolynomialLR(o)
PolynomialLR(o, 6, 2.0)|CyclicLR(o, 0.1, 0.4, 2)|CosineAnnealingWarmRestarts(o, 2, 2)
LinearLR(o)|LinearLR(o, 0.5, 0.25, 7)|LinearLR(o, 1.0, 0.5, 3)|CosineAnnealingLR(o, 6, 0.01)|CosineAnnealingLR(o, 3)
CosineAnnealingLR(o, 1)
"""


def lived(torch, recipe, seed):
    """The step sizes of a life of a scheduler: steps, epochs named, step sizes set, both saved and loaded."""
    import random
    import warnings

    draw = random.Random(seed)

    def made(**more):
        parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
        o = torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.3}], lr=0.1, momentum=0.9)
        return o, more

    def scheduled(o, **more):
        given = ", ".join(f"{name}={value}" for name, value in more.items())
        return eval(f"s.{recipe[:-1]}{', ' * bool(given)}{given})", {"o": o, "s": torch.optim.lr_scheduler})

    o, _ = made()
    scheduler, found = scheduled(o), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(draw.randint(3, 25)):
            what = draw.random()
            o.step()
            if what < 0.65:
                scheduler.step()
            elif what < 0.75:
                scheduler.step(draw.randint(0, 12))
            elif what < 0.82:
                o.param_groups[draw.randint(0, 1)]["lr"] = draw.uniform(0.01, 1)
            elif what < 0.9:
                saved, kept = o.state_dict(), scheduler.state_dict()
                o, _ = made()
                scheduler = scheduled(o)
                o.load_state_dict(saved)
                scheduler.load_state_dict(kept)
            else:
                saved, last = o.state_dict(), scheduler.last_epoch
                o, _ = made()
                o.load_state_dict(saved)
                scheduler = scheduled(o, **({"last_epoch": last} if draw.random() < 0.7 else {}))
            found.append([*[group["lr"] for group in o.param_groups], *scheduler.get_last_lr(), scheduler.last_epoch])
    return found


@pytest.mark.parametrize("recipe", texts(RECIPES))
def test_lives_of_schedulers(recipe):
    import torch

    for seed in range(150):
        outcomes = []
        for side in (rushlight, torch):
            try:
                outcomes.append(lived(side, recipe, seed))
            except ZeroDivisionError as error:
                outcomes.append(type(error))
        if outcomes[0] != outcomes[1]:
            np.testing.assert_allclose(
                outcomes[0], outcomes[1], rtol=1e-12, atol=1e-15, err_msg=f"{recipe}, seed {seed}"
            )
