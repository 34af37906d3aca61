"""Which dtype an operation computes in, and what it computes, for every pair of dtypes: against PyTorch."""

import itertools
import operator
from functools import partial

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live
KINDS = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.eq, operator.and_, operator.xor,
]  # fmt: skip
NUMBERS = [True, 3, -1, 2.5, 300, 0]
VALUES = [0, 1, 2, 3, 5, 7]


def outcome(call):
    """The dtype and values, or the kind of error."""
    try:
        result = call()
    except Exception as error:
        return type(error)
    return str(result.dtype), tuple(result.shape), result.double().numpy(force=True).tolist()


def same(ours, theirs):
    if isinstance(ours, type) or isinstance(theirs, type):
        return ours is theirs
    return ours[:2] == theirs[:2] and np.allclose(ours[2], theirs[2], rtol=4e-3, atol=1e-6, equal_nan=True)


def differences(torch, operands):
    """Every operator on the operands that `operands(t)` makes, where the outcomes differ."""
    found = [(f.__name__, *(outcome(partial(f, *operands(t))) for t in (rushlight, torch))) for f in OPERATORS]
    return [entry for entry in found if not same(*entry[1:])]


@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)), ids="-".join)
def test_two_tensors(torch, kinds):
    def operands(t):
        first, second = (getattr(t, kind) for kind in kinds)
        return t.tensor(VALUES).to(first), t.tensor([1, 2, 1, 3, 2, 1]).to(second)

    assert differences(torch, operands) == []


@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)), ids="-".join)
def test_beside_a_0_dim_tensor(torch, kinds):
    def operands(t):
        first, second = (getattr(t, kind) for kind in kinds)
        return t.tensor(VALUES).to(first), t.tensor(3).to(second)

    assert differences(torch, operands) == []


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", KINDS)
def test_beside_a_number(torch, kind, number):
    assert differences(torch, lambda t: (t.tensor(VALUES).to(getattr(t, kind)), number)) == []


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_number_first(torch, kind, number):
    if (kind, number) == ("bfloat16", 2.5):
        pytest.skip("PyTorch rounds the reciprocal to bfloat16 before it multiplies")
    assert differences(torch, lambda t: (number, t.tensor([1, 2, 1, 3]).to(getattr(t, kind)))) == []


@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)), ids="-".join)
def test_in_place(torch, kinds):
    def added(t):
        first, second = (getattr(t, kind) for kind in kinds)
        return t.tensor(VALUES).to(first).add_(t.tensor(VALUES).to(second))

    assert same(outcome(lambda: added(rushlight)), outcome(lambda: added(torch)))


@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)), ids="-".join)
def test_casts(torch, kinds):
    values = [-3.7, -1.0, 0.0, 0.5, 2.9, 120.0]

    def converted(t):
        first, second = (getattr(t, kind) for kind in kinds)
        return t.tensor(values[2:] if "uint8" in kinds else values).to(first).to(second)

    assert same(outcome(lambda: converted(rushlight)), outcome(lambda: converted(torch)))


UNARY = "sum mean prod max argmax cumsum std any all sign neg abs exp floor relu sigmoid softmax sort isnan sqrt"


@pytest.mark.parametrize("name", UNARY.split())
@pytest.mark.parametrize("kind", KINDS)
def test_one_tensor(torch, kind, name):
    def call(t):
        x = t.tensor(VALUES).to(getattr(t, kind))
        result = getattr(t, name)(x, *([0] if name in ("cumsum", "softmax") else []))
        return result[0] if name == "sort" else result

    assert same(outcome(lambda: call(rushlight)), outcome(lambda: call(torch)))
