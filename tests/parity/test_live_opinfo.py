"""Every function and method that PyTorch has samples for (OpInfo), beside PyTorch: results, views and gradients.

What differs on purpose stands in `KNOWN`, with a reason.
"""

from __future__ import annotations

import re

import pytest

import rushlight
from rushlight import nn
from tests.parity import opinfo

pytestmark = pytest.mark.live

NAMES = sorted(
    {name for names in rushlight._NAMES.values() for name in names.split()}
    | {name for name in dir(rushlight.Tensor) if callable(getattr(rushlight.Tensor, name, None)) and name[-1] != "_"}
    | {f"__{name}__" for name in ["getitem", "radd", "rmul", "rand", "ror", "rxor", "rmatmul", "rmod", "rpow", "rsub"]}
    | {f"nn.functional.{name}" for name in nn.functional.__all__}
)
FLOATING = ("float32", "float64", "bfloat16")
INTEGERS = ("int64", "uint8", "bool")

# (operation, dtype, what is said), regular expressions each, and why.
KNOWN = [
    (
        r".*(sort|topk|kthvalue|median)",
        ".*",
        r".*(, not \d+\.0; \d+ of)",
        "the order of equal elements is nobody's promise",
    ),
    ("(lin|log)space", "bfloat16", ".* at ", "PyTorch rounds every step, differently in vectors and in their tail"),
    (
        "scalar_tensor",
        "uint8",
        ".*without overflow",
        "a number that the dtype does not hold is refused, as in tensor()",
    ),
    (r"nn\.functional\.(layer|batch|group)_norm|native.*", "bfloat16", ".*gradient", "differences of a rounding each"),
    (r"nn\.functional\.scaled_dot.*", "float32", ".* at ", "exponentials of scores near 100, each rounded otherwise"),
    (r"nn\.functional\.normalize", "bfloat16", ".*gradient", "differences of a rounding each"),
    (
        r"nn\.functional\.(.*_(embedding|margin|nll)_loss|pairwise_distance)|(nn\.functional\.)?cosine_similarity",
        "bfloat16",
        ".*, not",
        "computed in float32 and rounded once, where PyTorch rounds every step",
    ),
    (r"nn\.functional\.triplet_.*_distance_loss", ".*", ".*raises TypeError", "the distance is a module of PyTorch"),
    (
        r"nn\.functional\.grid_sample",
        "bfloat16",
        ".*",
        "positions and weights are computed in float32 and rounded once, where PyTorch rounds every step",
    ),
    (r"nn\.functional\.(hardtanh|relu6)", "bfloat16", ".*float32, not", "activations of halves"),
]


def _unknown(name: str, dtype: str, lines: list[str]) -> list[str]:
    found = []
    for line in lines:
        known = (line for a, b, c, _ in KNOWN if re.fullmatch(a, name) and re.fullmatch(b, dtype) and re.match(c, line))
        if not any(known):
            found.append(line)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_samples(torch, name):
    torch.set_num_threads(1)
    assert not [w for dtype in FLOATING for w in _unknown(name, dtype, opinfo.differences(name, dtype))]


@pytest.mark.parametrize("name", NAMES)
def test_samples_of_integers(torch, name):
    torch.set_num_threads(1)
    assert not [w for dtype in INTEGERS for w in _unknown(name, dtype, opinfo.differences(name, dtype))]


# What PyTorch refuses and we take, or refuse otherwise: operation, call and what is said, and why.
TAKEN = [
    (r".*", r"Tensor\.\w+\(\d", "a method of Tensor called on a number"),
    (r"masked_fill", r".*1j", "complex numbers are a TypeError everywhere"),
    (
        r"cat|concat|concatenate",
        r".*resize storage",
        "out= of another size is refused by its shape, not by its storage",
    ),
    (r"take", r".*out=", "out= may overlap: the result is computed first and then written"),
]


@pytest.mark.parametrize("name", NAMES)
def test_error_inputs(torch, name):
    torch.set_num_threads(1)
    wrong = []
    for line in opinfo.refusals(name):
        if not any(re.fullmatch(a, name) and re.match(b, line) for a, b, _ in TAKEN):
            wrong.append(line)
    assert not wrong
