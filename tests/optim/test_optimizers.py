"""Optimisers and schedulers without PyTorch: formulas worked by hand, state, errors."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn, optim


def trained(make, steps=3, start=1.0):
    """A parameter after steps with the constant gradient 1; and the optimiser."""
    parameter = nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimizer = make([parameter])
    for _ in range(steps):
        parameter.grad = torch.ones(1, dtype=torch.float64)
        optimizer.step()
    return parameter.item(), optimizer


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda p: optim.SGD(p, 0.1), 1 - 0.3),
        (lambda p: optim.SGD(p, 0.1, maximize=True), 1 + 0.3),
        (lambda p: optim.SGD(p, 0.1, momentum=0.5), 1 - 0.1 * (1 + 1.5 + 1.75)),
        (lambda p: optim.SGD(p, 0.1, momentum=0.5, dampening=0.5), 1 - 0.1 * (1 + 1 + 1)),
        (lambda p: optim.SGD(p, 0.1, momentum=0.5, nesterov=True), 1 - 0.1 * (1.5 + 1.75 + 1.875)),
        (lambda p: optim.Adam(p, 0.1, eps=0), 1 - 0.3),
        (lambda p: optim.Adam(p, 0.1, eps=0, amsgrad=True), 1 - 0.1 * (1 + 0.999**0.5 * 0 + 2)),
        (lambda p: optim.AdamW(p, 0.1, eps=0, weight_decay=0.5), ((0.95 - 0.1) * 0.95 - 0.1) * 0.95 - 0.1),
        (lambda p: optim.RMSprop(p, 0.1, alpha=0.75, eps=0), 1 - 0.1 * sum((1 - 0.75**t) ** -0.5 for t in (1, 2, 3))),
        (lambda p: optim.RMSprop(p, 0.1, alpha=0, eps=0, momentum=0.5), 1 - 0.1 * (1 + 1.5 + 1.75)),
        (lambda p: optim.Adagrad(p, 0.1, eps=0), 1 - 0.1 * (1 + 2**-0.5 + 3**-0.5)),
        (lambda p: optim.Adagrad(p, 0.1, eps=0, lr_decay=1), 1 - 0.1 * (1 + 2**-0.5 / 2 + 3**-0.5 / 3)),
        (lambda p: optim.Adadelta(p, 0.1, rho=0, eps=1), 1 - 0.1 * (0.5**0.5 + 0.75**0.5 + 0.875**0.5)),
        (lambda p: optim.Adamax(p, 0.1, eps=0), 1 - 0.3),
        (lambda p: optim.RAdam(p, 0.1, eps=0), 1 - 0.3),
        (lambda p: optim.NAdam(p, 0.1, betas=(0.0, 0.999), eps=0), 1 - 0.3),
        (lambda p: optim.Rprop(p, 0.1), 1 - 0.1 * (1 + 1.2 + 1.44)),
        (lambda p: optim.Rprop(p, 0.1, step_sizes=(0, 0.11)), 1 - 0.1 - 0.11 - 0.11),
        (lambda p: optim.ASGD(p, 0.5, lambd=0), 1 - 1.5),
    ],
)
def test_three_steps(make, expected):
    assert trained(make)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", [3, 9000])
@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, 0.1, momentum=0.9), optim.Adam, optim.Rprop, optim.ASGD])
def test_memory_that_must_not_be_written_is_not(make, size):
    array = np.ones(size, np.float32)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameter = nn.Parameter(torch.from_numpy(array))
    optimizer = make([parameter])
    parameter.grad = torch.ones(size)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="read-only"):
            optimizer.step()
    assert (array == 1).all() and all(kept["step"].item() == 0 for kept in optimizer.state.values() if "step" in kept)


def test_an_average_of_where_it_has_been():
    parameter, optimizer = trained(lambda p: optim.ASGD(p, 0.5, lambd=0, t0=1), steps=4)
    # From the third step on the average goes 1 / (t − t0) of the way, t the step before: it was at -0.5 and p at -1.
    assert parameter == -1.0 and optimizer.state_dict()["state"][0]["ax"].item() == pytest.approx(-0.75)


def test_signs_that_change_make_steps_smaller_and_are_left_out():
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = optim.Rprop([parameter], lr=1.0, etas=(0.5, 2.0))
    for signs in ((1, 1, 0), (1, -1, 1), (1, -1, -1)):
        parameter.grad = torch.tensor(signs, dtype=torch.float32)
        optimizer.step()
    assert parameter.tolist() == [-7.0, -0.5, -1.0]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_newton_s_direction_finds_the_bottom_of_a_valley(search):
    w = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = optim.LBFGS([w], lr=1 if search else 1e-3, max_iter=100, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    assert first == pytest.approx(24.2)
    assert closure().item() < (1e-8 if search else 21.0)


def test_hooks_of_all_optimisers_and_of_state_dicts():
    from rushlight.optim.optimizer import register_optimizer_step_pre_hook

    seen = []
    one, other = (optim.SGD([nn.Parameter(torch.zeros(1))]) for _ in range(2))
    with register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: seen.append(optimizer)):
        one.step()
        other.step()
    one.step()
    assert seen == [one, other]
    one.register_state_dict_post_hook(lambda _, found: {**found, "more": 1})
    one.register_load_state_dict_pre_hook(lambda _, found: seen.append(found.pop("more")))
    one.register_load_state_dict_post_hook(lambda _: seen.append("loaded"))
    one.load_state_dict(one.state_dict())
    assert seen[2:] == [1, "loaded"]


def test_a_parameter_twice_in_a_group_steps_twice():
    parameter = nn.Parameter(torch.zeros(1))
    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = optim.Adam([parameter, parameter], lr=1.0)
    parameter.grad = torch.ones(1)
    optimizer.step()
    assert parameter.item() == pytest.approx(-2.0) and optimizer.state[parameter]["step"].item() == 2


@pytest.mark.parametrize(
    "name", ["RMSprop", "Adadelta", "Adagrad", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD", "Adam"]
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32_and_rounded_once(name, dtype):
    results = []
    for of in (dtype, torch.float32):
        parameter = nn.Parameter(torch.linspace(-2, 2, 33).to(dtype).to(of))
        parameter.grad = torch.linspace(3, -1, 33).to(dtype).to(of)
        getattr(optim, name)([parameter], lr=0.125).step()
        results.append(parameter.detach().to(dtype))
    assert torch.equal(*results)


def test_weight_decay_pulls_to_zero():
    assert trained(lambda p: optim.SGD(p, 0.1, weight_decay=0.5), steps=1, start=2.0)[0] == pytest.approx(2 - 0.1 * 2)


def test_parameters_without_a_gradient_stay_and_groups_have_their_own_settings():
    first, second, third = (nn.Parameter(torch.zeros(1)) for _ in range(3))
    optimizer = optim.SGD([{"params": [first]}, {"params": second, "lr": 1.0}], lr=0.5)
    optimizer.add_param_group({"params": [third]})
    first.grad = second.grad = torch.ones(1)
    optimizer.step()
    assert (first.item(), second.item(), third.item()) == (-0.5, -1.0, 0.0)
    optimizer.zero_grad(set_to_none=False)
    assert first.grad.item() == 0.0
    optimizer.zero_grad()
    assert first.grad is None


def test_closure_computes_the_loss_with_gradients():
    parameter = nn.Parameter(torch.tensor([3.0]))
    optimizer = optim.SGD([parameter], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (parameter**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert parameter.item() == 0.0


@pytest.mark.parametrize(
    "make",
    [lambda p: optim.SGD(p, 0.1, momentum=0.9), lambda p: optim.Adam(p, 0.1, amsgrad=True), lambda p: optim.AdamW(p)],
)
def test_state_goes_on_where_it_was_saved(make):
    straight, _ = trained(make, steps=5)
    parameter = nn.Parameter(torch.tensor([trained(make, steps=2)[0]], dtype=torch.float64))
    resumed = make([parameter])
    resumed.load_state_dict(pickle.loads(pickle.dumps(trained(make, steps=2)[1].state_dict())))
    for _ in range(3):
        parameter.grad = torch.ones(1, dtype=torch.float64)
        resumed.step()
    assert parameter.item() == straight


def test_loading_casts_the_state_and_copies_it():
    _, saved = trained(lambda p: optim.Adam(p))
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = optim.Adam([parameter])
    state = saved.state_dict()
    optimizer.load_state_dict(state)
    assert optimizer.state[parameter]["exp_avg"].dtype is torch.float32
    optimizer.state[parameter]["step"].add_(1)
    assert state["state"][0]["step"].item() == 3.0


def test_state_dict_has_numbers_in_the_place_of_parameters():
    _, optimizer = trained(lambda p: optim.SGD(p, 0.1, momentum=0.9), steps=1)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"] and list(state["state"]) == [0]
    assert state["param_groups"][0]["params"] == [0] and list(state["param_groups"][0])[:2] == ["lr", "momentum"]
    assert copy.deepcopy(optimizer).state_dict()["param_groups"] == state["param_groups"]


def test_step_hooks_run_before_and_after():
    seen = []
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))])
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    handle = optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert seen == ["before", "after", "before"]


def test_a_step_changes_what_the_layer_computes():
    layer = nn.Conv1d(2, 2, 3)
    x = torch.ones(1, 2, 5)
    before = layer(x)
    before.sum().backward()
    optim.SGD(layer.parameters(), lr=1.0).step()
    assert not torch.allclose(layer(x), before)


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda o: optim.lr_scheduler.StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
        (lambda o: optim.lr_scheduler.MultiStepLR(o, [1, 3], 0.5), [1, 0.5, 0.5, 0.25, 0.25]),
        (lambda o: optim.lr_scheduler.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (lambda o: optim.lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)), [1, 0.5, 1 / 3, 0.25, 0.2]),
        (lambda o: optim.lr_scheduler.LinearLR(o, 0.5, 1.0, 2), [0.5, 0.75, 1, 1, 1]),
        (lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 4), [1, 0.8535534, 0.5, 0.1464466, 0]),
    ],
)
def test_schedule(make, expected):
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in expected:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(expected, abs=1e-7)


def test_a_scheduler_goes_on_where_it_was_saved():
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    scheduler.step()
    other = optim.lr_scheduler.StepLR(optimizer, 7)
    other.load_state_dict(scheduler.state_dict())
    other.step()
    assert other.step_size == 2 and other.get_last_lr() == [pytest.approx(0.1)]


def test_a_schedule_before_the_first_step_is_warned_about():
    scheduler = optim.lr_scheduler.StepLR(optim.SGD([nn.Parameter(torch.zeros(1))]), 2)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()


def test_a_plateau_lowers_the_rate():
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    for measure in (1.0, 0.5, 0.5, 0.5, 0.4):
        scheduler.step(measure)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
