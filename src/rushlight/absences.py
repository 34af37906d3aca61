"""Names of PyTorch's that code mentions while it is loaded, though it may never use them: `alias.py` answers for them.

In: the name of a module that is not here. Out: a module of that name, whose decorators give back what they decorate,
whose questions are answered "no", and whose classes and functions say that they are not here when they are called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import ModuleType
from typing import Any, NoReturn

from rushlight.core import absent
from rushlight.core.errors import message

VERSION = f"{absent.version()}+rushlight"

# By module: decorators, which change nothing, and registrations, which are for a compiler that is not here.
DECORATORS = {
    "torch.fx": "wrap has_side_effect",
    "torch.compiler": "disable allow_in_graph assume_constant_result set_stance substitute_in_graph",
    "torch.library": (
        "register_fake register_autograd register_kernel register_vmap register_torch_dispatch impl impl_abstract "
        "custom_op define triton_op"
    ),
    "torch._dynamo": "disable allow_in_graph disallow_in_graph mark_dynamic reset",
    "torch.onnx": "register_custom_op_symbolic unregister_custom_op_symbolic",
    "torch.onnx.symbolic_helper": "parse_args",
}
# Questions, and what they are answered.
ANSWERS: dict[str, dict[str, object]] = {
    "torch.compiler": {"is_compiling": False, "is_dynamo_compiling": False, "is_exporting": False},
    "torch._dynamo": {"is_compiling": False},
    "torch._dynamo.utils": {"is_compile_supported": False},
    "torch.distributed": {
        "is_available": False,
        "is_initialized": False,
        "is_torchelastic_launched": False,
        "get_rank": 0,
        "get_world_size": 1,
    },
    "torch._C": {"_log_api_usage_once": None, "_get_tracing_state": None, "_is_tracing": False},
    "torch.onnx": {"is_in_onnx_export": False},
}


def _home() -> str:
    """Where PyTorch keeps what it downloads."""
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join("~", ".cache", "torch")))


class _Keys:
    """The keys of PyTorch's dispatcher, of which there is none here: each is its name."""

    def __getattr__(self, name: str) -> str:
        return name


# Values and functions of modules.
VALUES: dict[str, dict[str, object]] = {
    "torch._C": {"DispatchKey": _Keys(), "DispatchKeySet": lambda *keys: frozenset(keys)},
    "torch.hub": {"_get_torch_home": _home, "get_dir": lambda: os.path.join(_home(), "hub")},
    "torch.jit.annotations": {"List": list, **{f"BroadcastingList{count}": list for count in range(1, 7)}},
    "torch.version": {"__version__": VERSION, "cuda": None, "hip": None, "xpu": None, "debug": False},
}
# Classes and functions that are not here, and say so when they are called.
OTHERS = {
    "torch.fx": "Tracer GraphModule Graph Node Proxy Interpreter Transformer symbolic_trace replace_pattern",
    "torch.fx.node": "Node Target Argument map_arg",
    "torch.fx.graph": "Graph",
    "torch.fx.proxy": "Proxy TraceError",
    "torch.fx.graph_module": "GraphModule _CodeOnlyModule _copy_attr _USER_PRESERVED_ATTRIBUTES_KEY",
    "torch.ao": "",
    "torch.ao.quantization": (
        "QuantStub DeQuantStub QuantWrapper QConfig prepare prepare_qat convert quantize fuse_modules "
        "fuse_modules_qat get_default_qconfig get_default_qat_qconfig default_qconfig default_qat_qconfig"
    ),
    "torch.hub": ("load load_state_dict_from_url download_url_to_file set_dir list help HASH_REGEX urlparse tqdm"),
    "torch.utils.model_zoo": "load_url tqdm",
    "torch.library": "Library infer_schema opcheck get_ctx",
    "torch._custom_ops": "custom_op impl impl_abstract impl_backward",
    "torch.distributed": (
        "init_process_group destroy_process_group barrier all_reduce all_gather all_gather_object broadcast reduce "
        "scatter gather new_group get_backend ReduceOp ProcessGroup Backend Work"
    ),
    "torch.distributed.tensor": "DTensor",
    "torch.onnx": "export dynamo_export operators symbolic_opset11 TensorProtoDataType",
    "torch.onnx.symbolic_helper": "",
    "torch.onnx.operators": "",
    "torch.onnx.symbolic_opset11": "",
    "torch.types": "",
    "torch.version": "",
    "torch.ops": "",
    "torch.compiler": "compile reset",
    "torch._dynamo": "optimize explain export",
    "torch._dynamo.utils": "",
    "torch._C": "",
    "torch.utils.cpp_extension": "load load_inline CppExtension CUDAExtension BuildExtension",
    "torch.utils.tensorboard": "SummaryWriter",
}
MODULES = frozenset({*DECORATORS, *ANSWERS, *VALUES, *OTHERS})
TOP = frozenset(name.split(".")[1] for name in MODULES if name.split(".")[1] not in ("jit", "utils"))


def _given_back(*args: Any, **options: Any) -> Any:
    """What a decorator was given, or such a decorator where it was given options first."""
    if len(args) == 1 and not options and callable(args[0]):
        return args[0]
    return _given_back


def _answer(value: object) -> Callable[..., object]:
    def answer(*args: object, **options: object) -> object:
        return value

    return answer


def _assert(condition: Any, message: str = "") -> None:
    """AssertionError with this message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def _check(cond: bool, message: Callable[[], object] | None = None) -> None:
    """RuntimeError with what `message` gives unless the condition holds."""
    if not cond:
        raise RuntimeError("Expected cond to be True" if message is None else str(message()))


FUNCTIONS: dict[str, Callable] = {"_assert": _assert, "_check": _check}
"""Of torch itself: PyTorch's own checks, which code calls though they are not public."""


class NotHere(type):
    """The class of what stands for a name that is not here: to be named, inherited from, and asked about."""

    def __call__(cls, *args: object, **options: object) -> NoReturn:
        full = cls.full
        other = absent.instead_of(full)
        raise NotImplementedError(message(f"PyTorch has {full}, rushlight does not", fix=other or None))

    def __instancecheck__(cls, other: object) -> bool:
        return False


def not_here(full: str) -> type:
    """A class for a name of PyTorch's, which raises NotImplementedError when it is called."""
    module, _, name = full.rpartition(".")
    return NotHere(name, (), {"full": full, "__module__": module})


class Operations(ModuleType):
    """`torch.ops`: libraries of compiled operations, of which none can be loaded."""

    def load_library(self, path: object) -> NoReturn:
        """OSError: it is made for PyTorch's own library."""
        raise OSError(message(f"{path} needs PyTorch's own library", "Rushlight has no compiled extensions"))

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return Operations(f"{self.__name__}.{name}")

    def __call__(self, *args: object, **options: object) -> NoReturn:
        """NotImplementedError: no operation is there."""
        raise NotImplementedError(message(f"PyTorch has {self.__name__}, rushlight does not"))


def _below(name: str, child: str) -> ModuleType:
    """A module under one of these, as its attribute."""
    if f"{name}.{child}" not in MODULES:
        raise AttributeError(f"module {name!r} has no attribute {child!r}")
    return module(f"{name}.{child}")


@cache
def module(name: str) -> ModuleType:
    """The module that stands for one of PyTorch's that is not here."""
    if name == "torch.ops":
        return Operations(name)
    result = ModuleType(name, f"Names of {name} that code mentions: it is not here.")
    result.__path__ = []
    entries: Mapping[str, object] = {
        **{entry: not_here(f"{name}.{entry}") for entry in OTHERS.get(name, "").split()},
        **dict.fromkeys(DECORATORS.get(name, "").split(), _given_back),
        **{entry: _answer(value) for entry, value in ANSWERS.get(name, {}).items()},
        **VALUES.get(name, {}),
    }
    vars(result).update(entries, __getattr__=partial(_below, name))
    return result
