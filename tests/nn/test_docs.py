"""Every example in the docstrings runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import rushlight.nn
import rushlight.optim
import rushlight.utils.data

PACKAGES = (rushlight.nn, rushlight.optim, rushlight.utils.data)
MODULES = [
    f"{package.__name__}.{entry.name}" for package in PACKAGES for entry in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_public_classes_say_what_they_do():
    for package in PACKAGES:
        for name, value in vars(package).items():
            if isinstance(value, type):
                assert value.__doc__, name
