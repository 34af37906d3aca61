"""Sampling at places of a grid: right values without PyTorch, and every mode, type and format beside it."""

import itertools
import math

import numpy as np
import pytest

import rushlight
from rushlight.nn import functional as F

MODES = list(itertools.product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)))
TOLERANCE = {"float64": 1e-10, "float32": 1e-4, "float16": 2e-2}
PICTURE, VOLUME = ((2, 3, 5, 7), (4, 9)), ((1, 9, 3, 4, 5), (3, 2, 3))


def test_the_middles_of_positions_give_the_input():
    x = rushlight.randn(2, 3, 4, 5)
    identity = rushlight.eye(2, 3).expand(2, 2, 3)
    for mode, padding, corners in MODES:
        grid = F.affine_grid(identity, (2, 3, 4, 5), align_corners=corners)
        y = F.grid_sample(x, grid, mode, padding, align_corners=corners)
        assert np.allclose(y.numpy(), x.numpy(), atol=2e-6)


def test_between_positions_and_outside():
    x = rushlight.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    places = rushlight.tensor([[[[0.0, 0.0], [-1.0, -1.0], [2.0, 0.0], [-3.0, 1.0]]]])
    by_padding = {"zeros": [2.5, 0.25, 0.0, 0.0], "border": [2.5, 1, 3, 3], "reflection": [2.5, 1, 2.5, 3.5]}
    for padding, expected in by_padding.items():
        found = F.grid_sample(x, places, padding_mode=padding, align_corners=False)
        if padding == "reflection":  # x = 2 is mirrored at the end, 1, to 0; -3 to 1, which is an end again
            expected = [2.5, 1, 2.5, 4]
        assert found.flatten().tolist() == expected, padding


def test_places_that_are_no_numbers():
    x = rushlight.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    grid = rushlight.tensor([[[[math.nan, 0.0], [math.inf, 0.0], [-math.inf, 0.0], [1e30, 0.0]]]])
    expected = {
        ("bilinear", "zeros"): [math.nan] * 3 + [0],
        ("bilinear", "border"): [4, 6, 4, 6],
        ("nearest", "zeros"): [0] * 4,
        ("nearest", "reflection"): [4, 4, 4, 4],
        ("bicubic", "border"): [math.nan] * 3 + [6],
    }
    for (mode, padding), values in expected.items():
        y = F.grid_sample(x, grid, mode, padding, align_corners=False)
        np.testing.assert_allclose(y.flatten().tolist(), values, err_msg=f"{mode} {padding}")


def test_nothing_comes_of_nothing():
    for shape, out in ((0, 3, 4, 5), (2, 2)), ((2, 0, 4, 5), (2, 2)), ((2, 3, 4, 5), (0, 2)):
        x, grid = rushlight.ones(shape).requires_grad_(), rushlight.zeros(shape[0], *out, 2).requires_grad_()
        y = F.grid_sample(x, grid, align_corners=False)
        assert y.shape == (*shape[:2], *out)
        y.sum().backward()
        assert x.grad.shape == x.shape and not x.grad.any() and grid.grad.shape == grid.shape


@pytest.mark.parametrize("mode, padding, corners", MODES)
def test_gradients(mode, padding, corners):
    rushlight.manual_seed(0)
    for shape, out in ((1, 2, 4, 3), (2, 3)), ((1, 2, 2, 3, 4), (1, 2, 3)):
        if len(out) == 3 and mode == "bicubic":
            continue
        x = rushlight.randn(shape, dtype=rushlight.float64).requires_grad_()
        grid = (rushlight.rand(1, *out, len(out), dtype=rushlight.float64) * 2.6 - 1.3).requires_grad_()

        def sampled(x, grid):
            return F.grid_sample(x, grid, mode, padding, align_corners=corners)

        assert rushlight.autograd.gradcheck(sampled, (x, grid))
        assert rushlight.autograd.gradgradcheck(sampled, (x, grid))


def test_a_third_derivative():
    x = rushlight.randn(1, 1, 4, 4, dtype=rushlight.float64)
    grid = (rushlight.rand(1, 2, 2, 2, dtype=rushlight.float64) - 0.5).requires_grad_()

    def slope(grid):
        y = F.grid_sample(x, grid, "bicubic", align_corners=False)
        return rushlight.autograd.grad((y**2).sum(), grid, create_graph=True)[0]

    assert rushlight.autograd.gradgradcheck(slope, (grid,))


def test_affine_grids_refuse():
    theta = rushlight.ones(1, 2, 3)
    with pytest.raises(ValueError, match="Expected non-zero, positive output size"):
        F.affine_grid(theta, (1, 1, 0, 2), align_corners=False)
    with pytest.warns(UserWarning, match="align_corners=False since 1.3.0"):
        F.affine_grid(theta, (1, 1, 2, 2))


def _run(library, given, kind, last, options):
    draw = np.random.RandomState(0)
    shape, out = given
    x = library.tensor(draw.randint(-16, 16, shape) / 8, dtype=getattr(library, kind))
    # Not where a rounding decides which position is nearest, nor at the ends, where slopes jump.
    places = draw.randint(-24, 24, (shape[0], *out, len(out))) / 16 + 1 / 64
    grid = library.tensor(places, dtype=getattr(library, kind)).requires_grad_()
    if last:
        x = x.contiguous(memory_format=library.channels_last if len(out) == 2 else library.channels_last_3d)
    x.requires_grad_()
    y = library.nn.functional.grid_sample(x, grid, **options)
    w = library.tensor(np.cos(np.arange(y.numel())).reshape(y.shape), dtype=y.dtype).requires_grad_()
    twice = kind != "float16"
    grads = library.autograd.grad(y, (x, grid), w, create_graph=twice)
    tensors = [y, *grads]
    if twice:
        loss = (grads[0] ** 2).sum() + (grads[1] * grads[1].cos()).sum()
        second = library.autograd.grad(loss, (x, grid, w), allow_unused=True)
        tensors += [library.zeros_like(t) if g is None else g for t, g in zip((x, grid, w), second)]
    return [t.stride() for t in tensors[:3]], [t.detach().double().numpy() for t in tensors]


@pytest.mark.live
@pytest.mark.parametrize("given", [PICTURE, VOLUME], ids=["picture", "volume"])
def test_modes(torch, given):
    torch.set_num_threads(1)
    for (mode, padding, corners), (kind, last) in itertools.product(MODES, itertools.product(TOLERANCE, (False, True))):
        if len(given[1]) == 3 and mode == "bicubic":
            continue
        options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
        theirs, ours = (_run(library, given, kind, last, options) for library in (torch, rushlight))
        assert ours[0] == theirs[0], options
        for n, (mine, its) in enumerate(zip(ours[1], theirs[1])):
            bound = TOLERANCE[kind] * max(np.abs(its).max(), 1)
            np.testing.assert_allclose(mine, its, atol=bound, err_msg=f"{options} {kind} {last} {n}")


REFUSED = [
    ((2, 3, 4, 5), (2, 6, 7, 1), {}),
    ((2, 3, 4, 5), (1, 6, 7, 2), {}),
    ((2, 3, 4, 5), (2, 6, 2), {}),
    ((3, 4, 5), (3, 4, 4, 1), {}),
    ((2, 3, 0, 5), (2, 6, 7, 2), {}),
    ((2, 3, 4, 5, 6), (2, 4, 4, 4, 3), {"mode": "bicubic"}),
    ((2, 3, 4, 5), (2, 6, 7, 2), {"mode": "linear"}),
    ((2, 3, 4, 5), (2, 6, 7, 2), {"padding_mode": "mirror"}),
    ((2, 3, 4, 5), (2, 6, 7, 2), {"align_corners": 1}),
]
MATRICES = [
    ((1, 2, 4), (1, 1, 2, 2)),
    ((1, 2, 3), (1, 1, 2, 2, 2)),
    ((1, 2, 3), (1, 1, 2)),
    ((1, 2, 3), (1, 1, 0, 2)),
    ((1, 2, 3), (2, 1, 2, 2)),
]


@pytest.mark.live
def test_refusals(torch):
    said = []
    for library in (torch, rushlight):
        functional, texts = library.nn.functional, []
        calls = [
            (functional.grid_sample, library.zeros(shape), library.zeros(grid), {"align_corners": False, **options})
            for shape, grid, options in REFUSED
        ]
        calls += [
            (functional.affine_grid, library.zeros(theta), size, {"align_corners": True}) for theta, size in MATRICES
        ]
        picture, grid = library.zeros(1, 1, 2, 2), library.zeros(1, 2, 2, 2)
        calls += [(functional.grid_sample, picture, grid.double(), {"align_corners": True})]
        calls += [(functional.grid_sample, picture.int(), grid.int(), {"align_corners": True})]
        calls += [(functional.affine_grid, library.ones(1, 2, 3).int(), (1, 1, 2, 2), {"align_corners": True})]
        for function, first, second, options in calls:
            with pytest.raises((ValueError, TypeError, RuntimeError, NotImplementedError)) as caught:
                function(first, second, **options)
            texts.append((caught.type, str(caught.value).split("\n")[0]))
        said.append(texts)
    for theirs, ours in zip(*said):
        assert ours[0] is theirs[0] and (ours[1].startswith(theirs[1]) or theirs[0] is TypeError), (theirs, ours)
