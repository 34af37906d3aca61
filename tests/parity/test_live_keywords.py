"""Every function and method called by keyword, as PyTorch's stubs name the arguments, beside PyTorch.

For each overload: with what it needs, with each argument that may be left out, and with all of them. Where PyTorch
takes the call, Rushlight takes it and gives the same; numbers drawn at random are compared in shape and dtype.
"""

from __future__ import annotations

import inspect
import warnings

import pytest

import rushlight
from tests.parity import signatures
from tests.parity.test_signatures import METHODS, NAMES, PASSED_OVER

pytestmark = pytest.mark.live

_ROWS = [[0.2, 0.4, 0.6], [0.9, 0.3, 0.1], [0.5, 0.7, 0.8]]
_DRAWN = ("rand", "empty", "normal", "bernoulli", "uniform", "exponential", "cauchy", "multinomial")
_INTEGERS = {"bincount": [1, 2, 2], "bitwise": [1, 2, 3]}
# What arguments that are no tensors are called with.
_VALUES = {
    "upscale_factor": 1,
    "downscale_factor": 1,
    "accumulate": True, "alpha": 2, "as_tuple": True, "assume_unique": True, "atol": 1e-3, "axis0": 0, "axis1": 1,
    "base": 2.0, "buffer": bytearray(8), "count": 2, "eps": 1e-6,
    "beta": 2, "ceil_mode": False, "chunks": 2, "copy": True, "correction": 1, "count_include_pad": True,
    "data": [1.0], "decimals": 1, "descending": True, "destination": 1, "device": "cpu", "diagonal": 1, "dilation": 1,
    "dim": 0, "dim0": 0, "dim1": 1, "dim2": 1, "dimension": 0, "dims": (0, 1), "end": 2, "end_dim": 1,
    "equal_nan": True, "exponent": 2.0, "fill_value": 2.0, "force": True, "from": 0, "generator": None, "groups": 1,
    "high": 5, "implicit": False, "indices": (1,), "invert": True, "k": 2, "keepdim": True, "kernel_size": 2,
    "median": 1.0, "sigma": 2.0,
    "lambd": 1.0, "largest": False, "layout": None, "length": 1, "low": 1, "m": 2, "max": 0.5, "mean": 0.0,
    "min": 0.2, "minlength": 4, "n": 3, "nan": 1.0, "neginf": -2.0, "non_blocking": False, "num_samples": 2,
    "index": 0, "obj": [1.0], "offset": 0, "other": 2.0, "out_int32": True, "output_padding": 0, "p": 1, "padding": 0,
    "pin_memory": False,
    "posinf": 2.0, "reduce": "add", "repeats": 2, "replacement": True, "requires_grad": False, "right": True,
    "rounding_mode": "floor", "rtol": 1e-3, "s": 1.0, "sections": 2, "shape": (9,), "shifts": 1, "side": "right",
    "size": (3, 3), "sizes": (3, 1), "sorted": True, "source": 0, "sparse_grad": False, "split_size": 1, "stable": True,
    "start": 1, "start_dim": 0, "std": 1.0, "step": 1, "steps": 3, "storage_offset": 1, "stride": (1, 1), "to": 5,
    "unbiased": False, "value": 0.5, "weight": 0.3, "wrap": True, "bias": None, "output_size": None,
}  # fmt: skip


def _tensor(torch, function: str, name: str) -> object:
    """The tensor for an argument, `self` among them."""
    x = torch.tensor(_ROWS)
    for start, values in _INTEGERS.items():
        if function.startswith(start) and name != "weights":
            return torch.tensor(values)
    if function[:-2] in ("conv", "conv_transpose", "max_pool", "avg_pool") and function.endswith("d"):
        rank = int(function[-2])
        return torch.ones(1, 2, *[5] * rank) if name == "input" else torch.ones(2, 2, *[2] * rank)
    if function in ("bmm", "baddbmm", "baddbmm_"):
        return torch.stack([x, x])
    vectors = {"mv": ("vec",), "addmv": ("vec", "input", "self"), "dot": ("input", "self", "tensor")}
    vectors |= {"outer": ("input", "self", "vec2"), "searchsorted": ("sorted_sequence",), "bincount": ("weights",)}
    if name in vectors.get({"ger": "outer", "addmv_": "addmv"}.get(function, function), ()):
        return torch.tensor([0.1, 0.4, 0.7])
    if name in ("index", "indices"):
        if function.startswith(("gather", "scatter", "take")):
            return torch.tensor([[0, 1, 2], [2, 0, 0]])
        return torch.tensor([0, 2])
    special = {
        "source": x[:2],
        "mask": x > 0.45,
        "condition": x > 0.45,
        "sorter": torch.tensor([0, 1, 2]),
        "repeats": torch.tensor([1, 2, 0]),
        "value": torch.tensor(0.5),
        "tensor_indices_or_sections": torch.tensor(2),
        "other": x.t() + 0.1,
    }
    return special.get(name, x)


def _value(torch, function: str, parameter: signatures.Parameter) -> object:
    name, kind = parameter.name, parameter.type
    if name in ("dtype", "memory_format"):
        return torch.float64 if name == "dtype" else torch.preserve_format
    if name == "tensors":
        return [_tensor(torch, function, name)] * 2
    if name == "indices" and function.startswith("index_put"):
        return (torch.tensor([0, 2]),)
    if name in ("dims", "repeats") and function in ("tile", "repeat"):
        return (2, 1)
    if (function, name) in {("roll", "dims"), ("unflatten", "dim")}:
        return 0
    if name == "output_size":
        return 2 if function.startswith("adaptive") else None
    if (function, name) == ("unfold", "size"):
        return 2
    if name == "dim" and "_size" in kind and "int" not in kind:
        return (0,)
    plain = name in _VALUES and any(word in kind for word in ("int", "Number", "float", "_size", "bool", "str", "None"))
    if "Tensor" in kind and not (plain and any(word in kind for word in ("int", "Number", "float"))):
        return _tensor(torch, function, name)
    return _VALUES[name.rstrip("_")]


def _result(found: object, drawn: bool) -> object:
    if isinstance(found, (tuple, list)):
        return [_result(part, drawn) for part in found]
    if not (hasattr(found, "dtype") and hasattr(found, "shape")):
        return str(found)
    values = None
    if not drawn:
        values = found.tolist() if not hasattr(found, "detach") else found.detach().double().numpy().round(3).tolist()
    return tuple(found.shape), str(found.dtype).removeprefix("torch."), values


def _call(torch, function: str, method: bool, given: list[signatures.Parameter]) -> object:
    arguments = {p.name.rstrip("_"): _value(torch, function, p) for p in given}
    owner = _tensor(torch, function, "self") if method else torch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _result(getattr(owner, function)(**arguments), any(word in function for word in _DRAWN))


def _calls(overload: tuple[signatures.Parameter, ...]) -> list[list[signatures.Parameter]]:
    needed = [p for p in overload if p.default is None and p.kind != "variadic"]
    more = [p for p in overload if p.default is not None and p.name != "out"]
    return [needed, *([*needed, p] for p in more), needed + more]


def _compare(function: str, method: bool, overloads: list) -> None:
    import torch

    for overload in overloads:
        if {p.name for p in overload} & {*PASSED_OVER, "names"} or function in ("data_ptr", "cuda"):
            continue
        for given in _calls(overload):
            try:
                theirs = _call(torch, function, method, given)
            except (RuntimeError, TypeError, ValueError, IndexError):
                continue  # not with these values, or not as the stubs say
            assert _call(rushlight, function, method, given) == theirs, [p.name for p in given]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("from_numpy", "promote_types", "can_cast")])
def test_functions_by_keyword(name):
    overloads = signatures.functions().get(name)
    if overloads is None or inspect.isclass(getattr(rushlight, name)):
        pytest.skip("not built in")
    _compare(name, False, overloads)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("as_subclass", "requires_grad_")])
def test_methods_by_keyword(name):
    overloads = signatures.methods().get(name)
    if overloads is None:
        pytest.skip("not built in")
    _compare(name, True, overloads)
