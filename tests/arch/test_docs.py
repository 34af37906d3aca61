"""Every example in the package's docstrings runs and prints what it says, and everything public has a docstring."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import rushlight

# Importing these starts something; their examples are commands, tested where they live.
COMMANDS = ("__main__",)
MODULES = [
    entry.name
    for entry in pkgutil.walk_packages(rushlight.__path__, "rushlight.")
    if entry.name.rpartition(".")[2] not in COMMANDS
]
PUBLIC = ("rushlight", "rushlight.nn", "rushlight.nn.functional", "rushlight.nn.init", "rushlight.optim")


@pytest.mark.parametrize("name", ["rushlight", *MODULES])
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_says_what_it_does(name):
    module = importlib.import_module(name)
    silent = [
        public
        for public in dir(module)
        if not public.startswith("_")
        and (inspect.isfunction(value := getattr(module, public)) or inspect.isclass(value))
        and value.__module__.startswith("rushlight")
        and not value.__doc__
    ]
    assert not silent
