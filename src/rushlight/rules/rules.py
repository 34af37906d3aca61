"""The rules that a call of the family must keep, one function each, and the sentence where one is broken.

In comes a `Request` (a call with its steps read as integers); out comes nothing, or PyTorch's exception with the
axis, both numbers and a fix. The numbers come from `formula`.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from rushlight.core.errors import message

from . import fixes, formula
from .arguments import AXES, PADDING_MODES, at_axis, by_axis, crossed, mixed_types, shown, unsupported_type
from .spec import ITEM_BYTES

Pairs = tuple[tuple[int, int], ...]


class Request(NamedTuple):
    """A call as users wrote it, its steps read as integers: what the checks of both directions take.

    `size`, `taps` and the steps have a number for each spatial axis."""

    op: str
    rank: int
    x: tuple[int, ...]  # the input's shape
    w: tuple[int, ...]  # the weight's shape
    bias: tuple[int, ...] | None
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    transposed: bool

    @property
    def batched(self) -> bool:
        return len(self.x) == self.rank + 2

    @property
    def channels(self) -> int:
        return self.x[-self.rank - 1]

    @property
    def size(self) -> tuple[int, ...]:
        return self.x[-self.rank :]

    @property
    def taps(self) -> tuple[int, ...]:
        return self.w[2:]

    @property
    def out_channels(self) -> int:
        return self.w[1] * self.groups if self.transposed else self.w[0]

    @property
    def weight_words(self) -> str:
        return f"weight of size {shown(self.w)}"

    @property
    def x_batched(self) -> tuple[int, ...]:
        return self.x if self.batched else (1, *self.x)

    def where(self, axis: int) -> str:
        return at_axis(self.op, self.rank, axis, len(self.x))


def check_types(op: str, types: tuple[str, str, str | None]) -> None:
    """RuntimeError where the short dtypes of input, weight and bias differ; NotImplementedError for one that no
    convolution is computed in."""
    x_type, w_type, bias_type = types
    if bias_type is not None and bias_type != x_type:
        raise mixed_types(op, x_type, "bias", bias_type)
    if w_type != x_type:
        raise mixed_types(op, x_type, "weight", w_type)
    if x_type not in ITEM_BYTES:
        raise unsupported_type(op, x_type)


def check_mode(op: str, mode: object) -> None:
    """ValueError for a padding mode that is none of `PADDING_MODES`."""
    if mode not in PADDING_MODES:
        raise ValueError(
            message(
                "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, "
                f"but got padding_mode='{mode}'",
                f"raised by {op}",
            )
        )


def check_dimensions(request: Request) -> None:
    """RuntimeError unless the weight has `rank + 2` axes and the input as many or, unbatched, one less."""
    op, rank, x, w = request.op, request.rank, request.x, request.w
    if len(w) != rank + 2:
        fact = f"{op}: weight of size {shown(w)} has {len(w)} dimensions and not {rank + 2}"
        _raise(
            request,
            _weight_sentence(request),
            fact,
            fix=f"a kernel_size of {rank} {'number' if rank == 1 else 'numbers'}",
        )
    if len(x) not in (rank + 1, rank + 2):
        in_channels = w[0] if request.transposed else w[1] * request.groups
        _raise(
            request,
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {op}, "
            f"but got input of size: {shown(x)}",
            f"{op}: the input has {len(x)} dimensions",
            fix=fixes.dimensions(x, rank, in_channels),
        )


def _weight_sentence(request: Request) -> str:
    """PyTorch takes the number of axes from the weight, and finds another argument at odds with it."""
    rank, x, w = request.rank, request.x, request.w
    if len(w) < 3:
        return "weight should have at least three dimensions"
    if rank == 1:  # one stride is enough for any weight
        return (
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {shown(w)}, "
            f"but got {len(x)}-dimensional input of size {shown(x)} instead"
        )
    return (
        f"expected stride to be a single integer value or a list of {len(w) - 2} values to match the convolution "
        f"dimensions, but got stride={shown(request.stride)}"
    )


def check_steps(request: Request) -> None:
    """RuntimeError unless groups, stride and dilation are at least 1."""
    if not formula.GROUPS_POSITIVE(groups=request.groups):
        fact = f"{request.op}: groups is {request.groups}"
        _raise(request, "non-positive groups is not supported", fact, fix="groups=1")
    for axis, (step, gap) in enumerate(zip(request.stride, request.dilation)):
        if not formula.STRIDE_POSITIVE(stride=step):
            fact = f"{request.where(axis)}: stride is {step}"
            _raise(request, "non-positive stride is not supported", fact, fix="stride=1")
        if not formula.DILATION_POSITIVE(dilation=gap):
            sentence = f"dilation should be greater than zero, but got {shown(request.dilation)}"
            fact = f"{request.where(axis)}: dilation is {gap}; adjacent taps have dilation 1"
            _raise(request, sentence, fact, fix="dilation=1")


def check_not_negative(op: str, name: str, pairs: Pairs) -> None:
    """RuntimeError for a pair of "padding" or "output_padding" with a number below 0 or beyond 2⁶² − 1."""
    for axis, pair in enumerate(pairs):
        if min(pair) < 0:
            raise RuntimeError(
                message(
                    f"negative {name} is not supported",
                    f"{op}, {AXES[len(pairs)][axis]}: {name} is {min(pair)}",
                    fix=f"crop the input by slicing, or {name}=0",
                )
            )
        if name == "padding" and max(pair) > 2**62 - 1:
            raise RuntimeError(
                message(
                    f"Given padding={max(pair)} at dimension {axis} , expected padding to be at most {2**62 - 1}",
                    f"raised by {op}",
                )
            )


def check_channels(request: Request) -> None:
    """RuntimeError unless the groups divide the weight and its channels are those of the input."""
    op, w, groups = request.op, request.w, request.groups
    weight = f"expected weight to be at least {groups} at dimension 0, but got weight of size {shown(w)} instead"
    if w[0] < groups:
        _raise(request, f"Given groups={groups}, {weight}", f"{op}: {groups} groups of {w[0]} channels")
    if w[0] % groups:
        _raise(
            request,
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{shown(w)}] instead",
            f"{op}: {w[0]} output channels are not a multiple of groups={groups}",
            fix=f"groups=1, or {-(-w[0] // groups) * groups} output channels",
        )
    if request.transposed and w[1] == 0:
        _raise(request, f"non-empty 2D or 4D weight tensor expected, but got: {shown(w)}", f"raised by {op}")
    need = w[0] if request.transposed else w[1] * groups
    given = "transposed=1" if request.transposed else f"groups={groups}"
    if request.channels != need:
        _raise(
            request,
            f"Given {given}, {request.weight_words}, expected input{shown(request.x_batched)} to have {need} channels, "
            f"but got {request.channels} channels instead",
            _channels_fact(request, need),
            fix=_channels_fix(request, need),
        )


def _channels_fact(request: Request, need: int) -> str:
    axis = len(request.x) - request.rank - 1
    made = "" if request.transposed else f" = weight.size(1)·groups = {request.w[1]}·{request.groups}"
    dims = len(request.x)
    read = (
        "" if request.batched else f"; an input of {dims} dimensions is read as unbatched, one of {dims + 1} as batched"
    )
    return f"{request.op}, axis {axis} (channels): {request.channels} ≠ {need}{made}{read}"


def _channels_fix(request: Request, need: int) -> str:
    have, w = request.channels, request.w
    fix = fixes.channels(request.x, request.rank, have, need)
    if fix.startswith("a layer") and not request.transposed and w[1] and have and have % w[1] == 0:
        groups = have // w[1]
        return f"groups={groups}, or {fix}" if w[0] % groups == 0 else fix
    return fix


def check_bias(request: Request) -> None:
    """RuntimeError for a bias that is not one number for each output channel."""
    if request.bias is not None and request.bias != (request.out_channels,):
        given = "transposed=1, " if request.transposed else ""
        _raise(
            request,
            f"Given {given}{request.weight_words}, expected bias to be 1-dimensional with {request.out_channels} "
            f"elements, but got bias of size {shown(request.bias)} instead",
            f"{request.op}: one bias for each of the {request.out_channels} output channels",
        )


def check_fit(request: Request, pairs: Pairs) -> None:
    """RuntimeError for no taps, an empty input, and taps that span more than the input padded by these pairs."""
    _check_taps(request)
    axes = [
        dict(size=n, before=lo, after=hi, dilation=d, taps=k)
        for n, (lo, hi), d, k in zip(request.size, pairs, request.dilation, request.taps)
    ]
    for axis, numbers in enumerate(axes):
        if not formula.TAPS_FIT(**numbers):
            padded = tuple(formula.PADDED_SIZE(**facts) for facts in axes)
            span = tuple(formula.SPAN(**facts) for facts in axes)
            _raise(
                request,
                f"Calculated padded input size per channel: {crossed(padded)}. Kernel size: {crossed(span)}. "
                "Kernel size can't be greater than actual input size",
                f"{request.where(axis)}: {formula.TAPS_FIT.substituted(**numbers)} does not hold",
                fix=_fit_fix(numbers),
            )
    _check_not_empty(request)


def _fit_fix(numbers: dict[str, int]) -> str:
    lack = formula.SPAN(**numbers) - formula.PADDED_SIZE(**numbers)
    return f"padding={numbers['before'] + -(-lack // 2)}, a smaller kernel, or an input {lack} longer"


def _check_taps(request: Request) -> None:
    if not all(formula.TAPS_POSITIVE(taps=k) for k in request.taps):
        _raise(
            request,
            f"kernel size should be greater than zero, but got{_taps_words(request.taps)}",
            f"{request.op}: weight of size {shown(request.w)}",
        )


def _taps_words(taps: tuple[int, ...]) -> str:
    return f": {crossed(taps)[1:-1]} (TxHxW)" if len(taps) == 3 else f" {by_axis('kernel', taps)}"


def _check_not_empty(request: Request) -> None:
    if 0 in request.size:
        _raise(
            request,
            f"Only zero batch or zero channel inputs are supported, but got input shape: {shown(request.x)}",
            f"{request.where(request.size.index(0))} is empty",
        )


def check_output_padding(request: Request, extra: tuple[int, ...]) -> None:
    """RuntimeError for output padding that is not below the larger of stride and dilation."""
    for axis, (e, s, d) in enumerate(zip(extra, request.stride, request.dilation)):
        if not formula.OUTPUT_PADDING_SMALL(output_padding=e, stride=s, dilation=d):
            _raise(
                request,
                "output padding must be smaller than either stride or dilation, but got "
                f"{by_axis('output_padding', extra)} {by_axis('stride', request.stride)} "
                f"{by_axis('dilation', request.dilation)}",
                f"{request.where(axis)}: {e} is not below the larger of stride {s} and dilation {d}",
                fix=f"output_padding={max(s, d) - 1} or less",
            )


def check_transposed_size(request: Request, out: tuple[int, ...], pairs: Pairs) -> None:
    """RuntimeError for no taps, an empty input, and an output size below 1; `pairs` are what crops it."""
    _check_taps(request)
    _check_not_empty(request)
    for axis, n in enumerate(out):
        if n < 1:
            _raise(
                request,
                f"Given input size per channel: {crossed(request.size)}. "
                f"Calculated output size per channel: {crossed(out)}. Output size is too small",
                f"{request.where(axis)}: padding {pairs[axis]} crops all of the {n + sum(pairs[axis])} positions",
                fix="a smaller padding",
            )


def check_pad(op: str, mode: str, x: tuple[int, ...], pairs: Pairs) -> None:
    """RuntimeError where a mode cannot continue the last axes of shape `x` by these pairs."""
    if 0 in x[1:] and mode != "circular":
        raise RuntimeError(
            message(
                f"Expected {len(pairs) + 1}D or {len(pairs) + 2}D (batch mode) tensor with possibly 0 batch size and "
                f"other non-zero dimensions for input, but got: {shown(x)}",
                f"{op}: nothing to continue in mode {mode!r}",
            )
        )
    for axis, (lo, hi) in reversed([*enumerate(pairs, len(x) - len(pairs))]):
        fact = f"{op}, axis {axis}: {x[axis]} positions, padding ({lo}, {hi})"
        _check_crop(mode, x[axis], lo, hi, fact)
        if mode == "reflect":
            _check_reflection(x, axis, lo, hi, fact)
        if mode == "circular" and not formula.CIRCULAR_FITS(total=max(lo, hi), size=x[axis]):
            sentence = "Padding value causes wrapping around more than once."
            raise RuntimeError(message(sentence, fact, fix=f"padding of at most {x[axis]}"))


def _check_crop(mode: str, size: int, lo: int, hi: int, fact: str) -> None:
    """Something must be left; circular crops before it continues, so something to continue, too."""
    left = size + (min(lo, 0) + min(hi, 0) if mode == "circular" else lo + hi)
    if left < 0 or (left == 0 < max(lo, hi) and mode == "circular" and size):
        sentence = "Negative padding value is resulting in an empty dimension"
        if mode != "circular":
            sentence = f"input (W: {size}) is too small. Calculated output W: {left}"
        raise RuntimeError(message(sentence, fact))


def _check_reflection(x: tuple[int, ...], axis: int, lo: int, hi: int, fact: str) -> None:
    if not formula.REFLECT_FITS(total=max(lo, hi), size=x[axis]):
        raise RuntimeError(
            message(
                f"Argument #{2 * (len(x) - axis) + 2}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({lo}, {hi}) at dimension {axis} of input {shown(x)}",
                f"{fact}; a reflection leaves out the end itself, so at most {x[axis] - 1}",
                fix="mode 'replicate' or 'circular', or a longer input",
            )
        )


def _raise(request: Request, sentence: str, *facts: str, fix: str | None = None) -> NoReturn:
    raise RuntimeError(message(sentence, *facts, fix=fix))
