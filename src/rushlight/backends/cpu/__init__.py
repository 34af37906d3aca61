"""The compiled engine: plans, packs, launches. Here plan, kernels and runtime come together.

In: a ConvSpec and NumPy arrays of any strides. Out: a NumPy array, channels-last in memory for results that have
channels, but contiguous where rows are vectorised. A call that came before is one look-up, an allocation, a
handful of addresses and a launch.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import NoReturn

import numpy as np

from ... import runtime
from ...compiler import debug, jit
from ...compiler.executable import NotExecutable
from ...core.dtypes import CODES
from ...plan.choose import Choice, choose, choose_gradient
from ...plan.pool import AdaptiveWindows, covered, listed
from ...plan.target import NoKernels, Target
from ...rules.expression import Expression
from ...rules.normalization import Norm
from ...rules.reduction import DOT, MEAN, WIDE_DOT, Reduction
from ...rules.sampling import Sampling
from ...rules.spec import ConvSpec
from ...rules.windows import Counts, Windows
from ...runtime.copying import set_copier
from .. import reference
from ..exactness import get_exact
from ..protocol import Call, Layout, Refusal, Task, Unavailable, layout_of, results_of
from ..reference import averaging, normalizing, pooling
from ..reference.folding import fold, unfold
from ..reference.padding import pad_constant, pad_copies, pad_copies_grad
from ..reference.pooling import max_pool_gather, positions
from . import copying
from .calls import Copying, LayerCall, NormTask, PoolCall, SumCall, stand_in
from .kernels import addressable

__all__ = [
    "adaptive_avg_pool", "adaptive_avg_pool_grad", "avg_pool", "avg_pool_grad", "bias_grad", "cross_entropy",
    "cross_entropy_grad", "dgrad", "drawing", "fold", "fprop", "grid_sample", "grid_sample_grad",
    "grid_sample_grid_grad", "matmul", "max_pool", "max_pool_gather", "max_pool_grad", "name", "norm", "norm_apply",
    "norm_grad", "pad_constant", "pad_copies", "pad_copies_grad", "pointwise", "pointwise_together", "positions",
    "prepare", "reduction", "running", "softmax", "softmax_grad", "squares_together", "unfold", "wgrad",
]  # fmt: skip
# What only moves numbers, NumPy does.

name = "compiled"

_REMEMBERED = 4096
_calls: OrderedDict[tuple, Callable] = OrderedDict()
_CALLS = {
    "depthwise_channels": "depthwise_channels.DepthwiseChannelsCall",
    "depthwise_rows": "depthwise_rows.DepthwiseRowsCall", "product": "product.ProductCall",
    "overlap": "overlap.OverlapCall",
}  # fmt: skip
_FLOATS = {"f32", "f64", "f16", "bf16"}


def prepare(task: Task, layouts: Sequence[Layout | None]) -> Call:
    """The call for inputs that lie so; Refusal for what is not compiled. What only moves numbers, NumPy does."""
    if task.kernel in _FORMULAS:
        key = (task, *layouts)
        return _calls.get(key) or _prepare_formula(key, task, layouts)
    if task.kernel == "matmul":
        return SumCall(lambda a, b, out: matmul(a, b), results_of(task, layouts))
    spec, sources = task.attributes[0], [stand_in(layout) for layout in layouts if layout is not None]
    if task.kernel in ("fprop", "dgrad"):
        source, activation = sources[0], task.attributes[1]
        return LayerCall(_layer(task.kernel, spec, source, layouts[2] is None, activation))
    if task.kernel == "wgrad" and all(map(addressable, sources)):
        return SumCall(_weight_gradient(spec, *sources), results_of(task, layouts))
    if task.kernel == "bias_grad" and spec.dtype in _FLOATS and sources[0].size and addressable(sources[0]):
        return SumCall(_sum(spec.dtype, sources[0]), results_of(task, layouts))
    if task.kernel == "max_pool" and _pools(spec, sources[0]):
        return PoolCall(_pooling(spec, sources[0], task.attributes[1]))
    if task.kernel == "max_pool_grad" and _pools(spec, sources[1]):
        call = _pooling_grad(spec, task.attributes[1], *sources)
        return SumCall(call, [layout_of(call.result(np.empty))])
    if task.kernel.startswith("norm"):
        given = [None if layout is None else stand_in(layout) for layout in layouts]
        call = _NORMS[task.kernel](*task.attributes, *given)
        if call is not None:
            return NormTask(call)
    if task.kernel in _SAMPLING:
        return SumCall(
            lambda *inputs: _SAMPLING[task.kernel](*task.attributes, *inputs[:-1]), results_of(task, layouts)
        )
    if task.kernel in _AVERAGES:
        return SumCall(lambda x, out: _AVERAGES[task.kernel](*task.attributes, x), results_of(task, layouts))
    return reference.prepare(task, layouts)


def drawing(algorithm: str) -> Callable:
    """What draws the words of an algorithm, "mt19937", and makes numbers of them (`draws.Draws`)."""
    key = ("drawing", algorithm)
    return _calls.get(key) or _remember(key, lambda: _class("draws.Draws")(Target.host()))


def pointwise(
    expressions: tuple[Expression, ...], *arrays: np.ndarray, out: Sequence[np.ndarray] | None = None
) -> Sequence[np.ndarray]:
    """The value of each expression, element by element; Refusal for what is not compiled."""
    return prepared_pointwise(expressions, arrays, out)(arrays, out)


def prepared_pointwise(
    expressions: tuple[Expression, ...], arrays: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None
) -> Callable:
    """The call of `pointwise` for arrays that lie so, which takes arrays and `out`; it raises what was declined."""
    if len(arrays) == 1:  # a loop over arrays takes twice as long
        (a,) = arrays
        key = (expressions, a.shape, a.strides, a.dtype)
    elif len(arrays) == 2:
        a, b = arrays
        key = (expressions, a.shape, a.strides, a.dtype, b.shape, b.strides, b.dtype)
    else:
        key = (expressions, *[(a.shape, a.strides, a.dtype) for a in arrays])
    if out is not None:
        key = (key, *[(a.shape, a.strides, a.dtype) for a in out])
    call = _calls.get(key)
    if call is None:
        call = _expressions(key, expressions, arrays, out)
    return call


def pointwise_together(
    expressions: tuple[Expression, ...], rows: Sequence[Sequence[np.ndarray]], numbers: np.ndarray
) -> bool:
    """Write the value of each expression into the first arrays of each row, for all rows in one launch.

    The expressions are of a row's arrays, all of one size and lying alike without gaps, and behind them of `numbers`,
    which are the same for all. Nothing is written, and False given, where memory that one row writes is another's, too;
    Refusal for what is not compiled."""
    key = ("together", expressions, numbers.size, numbers.dtype, *[array.dtype for array in rows[0]])
    call = _calls.get(key)
    if call is None:
        kinds = [array.dtype for array in rows[0]]
        path = "together.TogetherCall"
        call = _guarded(key, lambda: _class(path)(expressions, kinds, numbers.dtype, numbers.size, Target.host()))
    return call(rows, numbers)


def squares_together(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of squares of each array, in float64, of all in one launch: floats of one dtype that lie without gaps.

    Refusal for what is not compiled."""
    key = ("squares together", arrays[0].dtype)
    call = _calls.get(key)
    if call is None:
        call = _guarded(key, lambda: _class("together.SquaresCall")(arrays[0].dtype, Target.host()))
    return call(arrays)


def _expressions(
    key: tuple, expressions: tuple, arrays: Sequence[np.ndarray], out: Sequence[np.ndarray] | None
) -> Callable:
    task = Task("pointwise", (expressions, None if out is None else tuple([array.strides for array in out])))
    layouts = [layout_of(array) for array in arrays]
    wanted = None if out is None else [(array.shape, array.dtype) for array in out]
    if wanted is not None and wanted != [layout[:2] for layout in results_of(task, layouts)]:
        raise Refusal("results of other shapes or dtypes than the memory that they go to")
    return _prepare_formula(key, task, layouts)


def reduction(
    formula: Reduction, axes: tuple[int, ...], keepdim: bool, numbers: tuple[float, ...], *arrays: np.ndarray
) -> Sequence[np.ndarray]:
    """The results of a reduction over axes; Refusal for what is not compiled."""
    if len(arrays) == 1:
        (a,) = arrays
        key = (formula, axes, keepdim, numbers, a.shape, a.strides, a.dtype)
    else:
        key = (formula, axes, keepdim, numbers, *[(a.shape, a.strides, a.dtype) for a in arrays])
    call = _calls.get(key)
    if call is None:
        task = Task("reduction", (formula, axes, keepdim, numbers))
        call = _prepare_formula(key, task, [layout_of(array) for array in arrays])
    return call(arrays)


_FORMULAS = {"pointwise": "pointwise_call.PointwiseCall", "reduction": "reduction_call.ReductionCall"}


def _prepare_formula(key: tuple, task: Task, layouts: Sequence[Layout]) -> Callable:
    return _guarded(key, lambda: _class(_FORMULAS[task.kernel])(task, layouts, Target.host()))


def _guarded(key: tuple, made: Callable[[], Callable]) -> Callable:
    """The call of formulas that `made` makes, remembered; what is declined says so when it is called."""

    def make() -> Callable:
        try:
            return made()
        except Refusal as refusal:
            return _Declined(str(refusal))

    if _preparing.now:  # a signal's handler that interrupts this very thread: it would meet what is half made
        return _Declined("this thread is preparing another call")
    _preparing.now = True
    try:
        return _remember(key, make)
    finally:
        _preparing.now = False


class _Preparing(threading.local):
    """Whether this thread prepares a call of expressions."""

    now = False


_preparing = _Preparing()


def softmax(log: bool, axis: int, x: np.ndarray) -> np.ndarray:
    """softmax along an axis, or its logarithm; Refusal for what is not compiled."""
    return _softmax(log, False, axis, x)(x)


def softmax_grad(log: bool, axis: int, y: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """The gradient of a softmax, or of its logarithm, from its results and theirs."""
    return _softmax(log, True, axis, y)(y, grad)


def _softmax(log: bool, gradient: bool, axis: int, x: np.ndarray) -> Callable:
    key = ("softmax", log, gradient, axis, x.shape, x.strides, x.dtype)
    call = _calls.get(key)
    if call is None:
        call = _remember(key, lambda: _class("softmax_call.SoftmaxCall")(log, gradient, axis, x, Target.host()))
    return call


def running(kind: str, backwards: bool, axis: int, x: np.ndarray) -> np.ndarray:
    """The running "sum" or "prod" along an axis, from its first entry or its last; Refusal for what is not compiled."""
    key = ("running", kind, backwards, axis, x.shape, x.strides, x.dtype)
    call = _calls.get(key)
    if call is None:
        call = _remember(key, lambda: _class("running_call.RunningCall")(kind, backwards, axis, x, Target.host()))
    return call(x)


def cross_entropy(
    kept: bool, smoothing: float, ignore: int, weight: np.ndarray | None, x: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Losses and weights of all positions, one after the other, in float64, and the probabilities where they are kept.

    IndexError, with the class as its argument, where one is not there; Refusal for what is not compiled."""
    soft = target.dtype.kind not in "iu"
    key = ("cross entropy", kept, smoothing, ignore, weight is None, soft, x.shape, x.strides, x.dtype)
    call = _calls.get(key)
    if call is None:
        make = partial(_class("cross_entropy_call.LossCall"), kept, smoothing, ignore, x, soft, weight, Target.host())
        call = _remember(key, make)
    return call(x, target, weight)


def cross_entropy_grad(
    smoothing: float, ignore: int, weight: np.ndarray | None, y: np.ndarray, target: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """The gradient from probabilities, for the factor of each position, or one for all; Refusal as above."""
    soft, step = target.dtype.kind not in "iu", int(factors.size > 1)
    key = ("cross entropy grad", smoothing, ignore, weight is None, soft, step, y.shape, y.strides, y.dtype)
    call = _calls.get(key)
    if call is None:
        make = _class("cross_entropy_call.LossGradCall")
        call = _remember(key, partial(make, smoothing, ignore, y, soft, weight, step, Target.host()))
    return call(y, target, weight, factors)


def grid_sample(how: Sampling, orders: tuple[int, ...], x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """x at the places of the grid, or a derivative of that in the places; Refusal for what is not compiled."""
    if 0 in x.shape or 0 in grid.shape:
        return reference.grid_sample(how, orders, x, grid)
    return _sampling("SampleCall", how, orders, x, grid)(x, grid)


def grid_sample_grad(how: Sampling, orders: tuple[int, ...], y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The adjoint in x; Refusal for what is not compiled."""
    if 0 in y.shape or 0 in grid.shape:
        return reference.grid_sample_grad(how, orders, y, grid)
    return _sampling("ScatterCall", how, orders, y, grid)(y, grid, how.size)


def grid_sample_grid_grad(how: Sampling, x: np.ndarray, grid: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient in the grid; Refusal for what is not compiled."""
    if 0 in x.shape or 0 in grid.shape or how.rule == "nearest":
        return reference.grid_sample_grid_grad(how, x, grid, y)
    return _sampling("SlopeCall", how, (0,) * len(how.size), x, grid)(x, grid, y)


_SAMPLING = {
    "grid_sample": grid_sample, "grid_sample_grad": grid_sample_grad, "grid_sample_grid_grad": grid_sample_grid_grad,
}  # fmt: skip


def _sampling(kind: str, how: Sampling, orders: tuple[int, ...], source: np.ndarray, grid: np.ndarray) -> Callable:
    key = (kind, how, orders, source.shape, source.strides, source.dtype, grid.shape, grid.dtype, runtime.team_size())
    call = _calls.get(key)
    if call is None:
        path = f"sampling.{kind}"
        call = _remember(key, lambda: _class(path)(how, orders, source, grid, Target.host(), key[-1]))
    return call


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The products of matrices (…, n, k) and (…, k, m), or with a vector; Refusal for what is not compiled.

    A product with a vector reads each number of a matrix once, as a sum does: it is one."""
    if a.ndim == 1 or b.ndim == 1 or a.shape[-2] == 1 or b.shape[-1] == 1:
        return _of_vectors(a, b)
    key = ("matmul", a.dtype, a.shape, a.strides, b.shape, b.strides, runtime.team_size())
    call = _calls.get(key)
    if call is None:
        if CODES.get(a.dtype.name) not in _FLOATS or not (a.dtype.isnative and b.dtype.isnative):
            raise Refusal(f"no product of {a.dtype} is compiled")
        if 0 in (*a.shape, *b.shape):
            raise Refusal("nothing to multiply")
        call = _remember(key, lambda: _class("matrices.MatricesCall")(a, b, Target.host(), key[-1]))
    return call(a, b)


def _of_vectors(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    formula = WIDE_DOT if a.itemsize == 2 else DOT
    if b.ndim == 1 or b.shape[-1] == 1:
        x, y, axis = a, b if b.ndim == 1 else b.swapaxes(-1, -2), -1
        column, row = a.ndim > 1 and b.ndim > 1, False
    else:
        x, y, axis = a[:, None] if a.ndim == 1 else a.swapaxes(-1, -2), b, -2
        column, row = False, a.ndim > 1
    (found,) = reduction(formula, (max(x.ndim, y.ndim) + axis,), False, (), x, y)
    if not found.flags.c_contiguous:
        found = np.ascontiguousarray(found)
    if column:
        return found.reshape(*found.shape, 1)
    return found.reshape(*found.shape[:-1], 1, found.shape[-1]) if row else found


def fprop(
    spec: ConvSpec,
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    weights_cache: dict | None = None,
) -> np.ndarray:
    """`y[n, co, o] = activation(bias[co] + Σ x[n, ci, i]·w[co, ci, k])`; Refusal for what it cannot do."""
    return _run("fprop", spec, x, w, bias, activation, weights_cache)


def dgrad(
    spec: ConvSpec,
    y: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str | None = None,
    weights_cache: dict | None = None,
) -> np.ndarray:
    """The adjoint in x, `activation(bias[ci] + Σ y[n, co, o]·w[co, ci, k])`; Refusal for what it cannot do."""
    return _run("dgrad", spec, y, w, bias, activation, weights_cache)


def wgrad(spec: ConvSpec, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The adjoint in w; Refusal for what it cannot do."""
    if not addressable(x):
        x = np.ascontiguousarray(x)
    if not addressable(y):
        y = np.ascontiguousarray(y)
    return _weight_gradient(spec, x, y)(x, y)


def _weight_gradient(spec: ConvSpec, x: np.ndarray, y: np.ndarray) -> Callable:
    key = ("wgrad", spec, x.strides, y.strides, runtime.team_size(), get_exact())
    call = _calls.get(key)
    if call is None:
        call = _prepare(key, spec, x, None, partial(_choose_wgrad, spec, x, y))
    return call


def bias_grad(spec: ConvSpec, y: np.ndarray) -> np.ndarray:
    """The adjoint in the bias: the sum of y over everything but its channels; Refusal for what it cannot do."""
    dtype = spec.dtype
    if dtype not in _FLOATS or not y.dtype.isnative:
        raise Refusal(f"no sum of {y.dtype} is compiled")
    if 0 in y.shape:
        return np.zeros(y.shape[1], y.dtype)
    if not addressable(y):
        y = np.ascontiguousarray(y)
    return _sum(dtype, y)(y)


def _sum(dtype: str, y: np.ndarray) -> Callable:
    key = ("bias", dtype, y.shape, y.strides, runtime.team_size())
    call = _calls.get(key)
    if call is None:
        call = _remember(key, lambda: _class("bias.BiasCall")(dtype, y, Target.host(), runtime.team_size()))
    return call


def max_pool(grid: Windows, x: np.ndarray, wanted: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """The largest entry of each window, and the winners if wanted. What is not compiled NumPy does: it sums nothing."""
    call = _calls.get(("max_pool", grid, x.dtype, x.shape, x.strides, wanted, runtime.team_size()))
    if call is None:
        if not _pools(grid, x):
            return pooling.max_pool(grid, x, wanted)
        call = _pooling(grid, x, wanted)
    return call(x)


def _pooling(grid: Windows, x: np.ndarray, wanted: bool) -> Callable:
    key = ("max_pool", grid, x.dtype, x.shape, x.strides, wanted, runtime.team_size())
    return _calls.get(key) or _remember(key, lambda: _class("pool.PoolCall")(grid, x, wanted, Target.host(), key[-1]))


def adaptive_avg_pool(out: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Means of windows that cover the input evenly; integers, halves and means of all NumPy computes."""
    if all(count == 1 for count in out):
        try:
            return reduction(MEAN, tuple(range(x.ndim - len(out), x.ndim)), True, (), x)[0]
        except Refusal:
            return averaging.adaptive_avg_pool(out, x)
    if not _compiles(x) or 0 in out:
        return averaging.adaptive_avg_pool(out, x)
    return _adaptive(x.shape[-len(out) :], out, False, x)(x)[0]


def adaptive_avg_pool_grad(size: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """The adjoint, of an input whose last axes have this size."""
    out = y.shape[-len(size) :]
    if not _compiles(y) or 0 in size or all(count % n == 0 for n, count in zip(out, size)):
        return averaging.adaptive_avg_pool_grad(size, y)
    shares = np.divide(y, averaging.lengths(size, out, y.dtype), dtype=y.dtype)
    return _adaptive(size, out, True, shares)(shares)[0]


def _adaptive(size: tuple[int, ...], out: tuple[int, ...], adjoint: bool, a: np.ndarray) -> Callable:
    """The call for averages of adaptive windows; `adjoint`: for the sum over the windows that hold a position."""
    key = ("adaptive", size, out, adjoint, a.dtype, a.shape, a.strides, runtime.team_size())

    def make() -> Callable:
        grid = AdaptiveWindows(out, size, True) if adjoint else AdaptiveWindows(size, out)
        divisors = np.ones(size, a.dtype) if adjoint else averaging.lengths(size, out, a.dtype)
        return _class("pool.PoolCall")(grid, a, False, Target.host(), key[-1], divisors)

    return _calls.get(key) or _remember(key, make)


def max_pool_grad(grid: Windows, shape: tuple[int, ...], winners: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The adjoint at these winners."""
    call = _calls.get(("max_pool_grad", grid, y.dtype, shape, winners.strides, runtime.team_size()))
    if call is None:
        if not _pools(grid, y):
            return pooling.max_pool_grad(grid, shape, winners, y)
        call = _pooling_grad(grid, shape, winners, y)
    return call(winners, y)


def _pooling_grad(grid: Windows, shape: tuple[int, ...], winners: np.ndarray, y: np.ndarray) -> Callable:
    key = ("max_pool_grad", grid, y.dtype, shape, winners.strides, runtime.team_size())
    return _calls.get(key) or _remember(
        key, lambda: _class("pool.PoolGradCall")(grid, shape, winners, y, Target.host(), key[-1])
    )


def norm(
    norm: Norm,
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    residual: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """x normalised by its own statistics, and these. What is not compiled NumPy does."""
    call = _norm(norm, x, weight, bias, residual)
    return normalizing.norm(norm, x, weight, bias, residual) if call is None else call(x, weight, bias, residual)


def _norm(norm: Norm, x: np.ndarray, *others: np.ndarray | None) -> Callable | None:
    key = ("norm", norm, x.dtype, x.shape, x.strides, *map(_kind, others), runtime.team_size())
    call = _calls.get(key)
    if call is None and _normalizes(x, *others):
        path = "row_norm.RowNormCall" if norm.kind == "last" else "normalization.NormCall"
        call = _remember(key, lambda: _class(path)(norm, x, *others, Target.host(), key[-1]))
    return call


def norm_apply(
    norm: Norm,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    residual: np.ndarray | None = None,
) -> np.ndarray:
    """x normalised by a mean and a variance that are given."""
    call = _norm_apply(norm, x, mean, variance, weight, bias, residual)
    given = x, mean, variance, weight, bias, residual
    return normalizing.norm_apply(norm, *given) if call is None else call(*given)


def _norm_apply(
    norm: Norm, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, *others: np.ndarray | None
) -> Callable | None:
    kinds = mean.dtype, variance.dtype, *map(_kind, others)
    key = ("norm_apply", norm, x.dtype, x.shape, x.strides, *kinds, runtime.team_size())
    call = _calls.get(key)
    given = x, mean, variance, *others
    if call is None and norm.kind != "last" and mean.dtype == variance.dtype and _normalizes(*given):
        call = _remember(key, lambda: _class("normalization.ApplyCall")(norm, *given, Target.host(), key[-1]))
    return call


def norm_grad(
    norm: Norm,
    fixed: bool,
    wanted: tuple[bool, bool, bool],
    x: np.ndarray,
    grad: np.ndarray,
    statistics: np.ndarray,
    weight: np.ndarray | None = None,
    result: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """The gradients of x, weight and bias, those that are wanted; `result` is that of an activation at the end."""
    given = (x, grad, statistics, weight) if result is None else (x, grad, statistics, weight, result)
    call = _norm_grad(norm, fixed, wanted, *given)
    return normalizing.norm_grad(norm, fixed, wanted, *given) if call is None else call(*given)


def _norm_grad(
    norm: Norm,
    fixed: bool,
    wanted: tuple[bool, bool, bool],
    x: np.ndarray,
    grad: np.ndarray,
    statistics: np.ndarray,
    weight: np.ndarray | None = None,
    result: np.ndarray | None = None,
) -> Callable | None:
    key = ("norm_grad", norm, fixed, wanted, x.dtype, x.shape, x.strides, _kind(weight), runtime.team_size())
    call = _calls.get(key)
    if call is None and _normalizes(x, weight):
        path = "row_norm.RowGradCall" if norm.kind == "last" else "normalization.GradCall"
        call = _remember(key, lambda: _class(path)(norm, fixed, wanted, x, weight, Target.host(), key[-1]))
    return call


_NORMS = {"norm": _norm, "norm_apply": _norm_apply, "norm_grad": _norm_grad}


def _kind(array: np.ndarray | None) -> np.dtype | None:
    return None if array is None else array.dtype


def _normalizes(*arrays: np.ndarray | None) -> bool:
    """Whether a normalisation is compiled: of floats, where there are any."""
    return all(
        a is None or (CODES.get(a.dtype.name) in _FLOATS and a.dtype.isnative and 0 not in a.shape) for a in arrays
    )


def window_sums(grid: Windows, x: np.ndarray) -> np.ndarray:
    """The sum of each window, subnormals being zero; integers and halves are NumPy's."""
    from . import sums

    return sums.window_sums(grid, x, fprop)


def window_sums_grad(grid: Windows, shape: tuple[int, ...], y: np.ndarray) -> np.ndarray:
    """The adjoint of `window_sums`."""
    from . import sums

    return sums.window_sums_grad(grid, shape, y, dgrad)


def avg_pool(grid: Windows, divisor: Counts | int, x: np.ndarray) -> np.ndarray:
    """The mean of each window; integers, halves and long lists NumPy sums."""
    call = _calls.get(("avg_pool", grid, divisor, x.dtype, x.shape, x.strides, runtime.team_size()))
    if call is None:
        if not _pools(grid, x):
            return averaging.avg_pool(window_sums, grid, divisor, x)
        call = _averaging(grid, divisor, x)
    return call(x)[0]


def _averaging(grid: Windows, divisor: Counts | int, x: np.ndarray) -> Callable:
    key = ("avg_pool", grid, divisor, x.dtype, x.shape, x.strides, runtime.team_size())

    def make() -> Callable:
        divisors = averaging.divisors(grid, divisor, x.dtype)
        return _class("pool.PoolCall")(grid, x, False, Target.host(), key[-1], divisors)

    return _calls.get(key) or _remember(key, make)


_AVERAGES = {
    "avg_pool": avg_pool, "adaptive_avg_pool": adaptive_avg_pool, "adaptive_avg_pool_grad": adaptive_avg_pool_grad,
}  # fmt: skip

avg_pool_grad = partial(averaging.avg_pool_grad, window_sums_grad)


def _pools(grid: Windows, a: np.ndarray) -> bool:
    """Whether a pooling is compiled: of floats, where every window holds an entry."""
    return _compiles(a) and listed(grid) and covered(grid)


def _compiles(a: np.ndarray) -> bool:
    return a.dtype.char in "fd" and a.dtype.isnative and 0 not in a.shape


def _run(
    kernel: str,
    spec: ConvSpec,
    source: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None,
    activation: str | None,
    weights_cache: dict | None,
) -> np.ndarray:
    key = (kernel, spec, source.strides, bias is None, activation, runtime.team_size(), get_exact())
    call = _calls.get(key)
    if call is None:
        call = _layer(kernel, spec, source, bias is None, activation)
    return call(source, w, bias, weights_cache)


def _layer(kernel: str, spec: ConvSpec, source: np.ndarray, plain: bool, activation: str | None) -> Callable:
    """The call of a layer, `plain` if without a bias: remembered, or made."""
    key = (kernel, spec, source.strides, plain, activation, runtime.team_size(), get_exact())
    return _calls.get(key) or _prepare(
        key, spec, source, activation, partial(_choose, kernel, spec, source, activation)
    )


def _prepare(
    key: tuple, spec: ConvSpec, source: np.ndarray, activation: str | None, choose: Callable[[], Callable]
) -> Callable:
    reason = refusal(spec, source, activation)
    if reason:
        raise Refusal(reason)
    return _remember(key, choose)


def _remember(key: tuple, make: Callable[[], Callable]) -> Callable:
    """What `make` makes. Where nothing can be compiled or run, this engine is unavailable; a kernel that LLVM does not
    compile is declined, with a warning. Whatever else fails here is a bug."""
    try:
        call = _calls[key] = make()
    except (jit.CompilerMissing, NotExecutable, NoKernels) as missing:
        raise Unavailable(str(missing)) from missing
    except jit.KernelFailed as failed:
        warnings.warn(f"{failed}; NumPy computes this layer", RuntimeWarning, stacklevel=2)
        call = _calls[key] = _Declined(str(failed))
    while len(_calls) > _REMEMBERED:
        _calls.popitem(last=False)
    return call


class _Declined:
    """Stands for a call that cannot be: whatever is asked of it is declined."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __call__(self, *arguments: object) -> NoReturn:
        raise Refusal(self.reason)

    def __getattr__(self, name: str) -> NoReturn:
        raise Refusal(self.reason)


def _choose(
    kernel: str, spec: ConvSpec, source: np.ndarray, activation: str | None, exact: bool | None = None
) -> Callable:
    """The call of the best algorithm; of the best that sums plainly where `exact`."""
    exact = get_exact() if exact is None else exact
    if not addressable(source):
        return Copying(_choose(kernel, spec, np.ascontiguousarray(source), activation, exact))
    target, threads = Target.host(), runtime.team_size()
    if 0 in source.shape:
        return _class("product.ProductCall")(kernel, spec, source, activation, target, threads)
    rows = source.strides[-1] == source.itemsize != source.strides[1]
    choice = choose(spec, kernel, target, threads, exact, rows)
    if choice.algorithm == "winograd":
        fast = _class("winograd.WinogradCall")(choice.plan, spec, source, activation, target, threads)
        plain = partial(_choose, kernel, source=source, activation=activation, exact=True)
        call = _class("winograd_guard.GuardedCall")(fast, plain, kernel, spec, activation)
    else:
        make = _class(_CALLS[choice.algorithm])
        call = make(kernel, spec, source, activation, target, threads)
    return _shown(kernel, spec, choice, call)


def _choose_wgrad(spec: ConvSpec, x: np.ndarray, y: np.ndarray, exact: bool | None = None) -> Callable:
    if 0 in x.shape:
        return _class("product_wgrad.EmptyWgrad")(spec, x.dtype)
    target, threads = Target.host(), runtime.team_size()
    choice = choose_gradient(spec, target, get_exact() if exact is None else exact)
    if choice.algorithm == "winograd" and 0 not in y.shape:
        fast = _class("winograd_gradient.WinogradGradientCall")(choice.plan, spec, x, y, target, threads)
        call = _class("winograd_guard.GuardedGradient")(fast, partial(_choose_wgrad, spec, x, y, True))
        return _shown("wgrad", spec, choice, call)
    make = _class(
        "depthwise_channels_wgrad.DepthwiseChannelsWgradCall"
        if choice.algorithm == "depthwise_channels"
        else "product_wgrad.WgradCall"
    )
    return _shown("wgrad", spec, choice, make(spec, x, y, target, threads))


def _class(path: str) -> type:
    """The class of an algorithm's calls; its planner and emitters are imported when a layer first needs them."""
    module, name = path.split(".")
    return getattr(import_module(f"{__name__}.{module}"), name)


def _shown(kernel: str, spec: ConvSpec, choice: Choice, call: Callable) -> Callable:
    """The call, its plan shown where RUSHLIGHT_DEBUG=plan asks for it."""
    if debug.wanted("plan"):
        debug.show("plan", f"{kernel} {spec}", f"{choice}\n{call.describe()}")
    return call


def refusal(spec: ConvSpec, source: np.ndarray, activation: str | None) -> str:
    """Why this engine does not take a call; empty where it does."""
    if spec.dtype not in _FLOATS:
        return f"{spec.dtype} is not compiled: floating point only"
    if any(step != 1 for step in spec.input_dilation):
        return "input dilation is not compiled"
    if activation not in (None, "relu"):
        return f"no activation {activation!r}"
    if not source.dtype.isnative:
        return "foreign byte order"
    if not spec.in_channels or not spec.out_channels:
        return "no channels: there is nothing to sum"
    return ""


set_copier(partial(copying.copied, pointwise))
