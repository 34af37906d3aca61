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
CosineAnnealingLR(o, 6, 0.01)|CosineAnnealingLR(o, 3)
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
    rates = []
    for library in (rushlight, torch):
        optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=0.5)
        scheduler = eval(text, {**vars(library.optim.lr_scheduler), "o": optimizer})
        rates.append([])
        for _ in range(6):
            rates[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)


RECIPES = """
StepLR(o, 3, 0.5)|StepLR(o, 1, 0.9)|MultiStepLR(o, [2, 2, 5, 9], 0.5)|ExponentialLR(o, 0.9)
LambdaLR(o, lambda n: 0.9**n)
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
