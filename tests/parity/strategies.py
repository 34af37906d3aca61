"""Hypothesis strategies for problems of the layer family: legal by construction, small, every argument in reach.

Comes in: nothing. Goes out: `FAMILIES`, a strategy by name; what they draw is for `measure`.
"""

from hypothesis import strategies as st

from tests.parity.problem import Problem

BATCH = st.sampled_from([None, 0, 1, 1, 2, 3])
DTYPE = st.sampled_from(["float32", "float64"])
DATA = st.sampled_from(["ints", "reals"])
LAYOUT = st.sampled_from(["contiguous", "channels_last", "sliced", "transposed"])
FORM = st.sampled_from(["functional", "module", "lazy"])


def small(low: int, high: int) -> st.SearchStrategy:
    return st.integers(low, high)


@st.composite
def per_axis(draw, rank: int, low: int, high: int) -> tuple[object, tuple[int, ...]]:
    """An argument as a user writes it (int or tuple) and as one number an axis."""
    if draw(st.booleans()):
        value = draw(small(low, high))
        return value, (value,) * rank
    values = tuple(draw(small(low, high)) for _ in range(rank))
    return values, values


@st.composite
def channels(draw) -> tuple[int, int, int]:
    """(groups, channels a group in, channels a group out): dense, grouped and depthwise with multipliers."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
    return groups, draw(small(1, 3)), draw(small(1, 3))


def lead(batch: int | None, *rest: int) -> tuple[int, ...]:
    return rest if batch is None else (batch, *rest)


def thin(**fields: object) -> dict:
    """Only the fields that say something, so that the string stays short."""
    return {name: value for name, value in fields.items() if value is not None}


@st.composite
def common(draw, inputs: str) -> dict:
    """The fields that every operation has."""
    fields = dict(layout=draw(LAYOUT), data=draw(DATA), dtype=draw(DTYPE))
    needs = "".join(name for name in inputs if draw(small(0, 4)))
    return fields | dict(needs=needs or inputs)


@st.composite
def padding_of(draw, rank: int, modes: st.SearchStrategy, reach: list[int], unit_stride: bool) -> tuple:
    """(argument, mode, (lo, hi) an axis); 'same' only where PyTorch has it."""
    kind = draw(st.sampled_from(["numbers", "numbers", "same", "valid"]))
    mode = draw(modes)
    if kind == "same" and unit_stride:
        return "same", mode, [(extent // 2, extent - extent // 2) for extent in reach]
    if kind == "valid":
        return "valid", mode, [(0, 0)] * rank
    argument, pads = draw(per_axis(rank, 0, 3))
    return argument, mode, [(pad, pad) for pad in pads]


def least_size(mode: str, lo: int, hi: int, extent: int) -> int:
    """The smallest input for which the padding mode and the kernel (reaching `extent` past one tap) are legal."""
    fits = max(1, extent + 1 - lo - hi)
    return max(fits, {"reflect": max(lo, hi) + 1, "circular": max(lo, hi)}.get(mode, 1))


@st.composite
def convolutions(draw, rank: int) -> Problem:
    form = draw(FORM)
    groups, cin, cout = draw(channels())
    taps = tuple(draw(small(1, 4 if rank < 3 else 3)) for _ in range(rank))
    stride, steps = draw(per_axis(rank, 1, 3))
    dilation, spread = draw(per_axis(rank, 1, 3))
    reach = [d * (k - 1) for d, k in zip(spread, taps)]
    modes = st.sampled_from(["zeros"] if form == "functional" else ["zeros", "reflect", "replicate", "circular"])
    padding, mode, sides = draw(padding_of(rank, modes, reach, max(steps) == 1))
    size = [least_size(mode, *side, extent) + draw(small(0, 4)) for side, extent in zip(sides, reach)]
    bias = (groups * cout,) if draw(st.booleans()) else None
    return Problem(
        f"conv{rank}d",
        thin(x=lead(draw(BATCH), groups * cin, *size), w=(groups * cout, cin, *taps), b=bias)
        | dict(stride=stride, padding=padding, dilation=dilation, groups=groups, padding_mode=mode, form=form)
        | draw(common("xwb" if bias else "xw")),
    )


@st.composite
def transposed(draw, rank: int) -> Problem:
    form = draw(FORM)
    groups, cin, cout = draw(channels())
    taps = tuple(draw(small(1, 4 if rank < 3 else 3)) for _ in range(rank))
    stride, steps = draw(per_axis(rank, 1, 3))
    dilation, spread = draw(per_axis(rank, 1, 3))
    padding, pads = draw(per_axis(rank, 0, 2))
    extra = tuple(draw(small(0, max(s, d) - 1)) for s, d in zip(steps, spread))
    base = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(spread, taps, pads)]
    size = [1 + max(0, -((b + e - 1) // s)) + draw(small(0, 3)) for b, e, s in zip(base, extra, steps)]
    least = [(n - 1) * s + b for n, s, b in zip(size, steps, base)]
    target = dict(output_padding=extra) if min(least) < 1 or draw(st.booleans()) else {}
    chosen = tuple(low + draw(small(0, s - 1)) for low, s in zip(least, steps))
    if form != "functional" and min(chosen) > 0 and draw(st.booleans()):
        target = dict(output_size=chosen)
    bias = (groups * cout,) if draw(st.booleans()) else None
    return Problem(
        f"conv_transpose{rank}d",
        thin(x=lead(draw(BATCH), groups * cin, *size), w=(groups * cin, cout, *taps), b=bias)
        | dict(stride=stride, padding=padding, dilation=dilation, groups=groups, form=form)
        | target
        | draw(common("xwb" if bias else "xw")),
    )


@st.composite
def linears(draw) -> Problem:
    features, out = draw(small(1, 9)), draw(small(1, 9))
    axes = tuple(draw(small(0 if draw(small(0, 5)) == 0 else 1, 4)) for _ in range(draw(small(0, 4))))
    bias = (out,) if draw(st.booleans()) else None
    return Problem(
        "linear",
        thin(x=(*axes, features), w=(out, features), b=bias)
        | dict(form=draw(FORM))
        | draw(common("xwb" if bias else "xw")),
    )


@st.composite
def windows(draw) -> dict:
    """Kernel, stride, padding and dilation of Unfold or Fold, with the image sizes they fit."""
    kernel, taps = draw(per_axis(2, 1, 3))
    stride, steps = draw(per_axis(2, 1, 3))
    padding, pads = draw(per_axis(2, 0, 2))
    dilation, spread = draw(per_axis(2, 1, 2))
    reach = [d * (k - 1) for d, k in zip(spread, taps)]
    size = tuple(max(1, r + 1 - 2 * p) + draw(small(0, 4)) for r, p in zip(reach, pads))
    blocks = 1
    for n, p, r, s in zip(size, pads, reach, steps):
        blocks *= (n + 2 * p - r - 1) // s + 1
    arguments = dict(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return dict(arguments=arguments, size=size, blocks=blocks, taps=taps[0] * taps[1])


@st.composite
def unfolds(draw) -> Problem:
    window = draw(windows())
    x = lead(draw(BATCH), draw(small(1, 3)), *window["size"])
    form = draw(st.sampled_from(["functional", "module"]))
    return Problem("unfold2d", dict(x=x) | window["arguments"] | dict(form=form) | draw(common("x")))


@st.composite
def folds(draw) -> Problem:
    window = draw(windows())
    x = lead(draw(BATCH), draw(small(1, 3)) * window["taps"], window["blocks"])
    form = draw(st.sampled_from(["functional", "module"]))
    fields = dict(x=x, output_size=window["size"]) | window["arguments"] | dict(form=form)
    return Problem("fold2d", fields | draw(common("x")))


@st.composite
def constant_pads(draw) -> Problem:
    rank = draw(small(1, 5))
    x = tuple(draw(small(1, 4)) for _ in range(rank))
    pads = [draw(small(-1, 3)) for _ in range(2 * draw(small(0, rank)))]
    for axis in range(len(pads) // 2):
        if x[-1 - axis] + pads[2 * axis] + pads[2 * axis + 1] < 0:
            pads[2 * axis] = 0
    value = draw(st.sampled_from([None, 0, 2, -1.5]))
    return Problem("pad", dict(x=x, pads=tuple(pads), mode="constant", value=value) | draw(common("x")))


@st.composite
def mode_pads(draw) -> Problem:
    mode = draw(st.sampled_from(["reflect", "replicate", "circular"]))
    rank = draw(small(1, 3))
    size = [draw(small(1, 5)) for _ in range(rank)]
    reach = {"reflect": -1, "replicate": 3, "circular": 0}[mode]
    pads = []
    for n in reversed(size):
        # Where one side of an axis crops and the other wraps, PyTorch reads memory it never wrote.
        least = 0 if mode == "circular" else -1
        lo, hi = draw(small(least, n + reach)), draw(small(least, n + reach))
        pads += [lo, hi] if n + min(lo, 0) + min(hi, 0) > 0 else [0, 0]
    x = lead(draw(BATCH), draw(small(1, 2)), *size)
    return Problem("pad", dict(x=x, pads=tuple(pads), mode=mode) | draw(common("x")))


FAMILIES = {
    "conv1d": convolutions(1),
    "conv2d": convolutions(2),
    "conv3d": convolutions(3),
    "conv_transpose1d": transposed(1),
    "conv_transpose2d": transposed(2),
    "conv_transpose3d": transposed(3),
    "linear": linears(),
    "unfold": unfolds(),
    "fold": folds(),
    "pad": st.one_of(constant_pads(), mode_pads()),
}
