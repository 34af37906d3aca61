"""Rushlight: PyTorch's convolution-layer family without PyTorch.

>>> import rushlight as torch
>>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.zeros(20, 16, 50)).shape
torch.Size([20, 33, 24])

Every name is loaded when it is first used, so that importing the package costs next to nothing: `_WHERE` says in which
module each one lives.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_NAMES = {
    "core.dtypes": (
        "dtype bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 half short "
        "long double float int complex32 chalf complex64 cfloat complex128 cdouble finfo iinfo get_default_dtype "
        "set_default_dtype promote_types can_cast"
    ),
    "alias": "as_torch",
    "tensor.core": "Tensor",
    "tensor.size": "Size device get_default_device set_default_device",
    "tensor.layout": (
        "contiguous_format preserve_format channels_last channels_last_3d memory_format strided clone as_strided"
    ),
    "tensor.operands": "result_type",
    "tensor.creation": (
        "as_tensor asarray empty zeros ones full empty_like zeros_like ones_like full_like arange linspace "
        "logspace eye scalar_tensor"
    ),
    "tensor.arithmetic": (
        "add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow float_power maximum "
        "minimum lerp addcmul addcdiv rsub"
    ),
    "tensor.pointwise": (
        "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh sigmoid "
        "reciprocal erf erfc erfinv neg negative abs absolute square floor ceil trunc sign round frac clamp clip "
        "clamp_min clamp_max relu nan_to_num positive"
    ),
    "tensor.activation": "softmax log_softmax",
    "tensor.reductions": "sum nansum mean var std std_mean var_mean prod all any count_nonzero",
    "tensor.extremes": "max min amax amin aminmax argmax argmin",
    "tensor.running": "cumsum cumprod",
    "tensor.norms": "norm logsumexp",
    "tensor.comparison": (
        "eq ne not_equal lt less le less_equal gt greater ge greater_equal logical_and logical_or logical_xor "
        "logical_not bitwise_and bitwise_or bitwise_xor bitwise_not isnan isinf isfinite isposinf isneginf equal "
        "isclose allclose is_tensor is_floating_point is_complex is_nonzero"
    ),
    "tensor.products": "matmul mm bmm mv dot outer ger addmm addmv baddbmm tensordot einsum",
    "tensor.selection": "where masked_fill masked_select nonzero argwhere tril triu diag",
    "tensor.gathering": (
        "index_select index_add gather scatter scatter_add take take_along_dim index_fill repeat_interleave"
    ),
    "tensor.ordering": "argsort sort topk kthvalue median unique bincount searchsorted isin",
    "tensor.shape": (
        "numel reshape flatten ravel unflatten squeeze unsqueeze permute transpose swapaxes swapdims t movedim "
        "moveaxis broadcast_to broadcast_shapes broadcast_tensors tile atleast_1d flip roll "
        "meshgrid"
    ),
    "tensor.parts": (
        "narrow select split chunk tensor_split unbind diagonal cat concat concatenate stack hstack vstack"
    ),
    "tensor.differences": "diff",
    "tensor.shuffling": "channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle",
    "tensor.interchange": "from_numpy from_dlpack to_dlpack frombuffer",
    "tensor.kinds": (
        "FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor ByteTensor "
        "BoolTensor"
    ),
    "tensor.printing": "set_printoptions",
    "amp.autocast_mode": "autocast",
    "amp.grad_scaler": "GradScaler",
    "amp.state": (
        "is_autocast_enabled set_autocast_enabled get_autocast_dtype set_autocast_dtype is_autocast_cpu_enabled "
        "set_autocast_cpu_enabled get_autocast_cpu_dtype set_autocast_cpu_dtype get_autocast_gpu_dtype "
        "set_autocast_gpu_dtype is_autocast_cache_enabled set_autocast_cache_enabled autocast_increment_nesting "
        "autocast_decrement_nesting clear_autocast_cache"
    ),
    "autograd.modes": "no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled is_inference_mode_enabled",
    "random": (
        "Generator default_generator manual_seed seed initial_seed get_rng_state set_rng_state rand randn randint "
        "randperm normal bernoulli rand_like randn_like randint_like multinomial"
    ),
    "checkpoint": "save load",
    "runtime.cpus": "set_num_threads get_num_threads",
    "runtime.subnormals": "set_flush_denormal",
    "compiler.debug": "set_debug",
    "backends.registry": "get_engine set_engine",
    "backends.exactness": "get_exact set_exact",
    "ops.shapes": "output_shape",
    "explain.summary": "summary",
    "explain.equalities": "compare",
    "nn.functional": (
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d max_pool1d max_pool2d max_pool3d "
        "avg_pool1d adaptive_avg_pool1d celu celu_ selu selu_ prelu "
        "pairwise_distance cosine_similarity pdist"
    ),
}
# Functions whose first argument is a tensor: anything else there is a TypeError that names it. They take `out=` where
# PyTorch's do, and so do those that make tensors.
_OF_TENSORS = frozenset(
    [
        "tensor.activation",
        "tensor.arithmetic",
        "tensor.comparison",
        "tensor.differences",
        "tensor.extremes",
        "tensor.gathering",
        "tensor.norms",
        "tensor.ordering",
        "tensor.parts",
        "tensor.pointwise",
        "tensor.products",
        "tensor.reductions",
        "tensor.running",
        "tensor.selection",
        "tensor.shape",
        "tensor.shuffling",
    ]
)
_ALSO_OF_TENSORS = (
    "clone as_strided empty_like zeros_like ones_like full_like rand_like randn_like randint_like bernoulli "
    "multinomial arange empty eye full linspace logspace normal ones rand randint randn randperm zeros"
)
_RENAMED = {  # names whose function is called otherwise where it lives
    "absolute": "abs",
    "clip": "clamp",
    "divide": "div",
    "float": "float32",
    "ger": "outer",
    "greater": "gt",
    "greater_equal": "ge",
    "int": "int32",
    "less": "lt",
    "less_equal": "le",
    "memory_format": "MemoryFormat",
    "moveaxis": "movedim",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "result_type": "result_type_of_two",
    "strided": "STRIDED",
    "subtract": "sub",
    "swapdims": "transpose",
}
_SUBMODULES = frozenset(
    {
        "accelerator",
        "amp",
        "autograd",
        "checkpoint",
        "cpu",
        "cuda",
        "datasets",
        "distributions",
        "core",
        "backends",
        "explain",
        "func",
        "jit",
        "nn",
        "ops",
        "optim",
        "profiler",
        "random",
        "serialization",
        "tensor",
        "testing",
        "training",
        "utils",
    }
)
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}
inf, nan, pi, e = float("inf"), float("nan"), 3.141592653589793, 2.718281828459045
newaxis = None


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        from rushlight.core.absent import of_module

        raise of_module(__name__, name)
    module = importlib.import_module(f"{__name__}.{_WHERE[name]}")
    value = getattr(module, _RENAMED.get(name, name))
    if _WHERE[name] in _OF_TENSORS or name in _ALSO_OF_TENSORS.split():
        from rushlight.tensor.expected import takes_tensors

        value = takes_tensors(value, name, __name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_SUBMODULES})
