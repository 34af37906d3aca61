"""Rushlight against what PyTorch 2.13.0 gave when the golden files were made; needs no PyTorch."""

import json
import zlib

import numpy as np
import pytest

import rushlight
from tests.parity import expressions
from tests.parity.golden_files import problems, recorded, table
from tests.parity.make_golden import recorded_expressions
from tests.parity.measure import TOLERANCE, run, worst_error
from tests.parity.problem import Problem


def test_files_say_where_they_come_from():
    assert table("illegal")["torch"].startswith("2.13.0")
    assert table("expressions")["torch"].startswith("2.13.0")
    assert len(problems()) >= 150


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", problems())
def test_problem(text, dtype):
    """Small integers: every product and sum is exact, in both dtypes and in any order of summation."""
    worst, name = worst_error(run(rushlight, Problem.parse(text), dtype), problems()[text])
    assert worst <= TOLERANCE[dtype], f"{name} is off by {worst:.2g}"


@pytest.mark.parametrize("text", expressions.EXPRESSIONS)
def test_value(text):
    check_values(text, recorded("expressions", "values", text))


@pytest.mark.parametrize("text", expressions.NORMALS)
def test_normal_draws(text):
    check_values(text, recorded("expressions", "normals", text))


def check_values(text, expected):
    got = expressions.describe(expressions.evaluate(rushlight, text))
    assert {**got, "values": None} == {**expected, "values": None}
    close = 1e-12 if expected["dtype"] == "float64" else 1e-6
    np.testing.assert_allclose(got["values"], expected["values"], rtol=close, atol=close)


@pytest.mark.parametrize("text", expressions.TEXTS)
def test_text(text):
    assert expressions.evaluate(rushlight, text) == recorded("expressions", "texts", text)


@pytest.mark.parametrize("text", expressions.DRAWS)
def test_uniform_draws_to_the_last_bit(text):
    got = expressions.describe(expressions.evaluate(rushlight, text))
    flat = np.array(got["values"], got["dtype"])
    got |= {"values": flat.ravel()[:3].tolist(), "crc32": zlib.crc32(flat.tobytes())}
    assert got == recorded("expressions", "draws", text)


@pytest.mark.parametrize("optimiser", expressions.OPTIMISERS)
def test_training_losses(optimiser):
    expected = recorded("expressions", "losses", optimiser)
    np.testing.assert_allclose(expressions.training(rushlight, optimiser), expected, rtol=2e-5)


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
def test_the_installed_pytorch_still_gives_these_values(torch):
    """The golden files against PyTorch itself, to rounding: its sums differ from CPU to CPU."""
    now, then = json.loads(json.dumps(recorded_expressions(torch))), table("expressions")
    assert not [key for title in now for key, said in now[title].items() if not near(said, then[title][key])]
    wrong = [text for text, results in problems().items() if worst_error(run(torch, Problem.parse(text)), results)[0]]
    assert not wrong


def near(a, b):
    """Equal JSON but for rounding."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(near, a, b))
    return a == pytest.approx(b, rel=1e-5, abs=1e-6, nan_ok=True) if isinstance(a, float) else a == b
