"""`out=` of every function that has it, against PyTorch: an empty tensor and tensors of other dtypes for the result."""

from __future__ import annotations

import warnings

import pytest

import rushlight
from rushlight.tensor.output import TAKES_OUT

pytestmark = pytest.mark.live

# What each function is called with; x, y and z are matrices of floats, i of integers, m a mask, v a vector.
_CALLS = {
    "x": "abs absolute acos argmax argmin asin atan ceil cos cosh erf erfc erfinv exp exp2 expm1 floor frac isneginf "
    "isposinf log log10 log1p log2 nan_to_num neg negative reciprocal round rsqrt sigmoid sign sin sinh sqrt square "
    "tan tanh trunc nonzero all any max min sort aminmax mean logical_not norm tril triu diag",
    "x, 0": "all amax amin any argmax argmin cumprod cumsum log_softmax logsumexp max mean median min nansum prod "
    "softmax sort std sum var",
    "x, dim=0, stable=True": "argsort sort",
    "x, y": "add div divide eq float_power floor_divide fmod ge greater greater_equal gt le less less_equal "
    "logical_and logical_or logical_xor lt matmul maximum minimum mm mul multiply ne not_equal pow remainder sub "
    "subtract true_divide max min isin",
    "i, i": "bitwise_and bitwise_or bitwise_xor add mul floor_divide",
    "i": "bitwise_not abs exp",
    "x, y, z": "addcdiv addcmul addmm lerp",
    "v, x, v": "addmv",
    "b, b": "bmm",
    "b, b, b": "baddbmm",
    "[x, y]": "cat concat concatenate hstack stack vstack",
    "x, 0.2, 0.7": "clamp clip",
    "x, 0.5": "clamp_max clamp_min",
    "v, v": "dot ger outer",
    "x, v": "mv",
    "3": "eye arange",
    "(2, 3)": "zeros ones",
    "(2, 3), 5": "full",
    "0, 1, 4": "linspace logspace",
    "x, 2, 1": "diff",
    "x, 0, j": "gather",
    "x, 0, j, x": "scatter scatter_add",
    "x, 0, k": "index_select",
    "x, 0, k, y[:2]": "index_add",
    "x, k": "take",
    "x, j, 0": "take_along_dim",
    "x, m": "masked_select",
    "m, x, y": "where",
    "x, 2": "kthvalue topk",
    "v, x": "searchsorted",
    "x, y, 1": "tensordot",
}
# Numbers drawn at random are compared in dtype and shape alone.
_DRAWN = {
    "x.abs().clamp(0, 1)": "bernoulli",
    "(2, 3)": "empty rand randn",
    "7, (2, 3)": "randint",
    "5": "randperm",
    "x, y.abs()": "normal",
    "x.abs(), 2": "multinomial",
}
# PyTorch casts the operands of all and any, and has no kernel for these sums; drawn integers come from floats.
PASSED_OVER = {
    "all": ("uint8",),
    "any": ("uint8",),
    "nansum": ("int64", "uint8"),
    "normal": ("int64", "uint8"),
    "bernoulli": ("int64", "uint8"),
}
CALLS = [
    (name, text, drawn) for table, drawn in ((_CALLS, False), (_DRAWN, True)) for text, names in table.items()
    for name in names.split()
]  # fmt: skip


def test_every_function_is_called():
    assert {name for name, _, _ in CALLS} == TAKES_OUT


def _arguments(torch) -> dict:
    x = torch.tensor([[0.2, 0.4, 0.6], [0.9, 0.3, 0.1], [0.5, 0.7, 0.8]])
    return {
        "x": x,
        "y": x.t().contiguous() + 0.25,
        "z": x * x + 0.5,
        "v": x[0].clone(),
        "b": torch.stack([x, x + 1]),
        "i": torch.tensor([[1, 2, 3], [4, 5, 6]]),
        "j": torch.tensor([[0, 1, 2], [2, 0, 0]]),
        "k": torch.tensor([2, 0]),
        "m": x > 0.45,
    }


def _outcome(torch, name: str, text: str, drawn: bool, kind: str | None) -> object:
    """The results in `out`, or that there is an error."""
    arguments = _arguments(torch)
    call = eval(f"lambda f, out: f({text}, out=out)", arguments)
    try:
        plain = eval(f"lambda f: f({text})", arguments)(getattr(torch, name))
    except (RuntimeError, TypeError):
        return "error"
    several = isinstance(plain, tuple)
    kinds = [getattr(torch, kind) if kind else p.dtype for p in (plain if several else (plain,))]
    outs = [torch.empty(0, dtype=k) for k in kinds]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = call(getattr(torch, name), tuple(outs) if several else outs[0])
    except (RuntimeError, TypeError):
        return "error"
    assert all(a is b for a, b in zip(found if several else (found,), outs))
    return [(str(o.dtype), tuple(o.shape), [] if drawn else o.double().reshape(-1).tolist()) for o in outs]


@pytest.mark.parametrize("kind", [None, "float64", "int64", "uint8"])
@pytest.mark.parametrize(("name", "text", "drawn"), CALLS, ids=[f"{n}({t})" for n, t, _ in CALLS])
def test_out(name, text, drawn, kind):
    import torch

    if kind in PASSED_OVER.get(name, ()):
        pytest.skip("PyTorch's is not worth having")
    theirs = _outcome(torch, name, text, drawn, kind)
    ours = _outcome(rushlight, name, text, drawn, kind)
    if "error" in (ours, theirs):
        assert ours == theirs
        return
    for one, other in zip(ours, theirs, strict=True):
        assert one[:2] == other[:2] and one[2] == pytest.approx(other[2], rel=1e-4, abs=1e-6, nan_ok=True)
