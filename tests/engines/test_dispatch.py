"""Choosing an engine: by name, by the environment, and what happens where one is missing."""

import subprocess
import sys
import warnings

import pytest

import rushlight
from rushlight.engines import dispatch, reference


@pytest.fixture(autouse=True)
def same_engine_afterwards():
    before = rushlight.get_engine()
    yield
    rushlight.set_engine(before)


def test_by_name():
    rushlight.set_engine("reference")
    assert rushlight.get_engine() == "reference"
    assert dispatch.current() is reference


def test_unknown_name():
    with pytest.raises(ValueError, match="unknown engine 'cuda'"):
        rushlight.set_engine("cuda")


def test_missing_compiler_warns_once_and_falls_back(monkeypatch):
    monkeypatch.setattr(dispatch, "_compiled", lambda: (None, "llvmlite is not installed"))
    monkeypatch.setattr(dispatch, "_warned", False)
    with pytest.warns(RuntimeWarning, match="llvmlite is not installed"):
        rushlight.set_engine("auto")
    assert dispatch.current() is reference
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rushlight.set_engine("auto")
    with pytest.raises(RuntimeError, match="the compiled engine cannot run here"):
        rushlight.set_engine("compiled")


def test_environment_chooses():
    program = "import rushlight; print(rushlight.get_engine())"
    result = subprocess.run(
        [sys.executable, "-c", program], env={"RUSHLIGHT_ENGINE": "reference"}, capture_output=True, text=True
    )
    assert result.stdout.strip() == "reference", result.stderr


def test_choice_is_put_back_after_using():
    before = dispatch.current()
    with pytest.raises(KeyError), dispatch.using(dispatch.Shapes()):
        raise KeyError
    assert dispatch.current() is before
