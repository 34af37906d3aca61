"""Optimisers against PyTorch while it runs: every option of PyTorch's own samples, its errors, and state both ways."""

import copy
import warnings

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live

NAMES = (
    "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
)  # fmt: skip
SHAPES = ((3,), (5, 4), (), (0, 3), (2, 3, 3, 3), (70, 70))


def info(name):
    from torch.testing._internal.common_optimizers import optim_db

    return next(one for one in optim_db if one.optim_cls.__name__ == name)


def on(side, value):
    """A sample's argument as that library's."""
    import torch

    if isinstance(value, torch.Tensor) and side is rushlight:
        return rushlight.from_numpy(value.detach().numpy().copy())
    if isinstance(value, tuple):
        return tuple(on(side, one) for one in value)
    return value


def parameters(side, dtype="float32", seed=0):
    draw = np.random.RandomState(seed)
    made = [side.tensor(draw.randn(*shape).astype(np.float64) if shape else draw.randn()) for shape in SHAPES]
    return [side.nn.Parameter(one.to(getattr(side, dtype))) for one in made]


def array(tensor):
    return tensor.detach().double().numpy()


def walked(side, optimizer, p, steps, seed=1):
    """Some steps by gradients that are drawn, some of them none."""
    draw = np.random.RandomState(seed)
    for step in range(steps):
        for one in p:
            given = np.asarray(draw.randn(*one.shape))
            given[...] = np.where(abs(given) < 0.1, 0, given)
            one.grad = None if step == 1 and one.dim() == 2 else side.tensor(given).to(one.dtype)

        def closure():
            for one in p:
                one.grad = None
            loss = sum(((one - 0.3) ** 2).sum() + (one**4).sum() for one in p)
            loss.backward()
            return loss

        if type(optimizer).__name__ == "LBFGS":
            optimizer.step(closure)
        else:
            optimizer.step()


def compared(ours, theirs, tolerance, what):
    for n, (mine, expected) in enumerate(zip(ours, theirs, strict=True)):
        np.testing.assert_allclose(
            array(mine), array(expected), rtol=tolerance, atol=tolerance, err_msg=f"{what}, parameter {n}"
        )


def states_compared(mine, theirs, tolerance, what):
    import torch

    assert list(mine) == list(theirs), what
    for key in mine:
        assert list(mine[key]) == list(theirs[key]), f"{what}: state {key}"
        for name, value in mine[key].items():
            expected = theirs[key][name]
            assert isinstance(value, rushlight.Tensor) == isinstance(expected, torch.Tensor), f"{what}: {name}"
            if isinstance(value, rushlight.Tensor):
                assert str(value.dtype) == str(expected.dtype) and value.shape == expected.shape, f"{what}: {name}"
                np.testing.assert_allclose(array(value), array(expected), rtol=tolerance, atol=tolerance, err_msg=name)


def samples(name):
    found = []
    for sample in info(name).optim_inputs_func(device="cpu"):
        if not sample.kwargs.get("capturable"):
            found.append(sample.kwargs)
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_options(name, dtype):
    import torch

    tolerance = 1e-10 if dtype == "float64" else 3e-5
    for given in samples(name):
        ends = []
        for side in (rushlight, torch):
            p = parameters(side, dtype)
            optimizer = getattr(side.optim, name)(p, **{key: on(side, value) for key, value in given.items()})
            walked(side, optimizer, p, 2 if name == "LBFGS" else 8)
            ends.append((p, optimizer))
        (mine, my), (expected, their) = ends
        what = f"{name}({given})"
        compared(mine, expected, tolerance * (100 if name == "LBFGS" else 1), what)
        assert repr(my) == repr(their), what
        if name != "LBFGS":
            states_compared(my.state_dict()["state"], their.state_dict()["state"], tolerance, what)


@pytest.mark.parametrize("name", NAMES)
def test_errors(name):
    import torch

    for sample in info(name).optim_error_inputs_func(device="cpu", dtype=torch.float32):
        given, found = sample.optimizer_error_input, []
        for side in (rushlight, torch):
            kwargs = {key: on(side, value) for key, value in given.kwargs.items()}
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    getattr(side.optim, name)(moved(side, given.params), **kwargs)
                    found.append(None)
                except Exception as error:
                    found.append((type(error).__name__, str(error).split("\n")[0].replace("torch.cuda", "torch")))
        assert found[0] == found[1], given.desc


def moved(side, params):
    """Parameters of an error's sample, as that library's; the same one stays the same."""
    import torch

    known = {}

    def one(value):
        if isinstance(value, torch.Tensor):
            if side is torch:
                return value
            return known.setdefault(id(value), rushlight.nn.Parameter(on(rushlight, value)))
        if isinstance(value, dict):
            return {key: one(entry) for key, entry in value.items()}
        return type(value)(map(one, value)) if isinstance(value, list | tuple) else value

    return [side.nn.Parameter(side.ones(2, 2))] if params is None else one(params)


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_on_in_the_other_library(name):
    import torch

    for given in samples(name)[:6]:
        for first, second in ((rushlight, torch), (torch, rushlight)):
            p = parameters(first)
            began = getattr(first.optim, name)(p, **{key: on(first, value) for key, value in given.items()})
            walked(first, began, p, 3)
            q = [second.nn.Parameter(second.tensor(array(one)).float()) for one in p]
            goes_on = getattr(second.optim, name)(q, **{key: on(second, value) for key, value in given.items()})
            goes_on.load_state_dict(carried(second, began.state_dict()))
            walked(first, began, p, 3, seed=5)
            walked(second, goes_on, q, 3, seed=5)
            compared(p, q, 1e-3 if name == "LBFGS" else 3e-5, f"{name}({given})")


def carried(side, value):
    """A state dict in the tensors of that library."""
    if hasattr(value, "detach"):
        return side.from_numpy(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {key: carried(side, entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([carried(side, entry) for entry in value])
    return copy.deepcopy(value)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("LBFGS", "Rprop", "Adamax")])
def test_a_step_can_be_differentiated(name):
    import torch

    found = []
    for side in (rushlight, torch):
        w = side.tensor([1.0, -2.0, 0.5], dtype=side.float64).requires_grad_()
        p = w.clone()
        optimizer = getattr(side.optim, name)([p], lr=0.1, differentiable=True)
        for n in range(2):
            p.grad = (w * w * (n + 1)) if n else w * 3.0
            optimizer.step()
        p.sum().backward()
        found.append((array(p), array(w.grad)))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=2e-5)  # PyTorch counts such steps in float32
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "LBFGS"])
def test_what_is_for_other_devices_is_refused_when_stepping(name):
    import torch

    for given in ({"capturable": True}, {"differentiable": True, "foreach": True}):
        if name == "SGD" or (name == "Adagrad" and "capturable" in given):
            continue
        found = []
        for side in (rushlight, torch):
            p = parameters(side)
            optimizer = getattr(side.optim, name)(p, **given)
            p[0].grad = side.ones(3)
            with pytest.raises(Exception) as failure:
                optimizer.step()
            found.append((failure.type, str(failure.value).split("[")[0]))
        assert found[0] == found[1], given
