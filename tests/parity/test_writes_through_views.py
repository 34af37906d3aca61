"""Results of layers and what is made of them, written through every kind of view, beside PyTorch.

Strides, contiguity, the place of every element and the gradients must be PyTorch's, in both memory formats.
"""

import numpy as np
import pytest

import rushlight as rl

pytestmark = pytest.mark.live
torch = pytest.importorskip("torch")

LAYERS = {
    "Conv1d": (lambda t: t.nn.Conv1d(4, 3, 3), (2, 4, 8)),
    "Conv2d": (lambda t: t.nn.Conv2d(4, 3, 3), (2, 4, 6, 5)),
    "Conv3d": (lambda t: t.nn.Conv3d(2, 3, 2), (2, 2, 4, 3, 5)),
    "depthwise": (lambda t: t.nn.Conv2d(4, 4, 3, groups=4, padding=1), (2, 4, 6, 5)),
    "one position": (lambda t: t.nn.Conv2d(4, 3, 3), (2, 4, 3, 3)),
    "one channel": (lambda t: t.nn.Conv2d(4, 1, 3, padding=1), (2, 4, 3, 3)),
    "ConvTranspose1d": (lambda t: t.nn.ConvTranspose1d(4, 3, 3), (2, 4, 6)),
    "ConvTranspose2d": (lambda t: t.nn.ConvTranspose2d(4, 3, 3, stride=2), (2, 4, 3, 2)),
    "ConvTranspose3d": (lambda t: t.nn.ConvTranspose3d(2, 3, 2), (2, 2, 2, 3, 2)),
    "unbatched": (lambda t: t.nn.Conv2d(4, 3, 3), (4, 6, 5)),
    "Linear": (lambda t: t.nn.Linear(5, 4), (2, 3, 4, 5)),
    "Unfold": (lambda t: t.nn.Unfold(2), (2, 3, 4, 5)),
    "Fold": (lambda t: t.nn.Fold((4, 5), 2), (2, 12, 12)),
    "MaxPool2d": (lambda t: t.nn.MaxPool2d(2), (2, 4, 6, 5)),
    "AvgPool2d": (lambda t: t.nn.AvgPool2d(2), (2, 4, 6, 5)),
    "AvgPool3d": (lambda t: t.nn.AvgPool3d(2), (2, 3, 4, 4, 5)),
    "AdaptiveAvgPool2d": (lambda t: t.nn.AdaptiveAvgPool2d((2, 3)), (2, 4, 6, 5)),
    "BatchNorm2d": (lambda t: t.nn.BatchNorm2d(4), (2, 4, 6, 5)),
    "ReflectionPad2d": (lambda t: t.nn.ReflectionPad2d(1), (2, 4, 6, 5)),
    "ZeroPad2d": (lambda t: t.nn.ZeroPad2d(1), (2, 4, 6, 5)),
    "conv, relu": (lambda t: t.nn.Sequential(t.nn.Conv2d(4, 3, 3), t.nn.ReLU()), (2, 4, 6, 5)),
    "conv, relu_": (lambda t: t.nn.Sequential(t.nn.Conv2d(4, 3, 3), t.nn.ReLU(inplace=True)), (2, 4, 6, 5)),
    "conv, norm": (lambda t: t.nn.Sequential(t.nn.Conv2d(4, 3, 3), t.nn.BatchNorm2d(3)), (2, 4, 6, 5)),
    "conv, pool": (lambda t: t.nn.Sequential(t.nn.Conv2d(4, 3, 3), t.nn.MaxPool2d(2)), (2, 4, 6, 5)),
    "conv, conv": (lambda t: t.nn.Sequential(t.nn.Conv2d(4, 3, 3), t.nn.Conv2d(3, 2, 2)), (2, 4, 6, 5)),
}


def _zero(t, v):
    v.zero_()


def _set(t, v):
    v[1] = 9.0


VIEWS = {
    "view(n, -1)": lambda t, y: _zero(t, y.view(y.shape[0], -1)),
    "view(-1)[3]": lambda t, y: y.view(-1).__setitem__(3, 9.0),
    "flatten(1)": lambda t, y: _zero(t, y.flatten(1)[:, 0]),
    "reshape(-1)": lambda t, y: _zero(t, y.reshape(-1)[1:4]),
    "ravel": lambda t, y: _zero(t, y.ravel()[::3]),
    "as_strided": lambda t, y: _zero(t, y.as_strided((3,), (1,))),
    "as_strided with an offset": lambda t, y: _zero(t, t.as_strided(y, (2, 2), (3, 1), 2)),
    "y[0]": lambda t, y: _zero(t, y[0]),
    "y[..., 0]": lambda t, y: _set(t, y[..., 0]),
    "y[..., ::2]": lambda t, y: y[..., ::2].mul_(2),
    "transpose": lambda t, y: _set(t, y.transpose(0, 1)),
    "permute, view": lambda t, y: _zero(t, y.permute(*range(1, y.dim()), 0)[1].view(-1)),
    "detach": lambda t, y: _zero(t, y.detach().view(-1)[:2]),
    "data": lambda t, y: _zero(t, y.data.view(-1)[:2]),
    "numpy": lambda t, y: y.detach().numpy().reshape(-1).__setitem__(slice(2, 5), 7),
    "asarray of a view": lambda t, y: np.asarray(y.detach()[1]).reshape(-1).__setitem__(2, 7),
    "unbind": lambda t, y: _zero(t, y.detach().unbind(1)[0]),
    "split": lambda t, y: _zero(t, y.detach().split(1, 0)[1].view(-1)),
    "chunk": lambda t, y: _zero(t, y.detach().chunk(2, -1)[0]),
    "unsqueeze": lambda t, y: _zero(t, y.unsqueeze(0).view(-1)[1:3]),
    "squeeze": lambda t, y: _zero(t, y.squeeze()[1]),
    "narrow": lambda t, y: _zero(t, y.narrow(1, 0, 1)),
    "diagonal": lambda t, y: _zero(t, y.diagonal(0, 0, 1)),
    "unfold": lambda t, y: _zero(t, y.unfold(-1, 1, 1)[0]),
    "expand": lambda t, y: _zero(t, y.unsqueeze(0).expand(1, *y.shape)),
    "contiguous": lambda t, y: _zero(t, y.contiguous().view(-1)[1:3]),
    "view after a view": lambda t, y: _zero(t, y.transpose(0, 1).transpose(0, 1).view(-1)[1:3]),
    "view as int32": lambda t, y: _set(t, y.detach().view(t.int32).view(-1)),
    "view_as": lambda t, y: _zero(t, y.view_as(y)[1]),
    "unflatten": lambda t, y: _zero(t, y.unflatten(0, (1, -1))[0, 1]),
    "index_put": lambda t, y: y.__setitem__(t.tensor([1]), 3.0),
    "mask": lambda t, y: y.__setitem__(y > 0, 3.0),
    "add_ through a view": lambda t, y: y.view(-1)[1:].add_(1),
    "swapped halves": lambda t, y: y.view(-1)[:4].copy_(y.view(-1)[4:8].clone()),
    "set from itself": lambda t, y: y[0].copy_(y[1]),
    "fill_ then view": lambda t, y: _zero(t, y.fill_(3.0).view(-1)[2:4]),
    "in place, then view": lambda t, y: _zero(t, y.mul_(2).view(-1)[2:4]),
    "two views": lambda t, y: (lambda a, b: (a.zero_(), b.add_(1)))(y.view(-1), y[1]),
    "a view made before": lambda t, y: (lambda a, b: (b.zero_(), a.add_(1)))(y[1], y.view(-1)),
}


def _arrays(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _module(t, make):
    module = make(t)
    with t.no_grad():
        for seed, parameter in enumerate(module.parameters(), 1):
            parameter.copy_(t.from_numpy(_arrays(tuple(parameter.shape), seed)))
    return module


def _run(t, make, shape, write, last, recorded):
    """Everything that a user may see of it, or the error's class."""
    x = t.from_numpy(_arrays(shape))
    if last:
        x = x.to(memory_format=t.channels_last if len(shape) == 4 else t.channels_last_3d)
    x.requires_grad_(recorded)
    module = _module(t, make)
    try:
        with t.set_grad_enabled(recorded):
            y = module(x)
            before = (y.stride(), y.is_contiguous())
            write(t, y)
            seen = [y.detach().numpy().copy(), y.detach().reshape(-1).numpy().copy()]
            if recorded:
                weights = t.from_numpy(_arrays(tuple(y.shape), 7))
                (y * weights).sum().backward()
                seen += [
                    x.grad.numpy().copy(),
                    *[p.grad.numpy().copy() for p in module.parameters() if p.grad is not None],
                ]
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return type(error).__name__
    return before, (y.stride(), y.is_contiguous()), seen


@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("layer", LAYERS)
def test_writes_through_views(layer, last):
    make, shape = LAYERS[layer]
    if last and len(shape) not in (4, 5):
        pytest.skip("no channels_last of this rank")
    for name, write in VIEWS.items():
        for recorded in (False, True):
            ours, theirs = (_run(t, make, shape, write, last, recorded) for t in (rl, torch))
            case = f"{layer}, {name}, {'recorded' if recorded else 'no_grad'}"
            errors = [result if type(result) is str else None for result in (ours, theirs)]
            assert errors[0] == errors[1], f"{case}: {errors[0] or 'passes'}, PyTorch: {errors[1] or 'passes'}"
            if type(ours) is str:
                continue
            assert ours[:2] == theirs[:2], f"{case}: (stride, contiguous) {ours[:2]}, PyTorch {theirs[:2]}"
            for a, b in zip(ours[2], theirs[2], strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=case)
