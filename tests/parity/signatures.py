"""PyTorch's signatures of its built-in functions, read from the stubs that it installs.

In: the names of functions or of methods of Tensor. Out: for each its overloads, as lists of parameters.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import NamedTuple


class Parameter(NamedTuple):
    """One parameter: how it is passed, the text of its default (None: it has none) and of its type."""

    name: str
    kind: str  # "positional", "variadic", "keyword"
    default: str | None
    type: str = ""


@functools.cache
def functions() -> dict[str, list[tuple[Parameter, ...]]]:
    """The overloads of every function of the `torch` namespace that is built in."""
    return _read(_module("_C/_VariableFunctions.pyi").body)


@functools.cache
def methods() -> dict[str, list[tuple[Parameter, ...]]]:
    """The overloads of every method of Tensor that is built in, `self` left out."""
    (found,) = [
        node for node in _module("_C/__init__.pyi").body if isinstance(node, ast.ClassDef) and node.name == "TensorBase"
    ]
    return {name: [parameters[1:] for parameters in overloads] for name, overloads in _read(found.body).items()}


@functools.cache
def functional() -> dict[str, list[tuple[Parameter, ...]]]:
    """The overloads of every function of `nn.functional`."""
    return _read(_module("_C/_nn.pyi").body) | _read(_module("nn/functional.pyi").body)


def _module(path: str) -> ast.Module:
    import torch

    return ast.parse((Path(torch.__path__[0]) / path).read_text())


def _read(body: list[ast.stmt]) -> dict[str, list[tuple[Parameter, ...]]]:
    found: dict[str, list[tuple[Parameter, ...]]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(tuple(_parameters(node.args)))
    return found


def _parameters(arguments: ast.arguments) -> list[Parameter]:
    names = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(names) - len(arguments.defaults)) + [ast.unparse(d) for d in arguments.defaults]
    found = [Parameter(a.arg, "positional", d, _type(a)) for a, d in zip(names, defaults)]
    if arguments.vararg:
        found.append(Parameter(arguments.vararg.arg, "variadic", None))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        shown = None if default is None else ast.unparse(default)
        found.append(Parameter(argument.arg, "keyword", shown, _type(argument)))
    return found


def _type(argument: ast.arg) -> str:
    return "" if argument.annotation is None else ast.unparse(argument.annotation)
