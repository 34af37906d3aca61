"""Resampling: right values without PyTorch, and every mode, argument, type and memory format beside it."""

import itertools

import numpy as np
import pytest

import rushlight
from rushlight.nn import functional as F

FACTORS = [{"size": 9}, {"size": 3}, {"size": 1}, *({"scale_factor": factor} for factor in (2.0, 1.6, 0.7))]
FACTORS += [{"scale_factor": 1.6, "recompute_scale_factor": True}]
MODES = ["nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic", "lanczos"]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 0.1, "float16": 0.02, "uint8": 0}


def test_bilinear_lies_between_its_neighbours():
    x = rushlight.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    expected = [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]]
    assert F.interpolate(x, scale_factor=2, mode="bilinear").tolist() == [[expected]]


def test_a_filter_as_wide_as_the_steps_is_a_mean():
    x = rushlight.tensor([[[[1.0, 1.0, 3.0, 3.0]]]])
    narrow = F.interpolate(x, (1, 2), mode="bilinear", antialias=True)
    assert np.allclose(narrow.numpy(), [[[[9 / 7, 19 / 7]]]])


def test_constants_stay_and_sums_of_gradients_too():
    x = rushlight.ones(1, 2, 5, 7).requires_grad_()
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        y = F.interpolate(x, (8, 3), mode=mode)
        assert np.allclose(y.detach().numpy(), 1)
        (grad,) = rushlight.autograd.grad(y.sum(), x)
        assert np.isclose(grad.sum().item(), 2 * 8 * 3)


def test_a_result_of_the_same_size_is_a_copy():
    for x in (rushlight.zeros(1, 2, 3, 3), rushlight.zeros(1, 2, 3, 3).to(memory_format=rushlight.channels_last)):
        for mode in ("nearest", "bilinear", "bicubic", "area"):
            y = F.interpolate(x, 3, mode=mode)
            y.fill_(1)
            assert y.stride() == x.stride()
            assert not x.any()


def _run(library, shape, kind, last, options):
    draw = np.random.RandomState(0)
    values = draw.randint(0, 256, shape) if kind == "uint8" else draw.randn(*shape) * 2
    x = library.tensor(values.tolist(), dtype=getattr(library, kind))
    if last:
        x = x.contiguous(memory_format=library.channels_last if len(shape) == 4 else library.channels_last_3d)
    try:
        y = library.nn.functional.interpolate(x.requires_grad_(kind != "uint8"), **options)
        tensors = [y]
        if kind != "uint8":
            w = library.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape)).tolist(), dtype=y.dtype)
            tensors += library.autograd.grad(y, x, w.requires_grad_(), create_graph=True)
            tensors += library.autograd.grad(tensors[1], w, x.detach())
    except (ValueError, RuntimeError) as error:
        return type(error), str(error).split("\n")[0]
    strides = y.stride() if 1 not in y.shape else ()
    return strides, tensors[-1].dtype.itemsize, [t.detach().double().numpy() for t in tensors]


@pytest.mark.live
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 7, 5), (2, 2, 4, 5, 3)], ids=len)
def test_modes(torch, shape, mode):
    torch.set_num_threads(1)
    for given, aligned, filtered in itertools.product(FACTORS, (None, True, False), (False, True)):
        for kind, last in itertools.product(TOLERANCE, (False, True)):
            if (last and len(shape) == 3) or (kind == "uint8" and given == {"size": 1}):
                continue  # PyTorch refuses some pictures of one byte
            options = {**given, "mode": mode, "align_corners": aligned, "antialias": filtered}
            theirs, ours = (_run(library, shape, kind, last, options) for library in (torch, rushlight))
            if theirs[0] is NotImplementedError and "not implemented for" in theirs[1]:
                assert ours[0] is NotImplementedError, options
                continue
            assert ours[:2] == theirs[:2], options
            if len(ours) == 3:
                for mine, its in zip(ours[2], theirs[2]):
                    np.testing.assert_allclose(
                        mine, its, rtol=TOLERANCE[kind], atol=TOLERANCE[kind], err_msg=str(options)
                    )


@pytest.mark.live
@pytest.mark.parametrize(
    "shape, options",
    [
        ((2, 3), {"size": 2}),
        ((2, 3, 4), {}),
        ((2, 3, 4), {"size": 2, "scale_factor": 2}),
        ((2, 3, 4), {"size": (2, 3)}),
        ((2, 3, 4), {"scale_factor": (2, 3)}),
        ((2, 3, 4), {"size": 2.5}),
        ((2, 3, 4), {"size": 0}),
        ((2, 0, 4), {"size": 2}),
        ((2, 3, 4), {"scale_factor": 0.1}),
        ((2, 3, 4), {"size": 2, "recompute_scale_factor": True}),
        ((2, 3, 4), {"size": 2, "mode": "cubic"}),
        ((2, 3, 4), {"size": 2, "align_corners": True}),
        ((2, 3, 4, 4), {"size": 2, "mode": "lanczos"}),
        ((2, 3, 4, 4), {"size": 2, "mode": "lanczos", "antialias": True, "align_corners": True}),
        ((2, 3, 4, 4), {"size": 2, "mode": "area", "antialias": True}),
    ],
)
def test_refusals(torch, shape, options):
    kinds = []
    for library in (torch, rushlight):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
            library.nn.functional.interpolate(library.zeros(*shape), **options)
        kinds.append((caught.type, str(caught.value)[:40]))
    assert kinds[0][0] is kinds[1][0]
    assert kinds[0][1] == kinds[1][1] or kinds[0][0] is TypeError
