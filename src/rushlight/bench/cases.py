"""The layers that are timed: the list in `layers.json`, and layers drawn at random.

In: a file or a seed. Out: cases, plain dicts that a worker turns into a layer and an input. The random ones keep
the list honest: odd channel counts, odd sizes and unusual kernels of every rank must be as fast.
"""

import json
import math
import random
from pathlib import Path

from .operations import numbers_of

LAYERS = Path(__file__).with_name("layers.json")

Case = dict


def load_cases(path: str | Path = LAYERS) -> list[Case]:
    """The cases of a JSON file in the form of `layers.json`."""
    try:
        cases = json.loads(Path(path).read_text(encoding="utf-8"))
        [(case["category"], case["name"], case["op"], case["input"]) for case in cases]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no list of layers in the form of the built-in layers.json: {error}") from None
    return cases


def output_positions(case: Case) -> list[int]:
    """The spatial sizes of a case's output (for Linear: its rows)."""
    if case["op"] == "linear":
        return [math.prod(case["input"][:-1])]
    sizes = []
    for axis, size in enumerate(case["input"][2:]):
        taps, stride, dilation = (case[key][axis] for key in ("kernel_size", "stride", "dilation"))
        extent = dilation * (taps - 1)
        padding = case["padding"]
        both = extent if padding == "same" else 0 if padding == "valid" else 2 * padding[axis]
        if case["op"] == "conv":
            sizes.append((size + both - extent - 1) // stride + 1)
        else:
            sizes.append((size - 1) * stride - both + extent + case["output_padding"][axis] + 1)
    return sizes


def work(case: Case) -> tuple[int, int]:
    """Multiply-adds of one forward call, and the numbers that it must read and write at least.

    >>> work(load_cases()[1])[0] == 8 * 64 * 64 * 9 * 56 * 56
    True
    """
    if case["op"] == "operation":
        return 0, numbers_of(case)
    if case["op"] == "linear":
        rows, width = math.prod(case["input"][:-1]), case["input"][-1]
        return rows * width * case["out_features"], rows * (width + case["out_features"]) + width * case["out_features"]
    batch, channels = case["input"][:2]
    taps, groups = math.prod(case["kernel_size"]), case["groups"]
    weight = channels * case["out_channels"] // groups * taps
    inputs, outputs = math.prod(case["input"]), batch * case["out_channels"] * math.prod(output_positions(case))
    swept = outputs // case["out_channels"] if case["op"] == "conv" else inputs // channels
    return swept * weight, inputs + outputs + weight


def random_cases(count: int, seed: int = 0, macs: int = 200_000_000) -> list[Case]:
    """Layers as people would hardly choose them for a benchmark, each of at most `macs` multiply-adds."""
    rng = random.Random(seed)
    cases: list[Case] = []
    while len(cases) < count:
        case = _draw(rng)
        if case and 100_000 <= work(case)[0] <= macs:
            cases.append(case)
    return cases


def _draw(rng: random.Random) -> Case | None:
    rank = rng.choice((1, 1, 2, 2, 2, 3))
    grouping = rng.choice(("dense", "dense", "dense", "depthwise", "grouped"))
    channels, out = (rng.choice((1, 2, 3, 5, 8, 12, 16, 24, 31, 33, 48, 64, 65, 96, 128, 200, 256)) for _ in range(2))
    groups = 1
    if grouping == "depthwise":
        groups, out = channels, channels * rng.choice((1, 1, 1, 2, 3))
    elif grouping == "grouped":
        groups = rng.choice((2, 3, 4, 8))
        channels, out = (groups * rng.choice((1, 2, 3, 4, 5, 8, 16, 24)) for _ in range(2))
    op = "conv_transpose" if rng.random() < 0.25 else "conv"
    longest = {1: 4000, 2: 128, 3: 32}[rank]
    sizes = [rng.randint(5, longest) for _ in range(rank)]
    taps = [rng.choice((1, 2, 3, 3, 3, 4, 5, 7, 9) if rank < 3 else (1, 2, 3, 3)) for _ in range(rank)]
    stride = [rng.choice((1, 1, 1, 2, 3))] * rank
    dilation = [rng.choice((1, 1, 1, 2, 3))] * rank
    padding = [rng.randint(0, k // 2 * d) for k, d in zip(taps, dilation)]
    case = dict(
        category="random", op=op, input=[rng.choice((1, 2, 4, 8)), channels, *sizes], out_channels=out,
        kernel_size=taps, stride=stride, padding=padding, dilation=dilation, groups=groups, padding_mode="zeros",
        output_padding=[0] * rank, bias=rng.random() < 0.5,
    )  # fmt: skip
    case["name"] = _title(case)
    return case if min(output_positions(case)) > 0 else None


def _title(case: Case) -> str:
    def cross(values: list[int]) -> str:
        return "x".join(map(str, values))

    kind = "T" if case["op"] == "conv_transpose" else ""
    return (
        f"{kind}n{case['input'][0]}_c{case['input'][1]}_i{cross(case['input'][2:])}_o{case['out_channels']}"
        f"_k{cross(case['kernel_size'])}_s{case['stride'][0]}_d{case['dilation'][0]}"
        f"_p{cross(case['padding'])}_g{case['groups']}"
    )
