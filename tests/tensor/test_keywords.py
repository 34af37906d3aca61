"""Arguments by keyword under PyTorch's names and NumPy's, `out=`, and NumPy's functions and operators on tensors."""

import operator

import numpy as np
import pytest

import rushlight as torch

X = torch.arange(6.0).reshape(2, 3)

SHAPES = {
    "flip": (lambda: torch.flip(input=X, dims=(0,)), (2, 3)),
    "permute": (lambda: torch.permute(input=X, dims=(1, 0)), (3, 2)),
    "tile": (lambda: torch.tile(input=X, dims=(2,)), (2, 6)),
    "x.flip": (lambda: X.flip(dims=(0,)), (2, 3)),
    "x.permute": (lambda: X.permute(dims=[1, 0]), (3, 2)),
    "x.tile": (lambda: X.tile(dims=(2, 1)), (4, 3)),
    "reshape": (lambda: torch.reshape(input=X, shape=(6,)), (6,)),
    "x.reshape": (lambda: X.reshape(shape=(3, -1)), (3, 2)),
    "zeros": (lambda: torch.zeros(size=(2, 3)), (2, 3)),
    "ones": (lambda: torch.ones(size=[2]), (2,)),
    "empty": (lambda: torch.empty(size=(2,), layout=None, pin_memory=False), (2,)),
    "rand": (lambda: torch.rand(size=(2,), device="cpu"), (2,)),
    "randn": (lambda: torch.randn(size=(2, 1), layout=None), (2, 1)),
    "randint": (lambda: torch.randint(low=0, high=3, size=(4,), requires_grad=False), (4,)),
    "randint_like": (lambda: torch.randint_like(X, high=3), (2, 3)),
    "x.view": (lambda: X.view(size=(6,)), (6,)),
    "x.view dtype": (lambda: X.view(dtype=torch.int32), (2, 3)),
    "x.expand": (lambda: X.expand(size=(4, 2, 3), implicit=False), (4, 2, 3)),
    "x.new_zeros": (lambda: X.new_zeros(size=(2,)), (2,)),
    "x.new_ones": (lambda: X.new_ones(size=(2, 2), pin_memory=False), (2, 2)),
    "x.new_empty": (lambda: X.new_empty(size=(2, 2)), (2, 2)),
    "x.repeat": (lambda: X.repeat(repeats=(2, 1)), (4, 3)),
    "x.sum_to_size": (lambda: X.sum_to_size(size=(1, 3)), (1, 3)),
    "x.split": (lambda: X.split(split_size=2, dim=1)[0], (2, 2)),
    "split": (lambda: torch.split(tensor=X, split_size_or_sections=2, dim=1)[0], (2, 2)),
    "tensor_split": (lambda: torch.tensor_split(X, sections=2)[0], (1, 3)),
    "x.tensor_split": (lambda: X.tensor_split(indices=(1,), dim=1)[1], (2, 2)),
    "arange": (lambda: torch.arange(end=4), (4,)),
    "arange start": (lambda: torch.arange(start=1, end=4, step=2), (2,)),
    "swapaxes": (lambda: torch.swapaxes(X, axis0=0, axis1=1), (3, 2)),
    "swapdims": (lambda: torch.swapdims(X, dim0=0, dim1=1), (3, 2)),
    "squeeze": (lambda: X[None].squeeze(0, 1), (2, 3)),
    "clone": (lambda: torch.clone(input=X, memory_format=torch.preserve_format), (2, 3)),
    "as_strided": (lambda: torch.as_strided(input=X, size=(2,), stride=(1,), storage_offset=1), (2,)),
    "x.cpu": (lambda: X.cpu(memory_format=torch.preserve_format), (2, 3)),
    "copy_": (lambda: torch.zeros(2, 3).copy_(other=X, non_blocking=True), (2, 3)),
    "uniform_": (lambda: torch.zeros(2).uniform_(**{"from": 1, "to": 2}), (2,)),
    "random_": (lambda: torch.zeros(2).random_(to=3), (2,)),
    "masked_fill_": (lambda: X.clone().masked_fill_(mask=X > 1, value=0), (2, 3)),
    "clamp_": (lambda: X.clone().clamp_(min=0, max=1), (2, 3)),
    "unsqueeze_": (lambda: X.clone().unsqueeze_(dim=0), (1, 2, 3)),
    "transpose_": (lambda: X.clone().transpose_(dim0=0, dim1=1), (3, 2)),
    "max": (lambda: torch.max(X, other=X), (2, 3)),
    "nansum": (lambda: torch.nansum(X, dim=0, dtype=torch.float64), (3,)),
    "asarray": (lambda: torch.asarray(obj=[1.0], copy=True, requires_grad=True), (1,)),
    "scalar_tensor": (lambda: torch.scalar_tensor(s=1.0, requires_grad=True), ()),
    "eye": (lambda: torch.eye(n=2, m=3, requires_grad=True), (2, 3)),
    "x1": (lambda: torch.add(x1=X, x2=X), (2, 3)),
    "a": (lambda: torch.mean(a=X, axis=1), (2,)),
    "axis": (lambda: X.sum(axis=1, keepdims=True), (2, 1)),
    "cat": (lambda: torch.cat(tensors=[X, X], axis=1), (2, 6)),
    "softmax": (lambda: torch.softmax(X, axis=1), (2, 3)),
    "unsqueeze": (lambda: X.unsqueeze(axis=0), (1, 2, 3)),
}


@pytest.mark.parametrize(("call", "shape"), SHAPES.values(), ids=SHAPES.keys())
def test_by_keyword(call, shape):
    assert tuple(call().shape) == shape


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: torch.zeros(2, size=(2,)), r"zeros\(\) got multiple values for argument 'size'"),
        (lambda: X.reshape(6, shape=(6,)), r"reshape\(\) got multiple values for argument 'shape'"),
        (lambda: torch.zeros(size=3), r"zeros\(\): argument 'size' must be tuple of ints, not int"),
        (lambda: torch.randn(2, divice="cpu"), r"randn\(\) got an unexpected keyword argument 'divice'"),
        (lambda: torch.sum(X, dim=0, axis=0), r"sum\(\) got an unexpected keyword argument 'axis'"),
        (lambda: X.split(split_size_or_sections=1), r"split\(\) got an unexpected keyword argument"),
        (lambda: torch.zeros(), r"zeros\(\) missing 1 required positional arguments: \"size\""),
        (lambda: X.reshape(), r"reshape\(\) missing 1 required positional arguments: \"shape\""),
        (lambda: torch.tensor(1.0).permute(), r"permute\(\) missing 1 required positional arguments: \"dims\""),
        (lambda: X.view(), r"view\(\) missing 1 required positional arguments: \"size\""),
        (lambda: X.repeat(), r"repeat\(\) missing 1 required positional arguments: \"repeats\""),
        (lambda: torch.arange(), r"arange\(\) missing 1 required positional arguments: \"end\""),
        (lambda: X.uniform_(**{"from": 1, "low": 2}), r"uniform_\(\) received an invalid combination of arguments"),
        (lambda: torch.true_divide(X, X, rounding_mode="floor"), "rounding_mode"),
        (lambda: torch.add(X, X, out=[1]), r"add\(\): argument 'out' must be Tensor, not list"),
        (lambda: torch.max(X, 0, out=torch.empty(0)), r"max\(\): argument 'out' must be a tuple of 2 tensors"),
    ],
)
def test_what_is_refused(call, text):
    with pytest.raises(TypeError, match=text):
        call()


def test_pinned_memory_is_refused():
    with pytest.raises(RuntimeError, match="pin_memory=True requires a CUDA or other accelerator backend"):
        torch.zeros(2, pin_memory=True)


def test_an_operand_in_place_by_keyword_is_recorded():
    x, y = torch.ones(2), torch.ones(2, requires_grad=True)
    x.add_(other=y)
    x.sum().backward()
    assert y.grad.tolist() == [1, 1]


# -- out=


def test_out_is_returned_and_written():
    out = torch.empty(2, 3)
    assert torch.add(X, X, out=out) is out
    assert torch.equal(out, X + X)


def test_an_empty_out_takes_the_shape():
    out = torch.empty(0)
    torch.matmul(X, X.t(), out=out)
    assert torch.equal(out, X @ X.t())


def test_out_gives_the_dtype_of_sums_and_of_new_tensors():
    assert torch.sum(X, 0, out=torch.empty(3, dtype=torch.int64)).tolist() == [3, 5, 7]
    assert torch.arange(3, out=torch.empty(0)).tolist() == [0.0, 1.0, 2.0]
    assert torch.zeros(2, out=torch.ones(2, dtype=torch.int64)).dtype is torch.int64


def test_several_results():
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    found = torch.sort(X, 1, True, out=(values, indices))
    assert found.values is values
    assert found.indices is indices
    assert values.tolist() == [[2, 1, 0], [5, 4, 3]]


def test_out_may_be_an_operand():
    x = X.clone()
    assert torch.matmul(x, torch.ones(3, 3), out=x).tolist() == [[3, 3, 3], [12, 12, 12]]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda out: torch.add(X, X, out=out[:1]), r"the tensor for out= has shape \[1, 3\], the result \[2, 3\]"),
        (lambda out: torch.exp(X, out=out.long()), "result type Float can't be cast to the desired output type Long"),
        (lambda out: torch.add(X, X, out=out.requires_grad_()), r"add\(\): functions with out=\.\.\. arguments don't"),
        (
            lambda out: torch.add(X.clone().requires_grad_(), X, out=out),
            r"add\(\): functions with out=\.\.\. arguments",
        ),
        (lambda out: torch.add(X, X, out=out[:1, :1].expand(2, 3)), "more than one element of the written-to tensor"),
        (lambda out: torch.zeros(2, 3, dtype=torch.int64, out=out), "dtype Long does not match dtype of out parameter"),
    ],
)
def test_a_refused_out_is_left_alone(call, text):
    out = torch.full((2, 3), 7.0)
    with pytest.raises(RuntimeError, match=text):
        call(out)
    assert out.tolist() == [[7.0] * 3] * 2


def test_out_is_seen_by_autograd():
    w = torch.ones(2, 3, requires_grad=True)
    saved = X.clone()
    y = (w * saved).sum()
    torch.add(X, X, out=saved)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


# -- NumPy


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "std", "var", "any", "all", "argmax", "cumsum"])
@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": 0, "keepdims": True}], ids=str)
def test_functions_of_numpy(name, options):
    if name == "cumsum":
        options = {"axis": 0}
    found, expected = getattr(np, name)(X, **options), getattr(np, name)(X.numpy(), **options)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_dtypes_of_numpy():
    assert np.mean(X, axis=0, dtype=np.float64).dtype is torch.float64
    assert np.sum(X, dtype=torch.float64).dtype is torch.float64


def test_arrays_that_no_tensor_is_made_of():
    for call in (lambda: np.ones(3, complex) * X, lambda: X * np.ones(3, complex)):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "eq", "ne"])
def test_operators_with_arrays(name):
    apply = getattr(operator, name)
    array, tensor = np.array([[1.0, 2.0], [3.0, 5.0]]), torch.tensor([[2.0, 2.0], [1.0, 3.0]])
    for a, b in ((array, tensor), (tensor, array)):
        found = apply(a, b)
        assert isinstance(found, torch.Tensor)
        np.testing.assert_array_equal(found.numpy(), apply(np.asarray(a), np.asarray(b)))


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_bits_with_arrays(name):
    apply = getattr(operator, name)
    array, tensor = np.array([1, 2, 3]), torch.tensor([3, 2, 1])
    for a, b in ((array, tensor), (tensor, array)):
        assert apply(a, b).tolist() == apply(np.asarray(a), np.asarray(b)).tolist()


def test_arrays_do_not_reach_tensors_with_a_gradient():
    x = torch.ones(2, requires_grad=True)
    for call in (lambda: np.ones(2) * x, lambda: x * np.ones(2)):
        with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
            call()


def test_order_with_arrays_is_refused():
    with pytest.raises(TypeError, match="not supported between"):
        _ = np.ones(2) < torch.ones(2)


# -- arguments that had no name


def test_statistics_with_a_correction():
    for name in ("std", "var"):
        spread, mean = getattr(torch, f"{name}_mean")(X, 0, correction=0, keepdim=True)
        assert torch.equal(spread, getattr(X, name)(0, correction=0, keepdim=True))
        assert mean.tolist() == [[1.5, 2.5, 3.5]]
        assert torch.equal(getattr(torch, f"{name}_mean")(X, False)[0], getattr(X, name)(unbiased=False))


def test_norm_in_another_dtype():
    assert torch.norm(X.half(), 2, 1, dtype=torch.float64).dtype is torch.float64


def test_distinct_rows():
    rows = torch.tensor([[1, 2], [0, 1], [1, 2]])
    values, inverse, counts = rows.unique(dim=0, return_inverse=True, return_counts=True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([[0, 1], [1, 2]], [1, 0, 1], [1, 2])
    with pytest.raises(IndexError, match="Dimension specified as 0 but tensor has no dimensions"):
        torch.tensor(1).unique(dim=0)


def test_places_in_sorted_rows():
    rows, values = torch.tensor([[1, 3, 5], [2, 4, 6]]), torch.tensor([[3, 1], [3, 2]])
    assert torch.searchsorted(rows, values).tolist() == [[1, 0], [1, 0]]
    assert torch.searchsorted(rows, input=values, side="right").tolist() == [[2, 1], [1, 1]]
    assert torch.searchsorted(rows[0], 3, out_int32=True).dtype is torch.int32
    assert torch.searchsorted(torch.tensor([5, 3, 1]), 3, sorter=torch.tensor([2, 1, 0])).item() == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"side": "middle"}, "side can only be 'left' or 'right' but got middle"),
        ({"side": "left", "right": True}, "side and right can't be set to opposites"),
        ({"sorter": torch.tensor([0])}, "boundary and sorter must have the same size"),
        ({"sorter": torch.tensor([0, 9])}, "sorter index out of range"),
    ],
)
def test_searches_that_are_refused(options, text):
    with pytest.raises(RuntimeError, match=text):
        torch.searchsorted(torch.tensor([1, 3]), torch.tensor([2]), **options)


def test_search_in_rows_takes_rows():
    with pytest.raises(RuntimeError, match="the first N-1 dimensions of boundaries tensor and input value tensor"):
        torch.searchsorted(torch.tensor([[1, 3], [2, 4]]), torch.tensor([3]))


def test_a_number_times_alpha():
    assert torch.add(X, 2.0, alpha=3).tolist() == (X + 6).tolist()
    assert X.sub(2, alpha=0.5).tolist() == (X - 1).tolist()


def test_cuts_given_as_a_tensor():
    assert len(torch.tensor_split(X, torch.tensor(2))) == 2
    assert [p.shape[1] for p in X.tensor_split(tensor_indices_or_sections=torch.tensor([1, 2]), dim=1)] == [1, 1, 1]


def test_a_contiguous_tensor_keeps_its_format():
    assert X.contiguous(memory_format=torch.preserve_format) is X


def test_absence():
    assert torch.isin(torch.tensor([1, 2]), torch.tensor([2]), invert=True).tolist() == [True, False]
    assert torch.isin(2, torch.tensor([2])).item() is True


def test_repeats_alone():
    assert torch.repeat_interleave(repeats=torch.tensor([2, 0, 1])).tolist() == [0, 0, 2]
    with pytest.raises(RuntimeError, match="Invalid output_size, expected 12 but got 5"):
        X.repeat_interleave(2, output_size=5)


def test_scatter_with_a_reduction():
    x, index = torch.full((2, 3), 2.0), torch.tensor([[0, 0, 0], [0, 1, 1]])
    assert x.scatter(0, index, value=3.0, reduce="multiply").tolist() == [[18, 6, 6], [2, 6, 6]]
    assert x.scatter(0, index, x, reduce="add").tolist() == [[6, 4, 4], [2, 4, 4]]
    with pytest.raises(RuntimeError, match="derivative for aten::scatter is not implemented"):
        x.requires_grad_().scatter(0, index, 3.0, reduce="add").sum().backward()
