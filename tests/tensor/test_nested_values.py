"""`tensor` of nested lists that hold arrays and tensors."""

import numpy as np
import pytest

import rushlight as torch

f16, f32, f64 = torch.float16, torch.float32, torch.float64
one = torch.ones(1)

VALUES = [
    (lambda: [np.ones(2)], f64, (1, 2)),
    (lambda: [np.ones(2, np.int32)], torch.int32, (1, 2)),
    (lambda: [np.ones(2, np.int32), np.ones(2)], f64, (2, 2)),
    (lambda: [np.ones(2, np.uint8), np.ones(2, np.int8)], torch.int16, (2, 2)),
    (lambda: [np.ones((2, 3), np.float16)], f16, (1, 2, 3)),
    (lambda: (np.ones(2), (1, 2)), f64, (2, 2)),
    (lambda: [[1, 2], np.ones(2, np.int32)], torch.int64, (2, 2)),
    (lambda: [np.ones(2, bool)], torch.bool, (1, 2)),
    (lambda: [np.ones(0)], f64, (1, 0)),
    (lambda: [np.int8(1), np.int8(2)], torch.int8, (2,)),
    (lambda: [np.float64(1), 2], f64, (2,)),
    (lambda: [np.float16(1)], f16, (1,)),
    (lambda: [one] * 2, f32, (2,)),
    (lambda: [one.reshape(1, 1)] * 2, f32, (2,)),
    (lambda: [[one], [one]], f32, (2, 1)),
    (lambda: [1.0, one], f32, (2,)),
    (lambda: [[one, 2], [3, 4]], f32, (2, 2)),
    (lambda: [[1, 2], torch.ones(2)], f32, (2, 2)),
    (lambda: [1, torch.ones((), dtype=f64)], f64, (2,)),
    (lambda: [torch.tensor(1), 2.5], f32, (2,)),
    (lambda: [torch.tensor(1, dtype=torch.int8), torch.tensor(1, dtype=torch.uint8)], torch.int16, (2,)),
    (lambda: [torch.ones((), dtype=torch.bfloat16)], torch.bfloat16, (1,)),
    (lambda: [True, 1], torch.int64, (2,)),
    (lambda: [True, False], torch.bool, (2,)),
    (lambda: [[], []], f32, (2, 0)),
]


@pytest.mark.parametrize("values, dtype, shape", VALUES)
def test_dtype_and_shape(values, dtype, shape):
    for made in (torch.tensor(values()), torch.as_tensor(values()), torch.asarray(values())):
        assert made.dtype is dtype
        assert made.shape == shape
    assert torch.nn.Parameter(torch.tensor(values()), requires_grad=False).dtype is dtype
    assert torch.ones(1, dtype=f64).new_tensor(values()).dtype is f64
    assert torch.Tensor(values()).shape == shape


def test_values_keep_their_order():
    made = torch.tensor([[np.array([1.5, 2]), [3, 4]], [[one * 5, 6], np.array([7, 8])]])
    assert made.tolist() == [[[1.5, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert torch.tensor([-1, 3], dtype=torch.uint8).tolist() == [255, 3]


ERRORS = [
    (lambda: torch.tensor([torch.ones(2)] * 2), ValueError, "only one element tensors can be converted"),
    (lambda: torch.tensor([one, torch.ones(2)]), ValueError, "only one element tensors can be converted"),
    (lambda: torch.tensor([torch.ones(0)]), ValueError, "only one element tensors can be converted"),
    (lambda: torch.tensor([one], dtype=torch.int32), TypeError, "only integer tensors of a single element"),
    (lambda: torch.tensor([np.ones(2), np.ones(3)]), ValueError, r"expected sequence of length 2 at dim 1 \(got 3\)"),
    (lambda: torch.tensor([np.ones(2), 1]), TypeError, "not a sequence"),
    (lambda: torch.tensor([1, np.ones(2)]), TypeError, "only 0-dimensional arrays can be converted"),
    (lambda: torch.tensor([[1, 2], torch.ones(3)]), ValueError, r"expected sequence of length 2 at dim 1 \(got 3\)"),
    (lambda: torch.tensor([[1, 2], [3]]), ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
    (lambda: torch.tensor([1, [2]]), TypeError, "'list' object cannot be interpreted as an integer"),
    (lambda: torch.tensor([np.array(1.0)]), TypeError, "unsized object"),
    (lambda: torch.tensor([1, "a"]), TypeError, "invalid data type 'str'"),
    (lambda: torch.tensor([2**63]), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.tensor([float("nan")], dtype=torch.int32), RuntimeError, "without overflow"),
]


@pytest.mark.parametrize("call, kind, text", ERRORS)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.live
@pytest.mark.filterwarnings("ignore:Creating a tensor from a list:UserWarning")
@pytest.mark.parametrize("values, dtype, shape", VALUES)
def test_pytorch_says_the_same(values, dtype, shape):
    other = pytest.importorskip("torch")

    def as_theirs(data):
        if isinstance(data, (list, tuple)):
            return type(data)(map(as_theirs, data))
        if isinstance(data, torch.Tensor):
            return other.tensor(data.tolist(), dtype=getattr(other, data.dtype.name))
        return data

    made = other.tensor(as_theirs(values()))
    assert (str(made.dtype).removeprefix("torch."), tuple(made.shape)) == (dtype.name, shape)
