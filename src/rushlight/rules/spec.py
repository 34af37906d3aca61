"""One convolution as a value.

A `ConvSpec` comes out of `geometry` (validated there) and goes to an engine; the planner, the caches, the
tests and the benchmarks name a problem by its string. Python integers only, no arrays.
"""

from __future__ import annotations

import re
from math import prod
from typing import NamedTuple

from .formula import CONV_OUTPUT, MACS

ITEM_BYTES = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "u8": 1}
ROLES = ("fprop", "dgrad", "wgrad")


class ConvSpec(NamedTuple):
    """The convolution that maps `x (batch, in_channels, *size)` with `w (out_channels, in_channels //
    groups, *taps)` to `y (batch, out_channels, *out)`.

    Output position `o` reads under tap `k` the input position `i` where
    `i·input_dilation = o·stride + k·dilation − lo`. Padding is a pair (lo, hi) an axis; a negative one
    crops, after the positive one has been added. `role` says which of the three kernels a spec was made
    for; it changes no number of the geometry.

    >>> spec = ConvSpec.of(8, 64, 96, size=(56, 56), taps=(3, 3), padding=1)
    >>> str(spec), spec.out
    ('n8_c64_i56x56_o96_k3x3_s1_p1_g1_f32', (56, 56))
    >>> ConvSpec.parse(str(spec)) == spec
    True
    """

    batch: int
    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    taps: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    groups: int
    input_dilation: tuple[int, ...]
    dtype: str = "f32"
    role: str = "fprop"

    @classmethod
    def of(
        cls,
        batch: int,
        in_channels: int,
        out_channels: int,
        size: tuple[int, ...] = (),
        taps: tuple[int, ...] = (),
        *,
        stride: int | tuple[int, ...] = 1,
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple = 0,
        groups: int = 1,
        input_dilation: int | tuple[int, ...] = 1,
        dtype: str = "f32",
        role: str = "fprop",
    ) -> ConvSpec:
        """A spec from numbers that are valid already, each as an int or one a spatial axis."""
        rank = len(size)
        pairs = tuple(_pair(entry) for entry in _each(padding, rank))
        steps = (_each(stride, rank), _each(dilation, rank), pairs, groups, _each(input_dilation, rank))
        return cls(batch, in_channels, out_channels, tuple(size), tuple(taps), *steps, dtype, role)

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.size)

    @property
    def input_extent(self) -> tuple[int, ...]:
        """The input's extent with its dilation, I = (size − 1)·input_dilation + 1."""
        return tuple((n - 1) * d + 1 for n, d in zip(self.size, self.input_dilation))

    @property
    def tap_extent(self) -> tuple[int, ...]:
        """The extent of the taps with their dilation, K = dilation·(taps − 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.taps, self.dilation))

    @property
    def output_extent(self) -> tuple[int, ...]:
        """The extent that the output positions cover, O = (out − 1)·stride + 1."""
        return tuple((n - 1) * s + 1 for n, s in zip(self.out, self.stride))

    @property
    def out(self) -> tuple[int, ...]:
        """The output's spatial size, (I + lo + hi − K) // stride + 1."""
        axes = zip(self.input_extent, self.taps, self.stride, self.dilation, self.padding)
        return tuple(
            CONV_OUTPUT(size=n, taps=k, stride=s, dilation=d, before=lo, after=hi) for n, k, s, d, (lo, hi) in axes
        )

    def dgrad(self) -> ConvSpec:
        """The convolution that maps y to x, with taps flipped and the weight's channel axes exchanged."""
        extents = zip(self.input_extent, self.tap_extent, self.output_extent, self.padding)
        return self._replace(
            in_channels=self.out_channels,
            out_channels=self.in_channels,
            size=self.out,
            stride=self.input_dilation,
            padding=tuple((K - 1 - lo, I - O + lo) for I, K, O, (lo, _) in extents),
            input_dilation=self.stride,
            role="fprop" if self.role == "dgrad" else "dgrad",
        )

    def wgrad(self) -> ConvSpec:
        """The convolution that maps x, with y in the weight's place, to w.

        The batch is summed over, so it takes the channels' place: x comes as `(in_channels // groups,
        groups·batch, *size)`, y as `(out_channels, batch, *out)`, and out comes `(in_channels // groups,
        out_channels, *taps)`.
        """
        extents = zip(self.input_extent, self.tap_extent, self.output_extent, self.padding)
        return self._replace(
            batch=self.in_channels // self.groups,
            in_channels=self.batch * self.groups,
            taps=self.out,
            stride=self.dilation,
            dilation=self.stride,
            padding=tuple((lo, O - I + K - 1 - lo) for I, K, O, (lo, _) in extents),
            role="wgrad",
        )

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(batch, in_channels, *size)."""
        return (self.batch, self.in_channels, *self.size)

    @property
    def w_shape(self) -> tuple[int, ...]:
        """(out_channels, in_channels / groups, *taps)."""
        return (self.out_channels, self.in_channels // self.groups, *self.taps)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(batch, out_channels, *out)."""
        return (self.batch, self.out_channels, *self.out)

    @property
    def macs(self) -> int:
        """Multiply-accumulates, taps that fall on padding included; a dgrad has those of its fprop."""
        return MACS(
            batch=self.batch,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            groups=self.groups,
            positions=prod(self.size if self.role == "dgrad" else self.out),
            all_taps=prod(self.taps),
        )

    @property
    def bytes(self) -> int:
        """Bytes of input, weight and output together, each counted once."""
        return ITEM_BYTES[self.dtype] * (prod(self.x_shape) + prod(self.w_shape) + prod(self.y_shape))

    def __str__(self) -> str:
        return problem_string(self)

    @staticmethod
    def parse(text: str) -> ConvSpec:
        """The spec that a problem string names; ValueError where it names none."""
        return parse_problem(text)


def problem_string(spec: ConvSpec) -> str:
    """The spec in one word: `n batch, c in_channels, i size, o out_channels, k taps, s stride, p padding,
    d dilation, u input dilation, g groups`, then dtype and role.

    One number stands for all axes where they agree (not for i and k, whose count is the rank); `d1`, `u1`
    and the role fprop are left out; padding that differs by side is written `lo:hi`.
    """
    sides = [str(lo) if lo == hi else f"{lo}:{hi}" for lo, hi in spec.padding]
    fields = [("n", [spec.batch]), ("c", [spec.in_channels])]
    if spec.rank:
        fields += [("i", spec.size), ("o", [spec.out_channels]), ("k", spec.taps)]
        fields += [("s", _short(spec.stride)), ("p", _short(sides))]
        fields += [(letter, _short(steps)) for letter, steps in _optional(spec) if set(steps) != {1}]
    else:
        fields += [("o", [spec.out_channels])]
    fields += [("g", [spec.groups])]
    words = [letter + "x".join(map(str, numbers)) for letter, numbers in fields] + [spec.dtype]
    return "_".join(words if spec.role == "fprop" else [*words, spec.role])


_FIELD = re.compile(r"([nciokspdug])(-?\d+(?::-?\d+)?(?:x-?\d+(?::-?\d+)?)*)")


def parse_problem(text: str) -> ConvSpec:
    """The inverse of `problem_string`."""
    words = text.strip().split("_")
    role = words.pop() if words[-1] in ROLES else "fprop"
    dtype = words.pop() if words and words[-1] in ITEM_BYTES else "f32"
    matches = [_FIELD.fullmatch(word) for word in words]
    fields = {match[1]: match[2].split("x") for match in matches if match}
    if None in matches or len(fields) != len(words) or not {"n", "c", "o"} <= fields.keys():
        raise ValueError(f"not a problem string: {text!r} (like n8_c64_i56x56_o96_k3x3_s1_p1_g1_f32)")
    return _from_fields(fields, dtype, role, text)


def _from_fields(fields: dict[str, list[str]], dtype: str, role: str, text: str) -> ConvSpec:
    def numbers(letter: str, default: str = "1") -> tuple[int, ...]:
        return tuple(int(number) for number in fields.get(letter, [default]))

    size, taps = (numbers(letter) if letter in fields else () for letter in "ik")
    sides = [tuple(map(int, side.split(":"))) for side in fields.get("p", ["0"])]
    padding = tuple(side if len(side) == 2 else side * 2 for side in sides)
    steps = dict(stride=numbers("s"), dilation=numbers("d"), input_dilation=numbers("u"), padding=padding)
    if len(size) != len(taps) or any(len(step) not in (1, len(size)) for step in steps.values()):
        raise ValueError(f"the axes of this problem string do not agree in number: {text!r}")
    steps = {name: step * len(size) if len(step) == 1 else step for name, step in steps.items()}
    [batch], [in_channels], [out_channels], [groups] = map(numbers, "ncog")
    return ConvSpec.of(batch, in_channels, out_channels, size, taps, groups=groups, dtype=dtype, role=role, **steps)


def _optional(spec: ConvSpec) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return ("d", spec.dilation), ("u", spec.input_dilation)


def _short(entries: tuple | list) -> tuple | list:
    return entries[:1] if len(set(entries)) == 1 else entries


def _each(entry: int | tuple, rank: int) -> tuple:
    return (entry,) * rank if isinstance(entry, int) else tuple(entry)


def _pair(entry: int | tuple[int, int]) -> tuple[int, int]:
    return (entry, entry) if isinstance(entry, int) else tuple(entry)
