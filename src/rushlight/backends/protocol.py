"""What a backend and the rest of the package agree on: tasks, the calls that a backend prepares for them, and refusals.

A `Task` is a kernel's name and its attributes (a ConvSpec, Windows, …). For a task and the `Layout` of each input a
backend prepares a `Call` once; it says how its results lie and how much scratch it wants, and then runs as often as
such inputs come, into memory that it is given. What a backend does not do it declines with a `Refusal`, whose text is
kept in `refusals`; the next backend in order then does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from rushlight.backends.array import steps, steps_in_order
from rushlight.core.dtypes import code_of, of_code
from rushlight.rules.expression import Expression, result_dtypes
from rushlight.rules.layout import axis_order, broadcast
from rushlight.rules.normalization import Norm
from rushlight.rules.reduction import Reduction
from rushlight.rules.results import without
from rushlight.rules.sampling import Sampling
from rushlight.rules.windows import Windows

Lying = tuple[tuple[int, ...], ...] | None


class Refusal(Exception):
    """Raised by an engine that does not take a call; the text says why."""


class Unavailable(Refusal):
    """Raised by an engine that can take no call at all on this machine."""


class Refused(NamedTuple):
    """One recorded refusal."""

    engine: str
    kernel: str
    problem: str
    reason: str


refusals: deque[Refused] = deque(maxlen=1000)
"""What was declined, the newest last: by whom, what and why."""


class Layout(NamedTuple):
    """How an array lies in memory: its shape, its dtype, and its strides in bytes (None: contiguous)."""

    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...] | None = None


class Task(NamedTuple):
    """One kernel with its attributes; they are compared and hashed, for calls are remembered by them."""

    kernel: str
    attributes: tuple

    def __str__(self) -> str:
        return f"{self.kernel} {' '.join(map(str, self.attributes))}"


class Call(Protocol):
    """A task for inputs of given layouts, prepared. Arrays are those of the backend's device, the host's NumPy's."""

    @property
    def outputs(self) -> Sequence[Layout]:
        """How the results lie; who runs the call allocates them."""

    @property
    def scratch_bytes(self) -> int:
        """Memory that it wants for itself while it runs."""

    def run(
        self, outputs: Sequence[Any], inputs: Sequence[Any], scratch: Any = None, weights_cache: dict | None = None
    ) -> None:
        """Write the results for these inputs, an optional one being None. Without `scratch` it takes its own.
        `weights_cache` lives as long as the weight is unchanged: there its packed form may be kept."""


class Backend(Protocol):
    """Who prepares calls: a module or an object."""

    @property
    def name(self) -> str:
        """What refusals call it."""

    def prepare(self, task: Task, layouts: Sequence[Layout | None]) -> Call:
        """The call for inputs that lie so (None: one that is left out); Refusal for what this backend does not do."""


def strides_of(layout: Layout) -> tuple[int, ...]:
    """The strides in bytes of an array that lies so."""
    return steps(layout.shape, layout.dtype.itemsize) if layout.strides is None else layout.strides


def layout_of(array: Any) -> Layout | None:
    """The layout of an array, host's or device's; None of None."""
    return None if array is None else Layout(array.shape, array.dtype, array.strides)


# -- the kernels: what each takes, and the shapes that it gives


class Kernel(NamedTuple):
    """What a kernel takes: so many attributes before its arrays; and how its results lie, contiguous."""

    attributes: int
    results: Callable[..., list[Layout]]  # of the layouts of its arrays, and the attributes
    several: bool = False  # whether a call gives a tuple of results


def results_of(task: Task, layouts: Sequence[Layout | None]) -> list[Layout]:
    """The shapes and dtypes of a task's results, which every backend gives."""
    return KERNELS[task.kernel].results(layouts, *task.attributes)


def winner_dtype(grid: Windows) -> np.dtype:
    """The smallest integers that count the taps."""
    return np.dtype(np.uint8 if prod(grid.taps) <= 256 else np.int32)


def _one(shape: Callable[..., tuple[int, ...]], of: int = 0) -> Callable[..., list[Layout]]:
    """One result, with the dtype of that input."""

    def results(layouts: Sequence[Layout], *attributes: Any) -> list[Layout]:
        return [Layout(tuple(shape(layouts[of].shape, *attributes)), layouts[of].dtype)]

    return results


def _ended(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[: -len(size)], *size)


def _max_pool(layouts: Sequence[Layout], grid: Windows, wanted: bool) -> list[Layout]:
    out = _ended(layouts[0].shape, grid.out)
    return [Layout(out, layouts[0].dtype), *[Layout(out, winner_dtype(grid))] * wanted]


DOUBLE = np.dtype(np.float64)


def scale_dtype(x: np.dtype, weight: Layout | None) -> np.dtype:
    """The dtype of gradients of a normalisation's weight and bias; without a weight, float32 beside halves."""
    return weight.dtype if weight is not None else np.dtype(np.float32) if x.itemsize == 2 else x


def _norm(layouts: Sequence[Layout], norm: Norm) -> list[Layout]:
    shape, dtype, _ = layouts[0]
    return [Layout(shape, dtype), Layout((3, *norm.statistics(shape)), DOUBLE)]


def _norm_grad(layouts: Sequence[Layout], norm: Norm, fixed: bool, wanted: tuple[bool, bool, bool]) -> list[Layout]:
    (shape, dtype, _), weight = layouts[0], layouts[3] if len(layouts) > 3 else None
    parameter = Layout(norm.scales(shape), scale_dtype(dtype, weight))
    results = [Layout(shape, dtype), parameter, parameter]
    return [layout for layout, asked in zip(results, wanted) if asked]


def _columns(x: tuple[int, ...], grid: Windows) -> tuple[int, ...]:
    *lead, channels = x[: -len(grid.size)]
    return (*lead, channels * prod(grid.taps), prod(grid.out))


def _image(columns: tuple[int, ...], grid: Windows) -> tuple[int, ...]:
    return (*columns[:-2], columns[-2] // prod(grid.taps), *grid.size)


def _padded(x: tuple[int, ...], mode: str, sizes: tuple[int, ...], pairs: tuple) -> tuple[int, ...]:
    return _ended(x, tuple([n + lo + hi for n, (lo, hi) in zip(sizes, pairs)]))


def _pointwise(layouts: Sequence[Layout], expressions: tuple[Expression, ...], lying: Lying) -> list[Layout]:
    """In the shape that the inputs broadcast to; as they are told to lie, or else as PyTorch's results do."""
    shape = broadcast(*[layout.shape for layout in layouts])
    kinds = result_dtypes(expressions, tuple([code_of(layout.dtype) for layout in layouts]))
    if lying is not None:
        return [Layout(shape, of_code(kind).numpy, strides) for kind, strides in zip(kinds, lying)]
    order = axis_order(shape, [(layout.shape, strides_of(layout), layout.dtype.itemsize) for layout in layouts])
    return [
        Layout(shape, kind, steps_in_order(shape, order, kind.itemsize)) for kind in (of_code(k).numpy for k in kinds)
    ]


def _reduction(
    layouts: Sequence[Layout], formula: Reduction, axes: tuple[int, ...], keepdim: bool, numbers: tuple[float, ...]
) -> list[Layout]:
    """Without the axes; those that are left in the order in which the inputs have them in memory."""
    shape = broadcast(*[layout.shape for layout in layouts])
    order = axis_order(shape, [(layout.shape, strides_of(layout), layout.dtype.itemsize) for layout in layouts])
    left = [axis for axis in range(len(shape)) if keepdim or axis not in axes]
    order = [left.index(axis) for axis in order if axis in left]
    kept = without(shape, axes, keepdim)
    kinds = [of_code(code).numpy for code in formula.outputs([code_of(layout.dtype) for layout in layouts])]
    return [Layout(kept, kind, steps_in_order(kept, order, kind.itemsize)) for kind in kinds]


def _sampled(layouts: Sequence[Layout], how: Sampling, orders: tuple[int, ...]) -> list[Layout]:
    x, grid = layouts
    return [Layout((*x.shape[:2], *grid.shape[1:-1]), x.dtype)]


def _matmul(layouts: Sequence[Layout]) -> list[Layout]:
    a, b = layouts
    return [Layout((*broadcast(a.shape[:-2], b.shape[:-2]), *a.shape[-2:-1], *b.shape[1:][-1:]), a.dtype)]


KERNELS: dict[str, Kernel] = {
    # Of the inputs: the results of expressions; where memory for them is given, attributes say with which strides.
    "pointwise": Kernel(2, _pointwise),
    # Of the inputs, which broadcast: of a formula, over axes, which stay or not, with numbers for it.
    "reduction": Kernel(4, _reduction, several=True),
    # Of two arrays of one dtype (…, n, k) and (…, k, m), whose batches broadcast; one of one axis is a vector.
    "matmul": Kernel(0, _matmul),
    # Of x, w and bias; of y, w and bias; of x and y; of y. The bias may be None, and so may "relu".
    "fprop": Kernel(2, _one(lambda x, spec, activation: spec.y_shape)),
    "dgrad": Kernel(2, _one(lambda y, spec, activation: spec.x_shape)),
    "wgrad": Kernel(1, _one(lambda x, spec: spec.w_shape)),
    "bias_grad": Kernel(1, _one(lambda y, spec: y[1:2])),
    # Of x; of winners and y; of winners and x; of winners.
    "max_pool": Kernel(2, _max_pool),
    "max_pool_grad": Kernel(2, _one(lambda y, grid, shape: shape, of=1)),
    "max_pool_gather": Kernel(1, _one(lambda x, grid: _ended(x, grid.out), of=1)),
    "positions": Kernel(1, lambda layouts, grid: [Layout(layouts[0].shape, np.dtype(np.int64))]),
    # Of one array.
    "avg_pool": Kernel(2, _one(lambda x, grid, divisor: _ended(x, grid.out))),
    "avg_pool_grad": Kernel(2, _one(lambda y, grid, divisor: _ended(y, grid.size))),
    "adaptive_avg_pool": Kernel(1, _one(lambda x, out: _ended(x, out))),
    "adaptive_avg_pool_grad": Kernel(1, _one(lambda y, size: _ended(y, size))),
    "unfold": Kernel(1, _one(_columns)),
    "fold": Kernel(1, _one(_image)),
    "pad_constant": Kernel(3, _one(lambda x, shape, pairs, value: shape)),
    "pad_copies": Kernel(3, _one(_padded)),
    "pad_copies_grad": Kernel(3, _one(lambda y, mode, sizes, pairs: _ended(y, sizes))),
    # Of x and grid; of y and grid; of x, grid and y.
    "grid_sample": Kernel(2, _sampled),
    "grid_sample_grad": Kernel(2, _one(lambda y, how, orders: (*y[:2], *how.size))),
    "grid_sample_grid_grad": Kernel(1, _one(lambda grid, how: grid, of=1)),
    # Of x, weight, bias and residual; of x, mean, variance, weight, bias and residual; of x, grad, statistics and
    # weight. What is behind x, or its statistics, may be None.
    "norm": Kernel(1, _norm, several=True),
    "norm_apply": Kernel(1, _one(lambda x, norm: x)),
    "norm_grad": Kernel(3, _norm_grad, several=True),
}
