"""Formulas: the same is the same object, and dtypes meet as PyTorch's do."""

import copy
import gc
import itertools
import pickle

import pytest

from rushlight.core import dtypes
from rushlight.rules import expression
from rushlight.rules.expression import (
    alike,
    arity,
    cast,
    constant,
    equal,
    erf,
    function,
    inputs,
    logical_and,
    logical_not,
    lowered,
    maximum,
    not_equal,
    result_dtypes,
    where,
)  # fmt: skip

x, y, z = inputs(3)


def test_the_same_formula_is_the_same_object():
    gelu = x * 0.5 * (1 + erf(x * 0.7071067811865476))
    assert gelu is x * 0.5 * (1 + erf(x * 0.7071067811865476))
    assert {gelu: 1}[x * 0.5 * (1 + erf(x * 0.7071067811865476))] == 1
    assert pickle.loads(pickle.dumps(gelu)) is gelu
    assert copy.deepcopy(gelu) is gelu and copy.copy(gelu) is gelu
    assert str(gelu) == "(x0 * 0.5) * (1 + erf(x0 * 0.7071067811865476))"


def test_constants_are_told_apart():
    assert len({constant(value) for value in (1, 1.0, True, 0.0, -0.0, 0, False)}) == 7
    assert constant(float("nan")) is constant(float("nan"))


def test_formulas_are_forgotten_with_their_users():
    gc.collect()
    before = len(expression._known)
    made = [x * (number + 0.123) for number in range(100)]
    assert len(expression._known) == before + 200
    del made
    gc.collect()
    assert len(expression._known) == before


def test_python_does_not_decide():
    with pytest.raises(TypeError, match="where"):
        bool(x > 0)
    with pytest.raises(TypeError, match="str is no constant"):
        x + "a"
    with pytest.raises(ValueError, match="no dtype"):
        cast(x, "float32")
    with pytest.raises(ValueError, match="no function"):
        function("besselj", x)


def test_common_parts_are_computed_once():
    s = function("sigmoid", x)
    program = lowered((x * s, s * (1 + x * (1 - s)), s), ("f32",))
    assert sum(step.op == "sigmoid" for step in program.steps) == 1
    assert program.outputs == ("f32",) * 3


def test_halves_are_computed_in_single_and_rounded_once():
    program = lowered(((x + y) * x,), ("bf16", "bf16"))
    assert [step.dtype for step in program.steps if step.op in ("add", "mul")] == ["f32", "f32"]
    assert program.outputs == ("bf16",)
    assert sum(step.op == "convert" and step.dtype == "bf16" for step in program.steps) == 1
    rounded = lowered((cast(x, "f16") + 1.0,), ("f32",))
    assert [step.dtype for step in rounded.steps] == ["f32", "f16", "f32", "f32", "f32", "f16"]


def test_conversions_go_by_way_of_what_they_are_defined_by():
    def way(source, target):
        return [step.dtype for step in lowered((cast(x, target),), (source,)).steps]

    assert way("f64", "f16") == ["f64", "f32", "f16"]
    assert way("i64", "bf16") == ["i64", "f32", "bf16"]
    assert way("f32", "u8") == ["f32", "i64", "u8"]
    assert way("f16", "i8") == ["f16", "f32", "i64", "i8"]
    assert way("f16", "b1") == ["f16", "f32", "b1"]
    assert way("i8", "u8") == ["i8", "u8"]
    assert way("f16", "f16") == ["f16"]


@pytest.mark.parametrize("a, b", [*itertools.product(dtypes.CODES.values(), repeat=2)])
def test_dtypes_meet_as_in_promotion(a, b):
    kinds = dtypes.of_code(a), dtypes.of_code(b)
    try:
        wanted = dtypes.CODES[dtypes.promote_types(*kinds).name]
    except RuntimeError:
        with pytest.raises(RuntimeError):
            result_dtypes((x + y,), (a, b))
        return
    assert result_dtypes((x + y, maximum(x, y), where(z, x, y)), (a, b, "b1")) == (wanted,) * 3
    assert result_dtypes((x < y, equal(x, y), not_equal(x, y)), (a, b)) == ("b1",) * 3
    assert result_dtypes((logical_and(x, y), logical_not(x)), (a, b)) == ("b1", "b1")


def test_constants_take_the_dtype_of_what_they_meet():
    assert result_dtypes((x + 1, x * 0.5, 1 - x), ("f16",)) == ("f16",) * 3
    assert result_dtypes((x + 1, x + True), ("u8",)) == ("u8",) * 2
    (step,) = (step for step in lowered((x + -1,), ("u8",)).steps if step.op == "constant")
    assert step.value == 255
    assert result_dtypes((alike(where(x > 0, 1, where(x < 0, -1, 0)), x),), ("f64",)) == ("f64",)
    for formula in (x + 0.5, maximum(1.5, x)):
        with pytest.raises(TypeError, match="cast"):
            lowered((formula,), ("i32",))
    with pytest.raises(TypeError, match="no dtype"):
        lowered((where(x, 1, 0),), ("b1",))
    with pytest.raises(TypeError, match="compares constants"):
        lowered((constant(1) < 2,), ())


@pytest.mark.parametrize(
    "formula, dtype",
    [(erf(x), "i64"), (x / x, "i8"), (-x, "b1"), (x - x, "b1"), (x & x, "f32"), (~x, "f16"), (x << x, "b1")],
    ids=str,
)
def test_what_has_no_meaning_is_refused(formula, dtype):
    with pytest.raises(TypeError):
        lowered((formula,), (dtype,))


def test_inputs_are_counted():
    assert arity((x, z + 1)) == 3 and arity((constant(1),)) == 0
    with pytest.raises(TypeError, match="2 inputs are needed"):
        lowered((x + y,), ("f32",))


def test_deep_formulas():
    deep = x
    for _ in range(5000):
        deep = deep * 1.5
    assert len(lowered((deep,), ("f32",)).steps) == 5002
