"""Reductions as values."""

import pytest

from rushlight.rules.expression import cast, inputs
from rushlight.rules.reduction import Reduction, held

x, y = inputs(2)


def test_what_is_held():
    assert held("sum", "f32") == ("f64",) and held("sum", "i64") == ("i64",)
    assert held("max", "f32") == ("f32",) and held("argmin", "f64") == ("f64", "i64")
    both = Reduction(("sum", "argmax"), (x, x), (x, y), (None, "f64"))
    assert both.held(("bf16",)) == ("f64", "f32", "i64") and both.outputs(("bf16",)) == ("bf16", "f64")
    assert Reduction.of("max", cast(x, "b1"), gives="b1").held(("f32",)) == ("u8",)


def test_what_is_no_reduction():
    for kinds, before, after, gives in ((("mean",), (x,), (x,), (None,)), (("sum",), (), (x,), (None,))):
        with pytest.raises(ValueError, match="no reduction"):
            Reduction(kinds, before, after, gives)


def test_it_says_what_it_is():
    assert str(Reduction.of("sum", x * x, x / y)) == "sum(x0 * x0): x0 / x1"
