"""The operations that `rushlight bench --ops` times alone: of each element, reductions, normalisations, losses.

In: nothing. Out: cases in the form of those of layers, and for a library the function that one of them is. Three sizes:
one that fits the first cache, one that fits the second, one that fits none; images in both memory formats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

Case = dict

SHAPES = {"1k": [8, 8, 4, 4], "64k": [8, 32, 16, 16], "16M": [16, 64, 128, 128]}
OF_ROWS = {"1k": [32, 32], "64k": [1024, 64], "16M": [16384, 1024]}

Operation = Callable[..., Any]  # of a library, an input, and another array of its shape

POINTWISE: dict[str, Operation] = {
    "add": lambda lib, x, y: x + y,
    "multiply by a number": lambda lib, x, y: x * 0.5,
    "relu": lambda lib, x, y: lib.relu(x),
    "exp": lambda lib, x, y: x.exp(),
    "tanh": lambda lib, x, y: x.tanh(),
    "sigmoid": lambda lib, x, y: x.sigmoid(),
    "gelu": lambda lib, x, y: lib.nn.functional.gelu(x),
    "silu": lambda lib, x, y: lib.nn.functional.silu(x),
    "hardswish": lambda lib, x, y: lib.nn.functional.hardswish(x),
    "clamp": lambda lib, x, y: x.clamp(-0.5, 0.5),
    "where": lambda lib, x, y: lib.where(x > 0, x, y),
}
REDUCTIONS: dict[str, Operation] = {
    "sum": lambda lib, x, y: x.sum(),
    "mean of positions": lambda lib, x, y: x.mean((2, 3)),
    "sum over channels": lambda lib, x, y: x.sum(1),
    "sum of channels": lambda lib, x, y: x.sum((0, 2, 3)),
    "amax": lambda lib, x, y: x.amax(1),
    "max": lambda lib, x, y: x.max(1)[0],
    "var of channels": lambda lib, x, y: x.var((0, 2, 3)),
    "std": lambda lib, x, y: x.std(),
    "norm": lambda lib, x, y: x.norm(),
    "logsumexp": lambda lib, x, y: x.logsumexp(1),
    "softmax": lambda lib, x, y: x.softmax(1),
    "log_softmax": lambda lib, x, y: x.log_softmax(1),
    "cumsum": lambda lib, x, y: x.cumsum(1),
    "mse_loss": lambda lib, x, y: lib.nn.functional.mse_loss(x, y),
}
NORMALISATIONS: dict[str, Operation] = {
    "batch_norm": lambda lib, x, y: lib.nn.functional.batch_norm(x, None, None, training=True),
    "group_norm": lambda lib, x, y: lib.nn.functional.group_norm(x, 4),
    "instance_norm": lambda lib, x, y: lib.nn.functional.instance_norm(x),
}
ROWS: dict[str, Operation] = {
    "layer_norm": lambda lib, x, y: lib.nn.functional.layer_norm(x, x.shape[-1:]),
    "softmax of rows": lambda lib, x, y: x.softmax(-1),
    "sum of rows": lambda lib, x, y: x.sum(-1),
    "argmax of rows": lambda lib, x, y: x.argmax(-1),
    "cross_entropy": lambda lib, x, y: lib.nn.functional.cross_entropy(x, lib.zeros(x.shape[0], dtype=lib.int64)),
}
CATEGORIES = {
    "pointwise": (POINTWISE, SHAPES), "reduction": (REDUCTIONS, SHAPES), "normalisation": (NORMALISATIONS, SHAPES),
    "rows": (ROWS, OF_ROWS),
}  # fmt: skip


def operation_cases() -> list[Case]:
    """All cases.

    >>> {case["category"] for case in operation_cases()} == set(CATEGORIES)
    True
    """
    return [
        {"category": category, "name": f"{name}, {size}", "op": "operation", "function": name, "input": shape}
        for category, (functions, shapes) in CATEGORIES.items()
        for name in functions
        for size, shape in shapes.items()
    ]


def numbers_of(case: Case) -> int:
    """How many numbers are read, and as many written where the result has the shape: what a pass is at least."""
    reduces = case["category"] in ("reduction", "rows") and not case["function"].endswith(("softmax", "cumsum", "norm"))
    return math.prod(case["input"]) * (1 if reduces else 2)


def function_of(lib: ModuleType, case: Case, other: Any) -> Callable[[Any], Any]:
    """What a case computes of its input, in one library."""
    operation = CATEGORIES[case["category"]][0][case["function"]]
    return lambda x: operation(lib, x, other)
