"""Every signature of the public surface against PyTorch's own: names of arguments, their order, what may be left out.

Built-in functions and methods are held against the stubs that PyTorch installs, those written in Python against
`inspect`. What differs on purpose stands in a table with its reason.
"""

from __future__ import annotations

import importlib
import inspect

import pytest

import rushlight
from rushlight import nn
from rushlight.tensor.keywords import parameters
from rushlight.tensor.output import TAKES_OUT
from tests.parity import signatures

pytestmark = pytest.mark.live

NAMES = [name for names in rushlight._NAMES.values() for name in names.split()]

# Arguments of PyTorch's that are left out, by function ("" stands for all), and why.
LEFT_OUT = {
    "": {"self"},  # in overloads that are deprecated or name their first argument twice
    "full": {"names"},  # named axes
    "result_type": {"scalar", "scalar1", "scalar2"},  # the same two operands, which may be numbers
    ".add": {"out"},  # in the stubs alone: PyTorch refuses it
    ".sub": {"out"},
    ".mul": {"out"},
    ".true_divide": {"out"},
    ".floor_divide": {"out"},
    ".random_": {"from_", "to"},  # `from` and `to`, by `**named`
    ".uniform_": {"from_", "to"},
    ".to": {"dtype", "device", "other", "non_blocking", "copy", "memory_format"},  # read by hand
}


# Overloads with one of these: deprecated, of other devices, called otherwise than the stubs say, or the same arguments
# under a second name.
PASSED_OVER = {"self", "beta", "out_dtype", "mode", "num", "element", "test_element", "scalar", "scalar1"}


def _own(function, name: str, method: bool) -> tuple[set[str], list[inspect.Parameter]]:
    raw = inspect.unwrap(function)
    found = list(inspect.signature(raw).parameters.values())[method:]
    names = set(parameters(raw)) | ({"out"} if not method and name in TAKES_OUT else set())
    return names, found


def _check(name: str, function, overloads: list, method: bool) -> list[str]:
    names, own = _own(function, name, method)
    names |= LEFT_OUT[""] | LEFT_OUT.get("." * method + name, set())
    listed = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in own)
    wrong = []
    for overload in overloads:
        if PASSED_OVER & {p.name for p in overload if p.kind == "positional"}:
            continue
        missing = {p.name for p in overload if p.kind != "variadic"} - names
        if missing:
            wrong.append(f"{name} lacks {', '.join(sorted(missing))}")
        order = [p.name for p in overload if p.kind == "positional"]
        if not (variadic or missing or order == listed[: len(order)] or _optional(order, listed, own)):
            wrong.append(f"{name}({', '.join(listed)}), PyTorch's ({', '.join(order)})")
    if len(overloads) == 1 and not variadic:
        theirs = {p.name: p.default for p in overloads[0]}
        for p in own:
            if p.name in theirs and (theirs[p.name] is None) != (p.default is p.empty):
                wrong.append(f"{name}: {p.name} is optional for one side only")
    return wrong


def _optional(order: list[str], listed: list[str], own: list) -> bool:
    """Whether an overload leaves out arguments that are optional and read by kind: `std(input, unbiased)`."""
    by_name = {p.name: p for p in own}
    if not set(order) <= by_name.keys():
        return False
    skipped = [name for name in listed if name not in order and listed.index(name) < len(order)]
    return all(by_name[name].default is not inspect.Parameter.empty for name in skipped)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if inspect.isfunction(inspect.unwrap(getattr(rushlight, name)))]
)
def test_functions(name):
    overloads = signatures.functions().get(name)
    if overloads is None:
        pytest.skip("not built in")
    assert not _check(name, getattr(rushlight, name), overloads, method=False)


# Functions of layers that are PyTorch's own beneath, with arguments that the pages of the layers do not have.
BUILT_IN = {"hardshrink": "out", "rrelu_": "generator"}


@pytest.mark.parametrize("name", nn.functional.__all__)
def test_functions_of_layers(name):
    overloads = signatures.functional().get(name) or signatures.functions().get(name)
    if overloads is None:
        pytest.skip("not built in, and not in the stubs")
    wrong = _check(name, getattr(nn.functional, name), overloads, method=False)
    assert [line for line in wrong if line != f"{name} lacks {BUILT_IN.get(name)}"] == []


METHODS = [
    name
    for name in dir(rushlight.Tensor)
    if not name.startswith("_") and inspect.isfunction(inspect.getattr_static(rushlight.Tensor, name))
]


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    overloads = signatures.methods().get(name)
    if overloads is None:
        pytest.skip("not built in")
    assert not _check(name, getattr(rushlight.Tensor, name), overloads, method=True)


def test_what_takes_out():
    theirs = {
        name
        for name in NAMES
        for overload in signatures.functions().get(name, ())
        if any(p.name == "out" for p in overload)
    }
    written_in_python = {"norm", "tensordot"}
    assert theirs | written_in_python == TAKES_OUT


# -- what is written in Python

MODULES = (
    "nn nn.functional nn.init nn.utils nn.parameter optim optim.lr_scheduler utils.data autograd autograd.graph random "
    "utils.dlpack cuda"
)
# Arguments that only PyTorch has, or only we have, and why.
_POOL = {"args", "kwargs", "input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"}
_CHECKS = {"check_batched_grad", "check_batched_forward_grad", "check_forward_ad", "check_backward_ad", "masked"}
DIFFERENT = {
    "nn.Hardtanh.__init__": {"min_value", "max_value"},  # deprecated
    "nn.Module.__init__": {"args", "kwargs"},  # of other base classes
    "nn.functional.max_pool1d": _POOL,  # PyTorch's is a switch between two functions, whose arguments are these
    "nn.functional.max_pool2d": _POOL,
    "nn.functional.max_pool3d": _POOL,
    "utils.data.random_split": {"generator"},  # the default generator stands for itself
    "autograd.backward": {"grad_variables"},  # deprecated
    "autograd.gradcheck": _CHECKS,  # forward mode and vmap
    "autograd.gradgradcheck": _CHECKS | {"check_fwd_over_rev", "check_rev_over_rev"},
    "autograd.no_grad.__init__": {"function"},  # the decorator without parentheses
    "einsum": {"args", "equation", "operands"},  # PyTorch's reads them by hand
    "unique": {"args", "kwargs", "input", "sorted", "return_inverse", "return_counts", "dim"},  # a switch
    "is_tensor": {"obj"},  # by position alone in PyTorch
    "set_default_dtype": {"d"},
}


def _python() -> dict[str, tuple]:
    import torch

    found = {}
    for module in MODULES.split():
        ours, theirs = (importlib.import_module(f"{top}.{module}") for top in ("rushlight", "torch"))
        for name in sorted(dir(ours)):
            own, other = getattr(ours, name), getattr(theirs, name, None)
            if (
                name.startswith("_")
                or name == "Tensor"
                or other is None
                or not getattr(own, "__module__", "").startswith("rushlight")
            ):
                continue
            if inspect.isclass(own) and inspect.isclass(other):
                for method in ("__init__", *(n for n in vars(own) if not n.startswith("_"))):
                    pair = inspect.getattr_static(own, method, None), inspect.getattr_static(other, method, None)
                    if all(map(inspect.isfunction, pair)):
                        found[f"{module}.{name}.{method}"] = pair
            elif inspect.isfunction(own) and inspect.isfunction(other):
                found[f"{module}.{name}"] = own, other
    for name in NAMES:
        own, other = getattr(rushlight, name), getattr(torch, name, None)
        if inspect.isfunction(own) and inspect.isfunction(other):
            found[name] = own, other
    return found


def _public(function) -> list[inspect.Parameter]:
    signature = inspect.signature(inspect.unwrap(function))
    return [p for p in signature.parameters.values() if not p.name.startswith("_")]


def test_what_is_written_in_python():
    wrong = []
    for name, (own, other) in _python().items():
        ours, theirs = _public(own), _public(other)
        allowed = DIFFERENT.get(name, set())
        a, b = ({p.name: p for p in found if p.name not in allowed} for found in (ours, theirs))
        if name in TAKES_OUT:
            b.pop("out", None)
        if a.keys() != b.keys():
            wrong.append(f"{name}: lacks {sorted(b.keys() - a.keys())}, has {sorted(a.keys() - b.keys())}")
            continue
        if [n for n in a if a[n].kind is a[n].POSITIONAL_OR_KEYWORD] != [
            n for n in b if b[n].kind is b[n].POSITIONAL_OR_KEYWORD
        ]:
            wrong.append(f"{name}: {', '.join(map(str, a.values()))} for {', '.join(map(str, b.values()))}")
        wrong += [
            f"{name}: {n}={a[n].default!r} for {b[n].default!r}" for n in a if repr(a[n].default) != repr(b[n].default)
        ]
    assert not wrong, "\n".join(wrong)
