"""What a layer checks when it is made.

In come a layer's class name and its arguments; out comes nothing, or the exception that PyTorch raises at
construction. What PyTorch accepts there and rejects at the call passes here and meets `geometry` then.
"""

from __future__ import annotations

from rushlight.core import memory
from rushlight.core.errors import message

from .arguments import PADDING_MODES, integer, shown
from .geometry import bad_name, check_padding_name
from .rules import check_mode


def check_layer(
    kind: str,
    in_channels: int,
    out_channels: int,
    kernel_size: object = (),
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    output_padding: object = 0,
) -> None:
    """Raise at construction what PyTorch raises there; `kind` is the class name, as "Conv2d" or "Linear".

    What PyTorch accepts here and rejects at the call (stride 0, tuples of a wrong length, …) passes.
    """
    if "Conv" not in kind:
        _check_weight_shape(kind, (out_channels, in_channels))
        return
    rank = int(kind[-2])
    _check_groups(kind, in_channels, out_channels, groups)
    _check_padding_argument(kind, rank, padding, stride)
    if padding_mode not in PADDING_MODES:
        check_mode(kind, padding_mode)
    taps = tuple(kernel_size) if isinstance(kernel_size, list | tuple) else (kernel_size,) * rank
    ends = (in_channels, out_channels) if "Transpose" in kind else (out_channels, in_channels)
    _check_weight_shape(kind, (ends[0], _per_group(kind, ends[1], groups), *taps))


def _per_group(kind: str, channels: int, groups: int) -> int:
    """Channels of one group."""
    return integer(kind, "channels", channels, bits=None) // groups


def _check_groups(kind: str, in_channels: int, out_channels: int, groups: object) -> None:
    integer(kind, "groups", groups, bits=None)
    for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
        integer(kind, name, count, bits=None)
    if groups <= 0:
        raise ValueError(message("groups must be a positive integer", f"{kind}: groups={groups}", fix="groups=1"))
    for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
        if count % groups:
            divisors = [g for g in range(2, min(groups, 4096)) if in_channels % g == out_channels % g == 0]
            raise ValueError(
                message(
                    f"{name} must be divisible by groups",
                    f"{kind}: {name}={count} is not a multiple of groups={groups}",
                    fix=f"groups={divisors[-1] if divisors else 1}",
                )
            )


def _check_padding_argument(kind: str, rank: int, padding: object, stride: object) -> None:
    if not isinstance(padding, str):
        return
    if "Transpose" in kind:
        if padding not in ("valid", "same"):
            raise bad_name(ValueError, padding, ("valid", "same"), kind)
        return
    steps = tuple(stride) if isinstance(stride, list | tuple) else (stride,) * rank
    check_padding_name(kind, rank, padding, steps, ValueError)


def _check_weight_shape(kind: str, shape: tuple[object, ...]) -> None:
    for at, n in enumerate(shape):
        if n.__class__ is not int and (not hasattr(n, "__index__")):
            raise TypeError(
                message(
                    f"empty(): argument 'size' failed to unpack the object at pos {at + 1} with error "
                    f'"type must be tuple of ints,but got {type(n).__name__}"',
                    f"{kind}: sizes are whole numbers",
                )
            )
        if n >= 2**63:
            sentence = f"empty(): argument 'size' failed to unpack the object at pos {at + 1} with error "
            raise TypeError(message(f'{sentence}"Overflow when unpacking long long', f"{kind}: {n} as a size"))
        if n < 0:
            sentence = f"Trying to create tensor with negative dimension {n}: {shown(shape)}"
            raise RuntimeError(message(sentence, f"{kind}: its weight would have this shape"))
    memory.check(tuple(map(int, shape)), 1, f"{kind}: the weight")
