"""Tensors to and from NumPy, DLPack, pickle and copies: what is shared, and what is refused."""

import copy
import pickle

import numpy as np
import pytest


def test_from_numpy_shares(t):
    array = np.zeros((2, 3), np.float32)
    x = t.from_numpy(array)
    array[0, 0] = 1
    x[1, 1] = 2
    assert x[0, 0].item() == 1 and array[1, 1] == 2


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: [1, 2], TypeError),
        (lambda: np.zeros(3)[::-1], ValueError),
        (lambda: np.zeros(2, ">f4"), (ValueError, TypeError)),
        (lambda: np.array(["a"]), TypeError),
        (lambda: np.zeros(2, object), TypeError),
        (lambda: np.zeros(2, "datetime64[s]"), TypeError),
        (lambda: np.zeros(2, [("a", "f4")])["a"] if False else np.zeros(3, "f4,i1")["f0"], ValueError),
    ],
)
def test_from_numpy_refuses(t, make, error):
    with pytest.raises(error):
        t.from_numpy(make())


def test_complex_is_refused():
    import rushlight

    with pytest.raises(TypeError):
        rushlight.from_numpy(np.zeros(2, np.complex64))


def test_negative_strides_say_what_to_do(t):
    with pytest.raises(ValueError, match=r"strides in the given numpy array is negative|stride.* negative"):
        t.from_numpy(np.zeros(3)[::-1])
    assert t.tensor(np.arange(3)[::-1].copy()).tolist() == [2, 1, 0]


def test_tensor_of_foreign_arrays():
    import rushlight

    with pytest.raises(ValueError, match="negative"):  # as PyTorch, though `tensor` copies
        rushlight.tensor(np.arange(3)[::-1])
    assert rushlight.tensor(np.arange(3, dtype=">i4")).tolist() == [0, 1, 2]


def test_read_only_arrays_are_never_written():
    import rushlight

    array = np.zeros(3)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writ"):
        x = rushlight.from_numpy(array)
    for write in (lambda: x.add_(1), lambda: x.__setitem__(0, 1), lambda: x[1:].zero_(), lambda: x.detach().fill_(1)):
        with pytest.raises(RuntimeError, match="read-only"):
            write()
    assert (x + 1).tolist() == [1.0, 1.0, 1.0] and not array.any()


def test_temporary_arrays_stay_alive(t):
    tensors = [t.from_numpy(np.full(1000, i, np.float32)) for i in range(50)]
    assert [x[0].item() for x in tensors] == list(range(50)) == [x[-1].item() for x in tensors]


def test_numpy(t):
    x = t.ones(2)
    array = x.numpy()
    x.add_(1)
    assert array.tolist() == [2.0, 2.0]
    y = t.ones(2, requires_grad=True)
    for convert in (lambda: y.numpy(), lambda: np.asarray(y)):
        with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)\.numpy\(\) instead"):
            convert()
    assert y.numpy(force=True).tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="BFloat16"):
        t.ones(1, dtype=t.bfloat16).numpy()


def test_array_protocol(t):
    x = t.arange(3)
    assert np.asarray(x).tolist() == [0, 1, 2] and np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.asarray(x) is not x and np.shares_memory(np.asarray(x), np.asarray(x))
    if t.__name__ != "torch":  # PyTorch answers with a warning of NumPy
        assert np.add(x, 1).tolist() == [1, 2, 3]


def test_dlpack_both_ways(t):
    array = np.arange(4.0)
    x = t.from_dlpack(array)
    array[0] = 9
    assert x.tolist() == [9.0, 1.0, 2.0, 3.0]
    y = t.arange(3.0)
    back = np.from_dlpack(y)
    y[0] = 5
    assert back.tolist() == [5.0, 1.0, 2.0]
    with pytest.raises((TypeError, AttributeError, RuntimeError)):
        t.from_dlpack([1])


@pytest.mark.live
def test_dlpack_with_pytorch(torch):
    import rushlight

    theirs = torch.arange(6.0).reshape(2, 3)
    ours = rushlight.from_dlpack(theirs.t())
    theirs[0, 0] = 7
    assert ours.tolist() == [[7.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    back = torch.from_dlpack(rushlight.arange(3))
    assert back.tolist() == [0, 1, 2] and back.dtype is torch.int64


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool"])
def test_pickle_and_copies(t, kind):
    x = t.tensor([[1, 0], [2, 3]]).to(getattr(t, kind)).t()
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert other.dtype is x.dtype and t.equal(other, x)
    assert x.tolist() == x.clone().tolist()


def test_deepcopy_keeps_leaves(t):
    x = t.ones(2, requires_grad=True)
    x.sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.grad.tolist() == [1.0, 1.0] and y.grad is not x.grad
    pair = copy.deepcopy([x, x])
    assert pair[0] is pair[1]
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_to(t):
    x = t.ones(2)
    assert x.to(t.float32) is x and x.to("cpu") is x and x.float() is x and x.cpu() is x
    assert x.to(t.float32, copy=True) is not x
    assert x.to(t.zeros(1, dtype=t.int32)).dtype is t.int32
    assert x.to("cpu", t.float64).dtype is t.float64 and x.to(device="cpu", dtype=t.float16).dtype is t.float16
    assert x.type(t.int8).dtype is t.int8 and x.type() == "torch.FloatTensor"
    assert x.type_as(t.zeros(1, dtype=t.float64)).dtype is t.float64
    with pytest.raises((RuntimeError, AssertionError)):
        x.to("cuda")


def test_item_and_tolist(t):
    assert type(t.tensor(1).item()) is int and type(t.tensor(1.0).item()) is float
    assert type(t.tensor(True).item()) is bool and type(t.tensor(1.0, dtype=t.bfloat16).item()) is float
    assert t.zeros(2, 0).tolist() == [[], []] and t.tensor(3).tolist() == 3
    assert t.tensor([1.5], dtype=t.bfloat16).tolist() == [1.5]
