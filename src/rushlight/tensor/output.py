"""`out=`: the result of a function written into a tensor that is there already.

In: a function, its arguments and the tensor (or tensors) for its results. Out: that tensor, changed. Everything is
computed and checked first, so that a call that fails leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from rushlight.autograd import modes
from rushlight.autograd.graph import record_write
from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.rules.arguments import TYPE_NAMES
from rushlight.tensor.change import check_writeable
from rushlight.tensor.copying import COPY
from rushlight.tensor.core import Tensor
from rushlight.tensor.numerics import quiet
from rushlight.tensor.operands import word

# The functions of the package that take `out=`, as in PyTorch.
_NAMES = (
    "abs absolute acos add addcdiv addcmul addmm addmv all amax amin aminmax any arange argmax argmin argsort asin "
    "atan baddbmm bernoulli bitwise_and bitwise_not bitwise_or bitwise_xor bmm cat ceil clamp clamp_max clamp_min "
    "clip concat concatenate cos cosh cumprod cumsum diag diff div divide dot empty eq erf erfc erfinv exp exp2 expm1 "
    "eye float_power floor floor_divide fmod frac full gather ge ger greater greater_equal gt hstack index_add "
    "index_select isin isneginf isposinf kthvalue le lerp less less_equal linspace log log10 log1p log2 log_softmax "
    "logical_and logical_not logical_or logical_xor logspace logsumexp lt masked_select matmul max maximum mean "
    "median min minimum mm mul multinomial multiply mv nan_to_num nansum ne neg negative nonzero norm normal "
    "not_equal ones outer pow prod rand randint randn randperm reciprocal remainder round rsqrt scatter "
    "scatter_add searchsorted sigmoid sign sin sinh softmax sort sqrt square stack std sub subtract sum take "
    "take_along_dim tan tanh tensordot topk tril triu true_divide trunc var vstack where zeros"
)
TAKES_OUT = frozenset(_NAMES.split())
# Those of them that do not cast, as those of several results: the tensor must have the result's own dtype.
_EXACT_NAMES = (
    "abs absolute addmm addmv all amax amin any argmax argmin argsort baddbmm bitwise_not bmm ceil clamp "
    "clamp_max clamp_min clip diag dot floor frac gather index_add index_select isin isneginf isposinf kthvalue lerp "
    "log_softmax masked_select matmul mm multinomial mv nan_to_num neg negative nonzero norm round "
    "scatter scatter_add searchsorted sign softmax take take_along_dim tensordot tril triu trunc where"
)
_EXACT = frozenset(_EXACT_NAMES.split())


def into(name: str, function: Callable, args: tuple, kwargs: dict[str, object], out: object, has_dtype: bool) -> object:
    """`function(*args, **kwargs)` in the memory of `out`, a tensor or as many as there are results; returns it.

    An empty tensor takes the result's shape. TypeError where `out` is no tensor; RuntimeError where it, or an argument,
    requires a gradient, has another shape, or a dtype that does not hold the result. `has_dtype` says that the function
    has a `dtype`, which is then that of `out`.
    """
    outs = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    for target in outs:
        if not isinstance(target, Tensor):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if modes.mode.enabled and any(tensor.requires_grad for tensor in _tensors((*args, *kwargs.values(), *outs))):
        raise RuntimeError(
            message(
                f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
                "arguments requires grad.",
                fix="the function without out=, or with torch.no_grad(): around it",
            )
        )
    if has_dtype and name not in _EXACT:
        kwargs = {**kwargs, "dtype": _dtype(kwargs.get("dtype"), outs[0])}
    with modes.no_grad():
        result = function(*args, **kwargs)
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(outs) or isinstance(result, tuple) is isinstance(out, Tensor):
        wanted = f"a tuple of {len(results)} tensors" if isinstance(result, tuple) else "a Tensor"
        raise TypeError(f"{name}(): argument 'out' must be {wanted}, not {type(out).__name__} of {len(outs)}")
    exact = name in _EXACT or isinstance(result, tuple)
    for target, found in zip(outs, results):
        _check(name, target, found, exact)
    for target, found in zip(outs, results):
        _write(target, found)
    return out if isinstance(out, Tensor) else type(result)(*outs) if hasattr(result, "_fields") else outs


def _tensors(values: Iterable) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def _dtype(asked: dtypes.dtype | None, out: Tensor) -> dtypes.dtype:
    if asked is not None and asked is not out.dtype:
        raise RuntimeError(f"dtype {word(asked)} does not match dtype of out parameter ({word(out.dtype)})")
    return out.dtype


def _check(name: str, out: Tensor, result: Tensor, exact: bool) -> None:
    if exact and out.dtype is not result.dtype:
        wanted, got = (TYPE_NAMES[dtypes.CODES[t.dtype.name]][0] for t in (result, out))
        raise RuntimeError(
            message(f"Expected out tensor to have dtype {wanted}, but got {got} instead", fix=f"dtype={result.dtype}")
        )
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {word(result.dtype)} can't be cast to the desired output type {word(out.dtype)}"
        )
    if out._array.shape == result._array.shape:
        check_writeable(out)
    elif out._array.size:
        raise RuntimeError(
            message(
                f"{name}(): the tensor for out= has shape {list(out.shape)}, the result {list(result.shape)}",
                fix=f"torch.empty({list(result.shape)}), or an empty tensor, which takes any shape",
            )
        )


def _write(out: Tensor, result: Tensor) -> None:
    if out._array.shape == result._array.shape:
        quiet(np.copyto, out._array, result._array, casting="unsafe")
    else:
        out._array = np.array(quiet(result._array.astype, out._array.dtype))
        out._base = None
    record_write(COPY, (), out, (out, result))
