"""The table of operations: every row says what its operation gives, and computes it, as the eager call does."""

import warnings

import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd.operation import OPERATIONS, watched
from rushlight.tensor.core import memory
from rushlight.tensor.fusing import Pointwise

from .operations import INDEX, PLACES, SAMPLES
from .test_watched import WRITES

F = torch.nn.functional

LAYERS = {
    "conv1d": (lambda t, x, w, b: F.conv1d(x, w, b, 2, 1), (2, 4, 9), (6, 4, 3), (6,)),
    "conv2d": (lambda t, x, w: F.conv2d(x, w, groups=2), (2, 4, 6, 5), (4, 2, 3, 2)),
    "conv3d": (lambda t, x, w: F.conv3d(x, w), (1, 2, 3, 4, 3), (2, 2, 2, 2, 2)),
    "conv_transpose2d": (lambda t, x, w, b: F.conv_transpose2d(x, w, b, 2), (2, 3, 4, 3), (3, 2, 3, 3), (2,)),
    "linear": (lambda t, x, w, b: F.linear(x, w, b), (5, 3), (4, 3), (4,)),
    "linear_without_bias": (lambda t, x, w: F.linear(x, w), (2, 5, 3), (4, 3)),
    "linear_of_vector": (lambda t, x, w: F.linear(x, w), (5, 3), (3,)),
    "max_pool1d": (lambda t, x: F.max_pool1d(x, 2), (2, 3, 7)),
    "max_pool2d": (lambda t, x: F.max_pool2d(x, 3, 2, 1), (2, 3, 7, 6)),
    "max_pool3d": (lambda t, x: F.max_pool3d(x, 2), (1, 2, 4, 5, 4)),
    "avg_pool2d": (lambda t, x: F.avg_pool2d(x, 3, 2, 1), (2, 3, 7, 6)),
    "avg_pool3d": (lambda t, x: F.avg_pool3d(x, 2), (1, 2, 4, 5, 4)),
    "adaptive_avg_pool2d": (lambda t, x: F.adaptive_avg_pool2d(x, (3, 2)), (2, 3, 7, 6)),
    "unfold": (lambda t, x: F.unfold(x, 2), (2, 3, 5, 4)),
    "fold": (lambda t, x: F.fold(x, (5, 4), 2), (2, 12, 12)),
    "pad": (lambda t, x: F.pad(x, (1, 2, 0, -1), value=3.0), (2, 3, 4)),
    **{
        f"{mode}_pad{rank}d": (
            lambda t, x, rank=rank, mode=mode: F.pad(x, (1, 2) * rank, mode),
            (2, 3, 4, 3, 5)[: 2 + rank],
        )
        for mode in ("reflect", "replicate", "circular")
        for rank in (1, 2, 3)
    },
    "adaptive_avg_pool3d": (lambda t, x: F.adaptive_avg_pool3d(x, (2, 1, 2)), (1, 2, 3, 4, 5)),
    "max_pool_twice": (lambda t, x: _twice(t, F.max_pool2d(x**3, 2), x), (1, 2, 4, 5)),
    "batch_norm": (lambda t, x, w, b: F.batch_norm(x, None, None, w, b, True), (2, 3, 4, 3), (3,), (3,)),
    "batch_norm.given": (lambda t, x, m, w: F.batch_norm(x, m.detach(), m.detach().abs(), w), (2, 3, 4), (3,), (3,)),
    "layer_norm": (lambda t, x, w, b: F.layer_norm(x, (4, 3), w, b), (2, 3, 4, 3), (4, 3), (4, 3)),
    "group_norm": (lambda t, x, w: F.group_norm(x, 2, w), (2, 4, 4, 3), (4,)),
    "instance_norm": (lambda t, x: F.instance_norm(x), (2, 4, 4, 3)),
    "rms_norm": (lambda t, x, w: F.rms_norm(x, (3,), w), (2, 4, 3), (3,)),
}


def _twice(t, result, x):
    return t.autograd.grad((result**2).sum(), x, create_graph=True)[0]


LABELS = [[0, -100, 2], [1, 1, 0]]
LOSSES = {
    "nll": (lambda t, x: F.nll_loss(x, t.tensor([2, 0, -100])), (3, 4)),
    "nll_of_one": (lambda t, x: F.nll_loss(x, t.tensor(2), reduction="none"), (4,)),
    "nll_weighted": (lambda t, x, w: F.nll_loss(x, t.tensor([2, 0]), w.detach().abs(), reduction="sum"), (2, 4), (4,)),
    "nll_of_positions": (lambda t, x: F.nll_loss(x, t.tensor(LABELS), reduction="none"), (2, 4, 3)),
    "nll_of_images": (lambda t, x, w: F.nll_loss(x, t.tensor([LABELS]), w.detach().abs()), (1, 4, 2, 3), (4,)),
    "cross_entropy": (lambda t, x: F.cross_entropy(x, t.tensor([2, 0, 1]), label_smoothing=0.1), (3, 4)),
    "cross_entropy_weighted": (
        lambda t, x, w: F.cross_entropy(x, t.tensor(LABELS), w.detach(), label_smoothing=0.1),
        (2, 4, 3),
        (4,),
    ),
    "mse": (lambda t, x, y: F.mse_loss(x, y), (3, 4), (3, 4)),
    "mse_of_kinds": (lambda t, x, y: F.mse_loss(x, y.double(), reduction="none"), (3, 4), (3, 4)),
    "huber": (lambda t, x, y: F.huber_loss(x, y, delta=0.5, reduction="none"), (3, 4), (3, 4)),
    "smooth_l1": (lambda t, x, y: F.smooth_l1_loss(x, y, beta=0.5), (3, 4), (3, 4)),
    "kl_div": (lambda t, x, y: F.kl_div(x, y.exp(), reduction="batchmean"), (3, 4), (3, 4)),
    "bce_of_logits": (
        lambda t, x, y, w, p: F.binary_cross_entropy_with_logits(x, y, w.detach(), pos_weight=p.detach()),
        (3, 4),
        (3, 4),
        (3, 4),
        (4,),
    ),
    "bce": (lambda t, x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid()), (3, 4), (3, 4)),
    "bce_weighted": (
        lambda t, x, y, w: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), w.detach(), reduction="none"),
        (3, 4),
        (3, 4),
        (4,),
    ),
}
# What finite differences do not agree with.
DRAWN = {
    "normal": (lambda t, x, y: t.normal(x, y.detach().abs()) + t.normal(x, 2.0) + t.normal(1, x.abs()), (2, 3), (3,)),
    "bernoulli": (lambda t, x: t.bernoulli(x.sigmoid()) + t.bernoulli(x, 0.5), (2, 3)),
    "scatter_reduced": (lambda t, x: x.detach().scatter(1, t.tensor([[0], [2]]), 3, reduce="multiply"), (2, 3)),
}
# Differentiable once, or of several results, or of other numbers than PyTorch's.
OTHERS = {
    "scatter_larger": (  # which PyTorch does not differentiate
        lambda t, x, y: x.scatter(1, t.tensor(PLACES), y) + x.scatter_add(0, t.tensor(INDEX), y),
        (3, 3),
        (4, 3),
    ),
    "nuclear": (lambda t, x: x.norm("nuc", (0, 2), keepdim=True), (3, 2, 4)),
    "sum_of_integers": (lambda t, x: (x * 9).int().sum(0) + (x > 0).prod(1) + (x > 0).cumsum(0), (3, 3)),
}
ACTIVATIONS = {
    name: (lambda t, x, name=name, options=options: getattr(F, name)(x * 1, **options), (3, 5))
    for name, options in {
        "relu": {}, "hardtanh": {}, "relu6": {"inplace": True}, "leaky_relu": {"negative_slope": 0.2}, "elu": {},
        "selu": {"inplace": True}, "gelu": {}, "silu": {}, "mish": {}, "softplus": {"beta": 2}, "hardsigmoid": {},
        "celu": {"alpha": 0.5}, "hardshrink": {}, "softsign": {}, "tanhshrink": {},
        "softshrink": {"lambd": 0.3}, "threshold": {"threshold": 0.2, "value": 5},
        "hardswish": {}, "logsigmoid": {},
    }.items()
}  # fmt: skip
ACTIVATIONS["gelu_tanh"] = (lambda t, x: F.gelu(x, approximate="tanh"), (3, 5))
ALL = {**SAMPLES, **LAYERS, **OTHERS, **ACTIVATIONS, **LOSSES, **DRAWN}


def check(op, outputs, inputs):
    """The row's rule and lowering against what was computed."""
    row = op.operation
    assert OPERATIONS.get(row.name) is row, f"{row} is not in the table"
    assert not any(isinstance(value, np.ndarray | torch.Tensor) for value in op.attributes), op
    layouts = [None if tensor is None else tensor._layout() for tensor in inputs]
    if row.results is not None:
        assert row.results(layouts, *op.attributes) == [output._layout() for output in outputs], op
    arrays = [None if tensor is None else memory(tensor) for tensor in inputs]
    lowered = row.lowering(*arrays, *op.attributes)
    for output, array in zip(outputs, lowered if isinstance(lowered, tuple | list) else (lowered,), strict=True):
        # What is compiled as one formula may differ in the last bits of its functions.
        rough = {"rtol": 1e-5, "atol": 1e-6} if isinstance(row, Pointwise) else {"rtol": 0, "atol": 0}
        np.testing.assert_allclose(np.asarray(array), memory(output), err_msg=str(op), **rough)


def leaves(shapes, kind):
    generator = np.random.default_rng(3)
    return [torch.tensor(generator.standard_normal(shape)).to(kind).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("name", ALL)
def test_rows_tell_what_operations_do(name, kind):
    function, *shapes = ALL[name]
    inputs = leaves(shapes, kind)
    with watched(check), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(torch, *inputs)
        if result.requires_grad:
            torch.autograd.grad(result.sum(), inputs, create_graph=True, allow_unused=True)


def test_names_are_free_of_doubt():
    assert all(name == row.name for name, row in OPERATIONS.items())
    with pytest.raises(ValueError, match="two operations add"):
        torch.autograd.operation.define("add", "", derivative=None, results=None, lowering=None)


OTHERWISE_TESTED = {"to_copy.device", *WRITES}  # below, and where changes in place are told

TRUTHS = {
    "comparisons": lambda t, x: [x == x[0], x != 2, x < x.flip(0), x <= 2.5, t.gt(x, 0), x >= x[0], x > 1],
    "logic": lambda t, x: [
        *(t.logical_and(x, x.bool()), t.logical_or(x, x.double()), t.logical_xor(x, x[:1]), t.logical_not(x)),
        *(x & 3, x | x.flip(1), x.bool() ^ True, ~x, ~x.bool(), x << 2, x.abs() >> 1, 3 & x),
    ],
    "kinds": lambda t, x: [
        f(y) for f in (t.isnan, t.isinf, t.isfinite, t.isposinf, t.isneginf) for y in (x, 1 / x, x.half().log())
    ],
    "close": lambda t, x: [
        t.isclose(x, x + 1),
        t.isclose(x.half(), x.half() * 1.001, 0.01),
        t.isin(x, t.tensor([3, 7])),
    ],
    "places": lambda t, x: [
        *(t.nonzero(x), *t.nonzero(x, as_tuple=True), x[0, 0].nonzero(), t.argwhere(x > 0), t.where(x)[0]),
        *(x.argsort(descending=True), x[0, 0].argsort(), t.isin(3, x), t.isin(x, 3, invert=True)),
    ],
    "sorted": lambda t, x: [
        *(x.unique(), *x.unique(return_inverse=True, return_counts=True, dim=0), x.median(), *x.median(1)),
        *(t.searchsorted(t.tensor([1, 3, 5]), x, right=True), t.searchsorted(t.tensor([1.0, 3.0]), 2.5)),
        t.searchsorted(t.tensor([[5, 1, 3]] * 2), x, sorter=t.tensor([[1, 2, 0]] * 2), out_int32=True),
    ],
    "counted": lambda t, x: [
        *(t.bincount(x.abs().reshape(-1)), t.bincount(x[0].abs(), t.ones(3), 5)),
        *(t.repeat_interleave(x[0].abs()), x.repeat_interleave(x[0].abs(), 1), x.repeat_interleave(2)),
    ],
}


@pytest.mark.parametrize("name", TRUTHS)
def test_rows_of_truths_and_places(name):
    told = []

    def see(op, outputs, inputs):
        check(op, outputs, inputs)
        told.extend(map(id, outputs))

    with watched(see):
        results = TRUTHS[name](torch, torch.tensor([[3, -2, 0], [7, 1, -5]]))
    assert all(id(result) in told for result in results)


INTEGERS = {
    "exp": lambda t, x: t.exp(x),
    "abs": lambda t, x: -x.abs().sign(),
    "steps": lambda t, x: x.floor() + x.ceil() + x.trunc() + x.round(decimals=-1),
    "clamp": lambda t, x: x.clamp(1, 2.5) + x.clamp(min=x.flip(0)),
    "nan_to_num": lambda t, x: x.nan_to_num(),
    "casts": lambda t, x: x.bool().double().int().half().to(t.uint8),
    "index": lambda t, x: x[x[0].abs() % 2, 1:][None],
    "put": lambda t, x: x.index_put((x[0].abs() % 2,), x[0, 0], accumulate=True),
    "cat": lambda t, x: t.cat([x, x.bool(), x.half()]),
    "cat_of_nothing": lambda t, x: t.cat([t.zeros(0), t.zeros(0, dtype=t.float64)]),
    "stack": lambda t, x: t.stack([x.bool(), x]),
    "views": lambda t, x: x.t().unfold(0, 2, 1).diagonal(0, 1, 2).expand(4, -1, -1).reshape(-1).repeat(2).roll(1),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_rows_tell_what_operations_do_with_integers(name):
    with watched(check):
        INTEGERS[name](torch, torch.tensor([[3, -2, 0], [7, 1, -5]]))


def test_a_move_names_the_devices():
    told, x = [], torch.ones(2, 3, requires_grad=True)
    with watched(lambda op, outputs, inputs: told.append((op, outputs))):
        x.to("meta")
    ((op, (moved,)),) = told
    assert str(op) == "to_copy.device(meta, cpu)"
    assert op.operation.results([x._layout()], *op.attributes) == [moved._layout()]
    assert op.operation.lowering(memory(x), *op.attributes).backend.name == "meta"


def test_every_row_has_a_sample():
    names = set()
    with watched(lambda op, outputs, inputs: names.add(op.name)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for function, *shapes in ALL.values():
            inputs = leaves(shapes, torch.float32)
            result = function(torch, *inputs)
            if result.requires_grad:
                torch.autograd.grad(result.sum(), inputs, create_graph=True, allow_unused=True)
        for function in (*INTEGERS.values(), *TRUTHS.values()):
            function(torch, torch.tensor([[3, -2, 0], [7, 1, -5]]))
    assert not OPERATIONS.keys() - names - OTHERWISE_TESTED
