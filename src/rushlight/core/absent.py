"""Names that are not there: the error says whether PyTorch has them, what there is instead, and what was meant.

In comes the name of one of our modules (or classes) and a name that it lacks; out comes an AttributeError. Its text is
made when somebody reads it, so that `hasattr` costs next to nothing. What PyTorch has is listed in
`data/pytorch-names.txt`, written by `tools/list_pytorch_names.py`; `docs/supported.md` is made of the same list.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from rushlight.core.errors import message

if TYPE_CHECKING:
    from types import FrameType

LIST = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", "pytorch-names.txt")
PAGE = "docs/supported.md"
# The start of a name as PyTorch writes it, and what there is for it here; the first that fits is said.
INSTEAD = {
    "torch.compile": "the model as it is: kernels are compiled for it at its first call",
    "torch.compiler": "the model as it is: kernels are compiled for it at its first call",
    "torch.nn.Module.compile": "the model as it is: kernels are compiled for it at its first call",
    "torch.onnx": "rushlight.save(model.state_dict(), file), and the export from PyTorch, which loads it",
    "torch.export": "rushlight.save(model.state_dict(), file), and the export from PyTorch, which loads it",
    "torch.distributed": "one process, which uses all cores: rushlight.set_num_threads",
    "torch.multiprocessing": "Python's multiprocessing; one process uses all cores anyway",
    "torch.nn.parallel": "the model as it is: one process uses all cores",
    "torch.cuda": "the CPU: torch.cuda.is_available() is False here",
    "torch.Tensor.cuda": "the tensor as it is: everything is on the CPU",
    "torch.nn.Module.cuda": "the model as it is: everything is on the CPU",
    "torch.mps": "the CPU: there are no other devices here",
    "torch.xpu": "the CPU: there are no other devices here",
    "torch.accelerator": "the CPU: torch.accelerator.is_available() is False here",
    "torch.backends": "leave it out: there is nothing to set",
    "torch.linalg": "numpy.linalg of tensor.detach().numpy(); norm, matmul and einsum are here",
    "torch.fft": "numpy.fft of tensor.detach().numpy()",
    "torch.special": "the functions of rushlight itself: erf, log1p, expm1, sigmoid, …",
    "torch.hub": "rushlight.load of a file that you have",
    "torch.utils.model_zoo": "rushlight.load of a file that you have",
    "torch.use_deterministic_algorithms": "leave it out: the same call gives the same bits, whatever the threads",
    "torch.set_deterministic_debug_mode": "leave it out: the same call gives the same bits, whatever the threads",
    "torch.set_float32_matmul_precision": "leave it out: float32 is computed in float32",
    "torch.set_default_tensor_type": "set_default_dtype",
    "torch.vmap": "a batch axis, or a loop",
    "torch.func": "autograd.grad with create_graph=True",
    "torch.profiler.itt": "rushlight.profiler.record_function",
    "torch.sparse": "dense tensors",
    "torch.Tensor.to_sparse": "dense tensors",
    "torch.inverse": "numpy.linalg.inv of tensor.detach().numpy()",
    "torch.svd": "numpy.linalg.svd of tensor.detach().numpy()",
    "torch.qr": "numpy.linalg.qr of tensor.detach().numpy()",
    "torch.det": "numpy.linalg.det of tensor.detach().numpy()",
    "torch.cholesky": "numpy.linalg.cholesky of tensor.detach().numpy()",
    "torch.pinverse": "numpy.linalg.pinv of tensor.detach().numpy()",
    "torch.nn.Transformer": "Linear, matmul and softmax",
    "torch.optim.lr_scheduler": "",
    "torch.optim": "SGD, Adam or AdamW",
    "torch.utils.tensorboard": "rushlight.summary for shapes, matplotlib for curves",
    "torch.nn.LSTM": "Conv1d over time with padding='causal', where it will do",
    "torch.nn.GRU": "Conv1d over time with padding='causal', where it will do",
    "torch.nn.RNN": "Conv1d over time with padding='causal', where it will do",
    "torch.nn.EmbeddingBag": "Embedding, and a sum or mean over its rows",
}


class Absent(AttributeError):
    """A name that a module or an object lacks; reads as its text."""

    def __init__(self, sentence: str, path: str, name: str, owner: Callable[[], Iterable[str]]) -> None:
        # `name=` keeps Python from looking for a similar name itself, which is done here.
        super().__init__(sentence, name=name)
        self._told = path, owner

    def __str__(self) -> str:
        sentence, (path, owner) = super().__str__(), self._told
        return message(sentence, *_facts(path, self.name, owner))

    def __reduce__(self) -> tuple:
        return AttributeError, (str(self),)


# Tracebacks show it as what it is to whoever reads them.
Absent.__name__ = Absent.__qualname__ = "AttributeError"
Absent.__module__ = "builtins"


def of_module(module: str, name: str) -> AttributeError | ImportError:
    """The error for a name that one of our modules lacks; to be called by the module's `__getattr__` itself.

    >>> print(of_module("rushlight.nn", "LSTM"))
    module 'rushlight.nn' has no attribute 'LSTM'
    PyTorch has torch.nn.LSTM, rushlight does not
    Try: Conv1d over time with padding='causal', where it will do
    >>> print(of_module("rushlight.nn", "Conv2D"))
    module 'rushlight.nn' has no attribute 'Conv2D'
    Try: Conv2d
    """
    sentence = f"module {module!r} has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(sentence)
    path, owner = f"torch{module.removeprefix('rushlight')}", lambda: dir(sys.modules[module])
    if _is_import(sys._getframe(2)):
        file = getattr(sys.modules[module], "__file__", None)
        sentence = f"cannot import name {name!r} from {module!r} ({file})"
        return ImportError(message(sentence, *_facts(path, name, owner)), name=module, path=file)
    return Absent(sentence, path, name, owner)


def _is_import(frame: FrameType) -> bool:
    """Whether a module is asked by `from module import name`: of an AttributeError Python would make an ImportError of
    its own, without our words."""
    from opcode import opmap

    code, at = frame.f_code.co_code, frame.f_lasti
    return 0 <= at < len(code) and code[at] == opmap.get("IMPORT_FROM")


def of_object(owner: object, path: str, name: str) -> AttributeError:
    """The error for a name that an object (or a class) lacks; `path` is its class as PyTorch calls it."""
    kind = f"type object {owner.__name__!r}" if isinstance(owner, type) else f"{type(owner).__name__!r} object"
    sentence = f"{kind} has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(sentence)
    return Absent(sentence, path, name, lambda: dir(owner))


def getter(module: str, where: Mapping[str, str] | None = None, files: Iterable[str] = ()) -> Callable[[str], object]:
    """A module's `__getattr__`: of a package, it loads its `files` and what stands in them (`where`) when asked for."""
    where = where or {}

    def __getattr__(name: str) -> object:
        if name in files:
            return import_module(f"{module}.{name}")
        if name not in where:
            raise of_module(module, name)
        value = getattr(import_module(f"{module}.{where[name]}"), name)
        setattr(sys.modules[module], name, value)
        return value

    return __getattr__


@cache
def names() -> dict[str, frozenset[str]]:
    """What PyTorch has, by the module or class that has it."""
    try:
        with open(LIST, encoding="utf-8") as lines:
            text = lines.read()
    except OSError:  # an installation without data
        return {}
    found: dict[str, set[str]] = {}
    for line in text.splitlines()[1:]:
        if line.startswith("["):
            path = line.strip("[]")
        else:
            found.setdefault(path, set()).update(line.split())
    return {path: frozenset(entries) for path, entries in found.items()}


def tensor_names() -> set[str]:
    """What PyTorch's tensors have: the first part of the list, the only one that is read before there is an error."""
    found: list[str] = []
    try:
        with open(LIST, encoding="utf-8") as lines:
            lines.readline(), lines.readline()
            for line in lines:
                if line.startswith("["):
                    break
                found += line.split()
    except OSError:
        pass
    return {*found}


def version() -> str:
    """The version of PyTorch whose names they are."""
    with open(LIST, encoding="utf-8") as lines:
        return lines.readline().strip().removeprefix("PyTorch ")


def instead_of(full: str) -> str:
    """What there is for a name of PyTorch's; "" where nothing is."""
    return next((text for start, text in INSTEAD.items() if full == start or full.startswith(f"{start}.")), "")


def _facts(path: str, name: str, owner: Callable[[], Iterable[str]]) -> list[str]:
    full = f"{path}.{name}"
    if name in names().get(path, ()):
        other = instead_of(full)
        fix = f"Try: {other}" if other else f"What there is: {PAGE}"
        return [f"PyTorch has {full}, rushlight does not", fix]
    public = [other for other in owner() if not other.startswith("_")]
    return [f"Try: {close}"] if (close := _nearest(name, public)) else []


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one; case and underscores count least."""
    from difflib import get_close_matches

    plain: dict[str, str] = {}
    for other in known:
        plain.setdefault(other.lower().replace("_", ""), other)
    word = name.lower().replace("_", "")
    turned = [other for other in plain if sorted(other) == sorted(word)]  # "cdua"
    close = turned or get_close_matches(word, plain, 1, 0.8)
    return plain[close[0]] if close else ""
