"""Random layers of the family with inputs that fit them."""

import random

from rushlight import nn

KINDS = ("conv",) * 5 + ("transposed",) * 4 + ("linear", "flatten", "unfold", "fold", "pad")


def draw(seed):
    """(layer, input shape) from a seed."""
    rng = random.Random(seed)
    return globals()[f"_{KINDS[seed % len(KINDS)]}"](rng)


def _steps(rng, rank, most):
    return tuple(rng.randint(1, most) for _ in range(rank))


def _shape(rng, channels, size):
    return (rng.randint(1, 3), channels, *size) if rng.random() < 0.8 else (channels, *size)


def _conv(rng):
    rank, groups = rng.randint(1, 3), rng.choice((1, 1, 2, 3))
    taps, dilation, stride = _steps(rng, rank, 4), _steps(rng, rank, 3), _steps(rng, rank, 3)
    padding = rng.choice(
        ("same", "valid", "same_strided", 0, 1, tuple(rng.randint(0, 3) for _ in range(rank)), "pairs")
    )
    if padding == "same":
        stride = (1,) * rank
    if padding == "pairs":
        padding = tuple((rng.randint(0, 2), rng.randint(0, 2)) for _ in range(rank))
    if rank == 1 and rng.random() < 0.2:
        padding = "causal"
    size = tuple(d * (k - 1) + 1 + rng.randint(0, 5) for k, d in zip(taps, dilation))
    a, b = groups * rng.randint(1, 3), groups * rng.randint(1, 3)
    arguments = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, bias=rng.random() < 0.7)
    arguments["padding_mode"] = rng.choice(("zeros", "zeros", "replicate"))
    if rng.random() < 0.2:
        return getattr(nn, f"LazyConv{rank}d")(b, taps, **arguments), _shape(rng, a, size)
    return getattr(nn, f"Conv{rank}d")(a, b, taps, **arguments), _shape(rng, a, size)


def _transposed(rng):
    rank, groups = rng.randint(1, 3), rng.choice((1, 1, 2, 3))
    taps, dilation, stride = _steps(rng, rank, 4), _steps(rng, rank, 3), _steps(rng, rank, 3)
    padding = tuple(rng.randint(0, d * (k - 1) // 2) for k, d in zip(taps, dilation))
    extra = tuple(rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation))
    a, b = groups * rng.randint(1, 3), groups * rng.randint(1, 3)
    arguments = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, bias=rng.random() < 0.7)
    if rng.random() < 0.2:
        arguments["padding"], extra = "same", 0
    size = tuple(rng.randint(1, 5) for _ in range(rank))
    if rng.random() < 0.2:
        layer = getattr(nn, f"LazyConvTranspose{rank}d")(b, taps, output_padding=extra, **arguments)
    else:
        layer = getattr(nn, f"ConvTranspose{rank}d")(a, b, taps, output_padding=extra, **arguments)
    return layer, _shape(rng, a, size)


def _linear(rng):
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    layer = nn.Linear(a, b, bias=rng.random() < 0.5) if rng.random() < 0.7 else nn.LazyLinear(b)
    return layer, (*(rng.randint(1, 4) for _ in range(rng.randint(0, 3))), a)


def _flatten(rng):
    dims = rng.randint(1, 5)
    start = rng.randrange(dims)
    return nn.Flatten(start, rng.randint(start, dims - 1)), tuple(rng.randint(1, 4) for _ in range(dims))


def _windows(rng):
    taps, dilation, stride = _steps(rng, 2, 3), _steps(rng, 2, 2), _steps(rng, 2, 3)
    padding = rng.randint(0, 2)
    size = tuple(d * (k - 1) + 1 + rng.randint(0, 5) for k, d in zip(taps, dilation))
    return size, dict(kernel_size=taps, dilation=dilation, stride=stride, padding=padding)


def _unfold(rng):
    size, arguments = _windows(rng)
    return nn.Unfold(**arguments), _shape(rng, rng.randint(1, 3), size)


def _fold(rng):
    size, arguments = _windows(rng)
    columns = nn.Unfold(**arguments)
    from rushlight import output_shape

    return nn.Fold(size, **arguments), tuple(output_shape(columns, (2, 3, *size)))


def _pad(rng):
    kind = rng.choice(("ZeroPad2d", "ReflectionPad1d", "ReplicationPad3d", "CircularPad2d", "ConstantPad1d"))
    rank = int(kind[-2])
    pads = tuple(rng.randint(-1, 3) for _ in range(2 * rank))
    layer = getattr(nn, kind)(pads, 1.5) if kind.startswith("Constant") else getattr(nn, kind)(pads)
    return layer, (2, 3, *(rng.randint(4, 7) for _ in range(rank)))
