"""PyTorch's older names of dtypes, as types of tensors: `FloatTensor`, `LongTensor` and their like.

In: sizes, values or a tensor. Out: a tensor of that dtype. A tensor is an instance of the type of its dtype.
"""

from __future__ import annotations

from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import new
from rushlight.tensor.operands import word


class TensorType(type):
    """The class of the types: calling one makes a tensor, `isinstance` asks for the dtype."""

    dtype: dtypes.dtype
    is_cuda = is_sparse = is_xpu = False

    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Tensor) and other.is_cpu and other.dtype is cls.dtype

    def __call__(cls, *args: object, device: object = None) -> Tensor:
        if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype is not cls.dtype:
            raise TypeError(
                message(
                    f"expected TensorOptions(dtype={cls.dtype.name}) (got TensorOptions(dtype={args[0].dtype.name}))",
                    fix=f".to({cls.dtype})",
                )
            )
        return new(Tensor, *args, dtype=cls.dtype, device=device)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


_MEANING = """What tensors of {dtype} are; called, one of uninitialised numbers, or of values.

>>> import rushlight as torch
>>> torch.{name}([1, 0]), isinstance(torch.zeros(1, dtype={dtype}), torch.{name})
({example}, True)
"""


def _type(dtype: dtypes.dtype, example: str) -> TensorType:
    name = f"{word(dtype)}Tensor"
    return TensorType(name, (), {"dtype": dtype, "__doc__": _MEANING.format(dtype=dtype, name=name, example=example)})


FloatTensor = _type(dtypes.float32, "tensor([1., 0.])")
DoubleTensor = _type(dtypes.float64, "tensor([1., 0.], dtype=torch.float64)")
HalfTensor = _type(dtypes.float16, "tensor([1., 0.], dtype=torch.float16)")
BFloat16Tensor = _type(dtypes.bfloat16, "tensor([1., 0.], dtype=torch.bfloat16)")
LongTensor = _type(dtypes.int64, "tensor([1, 0])")
IntTensor = _type(dtypes.int32, "tensor([1, 0], dtype=torch.int32)")
ShortTensor = _type(dtypes.int16, "tensor([1, 0], dtype=torch.int16)")
CharTensor = _type(dtypes.int8, "tensor([1, 0], dtype=torch.int8)")
ByteTensor = _type(dtypes.uint8, "tensor([1, 0], dtype=torch.uint8)")
BoolTensor = _type(dtypes.bool, "tensor([ True, False])")
