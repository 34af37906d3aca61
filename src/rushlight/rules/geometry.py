"""From a call's arguments to a valid `ConvSpec`: the one place where the family's arguments are checked.

In come shapes and the arguments as users wrote them; out comes a `Call` (the spec, and what a padding mode adds
to the input first), or the exception that PyTorch raises, in its words, with the axis, the numbers and a fix.
Everything is Python integers: nothing wraps around, and nothing has been allocated yet.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rushlight.core import memory
from rushlight.core.errors import message

from . import formula
from .arguments import integer, integers, numbers_in, shown, sides
from .hints import raise_hinted
from .rules import (
    Pairs,
    Request,
    check_bias,
    check_channels,
    check_dimensions,
    check_fit,
    check_mode,
    check_not_negative,
    check_output_padding,
    check_pad,
    check_steps,
    check_transposed_size,
    check_types,
)
from .spec import ITEM_BYTES, ConvSpec

PADDING_NAMES = ("valid", "same", "same_strided", "causal")


class Call(NamedTuple):
    """A checked call: pad the input by `pad` in `mode` (None: not at all), then run `spec`."""

    spec: ConvSpec
    pad: Pairs | None
    mode: str
    batched: bool


# -- the two directions


def convolution(
    op: str,
    rank: int,
    x: tuple[int, ...],
    w: tuple[int, ...],
    bias: tuple[int, ...] | None,
    types: tuple[str, str, str | None],
    stride: object,
    padding: object,
    dilation: object,
    groups: object,
    mode: str = "zeros",
) -> Call:
    """The call `conv{rank}d(x, w, bias, stride, padding, dilation, groups)`; `types` of x, w and bias."""
    check_types(op, types)
    try:
        return _convolution(op, rank, x, w, bias, types, stride, padding, dilation, groups, mode)
    except (RuntimeError, ValueError) as error:
        arguments = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, padding_mode=mode)
        raise_hinted(error, op, (x, w, bias), **arguments)


def _convolution(
    op: str, rank: int, x: tuple, w: tuple, bias: tuple | None, types: tuple, stride: object, padding: object,
    dilation: object, groups: object, mode: str,
) -> Call:  # fmt: skip
    steps = integers(op, "stride", stride, rank), integers(op, "dilation", dilation, rank)
    request = Request(op, rank, x, w, bias, *steps, integer(op, "groups", groups), False)
    check_mode(op, mode)
    check_dimensions(request)
    check_steps(request)
    pairs = conv_padding(request, padding)
    if mode == "zeros":
        check_not_negative(op, "padding", pairs)
    check_channels(request)
    check_bias(request)
    check_fit(request, pairs)
    return _conv_call(request, pairs, mode, types[0])


def transposed(
    op: str,
    rank: int,
    x: tuple[int, ...],
    w: tuple[int, ...],
    bias: tuple[int, ...] | None,
    types: tuple[str, str, str | None],
    stride: object,
    padding: object,
    output_padding: object,
    groups: object,
    dilation: object,
    mode: str = "zeros",
    output_size: object = None,
) -> Call:
    """The call `conv_transpose{rank}d(…)`: its spec is that of the convolution which it is the dgrad of."""
    check_types(op, types)
    steps = stride, padding, output_padding, groups, dilation
    try:
        return _transposed(op, rank, x, w, bias, types, *steps, mode, output_size)
    except (RuntimeError, ValueError) as error:
        names = ("stride", "padding", "output_padding", "groups", "dilation")
        raise_hinted(error, op, (x, w, bias), **dict(zip(names, steps)), padding_mode=mode, output_size=output_size)


def _transposed(
    op: str, rank: int, x: tuple, w: tuple, bias: tuple | None, types: tuple, stride: object, padding: object,
    output_padding: object, groups: object, dilation: object, mode: str, output_size: object,
) -> Call:  # fmt: skip
    steps = integers(op, "stride", stride, rank), integers(op, "dilation", dilation, rank)
    request = Request(op, rank, x, w, bias, *steps, integer(op, "groups", groups), True)
    extra = integers(op, "output_padding", output_padding, rank)
    check_mode(op, mode)
    check_dimensions(request)
    pairs = transposed_padding(request, padding)
    if not isinstance(padding, str):
        check_not_negative(op, "padding", pairs)
    if output_size is not None:
        extra = _extra_for(request, pairs, output_size)
    check_not_negative(op, "output_padding", tuple((n, n) for n in extra))
    check_steps(request)
    check_channels(request)
    check_bias(request)
    check_output_padding(request, extra)
    return _transposed_call(request, pairs, extra, mode, types[0])


def _conv_call(request: Request, pairs: Pairs, mode: str, dtype: str) -> Call:
    pad, size = None, request.size
    if mode != "zeros" and any(map(any, pairs)):
        check_pad(request.op, mode, request.x_batched, pairs)
        pad = pairs
        size = tuple(formula.PADDED_SIZE(size=n, before=lo, after=hi) for n, (lo, hi) in zip(size, pairs))
        pairs = ((0, 0),) * request.rank
    spec = _spec(request, size, pairs, dtype)
    memory.check(spec.y_shape, ITEM_BYTES[dtype], f"{request.op}: the output")
    return Call(spec, pad, mode, request.batched)


def _transposed_call(request: Request, pairs: Pairs, extra: tuple[int, ...], mode: str, dtype: str) -> Call:
    out = tuple(
        formula.TRANSPOSED_OUTPUT(size=n, stride=s, before=lo, after=hi, dilation=d, taps=k, output_padding=e)
        for n, s, (lo, hi), d, k, e in zip(request.size, request.stride, pairs, request.dilation, request.taps, extra)
    )
    check_transposed_size(request, out, pairs)
    spec = _spec(request, out, pairs, dtype)
    memory.check(spec.x_shape, ITEM_BYTES[dtype], f"{request.op}: the output")
    lengths = [(0, 0)] * request.rank if mode == "zeros" else [*_continued(request, out, pairs)]
    if any(map(any, lengths)):
        check_pad(request.op, mode, request.x_batched, tuple(lengths))
    size = tuple(n + before + after for n, (before, after) in zip(request.size, lengths))
    padding = tuple(
        (lo + before * s, (n - 1) * s + d * (k - 1) + 1 - o - lo - before * s)
        for (lo, _), (before, _), s, n, d, k, o in zip(
            pairs, lengths, request.stride, size, request.dilation, request.taps, out
        )
    )
    pad = tuple(lengths) if any(map(any, lengths)) else None
    return Call(spec._replace(padding=padding), pad, mode, request.batched)


def _continued(request: Request, out: tuple[int, ...], pairs: Pairs) -> Pairs:
    """How many positions past each end of the input the output takes part of, where a mode continues it."""
    for n, o, (lo, _), s, d, k in zip(request.size, out, pairs, request.stride, request.dilation, request.taps):
        span = formula.SPAN(dilation=d, taps=k)
        yield (
            formula.CONTINUED_BEFORE(span=span, before=lo, stride=s),
            formula.CONTINUED_AFTER(out=o, before=lo, stride=s, size=n),
        )


def _spec(request: Request, size: tuple[int, ...], pairs: Pairs, dtype: str) -> ConvSpec:
    """The spec on an input of this size; a transposed call's channels change places."""
    ends = request.channels, request.out_channels
    return ConvSpec(
        request.x_batched[0],
        *(reversed(ends) if request.transposed else ends),
        size,
        request.taps,
        request.stride,
        request.dilation,
        pairs,
        request.groups,
        (1,) * request.rank,
        dtype,
    )


# -- padding by name


def conv_padding(request: Request, padding: object) -> Pairs:
    """Padding of a convolution as pairs."""
    if not isinstance(padding, str):
        return sides(request.op, padding, request.rank)
    check_padding_name(request.op, request.rank, padding, request.stride, RuntimeError)
    return named_padding(padding, request.size, request.taps, request.stride, request.dilation)


def named_padding(
    name: str, size: tuple[int, ...], taps: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Pairs:
    """The pairs that 'valid', 'same', 'same_strided' or 'causal' stands for; an odd total has its extra behind."""
    if name == "valid":
        return ((0, 0),) * len(taps)
    if name == "causal":
        return tuple((formula.CAUSAL_BEFORE(dilation=d, taps=k), 0) for d, k in zip(dilation, taps))
    totals = (
        formula.SAME_TOTAL(dilation=d, taps=k)
        if name == "same"
        else formula.SAME_STRIDED_TOTAL(size=n, stride=s, dilation=d, taps=k)
        for n, k, s, d in zip(size, taps, stride, dilation)
    )
    return tuple(map(_halves, totals))


def transposed_padding(request: Request, padding: object) -> Pairs:
    """Padding of a transposed convolution (what it crops) as pairs; 'same' makes size·stride of size."""
    if not isinstance(padding, str):
        return sides(request.op, padding, request.rank)
    if padding not in ("valid", "same"):
        raise bad_name(RuntimeError, padding, ("valid", "same"), request.op)
    if padding == "valid":
        return ((0, 0),) * request.rank
    totals = (
        formula.TRANSPOSED_SAME_TOTAL(dilation=d, taps=k, stride=s)
        for d, k, s in zip(request.dilation, request.taps, request.stride)
    )
    return tuple(_halves(total) if total >= 0 else (0, total) for total in totals)


def _halves(total: int) -> tuple[int, int]:
    return formula.HALF_BEFORE(total=total), formula.REST_AFTER(total=total)


def check_padding_name(op: str, rank: int, name: str, stride: tuple[int, ...], kind: type[Exception]) -> None:
    """Raise `kind` where a convolution cannot be padded by this name."""
    if name not in PADDING_NAMES:
        raise bad_name(kind, name, PADDING_NAMES, op)
    if name == "same" and any(s != 1 for s in stride):
        raise kind(
            message(
                "padding='same' is not supported for strided convolutions",
                f"{op}: stride is {stride}",
                fix="padding='same_strided', which gives ⌈size / stride⌉ positions",
            )
        )
    if name == "causal" and rank != 1:
        raise kind(
            message(
                "Invalid padding string: 'causal'",
                f"{op} has {rank} spatial axes; causal padding is for one, the time",
                fix="padding=((before, after), …), one pair an axis",
            )
        )


def bad_name(kind: type[Exception], name: str, names: tuple[str, ...], op: str) -> Exception:
    """The error for a padding that is a word, but none of `names`."""
    sentence = f"Invalid padding string: {name!r}"
    if kind is ValueError:  # PyTorch words it differently at construction
        sentence = f"Invalid padding string {name!r}, should be one of {{'valid', 'same'}}"
    return kind(message(sentence, f"{op} takes {', '.join(map(repr, names))}, numbers, or pairs of numbers"))


# -- output_size of a transposed call


def _extra_for(request: Request, pairs: Pairs, output_size: object) -> tuple[int, ...]:
    """The output_padding that makes the output as large as `output_size` asks."""
    wanted = _wanted(request, output_size)
    facts = [
        dict(size=n, stride=s, before=lo, after=hi, dilation=d, taps=k)
        for n, s, (lo, hi), d, k in zip(request.size, request.stride, pairs, request.dilation, request.taps)
    ]
    least = [formula.TRANSPOSED_OUTPUT(output_padding=0, **numbers) for numbers in facts]
    most = [formula.TRANSPOSED_LARGEST(**numbers) for numbers in facts]
    for axis, (low, size, high) in enumerate(zip(least, wanted, most)):
        if not low <= size <= high:
            raise ValueError(
                message(
                    f"requested an output size of {output_size[-request.rank :]}, but valid sizes range from "
                    f"{least} to {most} (for an input of torch.Size({shown(request.size)}))",
                    f"{request.where(axis)}: {size} is not within {low} … {high}; "
                    f"a stride of {request.stride[axis]} maps just these sizes onto {request.size[axis]}",
                )
            )
    return tuple(size - low for low, size in zip(least, wanted))


def _wanted(request: Request, output_size: object) -> tuple[int, ...]:
    if not isinstance(output_size, list | tuple):
        raise TypeError(
            message(
                f"object of type '{type(output_size).__name__}' has no len()",
                f"{request.op}: output_size takes one number an axis",
                fix=f"output_size={(output_size,) * request.rank}",
            )
        )
    dim, rank = len(request.x), request.rank
    if len(output_size) not in (rank, dim):
        raise ValueError(
            message(
                f"ConvTranspose{rank}D: for {dim}D input, output_size must have {rank} or {dim} elements "
                f"(got {len(output_size)})",
                fix="output_size=x.size() with x as large as the output, or its spatial sizes alone",
            )
        )
    return tuple(integer(request.op, "output_size", n, bits=None) for n in output_size[-rank:])


# -- the fast path: a call like an earlier one costs a look-up


# What was checked is remembered by all numbers and, because True and 1.0 equal 1 and are errors, by their types; so the
# numbers inside tuples are keys of their own.


@lru_cache(maxsize=4096, typed=True)
def _known_convolution(count: int, *call: object) -> Call:
    return convolution(*call[:count])


@lru_cache(maxsize=4096, typed=True)
def _known_transposed(count: int, *call: object) -> Call:
    return transposed(*call[:count])


def known_convolution(*call: object) -> Call:
    """`convolution`, remembered."""
    stride, padding, dilation = call[6:9]
    kind = stride.__class__
    alike = kind is padding.__class__ is dilation.__class__
    try:
        if alike and kind is int:
            return _known_convolution(len(call), *call)
        if alike and kind is tuple and tuple not in map(type, padding):
            return _known_convolution(len(call), *call, *stride, *padding, *dilation)
        return _known_convolution(len(call), *call, *numbers_in(call[6:9]))
    except TypeError:  # a list, which cannot be remembered, or the error of the call
        pass
    return convolution(*call)


def known_transposed(*call: object) -> Call:
    """`transposed`, remembered."""
    stride, padding, output_padding, _, dilation, *_, output_size = call[6:]
    kind = stride.__class__
    alike = kind is padding.__class__ is output_padding.__class__ is dilation.__class__ and output_size is None
    try:
        if alike and kind is int:
            return _known_transposed(len(call), *call)
        if alike and kind is tuple and tuple not in map(type, padding):
            return _known_transposed(len(call), *call, *stride, *padding, *output_padding, *dilation)
        return _known_transposed(len(call), *call, *numbers_in(call[6:]))
    except TypeError:
        pass
    return transposed(*call)
