"""Geometry of everything that looks through windows without weights: pooling, unfold, fold; and of `pad`.

In come shapes and the arguments as users wrote them; out come `Windows` (or pairs of padding), or PyTorch's
exception with the axis, the numbers and a fix. Python integers only.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

from rushlight.core import memory
from rushlight.core.errors import message

from . import formula
from .arguments import AXES, at_axis, by_axis, integer, integers, numbers_in, shown, wrong_type
from .hints import raise_hinted
from .in_bounds import in_bounds
from .rules import Pairs, check_pad

PAD_MODES = ("constant", "reflect", "replicate", "circular")


class Windows(NamedTuple):
    """Windows over spatial axes: output position o reads under tap k the input `o·stride + k·dilation − padding`."""

    size: tuple[int, ...]
    taps: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    out: tuple[int, ...]

    def trimmed(self) -> Windows:
        """The same windows with those taps alone that read an input, of which there are no more than sizes allow.

        >>> Windows((4,), (2**31 - 1,), (1,), (1,), (2**30 - 1,), (1,)).trimmed()
        Windows(size=(4,), taps=(4,), stride=(1,), dilation=(1,), padding=(0,), out=(1,))
        """
        taps, padding = [], []
        for n, k, s, d, p, out in zip(self.size, self.taps, self.stride, self.dilation, self.padding, self.out):
            first = min(in_bounds((out - 1) * s - p, d, n, 0, k)[0], k - 1)  # of the last output
            last = in_bounds(-p, d, n, 0, k)[1] - 1  # of the first one
            taps.append(max(last - first, 0) + 1)
            padding.append(p - first * d)
        return self._replace(taps=tuple(taps), padding=tuple(padding))


class Counts(NamedTuple):
    """What the sum over each window is divided by: its positions in the input, or in the input and its padding."""

    windows: Windows
    padding: bool

    def by_axis(self) -> list[list[int]]:
        """How many positions along each axis; a window counts their product.

        >>> Counts(Windows((5,), (3,), (2,), (1,), (1,), (3,)), padding=False).by_axis()
        [[2, 3, 2]]
        """
        counts = []
        for n, k, s, p, out in zip(
            *(getattr(self.windows, name) for name in ("size", "taps", "stride", "padding", "out"))
        ):
            spans = [(o * s - p, min(o * s - p + k, n + p)) for o in range(out)]
            counts.append([b - a if self.padding else min(b, n) - max(a, 0) for a, b in spans])
        return counts


def _axes(size: tuple, taps: tuple, stride: tuple, dilation: tuple, padding: tuple) -> list[dict[str, int]]:
    return [
        dict(size=n, taps=k, stride=s, dilation=d, before=p, after=p)
        for n, k, s, d, p in zip(size, taps, stride, dilation, padding)
    ]


# -- unfold and fold


def unfold(
    x: tuple[int, ...], kernel_size: object, dilation: object, padding: object, stride: object, itemsize: int = 1
) -> Windows:
    """Windows of `unfold` on an input of shape x; an int kernel_size takes every axis behind the channels."""
    try:
        return _unfold(x, kernel_size, dilation, padding, stride, itemsize)
    except (RuntimeError, IndexError) as error:
        steps = dict(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
        raise_hinted(error, "unfold", (x,), **steps)


def _unfold(
    x: tuple[int, ...], kernel_size: object, dilation: object, padding: object, stride: object, itemsize: int
) -> Windows:
    if len(x) < 3 and not (isinstance(kernel_size, list | tuple) and len(kernel_size) != 2):
        raise IndexError(
            message(
                f"Dimension out of range (expected to be in range of [{-len(x)}, {len(x) - 1}], but got {len(x)})",
                f"unfold takes (batch, channels, height, width) or (channels, height, width), not {shown(x)}",
            )
        )
    op, rank = "unfold", _unfold_rank(x, kernel_size)
    numbers = _block_arguments(op, rank, kernel_size, dilation, padding, stride)
    if len(x) not in (rank + 1, rank + 2) or 0 in x[len(x) - rank - 1 :]:
        raise RuntimeError(
            message(
                f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch size and other "
                f"non-zero dimensions for input, but got: {shown(x)}",
                f"unfold: {rank} spatial axes, channels, and the batch or none",
            )
        )
    size = x[-rank:]
    taps, gaps, pads, steps = numbers
    out = tuple(formula.CONV_OUTPUT(**axis) for axis in _axes(size, taps, steps, gaps, pads))
    if min(out) < 1:
        raise RuntimeError(
            message(
                f"Given input with spatial size {size}, kernel_size={taps}, dilation={gaps}, padding={pads}, "
                f"calculated shape of the array of sliding blocks as {out}, but its components must be at least one.",
                at_axis(op, rank, out.index(min(out)), len(x)) + ": the kernel is larger than the padded input",
                fix="a smaller kernel or more padding",
            )
        )
    memory.check((prod(x[:-rank]) * prod(taps), prod(out)), itemsize, "unfold: the output")
    return Windows(size, taps, steps, gaps, pads, out)


def _unfold_rank(x: tuple[int, ...], kernel_size: object) -> int:
    """PyTorch's unfold is 2-D; a tuple of another length means its own rank where the input has that many axes."""
    if not isinstance(kernel_size, list | tuple):
        return 3 if len(x) == 5 else 2
    rank = len(kernel_size)
    return rank if rank in AXES and len(x) in (rank + 1, rank + 2) else 2


def fold(
    x: tuple[int, ...],
    output_size: object,
    kernel_size: object,
    dilation: object,
    padding: object,
    stride: object,
    itemsize: int = 1,
) -> Windows:
    """Windows of `fold`: `size` is the image, `out` the grid of blocks that x (batch, C·taps, blocks) holds."""
    steps = dict(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    try:
        return _fold(x, output_size, **steps, itemsize=itemsize)
    except RuntimeError as error:
        raise_hinted(error, "fold", (x,), output_size=output_size, **steps)


def _fold(
    x: tuple[int, ...], output_size: object, kernel_size: object, dilation: object, padding: object, stride: object,
    itemsize: int,
) -> Windows:  # fmt: skip
    op, rank = "fold", _fold_rank(output_size, kernel_size)
    size = _block_sizes(op, "output_size", output_size, rank)
    taps, gaps, pads, steps = _block_arguments(op, rank, kernel_size, dilation, padding, stride)
    if len(x) not in (2, 3) or 0 in x[-2:]:
        raise RuntimeError(
            message(
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
                f"for input, but got: {shown(x)}",
                "fold: (batch, channels·taps, blocks), or the same without batch",
            )
        )
    if x[-2] % prod(taps):
        raise RuntimeError(
            message(
                f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
                f"input.size(1)={x[-2]} and kernel_size={taps}.",
                f"fold: {x[-2]} is not a multiple of {' · '.join(map(str, taps))} = {prod(taps)}",
            )
        )
    out = tuple(formula.CONV_OUTPUT(**axis) for axis in _axes(size, taps, steps, gaps, pads))
    _check_blocks(x, dict(output_size=size, kernel_size=taps, dilation=gaps, padding=pads, stride=steps), out)
    memory.check((prod(x[:-1]) // prod(taps), *size), itemsize, "fold: the output")
    return Windows(size, taps, steps, gaps, pads, out)


def _fold_rank(output_size: object, kernel_size: object) -> int:
    """PyTorch's fold is 2-D; another rank is one that output_size, or else kernel_size, spells out."""
    lengths = [len(value) for value in (output_size, kernel_size) if isinstance(value, list | tuple)]
    if len(set(lengths)) == 1 and lengths[0] in AXES:
        both = len(lengths) == 2
        return lengths[0] if both or lengths[0] == 2 else 2
    return 2


def _check_blocks(x: tuple[int, ...], arguments: dict, out: tuple[int, ...]) -> None:
    given = "Given " + ", ".join(f"{name}={value}" for name, value in arguments.items())
    grid = " * ".join(map(str, out))
    if prod(out) != x[-1]:
        raise RuntimeError(
            message(
                f"{given}, expected size of input's dimension 2 to match the calculated number of sliding blocks "
                f"{grid} = {prod(out)}, but got input.size(2)={x[-1]}.",
                f"fold, axis {len(x) - 1} (blocks): {x[-1]} ≠ {prod(out)}",
                fix="the output_size, kernel_size, dilation, padding and stride of the unfold that made these blocks",
            )
        )
    if min(out) < 1:  # two negatives multiply to a number that fits, and mean nothing
        raise RuntimeError(
            message(
                f"{given}, calculated shape of the array of sliding blocks as {out}, which is too small (non-positive)",
                f"fold, {AXES[len(out)][out.index(min(out))]}: the kernel is larger than the padded output",
            )
        )


def _block_sizes(op: str, name: str, value: object, rank: int) -> tuple[int, ...]:
    """As `integers`, but a sequence of one stands for itself, and the sentence is fold's."""
    if isinstance(value, list | tuple) and len(value) != rank:
        fact = f"{op}: {rank} spatial axes"
        raise RuntimeError(message(f"It is expected {name} equals to {rank}, but got size {len(value)}", fact))
    return integers(op, name, value, rank)


def _block_arguments(
    op: str, rank: int, kernel_size: object, dilation: object, padding: object, stride: object
) -> tuple[tuple[int, ...], ...]:
    taps = _block_sizes(op, "kernel_size", kernel_size, rank)
    gaps = _block_sizes(op, "dilation", dilation, rank)
    pads = _block_sizes(op, "padding", padding, rank)
    steps = _block_sizes(op, "stride", stride, rank)
    for name, short, values in (
        ("kernel size", "kernel", taps),
        ("stride", "stride", steps),
        ("dilation",) * 2 + (gaps,),
    ):
        if min(values) < 1:
            raise RuntimeError(
                message(f"{name} should be greater than zero, but got {by_axis(short, values)}", f"raised by {op}")
            )
    if min(pads) < 0:
        raise RuntimeError(
            message(f"padding should be non-negative, but got {by_axis('pad', pads)}", f"raised by {op}")
        )
    return taps, gaps, pads, steps


# -- pooling


def pool(
    op: str,
    rank: int,
    x: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object = 1,
    ceil_mode: object = False,
) -> Windows:
    """Windows of a max or average pooling; stride None (or empty) is the kernel size."""
    try:
        return _pool(op, rank, x, kernel_size, stride, padding, dilation, ceil_mode)
    except (RuntimeError, IndexError) as error:
        steps = dict(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        raise_hinted(error, op, (x,), **steps)


def _pool(
    op: str,
    rank: int,
    x: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
    ceil_mode: object,
) -> Windows:
    taps = _pool_argument(op, "kernel_size", kernel_size, rank)
    empty = stride is None or (isinstance(stride, list | tuple) and not stride)
    steps = taps if empty else _pool_argument(op, "stride", stride, rank)
    pads = _pool_argument(op, "padding", padding, rank)
    gaps = _pool_argument(op, "dilation", dilation, rank)
    if not isinstance(ceil_mode, bool):
        raise wrong_type(op, "ceil_mode", "bool", ceil_mode)
    _check_pool_numbers(op, taps, steps, pads, gaps)
    _check_pool_input(op, rank, x)
    size = x[-rank:]
    out = tuple(_pool_out(axis, ceil_mode) for axis in _axes(size, taps, steps, gaps, pads))
    if min(out) < 1:
        _raise_pool_too_small(op, rank, x, out)
    return Windows(size, taps, steps, gaps, pads, out)


# What was checked is remembered by all numbers and their types, those inside tuples, too: True and 1.0 equal 1 and are
# errors.


@lru_cache(maxsize=4096, typed=True)
def _known_pool(count: int, *call: object) -> tuple[Windows, Windows]:
    grid = pool(*call[:count])
    return grid, grid.trimmed()


def known_pool(*call: object) -> tuple[Windows, Windows]:
    """`pool`, remembered, as it is and trimmed."""
    try:
        return _known_pool(len(call), *call, *numbers_in(call[3:]))
    except TypeError:  # a list, which cannot be remembered, or the error of the call
        pass
    grid = pool(*call)
    return grid, grid.trimmed()


def _pool_argument(op: str, name: str, value: object, rank: int) -> tuple[int, ...]:
    if isinstance(value, list | tuple) and len(value) not in (1, rank):
        words = {1: "one int", 2: "two ints", 3: "three ints"}[rank]
        raise RuntimeError(message(f"{op}: {name} must either be a single int, or a tuple of {words}", f"got {value}"))
    numbers = integers(op, name, value, rank)
    if not -(2**31) <= min(numbers) <= max(numbers) < 2**31:
        sentence = "value cannot be converted to type int without overflow"
        raise RuntimeError(message(sentence, f"{op}: {name}={value}", fix="numbers below 2**31"))
    return numbers


def _check_pool_numbers(op: str, taps: tuple, steps: tuple, pads: tuple, gaps: tuple) -> None:
    for axis, (k, s, p, d) in enumerate(zip(taps, steps, pads, gaps)):
        where = f"{op}, {AXES[len(taps)][axis]}: kernel {k}, stride {s}, padding {p}, dilation {d}"
        if s < 1:
            raise RuntimeError(message("stride should not be zero", where, fix="stride=1"))
        if k < 1:
            raise RuntimeError(
                message(f"kernel size should be greater than zero, but got {by_axis('kernel', taps)}", where)
            )
        if d < 1:
            raise RuntimeError(
                message(f"dilation should be greater than zero, but got {by_axis('dilation', gaps)}", where)
            )
        if p < 0:
            raise RuntimeError(message(f"pad must be non-negative, but got pad: {p}", where))
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                message(
                    "pad should be at most half of effective kernel size, but got "
                    f"pad={p}, kernel_size={k} and dilation={d}",
                    where,
                    fix=f"padding={(d * (k - 1) + 1) // 2}, or F.pad before",
                )
            )


def _check_pool_input(op: str, rank: int, x: tuple[int, ...]) -> None:
    fact = f"{op}: {rank} spatial axes, channels, and the batch or none; none of them empty but the batch"
    dims = len(x)
    if op == "avg_pool2d" and dims < 3:
        sentence = f"Dimension out of range (expected to be in range of [{-dims}, {dims - 1}], but got -3)"
        raise IndexError(message(sentence, fact))
    if dims not in (rank + 1, rank + 2) or 0 in x[dims - rank - 1 :]:
        raise RuntimeError(message(_pool_sentence(op, rank, x), fact))


def _pool_sentence(op: str, rank: int, x: tuple[int, ...]) -> str:
    wrong = len(x) not in (rank + 1, rank + 2)
    if op == "avg_pool1d" and wrong:
        dims = len(x)
        argument = f"argument #1 'self' (while checking arguments for {op})"
        return f"Expected 2 to 3 dimensions, but got {dims}-dimensional tensor for {argument}"
    if wrong and rank > 1 and op != "avg_pool2d":
        return f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input"
    name = f"{op}: " if rank == 1 else ""
    tensors = f"{rank + 1}D or {rank + 2}D (batch mode) tensor"
    return f"{name}Expected {tensors} with optional 0 dim batch size for input, but got:{shown(x)}"


def _pool_out(axis: dict[str, int], ceil_mode: bool) -> int:
    """Rounded up, the last window must still begin inside the input or the padding before it."""
    if not ceil_mode:
        return formula.CONV_OUTPUT(**axis)
    out = formula.POOL_OUTPUT_CEIL(**axis)
    return out - 1 if (out - 1) * axis["stride"] >= axis["size"] + axis["before"] else out


def _raise_pool_too_small(op: str, rank: int, x: tuple[int, ...], out: tuple[int, ...]) -> None:
    lead = str(x[-rank - 1])
    given, calculated = ("x".join([lead, *map(str, numbers)]) for numbers in (x[-rank:], out))
    raise RuntimeError(
        message(
            f"Given input size: ({given}). Calculated output size: ({calculated}). Output size is too small",
            at_axis(op, rank, out.index(min(out)), len(x)) + ": the window is larger than the padded input",
            fix="a smaller kernel_size",
        )
    )


def adaptive(op: str, rank: int, x: tuple[int, ...], output_size: object) -> tuple[int, ...]:
    """The output size of an adaptive pooling; None keeps an axis."""
    try:
        return _adaptive(op, rank, x, output_size)
    except (RuntimeError, ValueError) as error:
        raise_hinted(error, op, (x,), output_size=output_size)


@lru_cache(maxsize=256)
def adaptive_windows(size: int, out: int) -> list[tuple[int, int]]:
    """Where each window of an adaptive pooling begins and ends along an axis.

    >>> adaptive_windows(5, 3)
    [(0, 2), (1, 4), (3, 5)]
    """
    start, stop = formula.ADAPTIVE_START, formula.ADAPTIVE_STOP
    return [(start(index=index, size=size, out=out), stop(index=index, size=size, out=out)) for index in range(out)]


@lru_cache(maxsize=256)
def readers(size: int, out: int) -> list[list[int]]:
    """For each position along an axis the windows of `adaptive_windows` that hold it.

    >>> readers(5, 3)
    [[0], [0, 1], [1], [1, 2], [2]]
    """
    found = [[] for _ in range(size)]
    for window, (start, stop) in enumerate(adaptive_windows(size, out)):
        for position in range(start, stop):
            found[position].append(window)
    return found


def _adaptive(op: str, rank: int, x: tuple[int, ...], output_size: object) -> tuple[int, ...]:
    if isinstance(output_size, list | tuple):
        if rank > 1 and len(x) <= len(output_size):
            raise ValueError(message(f"Input dimension should be at least {len(output_size) + 1}", f"got {shown(x)}"))
        if len(output_size) != rank:
            raise RuntimeError(message(f"{op}: output_size must be {rank}", f"got {output_size}"))
        wanted = tuple(output_size)
    else:
        wanted = (output_size,) * rank
    if len(x) not in (rank + 1, rank + 2):
        raise RuntimeError(message(f"{op}(): Expected {rank + 1}D or {rank + 2}D tensor, but got {shown(x)}"))
    out = tuple(n if m is None else integer(op, "output_size", m) for n, m in zip(x[-rank:], wanted))
    if min(out) < 0:
        raise RuntimeError(
            message(
                f"{op}: elements of output_size must be greater than or equal to 0 but received "
                f"{{{', '.join(map(str, out))}}}"
            )
        )
    for axis in range(len(x) - rank - 1, len(x)):
        if x[axis] == 0:
            raise RuntimeError(
                message(
                    f"{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                    f"{shown(x)} with dimension {axis} being empty"
                )
            )
    return out


# -- pad


def pad(x: tuple[int, ...], pad: object, mode: object, value: object, itemsize: int = 1) -> Pairs:
    """The pairs of `pad(x, pad, mode, value)`, for the last axes of x in their order."""
    if not isinstance(pad, list | tuple):
        raise wrong_type("pad", "pad", "tuple of ints", pad)
    numbers = tuple(integer("pad", "pad", n) for n in pad)
    if value is not None and not hasattr(value, "__float__"):
        raise wrong_type("pad", "value", "float", value)
    if mode not in PAD_MODES:
        raise NotImplementedError(message(f"Unrecognised padding mode {mode}", fix=f"one of {', '.join(PAD_MODES)}"))
    if len(numbers) % 2:
        raise RuntimeError(
            message(
                "Padding length must be divisible by 2", f"pad: {len(numbers)} numbers; two an axis, last axis first"
            )
        )
    if len(numbers) > 2 * len(x):
        raise RuntimeError(
            message(
                "Padding length should be less than or equal to two times the input dimension but got padding length "
                f"{len(numbers)} and input of dimension {len(x)}",
                f"pad: two numbers an axis, for at most {len(x)} axes",
            )
        )
    pairs = tuple(reversed([(lo, hi) for lo, hi in zip(numbers[::2], numbers[1::2])]))
    try:
        _check_constant(x, pairs) if mode == "constant" else _check_continued(x, pairs, mode, value)
    except RuntimeError as error:
        raise_hinted(error, "pad", (x,), pad=numbers, mode=mode, value=value)
    lead = len(x) - len(pairs)
    sizes = (formula.PADDED_SIZE(size=n, before=lo, after=hi) for n, (lo, hi) in zip(x[lead:], pairs))
    memory.check((*x[:lead], *sizes), itemsize, "pad: the output")
    return pairs


def _check_constant(x: tuple[int, ...], pairs: Pairs) -> None:
    for axis, (lo, hi) in enumerate(pairs, len(x) - len(pairs)):
        if x[axis] + min(lo, 0) + min(hi, 0) < 0:
            raise RuntimeError(
                message(
                    "narrow(): length must be non-negative.",
                    f"pad, axis {axis}: ({lo}, {hi}) crops more than the {x[axis]} positions there are",
                )
            )


def _check_continued(x: tuple[int, ...], pairs: Pairs, mode: str, value: object) -> None:
    rank = len(pairs)
    if value is not None and value != 0:
        raise RuntimeError(message(f'Padding mode "{mode}" doesn\'t take in value argument', f"pad: value={value}"))
    if rank not in AXES or len(x) not in (rank + 1, rank + 2):
        raise NotImplementedError(
            message(
                f"Padding size {2 * rank} is not supported for {len(x)}D input tensor.\n"
                "Supported combinations for non-constant padding:\n"
                "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
                "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
                "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)",
                "pad: two numbers an axis, last axis first; the batch and the channels are not padded",
            )
        )
    check_pad("pad", mode, x if len(x) == rank + 2 else (1, *x), pairs)
