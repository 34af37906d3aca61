"""scaled_dot_product_attention and MultiheadAttention beside PyTorch: every mask, option and gradient."""

import itertools

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live
INFINITY = float("inf")


def drawn(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def both(torch, function, *arrays, double=True):
    """The results and gradients of a function of a module and tensors, by PyTorch and by Rushlight."""
    found = []
    for library in (torch, rushlight):
        tensors = [library.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
        outputs = [function(library, *tensors)]
        loss = sum((x * x).sum() for x in outputs)
        wanted = [x for x in tensors if x.requires_grad]
        grads = library.autograd.grad(loss, wanted, create_graph=double)
        more = library.autograd.grad(sum((g * g).sum() for g in grads), wanted) if double else ()
        found.append([x.detach().numpy() for x in (*outputs, *grads, *more)])
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


def one(function):
    def wrapped(library, *tensors):
        return function(library.nn.functional.scaled_dot_product_attention, *tensors)

    return wrapped


@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        (((2, 3, 4), (2, 5, 4), (2, 5, 6)), {}),
        (((3, 4), (5, 4), (5, 6)), {"scale": 0.3}),
        (((2, 3, 4, 8), (2, 3, 6, 8), (2, 3, 6, 8)), {"is_causal": True}),
        (((2, 1, 4, 8), (1, 3, 6, 8), (3, 6, 2)), {}),
        (((2, 6, 4, 8), (2, 2, 5, 8), (2, 3, 5, 8)), {"enable_gqa": True}),
    ],
)
def test_attention(torch, sizes, options):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the one that differentiates twice
        both(torch, one(lambda attention, q, k, v: attention(q, k, v, **options)), *(drawn(*size) for size in sizes))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 1, 5), (1, 3, 5)])
def test_masks(torch, shape):
    given = drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 5, 6)
    masked = one(lambda attention, q, k, v, m: attention(q, k, v, attn_mask=m))
    both(torch, masked, *given, drawn(*shape))
    keep = drawn(*shape) > 0
    both(torch, masked, *given, keep)
    keep[..., :] &= (np.arange(shape[-2] if len(shape) > 1 else 1) != 0)[:, None] if len(shape) > 1 else False
    hidden = np.where(keep, 0.0, -INFINITY)
    for library in (torch, rushlight):  # rows without a key are zeros, and no NaN comes back
        q, k, v = (library.tensor(x, requires_grad=True) for x in given)
        for mask in (keep, hidden):
            result = library.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=library.tensor(mask))
            assert not result.isnan().any()
    result.sum().backward()
    assert not q.grad.isnan().any()


def test_dropout_draws_pytorchs_stream(torch):
    given = drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 5, 6)

    def dropped(library, *tensors):
        library.manual_seed(3)
        return library.nn.functional.scaled_dot_product_attention(*tensors, dropout_p=0.4)

    both(torch, dropped, *given, double=False)


def test_halves(torch):
    for kind in ("float16", "bfloat16"):
        given = [drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 5, 6)]
        a, b = (
            library.nn.functional.scaled_dot_product_attention(
                *(library.tensor(x).to(getattr(library, kind)) for x in given)
            )
            for library in (torch, rushlight)
        )
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(b.float().numpy(), a.float().numpy(), rtol=2e-2, atol=2e-2)


OPTIONS = [
    {}, {"batch_first": True}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 3, "vdim": 5},
    {"add_bias_kv": True, "add_zero_attn": True, "bias": False}, {"dropout": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("batched", [True, False])
def test_layer(torch, options, batched):
    calls = [{}, {"average_attn_weights": False}, {"need_weights": False}]
    masks = [(None, None), ("bool", None), (None, "float"), ("float", "float")]
    for call, (attn, padding) in itertools.product(calls, masks):
        results = []
        for library in (torch, rushlight):
            library.manual_seed(0)
            layer = library.nn.MultiheadAttention(8, 2, dtype=library.float64, **options)
            sizes = [(4, 8), (6, options.get("kdim", 8)), (6, options.get("vdim", 8))]
            first = options.get("batch_first", False)
            sizes = [(3, *size) if first else (size[0], 3, size[1]) for size in sizes] if batched else sizes
            given = [library.tensor(drawn(*size), requires_grad=True) for size in sizes]
            mask = drawn(4, 6)
            pad = drawn(3, 6) if batched else drawn(6)
            pad[..., 0] = mask[:, 0] = -1
            made = {
                None: lambda x: None,
                "bool": lambda x, library=library: library.tensor(x > 0.3),
                "float": lambda x, library=library: library.tensor(x),
            }
            library.manual_seed(1)
            result, weights = layer(*given, attn_mask=made[attn](mask), key_padding_mask=made[padding](pad), **call)
            loss = (result * result).sum() + (0 if weights is None else (weights * weights).sum())
            loss.backward()
            state = {name: value.numpy() for name, value in layer.state_dict().items()}
            grads = {name: parameter.grad.numpy() for name, parameter in layer.named_parameters()}
            found = [result.detach().numpy(), None if weights is None else weights.detach().numpy()]
            results.append((found, [x.grad.numpy() for x in given], state, grads))
        (theirs, their_grads, state, of_parameters), (ours, our_grads, our_state, our_parameters) = results
        assert state.keys() == our_state.keys() and of_parameters.keys() == our_parameters.keys()
        for name, value in state.items():
            np.testing.assert_allclose(our_state[name], value, rtol=1e-12, atol=1e-12)
            if name in of_parameters:
                np.testing.assert_allclose(our_parameters[name], of_parameters[name], rtol=1e-9, atol=1e-9)
        assert (theirs[1] is None) == (ours[1] is None)
        for a, b in zip((*theirs, *their_grads), (*ours, *our_grads)):
            if a is not None:
                np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


CALLS = [
    "F.scaled_dot_product_attention(q[0, 0], q, q)",
    "F.scaled_dot_product_attention(q, q.double(), q)",
    "F.scaled_dot_product_attention(q, q, q, attn_mask=torch.zeros(3, 3, dtype=torch.float64))",
    "F.scaled_dot_product_attention(q, q, q, attn_mask=torch.zeros(3, 3, dtype=torch.int64))",
    "F.scaled_dot_product_attention(q, q, q, attn_mask=torch.ones(3, 3, dtype=torch.bool), is_causal=True)",
    "F.scaled_dot_product_attention(q, q, q, attn_mask=torch.ones(2, 3, dtype=torch.bool))",
    "F.scaled_dot_product_attention(q.int(), q.int(), q.int())",
    "nn.MultiheadAttention(5, 2)",
    "nn.MultiheadAttention(0, 1)",
    "nn.MultiheadAttention(4, 2)(q[0, 0], q, q)",
    "nn.MultiheadAttention(4, 2)(q, q[0], q)",
    "nn.MultiheadAttention(6, 2)(q, q, q)",
    "nn.MultiheadAttention(4, 2)(q, q, q, is_causal=True)",
    "nn.MultiheadAttention(4, 2)(q, q, q, attn_mask=torch.zeros(3, 3))",
    "nn.MultiheadAttention(4, 2)(q, q, q, attn_mask=torch.zeros(3, 2, 2))",
    "nn.MultiheadAttention(4, 2)(q, q, q, attn_mask=torch.zeros(3))",
    "nn.MultiheadAttention(4, 2)(q, q, q, attn_mask=torch.zeros(2, 2, dtype=torch.int64))",
    "nn.MultiheadAttention(4, 2)(q, q, q, key_padding_mask=torch.zeros(2, 3))",
    "nn.MultiheadAttention(4, 2)(q, q[:1], q)",
]


@pytest.mark.parametrize("call", CALLS)
def test_refused(torch, call):
    said = []
    for library in (torch, rushlight):
        names = {"torch": library, "nn": library.nn, "F": library.nn.functional, "q": library.zeros(2, 3, 4)}
        with pytest.raises((RuntimeError, AssertionError, ValueError)) as caught:
            eval(call, names)
        said.append((caught.type, str(caught.value).split("\n")[0].split(".  ")[0]))
    assert said[0] == said[1]
