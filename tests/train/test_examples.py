"""The scripts in examples/ run, and do what they say."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested():
    """The last three in `tests/examples_test`."""
    there = {path.stem for path in EXAMPLES.glob("*.py")}
    assert there == {"lenet_digits", "fine_tune", "autoencoder", "mnist", "dcgan", "profile_network"}


@pytest.mark.parametrize("name, least", [("lenet_digits", 0.8), ("fine_tune", 0.5)])
def test_classifiers_learn_in_one_epoch(name, least):
    assert load(name).main(epochs=1) > least


def test_autoencoder_draws_digits(capsys):
    assert load("autoencoder").main(epochs=2) < 0.09
    assert "@" in capsys.readouterr().out
