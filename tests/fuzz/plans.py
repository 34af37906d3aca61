"""Plan layers that nobody tried, for machines of every kind: `python -m tests.fuzz.plans --seconds 60`.

Planning touches no numbers: a `Problem` is a geometry, how its arrays would lie, a machine and a number of threads. It
is planned and prepared as its call would be, tables and words and all, with nothing compiled and nothing run; every
exception is a fault, and so is planning that takes seconds. A run prints its seed first; a problem prints as a call
that makes it again.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

import numpy as np

from rushlight import runtime
from rushlight.backends import cpu as compiled
from rushlight.backends.cpu.bias import BiasCall
from rushlight.backends.cpu.pool import PoolCall, PoolGradCall
from rushlight.backends.exactness import set_exact
from rushlight.compiler import jit
from rushlight.plan.choose import choose, choose_gradient
from rushlight.plan.depthwise_channels import plan_depthwise_channels, plan_depthwise_channels_wgrad
from rushlight.plan.depthwise_rows import plan_depthwise_rows
from rushlight.plan.pool import covered, listed
from rushlight.plan.product import Source, plan_product
from rushlight.plan.target import KB, MB, Target
from rushlight.rules.spec import ITEM_BYTES, ConvSpec
from rushlight.rules.windows import Windows
from tests.fuzz.geometries import DTYPES
from tests.instruction_sets import NATIVE

KERNELS = ("fprop", "dgrad", "wgrad", "bias", "pool")
SLOW = 3.0
"""Seconds of planning that are a fault."""
_NUMBERS = 1 << 26  # of an array, gaps included
_WEIGHT = 1 << 20
_TABLES = 1 << 17  # taps and positions that tables list
_MEMORY = np.zeros(8 * _NUMBERS, np.uint8)  # never touched


class Problem(NamedTuple):
    """What is planned."""

    kernel: str
    spec: str
    strides: tuple[int, ...]  # of x and then y (of the source alone where there is one), in numbers
    relu: bool
    exact: bool
    threads: int
    target: tuple[str, int, int, int, int]  # isa, l1, l2, l3, cores

    @classmethod
    def draw(cls, rng: random.Random, isas: tuple[str, ...] = NATIVE) -> Problem:
        """Any geometry that the rules allow and tables can hold."""
        kernel = rng.choices(KERNELS, (6, 6, 6, 1, 1))[0]
        while True:
            spec = _draw_spec(rng, kernel)
            shapes = {"fprop": [spec.x_shape], "wgrad": [spec.x_shape, spec.y_shape], "pool": [spec.x_shape]}
            shapes = shapes.get(kernel, [spec.y_shape])
            strides = [_draw_strides(rng, shape) for shape in shapes]
            if all(_extent(shape, steps) < _NUMBERS for shape, steps in zip(shapes, strides)):
                break
        caches = rng.choice((16, 32, 48, 64, 128)) * KB, rng.choice((256, 512, 1024, 2048, 4096)) * KB
        target = rng.choice(isas), *caches, rng.choice((1, 2, 8, 32, 256)) * MB, rng.choice((1, 2, 3, 8, 64, 192))
        every = tuple(step for steps in strides for step in steps)
        return cls(
            kernel, str(spec), every, rng.random() < 0.5, rng.random() < 0.3, rng.choice((1, 1, 2, 3, 8, 64)), target
        )

    def plan(self) -> str:
        """Prepare the call; its name."""
        spec, dtype = ConvSpec.parse(self.spec), DTYPES[ConvSpec.parse(self.spec).dtype]
        shapes = {"fprop": [spec.x_shape], "wgrad": [spec.x_shape, spec.y_shape], "pool": [spec.x_shape]}
        arrays, strides = [], list(self.strides)
        for shape in shapes.get(self.kernel, [spec.y_shape]):
            steps, strides = strides[: len(shape)], strides[len(shape) :]
            size = np.dtype(dtype).itemsize
            arrays.append(np.ndarray(shape, dtype, _MEMORY, 0, [step * size for step in steps]))
        activation = "relu" if self.relu else None
        if self.kernel == "wgrad":
            call = compiled._choose_wgrad(spec, *arrays)
        elif self.kernel == "bias" and 0 in arrays[0].shape:
            return "no sum"
        elif self.kernel == "bias":
            call = BiasCall(spec.dtype, arrays[0], Target.host(), self.threads)
        elif self.kernel == "pool":
            return self._plan_pool(spec, arrays[0])
        else:
            call = compiled._choose(self.kernel, spec, arrays[0], activation)
        if hasattr(call, "describe"):
            call.describe()
        return type(call).__name__

    def choose(self) -> str:
        """The plan alone, a tenth of the work: no tables; the algorithm's name."""
        spec, target = ConvSpec.parse(self.spec), Target.host()
        if self.kernel == "wgrad":
            algorithm = choose_gradient(spec, target, self.exact).algorithm
            if algorithm == "depthwise_channels":
                last = tuple(self.strides[i] == 1 for i in (1, 1 + len(spec.x_shape)))
                plan_depthwise_channels_wgrad(spec, target, last)
            return algorithm
        if self.kernel not in ("fprop", "dgrad") or not spec.batch:
            return self.plan()
        image, channel, *steps = self.strides
        choice = choose(spec, self.kernel, target, self.threads, self.exact, steps[-1:] == [1])
        role = spec._replace(role=self.kernel)
        if choice.algorithm == "depthwise_channels":
            plan_depthwise_channels(role, target, channel == 1)
        elif choice.algorithm == "depthwise_rows":
            plan_depthwise_rows(role, target)
        elif choice.algorithm == "product" and spec.batch:
            size = max(4, ITEM_BYTES[spec.dtype])
            source = Source(image, channel, tuple(steps), spec.dtype in ("f32", "f64"))
            plan_product(spec, self.kernel, source, target, self.threads, size)
        return choice.algorithm

    def _plan_pool(self, spec: ConvSpec, x: np.ndarray) -> str:
        if not spec.rank or spec.dtype not in ("f32", "f64") or not spec.batch:
            return "no pooling"
        numbers = zip(spec.size, spec.taps, spec.stride, spec.dilation, (lo for lo, _ in spec.padding), spec.out)
        grid = Windows(*zip(*numbers))
        if not (covered(grid) and listed(grid)):
            return "no pooling"
        PoolCall(grid, x, True, Target.host(), self.threads)
        y = np.ndarray((*x.shape[:2], *grid.out), x.dtype, _MEMORY)
        winners = np.ndarray(y.shape, np.int8 if prod(grid.taps) < 128 else np.int32, _MEMORY)
        PoolGradCall(grid, x.shape, winners, y, Target.host(), self.threads)
        return "PoolCall"

    def fault(self, rules: bool = False) -> str | None:
        """What is wrong; None where nothing is. `rules`: of the plan alone."""
        isa, l1, l2, l3, cores = self.target
        machine = Target.named(isa, l1=l1, l2=l2, l3=l3, cores=cores)
        set_exact(self.exact)
        with (
            mock.patch.object(Target, "host", lambda: machine),
            mock.patch.object(runtime, "team_size", lambda: self.threads),
        ):
            begin = time.process_time()
            try:
                self.choose() if rules else self.plan()
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            seconds = time.process_time() - begin
        return f"planning takes {seconds:.1f} s" if seconds > SLOW else None


def _draw_spec(rng: random.Random, kernel: str) -> ConvSpec:
    while True:
        groups, ins, outs = _draw_channels(rng, kernel)
        rank, batch = rng.choice((0, 1, 1, 2, 2, 2, 3, 3)), rng.choice((0, 1, 1, 2, 3, 8, 17, 64, 300))
        dtype = rng.choice(("f32", "f32", "f64", "f16", "bf16"))
        if not rank:
            return ConvSpec.of(batch, ins // groups, outs // groups, dtype=dtype)
        axes = [_draw_axis(rng, rank, kernel) for _ in range(rank)]
        size, taps, stride, dilation, padding = zip(*axes)
        spec = ConvSpec.of(
            batch, ins, outs, size, taps, stride=stride, dilation=dilation, padding=padding, groups=groups, dtype=dtype
        )
        whole = prod(spec.w_shape) < _WEIGHT or (rank == 1 and prod(spec.w_shape) < 4 * _WEIGHT)
        listed = prod(taps) * (1 if kernel == "pool" else min(64, ins // groups)) + prod(size[-2:]) // 8
        if min(spec.out) > 0 and whole and listed < _TABLES and max(map(prod, (spec.x_shape, spec.y_shape))) < _NUMBERS:
            return spec


def _draw_axis(rng: random.Random, rank: int, kernel: str) -> tuple:
    size = rng.choice((rng.randint(1, 12), rng.randint(1, 70), rng.choice((7, 8, 9, 13, 15, 16, 17, 31, 32, 33))))
    if rng.random() < 0.05:
        size = rng.randint(1, (100_000, 2000, 200)[rank - 1])
    taps = rng.choice((1, 2, 3, 3, 3, 3, 4, 5, 7, rng.randint(1, 12), min(size, 40)))
    if rng.random() < 0.03:
        taps = rng.randint(1, (600, 60, 14)[rank - 1])
    stride = rng.choice((1, 1, 1, 2, 2, 3, 4, taps, rng.randint(1, 20)))
    dilation = rng.choice((1, 1, 1, 1, 2, 2, 3, rng.randint(1, 20)))
    span = dilation * (taps - 1)
    sides = [rng.choice((0, 0, 0, 1, 1, 2, 3, span // 2, span, rng.randint(0, span + 3))) for _ in range(2)]
    if rng.random() < 0.7:
        sides[1] = sides[0]
    if rng.random() < 0.1 and kernel != "pool":
        sides = [rng.randint(-size // 2, span) for _ in range(2)]
    return size, taps, stride, dilation, tuple(sides)


def _draw_channels(rng: random.Random, kernel: str) -> tuple[int, int, int]:
    if kernel == "pool":
        count = rng.choice((1, 2, 3, 16, 33, 64))
        return 1, count, count
    near = (7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 65)

    def some() -> int:
        return rng.choice((rng.randint(1, 8), rng.choice(near), rng.randint(1, 200), int(2 ** rng.uniform(0, 11.5))))

    kind = rng.choice(("dense", "dense", "dense", "depthwise", "groups", "wide groups"))
    if kind == "dense":
        return 1, some(), some()
    groups = some()
    if kind == "wide groups":
        groups = rng.randint(2, 8)
        return groups, groups * some(), groups * some()
    inner, outer = (1, rng.choice((1, 1, 1, 2, 3))) if kind == "depthwise" else (rng.randint(1, 9), rng.randint(1, 9))
    if rng.random() < 0.3:
        outer = inner
    return groups, groups * inner, groups * outer


def _draw_strides(rng: random.Random, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a contiguous array, a channels-last one, one with gaps, one in any order of axes, or an expanded one."""
    order = list(range(len(shape)))
    kind = rng.choice(("contiguous", "contiguous", "channels last", "channels last", "gaps", "any", "expanded"))
    if kind == "channels last":
        order.append(order.pop(1))
    elif kind == "any":
        rng.shuffle(order)
    strides, step = [0] * len(shape), 1
    if kind == "gaps":
        step = rng.choice((1, 1, 2))
    for axis in reversed(order):
        strides[axis] = step
        step *= max(1, shape[axis])
        if kind == "gaps":
            step += rng.choice((0, 0, 1, 5, 64))
    if kind == "expanded":
        strides[rng.randrange(len(strides))] = 0
    return tuple(strides)


def _extent(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    return 1 + sum(max(0, n - 1) * step for n, step in zip(shape, strides))


class _Anything:
    """Code whose entries have names and no addresses."""

    def __getitem__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(address=0, name=name)


@contextmanager
def compiling_nothing() -> Iterator[None]:
    """Inside, calls are prepared without their kernels; warnings are errors."""
    with mock.patch.object(jit, "kernel", lambda key, build, target: _Anything()), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield
        finally:
            set_exact(False)


def explore(rng: random.Random, seconds: float, isas: tuple[str, ...], rules: bool = False) -> tuple[Counter, dict]:
    """How many problems were tried on each instruction set, and the faults: the first problem of each kind."""
    tried, faults = Counter(), {}
    end = time.monotonic() + seconds
    with compiling_nothing():
        while time.monotonic() < end:
            problem = Problem.draw(rng, isas)
            tried[problem.target[0]] += 1
            fault = problem.fault(rules)
            if fault is not None and fault not in faults:
                faults[fault] = problem
    return tried, faults


def main() -> int:
    """Plan until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--isa", nargs="+", default=NATIVE)
    parser.add_argument("--rules", action="store_true", help="plans alone, without tables: ten times as many")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    tried, faults = explore(random.Random(asked.seed), asked.seconds, tuple(asked.isa), asked.rules)
    for fault, problem in faults.items():
        print(f"{fault}\n  {problem!r}")
    print(", ".join(f"{count} problems for {isa}" for isa, count in tried.items()) + f": {len(faults)} faults")
    return min(len(faults), 1)


if __name__ == "__main__":
    sys.exit(main())
