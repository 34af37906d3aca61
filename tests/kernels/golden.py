"""The text that kernels are emitted as, by key and instruction set, as hashes; `python -m tests.kernels.golden` renews.

A change that claims to change no kernel leaves `golden.json` alone; one that changes some renews it, so that a reader
of the change sees which. Nothing is compiled: a layer of each family is prepared for machines of every kind.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

from rushlight.backends import cpu
from rushlight.backends.cpu.cross_entropy_call import LossCall, LossGradCall
from rushlight.backends.cpu.draws import Draws
from rushlight.backends.cpu.pointwise_call import PointwiseCall
from rushlight.backends.cpu.reduction_call import ReductionCall
from rushlight.backends.cpu.running_call import RunningCall
from rushlight.backends.protocol import Task, layout_of
from rushlight.compiler import jit
from rushlight.language.ir import Module, f16, f32, f64, i8, i16, i32, i64
from rushlight.plan.target import Target
from rushlight.rules.expression import inputs
from rushlight.rules.normalization import Norm
from rushlight.rules.reduction import Reduction
from rushlight.rules.sampling import Sampling
from rushlight.rules.spec import ConvSpec
from rushlight.rules.windows import Windows

FILE = Path(__file__).with_name("golden.json")
MACHINES = ("avx512", "avx2", "x86-64", "neon")
LAYERS = {
    "product": ConvSpec.of(2, 32, 32, (20, 20), (1, 1)),
    "product, strided": ConvSpec.of(2, 3, 64, (40, 40), (7, 7), stride=2, padding=3),
    "winograd": ConvSpec.of(2, 32, 32, (20, 20), (3, 3), padding=1),
    "winograd, one axis": ConvSpec.of(2, 32, 32, (60,), (5,), padding=2),
    "winograd, strided": ConvSpec.of(2, 128, 128, (40, 40), (5, 5), stride=2, padding=2),
    "depthwise channels": ConvSpec.of(2, 32, 32, (20, 20), (3, 3), padding=1, groups=32),
    "depthwise rows": ConvSpec.of(1, 4, 4, (8, 15, 15), (3, 3, 3), padding=1),
    "groups of channels": ConvSpec.of(2, 32, 32, (20, 20), (3, 3), padding=1, groups=8),
    "groups, widened": ConvSpec.of(2, 20, 40, (20, 20), (3, 3), padding=1, groups=10),
    "taps along depth": ConvSpec.of(2, 32, 32, (6, 20, 20), (3, 1, 1)),
    "overlap": ConvSpec.of(1, 1, 514, (50000,), (512,), stride=128),
}

_FLOATS = [(f32,), (f64,), (f16,)]
RANDOM = {
    **dict.fromkeys(("uniform", "exponential", "cauchy", "powers"), _FLOATS),
    "block_normal": [*_FLOATS, (f64, True)],
    "paired_normal": [(f64, False), (f64, True), (f32, True)],
    "geometric": [*_FLOATS, (i64,)],
    "bernoulli": [(i8,), (i32,), (i64,)],
    "bernoulli_each": [(i32, f32), (i64, f64), (i16, f16)],
    "integers": [(i64, False), (i64, True), (i8, False)],
    "shuffle": [(False,), (True,)],
}


class _Nothing:
    """A kernel that is never launched."""

    address, code, call = 0, None, None

    def __getitem__(self, name: str) -> _Nothing:
        return self


def hashes(isa: str) -> dict[str, str]:
    """By the kernel's key, the hash of its text; ValueError where one key names two texts."""
    found: dict[str, str] = {}
    target = Target.named(isa)

    def record(key: str, build: Callable[[], Module], _: Target) -> _Nothing:
        text = hashlib.sha256(build().text().encode()).hexdigest()[:12]
        if found.setdefault(key, text) != text:
            raise ValueError(f"{key!r} names two kernels")
        return _Nothing()

    with mock.patch.object(jit, "kernel", record), mock.patch.object(Target, "host", lambda: target):
        for spec in LAYERS.values():
            for dtype, kind in (("f32", np.float32), ("f64", np.float64), ("f16", np.float16)):
                typed = spec._replace(dtype=dtype)
                for x, y in _layouts(typed, kind):
                    cpu._choose("fprop", typed, x, None)
                    cpu._choose("dgrad", typed, y, None)
                    cpu._choose_wgrad(typed, x, y)
        with mock.patch.object(cpu, "_calls", OrderedDict()):
            _sum_and_pool()
            _softmax()
            _normalize()
            _sample()
        _draw(Draws(target))
        for formulas, arrays in _pointwise():
            PointwiseCall(Task("pointwise", (formulas, None)), [layout_of(array) for array in arrays], target)
        for attributes, array in _reductions():
            ReductionCall(Task("reduction", attributes), [layout_of(array)], target)
    return dict(sorted(found.items()))


def _sum_and_pool() -> None:
    """The bias's gradient, maximum pooling with its gradient, and averages, in both orders of memory."""
    spec = ConvSpec.of(2, 32, 32, (20, 20), (1, 1))
    for dtype, kind in (("f32", np.float32), ("f64", np.float64), ("f16", np.float16)):
        for x, _ in _layouts(spec, kind):
            cpu._sum(dtype, x)
    grid = Windows((20, 20), (2, 2), (2, 2), (1, 1), (0, 0), (10, 10))
    for kind in (np.float32, np.float64):
        for x, y in _layouts(spec._replace(stride=(2, 2)), kind):
            for wanted in (True, False):
                cpu._pooling(grid, x, wanted)
            cpu._averaging(grid, 9, x)
            cpu._pooling_grad(grid, x.shape, np.empty_like(y, np.int8), y)


def _softmax() -> None:
    """Of lines of neighbours, and of columns; running sums and cross entropy of these, too."""
    for kind in (np.float32, np.float64, np.float16):
        for log, gradient, axis in itertools.product((False, True), (False, True), (0, 1)):
            cpu._softmax(log, gradient, axis, np.empty((40, 40), kind))
            RunningCall(("sum", "prod")[log], gradient, axis, np.empty((40, 40), kind), Target.host())
        for shape, soft, smoothing in itertools.product(((40, 40), (4, 40, 40)), (False, True), (0.0, 0.1)):
            x = np.empty(shape, kind)
            LossCall(True, smoothing, -100, x, soft, x[0], Target.host())
            LossGradCall(smoothing, -100, x, soft, x[0], 0, Target.host())


def _sample() -> None:
    """Sampling at places of a grid, with its gradients, for lanes of places and of channels."""
    for kind in (np.float32, np.float64, np.float16):
        for rule, size in (("linear", (6, 5)), ("cubic", (6, 5)), ("nearest", (3, 6, 5))):
            how, orders = Sampling(rule, "reflection", False, size), (0,) * len(size)
            grid = np.empty((2, *size, len(size)), kind)
            for x in (np.empty((2, 12, *size), kind), np.moveaxis(np.empty((2, *size, 12), kind), -1, 1)):
                for call in ("SampleCall", "ScatterCall", "SlopeCall"):
                    cpu._sampling(call, how, orders, x, grid)


def _normalize() -> None:
    """Normalisation of channels in both orders of memory, and of rows, with their gradients."""
    for kind in (np.float32, np.float64, np.float16):
        for x in (
            np.empty((2, 12, 40), kind),
            np.empty((2, 40, 12), kind).swapaxes(1, 2),
            np.empty((2, 12, 5000), kind),
        ):
            for norm in (Norm("batch"), Norm("groups", 4), Norm("last"), Norm("last", centred=False)):
                weight = np.empty(norm.scales(x.shape), kind)
                residual = x if norm.kind == "batch" else None
                cpu._norm(norm._replace(activation="relu" if residual is x else None), x, weight, weight, residual)
                cpu._norm_grad(norm, False, (True, True, True), x, x, x, weight)
                if norm.kind == "batch":
                    ending = norm._replace(activation="relu6")
                    cpu._norm(ending, x, weight, weight, None)
                    cpu._norm_grad(ending, False, (True, True, True), x, x, x, weight, x)


def _draw(kernels: Draws) -> None:
    """What random numbers of each kind take."""
    for name, kinds in RANDOM.items():
        for arguments in kinds:
            kernels._entry(name, {}, *arguments)


def _pointwise() -> Iterator[tuple[tuple, tuple[np.ndarray, ...]]]:
    """Expressions, and arrays that move in every way along the inner axis."""
    x, y = inputs(2)
    for kind in (np.float32, np.float64, np.float16, np.uint8):
        a, transposed = np.empty((40, 40), kind), np.empty((40, 40), kind).T
        for other in (a, a[:, :1], np.empty((40, 80), kind)[:, ::2], transposed):
            yield (x * y + 1, x > y), (a, other)


def _reductions() -> Iterator[tuple[tuple, np.ndarray]]:
    """Sums with formulas before and behind, and positions: of short and long lines, in pieces, along any axis."""
    x, y = inputs(2)
    formulas = Reduction.of("sum", x * x, x / y), Reduction(("argmax",), (x,), (x, y), (None, "i64"))
    for kind in (np.float32, np.float64, np.float16):
        for shape, axes in (((100, 40), (0,)), ((100, 40), (1,)), ((20, 4000), (1,)), ((400_000,), (0,))):
            for formula in formulas:
                yield (formula, axes, False, ()), np.empty(shape, kind)


def _layouts(spec: ConvSpec, kind: type) -> Iterator[tuple[np.ndarray, ...]]:
    """Input and result, contiguous and channels-last."""
    shapes = spec.x_shape, spec.y_shape
    yield tuple(np.empty(shape, kind) for shape in shapes)
    yield tuple(np.moveaxis(np.empty((n, *size, c), kind), -1, 1) for n, c, *size in shapes)


def main() -> None:
    """Renew the file."""
    found = {isa: hashes(isa) for isa in MACHINES}
    FILE.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n")
    print({isa: len(names) for isa, names in found.items()})


if __name__ == "__main__":
    main()
