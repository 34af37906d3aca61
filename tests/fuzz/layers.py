"""Layers drawn near what vectors find hard, run through the public functions and compared number by number.

In: a random generator. Out: a `Layer`, which prints as a call, is a row of JSON, and knows how to check itself: the
result and all gradients, each element against float64 sums of the reference engine, within what rounding explains.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

import rushlight as torch
from rushlight import runtime
from rushlight.backends import reference, registry
from rushlight.nn import functional as F
from tests.fuzz.geometries import laid_out

LAYOUTS = ("contiguous", "contiguous", "channels last", "spaced", "padded rows")
NEAR_VECTORS = (7, 8, 9, 13, 14, 15, 16, 17, 31, 32, 33)
SMALL = (1, 2, 3, 4, 5, 6, 10, 12, 19, 21)
CHANNELS = (1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64)
MOST_NUMBERS = 1 << 15  # of an input or a result: more finds no more
MOST_PRODUCTS = 1 << 23
KINDS = ("conv", "conv", "conv", "conv_transpose", "conv_transpose", "linear", "max_pool", "avg_pool")
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class Layer(NamedTuple):
    """One call of a function of `nn.functional`, with how its operands lie in memory and the seed of its numbers."""

    kind: str
    size: tuple[int, ...]
    in_channels: int
    out_channels: int
    batch: int | None  # None: without a batch
    taps: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    groups: int
    bias: bool
    dtype: str
    numbers: str  # normal, rectified or whole
    layout: str
    channels_last: bool  # of the weight
    threads: int
    seed: int

    @classmethod
    def draw(cls, rng: random.Random) -> Layer:
        """Any layer whose result has a size."""
        while True:
            layer = cls._drawn(rng)
            if layer.is_legal():
                return layer

    @classmethod
    def _drawn(cls, rng: random.Random) -> Layer:
        kind = rng.choice(KINDS)
        rank = 0 if kind == "linear" else rng.choice((1, 2, 2, 3, 3))
        groups, ins, outs = cls._channels(rng, kind)

        def each(*choices: int) -> tuple[int, ...]:
            return tuple(rng.choice(choices) for _ in range(rank))

        size = tuple(
            rng.choice(NEAR_VECTORS if axis == rank - 1 or rng.random() < 0.3 else SMALL) for axis in range(rank)
        )
        taps = each(3) if rng.random() < 0.4 else each(1, 2, 3, 3, 4, 5, 7)
        stride = each(1) if rng.random() < 0.6 else each(1, 2, 2, 3)
        dilation = each(1) if rng.random() < 0.7 else each(1, 2, 3)
        padding = tuple(rng.choice((0, 1, 1, 2, d * (k - 1) // 2)) for k, d in zip(taps, dilation))
        return cls(
            kind, size, ins, outs, rng.choice((None, 1, 1, 2, 3)), taps, stride, padding, dilation,
            each(0, 0, 0, 1) if kind == "conv_transpose" else (0,) * rank,
            groups, rng.random() < 0.5, rng.choice(("float32",) * 7 + ("float64", "float16", "bfloat16")),
            rng.choice(("normal", "normal", "rectified", "whole")), rng.choice(LAYOUTS), rng.random() < 0.3,
            rng.choice((1, 2, 3)), rng.randrange(1 << 30),
        )  # fmt: skip

    @staticmethod
    def _channels(rng: random.Random, kind: str) -> tuple[int, int, int]:
        if kind.endswith("pool"):
            count = rng.choice(CHANNELS)
            return 1, count, count
        if kind == "linear" or rng.random() < 0.6:
            return 1, rng.choice(CHANNELS), rng.choice(CHANNELS)
        groups, inner, outer = (
            rng.choice((2, 3, 4, 8, 16, 17)),
            rng.choice((1, 1, 2, 3, 4, 8)),
            rng.choice((1, 1, 2, 4, 8)),
        )
        return groups, groups * inner, groups * outer

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.size)

    def is_legal(self) -> bool:
        """Whether the call is allowed, its result has a size, and it is small enough to try many."""
        out = self.out_size()
        span = [d * (k - 1) + 1 for k, d in zip(self.taps, self.dilation)]
        numbers = (self.batch or 1) * max(self.in_channels * prod(self.size), self.out_channels * prod(out))
        steps = zip(self.output_padding, self.stride, self.dilation)
        if any(n < 1 for n in out) or numbers > MOST_NUMBERS or self.products() > MOST_PRODUCTS:
            return False
        if self.kind == "conv_transpose":
            return all(extra < max(s, d) for extra, s, d in steps)
        fits = all(n + 2 * p >= s for n, p, s in zip(self.size, self.padding, span))
        return fits and (not self.pools or self._is_legal_pooling())

    def _is_legal_pooling(self) -> bool:
        plain = self.kind == "max_pool" or all(d == 1 for d in self.dilation)
        half = all(2 * p <= k for p, k in zip(self.padding, self.taps))
        wide = self.dtype in ("float32", "float64")
        return plain and half and wide and self.groups == 1 and self.in_channels == self.out_channels

    @property
    def pools(self) -> bool:
        """Whether it is a pooling, without weights."""
        return self.kind.endswith("pool")

    def out_size(self) -> tuple[int, ...]:
        """The size of the result along each spatial axis."""
        axes = zip(self.size, self.taps, self.stride, self.padding, self.dilation, self.output_padding)
        if self.kind == "conv_transpose":
            return tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in axes)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d, _ in axes)

    def terms(self) -> int:
        """How many products one number of the result or of a gradient sums up, at most."""
        shared = prod(self.taps) * max(self.in_channels, self.out_channels) // self.groups
        places = (self.batch or 1) * max(prod(self.size), prod(self.out_size()))
        return max(shared, places)

    def products(self) -> int:
        """Multiplications of the forward pass."""
        places = prod(self.size if self.kind == "conv_transpose" else self.out_size())
        pairs = self.in_channels * self.out_channels // self.groups
        return (self.batch or 1) * places * prod(self.taps) * pairs

    def arrays(self) -> list[np.ndarray]:
        """x, and the weight and bias of what has them."""
        numbers = np.random.default_rng(self.seed)
        lead = () if self.batch is None else (self.batch,)
        shapes = [(*lead, self.in_channels, *self.size)]
        if not self.pools:
            first, second = self.out_channels, self.in_channels
            if self.kind == "conv_transpose":
                first, second = second, first
            shapes.append((first, second // self.groups, *self.taps))
            shapes += [(self.out_channels,)] * self.bias
        return [self._numbers(numbers, shape) for shape in shapes]

    def _numbers(self, numbers: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if self.numbers == "whole":
            found = numbers.integers(-8, 9, shape).astype(np.float64)
        else:
            found = numbers.standard_normal(shape)
        return np.maximum(found, 0) if self.numbers == "rectified" and len(shape) > 1 else found

    def called(self, x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """The call itself."""
        if self.kind == "linear":
            return F.linear(x, *weights)
        steps: dict[str, Any] = {"stride": self.stride, "padding": self.padding}
        if self.pools:
            steps |= {"dilation": self.dilation} if self.kind == "max_pool" else {}
            return getattr(F, f"{self.kind}{self.rank}d")(x, self.taps, **steps)
        steps |= {"dilation": self.dilation, "groups": self.groups}
        if self.kind == "conv_transpose":
            steps["output_padding"] = self.output_padding
        return getattr(F, f"{self.kind}{self.rank}d")(x, *weights, **steps)

    def results(self, arrays: list[np.ndarray], slope: np.ndarray, dtype: torch.dtype) -> list[np.ndarray]:
        """y and the gradient of every operand, as float64."""
        tensors = [torch.from_numpy(arrays[0]).to(dtype), *(torch.tensor(array, dtype=dtype) for array in arrays[1:])]
        if self.channels_last and self.rank in (2, 3) and len(tensors) > 1:
            form = torch.channels_last if self.rank == 2 else torch.channels_last_3d
            tensors[1] = tensors[1].contiguous(memory_format=form)
        x, *weights = (tensor.detach().requires_grad_() for tensor in tensors)
        y = self.called(x, *weights)
        y.backward(torch.from_numpy(slope).to(dtype))
        return [tensor.detach().double().numpy().copy() for tensor in (y, x.grad, *(w.grad for w in weights))]

    def fault(self) -> str | None:
        """What is wrong, in words; None where every number is what float64 gives, up to rounding."""
        dtype = getattr(torch, self.dtype)
        # Rounded first, so that both sides start from the same numbers.
        arrays = [torch.tensor(array, dtype=dtype).double().numpy() for array in self.arrays()]
        lead = () if self.batch is None else (self.batch,)
        shape = (*lead, self.out_channels, *self.out_size())
        slope = self._numbers(np.random.default_rng(self.seed + 1), shape)
        slope = torch.tensor(slope, dtype=dtype).double().numpy()
        with registry.using(reference):
            right = self.results(arrays, slope, torch.float64)
            # A maximum is one number: what its gradients sum up depends on the numbers' order, not on their size.
            positive = arrays if self.kind == "max_pool" else [np.abs(array) for array in arrays]
            sizes = [np.abs(size) for size in self.results(positive, np.abs(slope), torch.float64)]
        lying = arrays[0].astype(self.dtype) if dtype in (torch.float32, torch.float64) else arrays[0]
        lying = lying if self.batch is None else laid_out(lying, self.layout)
        before = runtime.get_num_threads()
        runtime.set_num_threads(self.threads)
        try:
            found = self.results([lying, *arrays[1:]], slope, dtype)
        finally:
            runtime.set_num_threads(before)
        names = ("y", "gradient of x", "gradient of the weight", "gradient of the bias")
        return next(filter(None, map(self._compared, names, found, right, sizes)), None)

    def _compared(self, name: str, found: np.ndarray, right: np.ndarray, size: np.ndarray) -> str | None:
        if found.shape != right.shape:
            return f"{name} has shape {found.shape}, {right.shape} is right"
        room = EPSILON[self.dtype] * np.abs(right) if self.dtype in ("float16", "bfloat16") else np.zeros(1)
        if self.dtype == "float16":
            room += 2.0**-24  # subnormal
        if self.numbers != "whole" or self.kind == "avg_pool":  # whole numbers have exact sums, in any order
            computed = EPSILON["float64" if self.dtype == "float64" else "float32"]
            # Winograd's algorithm rounds numbers of the size of its tile's largest.
            near = 16 * size.max(initial=0) if "conv" in self.kind else 0
            room = room + computed * ((16 + 2 * self.terms() ** 0.5) * size + near) + 1e-30
        with np.errstate(invalid="ignore"):  # infinities are equal, too, and have no difference
            wrong = ~((found == right) | (np.abs(found - right) <= room))
        if not wrong.any():
            return None
        at = tuple(int(n) for n in np.argwhere(wrong)[0])
        return f"{name}: {wrong.sum()} of {wrong.size} wrong, first at {at}: {found[at]}, {right[at]} is right"

    def simpler(self) -> Iterator[Layer]:
        """Layers that are a little simpler, the largest steps first."""
        for name, value in (("batch", 1), ("threads", 1), ("layout", "contiguous"), ("channels_last", False),
                            ("bias", False), ("dtype", "float32"), ("numbers", "normal")):  # fmt: skip
            if getattr(self, name) != value:
                yield self._replace(**{name: value})
        if self.pools:
            counts = dict.fromkeys((1, self.in_channels // 2, self.in_channels - 1))
            yield from (self._replace(in_channels=n, out_channels=n) for n in counts if 0 < n < self.in_channels)
        elif self.groups == 1:
            for name in ("in_channels", "out_channels"):
                count = getattr(self, name)
                yield from (self._replace(**{name: fewer}) for fewer in (1, count // 2, count - 1) if 0 < fewer < count)
        else:
            ins, outs = self.in_channels // self.groups, self.out_channels // self.groups
            yield from (
                self._replace(groups=fewer, in_channels=fewer * ins, out_channels=fewer * outs)
                for fewer in (1, self.groups // 2, self.groups - 1)
                if 0 < fewer < self.groups
            )
        for name, least in (
            ("output_padding", 0),
            ("dilation", 1),
            ("stride", 1),
            ("padding", 0),
            ("taps", 1),
            ("size", 1),
        ):
            numbers = getattr(self, name)
            for axis, n in enumerate(numbers):
                for less in dict.fromkeys((least, n // 2, n - 1)):
                    if least <= less < n:
                        yield self._replace(**{name: (*numbers[:axis], less, *numbers[axis + 1 :])})

    @classmethod
    def of(cls, row: dict[str, Any]) -> Layer:
        """A layer from its row of JSON."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})

    def __str__(self) -> str:
        lead = "" if self.batch is None else f"{self.batch}, "
        x = f"({lead}{', '.join(map(str, (self.in_channels, *self.size)))})"
        steps = {name: getattr(self, name) for name in ("stride", "padding", "dilation", "output_padding")}
        told = "".join(f", {name}={value}" for name, value in steps.items() if self.rank)
        return (
            f"{self.kind}{self.rank or ''} of {x} to {self.out_channels}, taps={self.taps}{told}, "
            f"groups={self.groups}, bias={self.bias}, {self.dtype}, {self.numbers}, {self.layout}, "
            f"threads={self.threads}, seed={self.seed}"
        )
