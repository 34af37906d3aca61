"""Shapes: what is a view, and what is refused."""

import pytest

import rushlight

REFUSED = [
    ("view", lambda t, x: x.view(4, 2), RuntimeError),
    ("two unknown", lambda t, x: x.reshape(-1, -1), RuntimeError),
    ("negative", lambda t, x: x.reshape(-2, 3), RuntimeError),
    ("ambiguous", lambda t, x: t.zeros(0).reshape(-1, 0), RuntimeError),
    ("permute count", lambda t, x: x.permute(0), RuntimeError),
    ("permute twice", lambda t, x: x.permute(0, 0), RuntimeError),
    ("transpose", lambda t, x: x.transpose(0, 2), IndexError),
    ("t", lambda t, x: t.zeros(1, 1, 1).t(), RuntimeError),
    ("expand", lambda t, x: x.expand(2, 4), RuntimeError),
    ("expand fewer", lambda t, x: x.expand(3), RuntimeError),
    ("expand new axis", lambda t, x: x.expand(-1, 2, 3), RuntimeError),
    ("repeat fewer", lambda t, x: x.repeat(2), RuntimeError),
    ("narrow", lambda t, x: x.narrow(1, 2, 2), RuntimeError),
    ("squeeze", lambda t, x: x.squeeze(2), IndexError),
    ("unsqueeze", lambda t, x: x.unsqueeze(4), IndexError),
    ("flatten", lambda t, x: x.flatten(1, 0), RuntimeError),
    ("flatten axis", lambda t, x: x.flatten(0, 5), IndexError),
    ("unflatten", lambda t, x: x.unflatten(1, (2, 2)), RuntimeError),
    ("cat", lambda t, x: t.cat([x, t.zeros(3, 3)], 1), RuntimeError),
    ("cat rank", lambda t, x: t.cat([x, t.zeros(3)]), RuntimeError),
    ("cat 0-dim", lambda t, x: t.cat([t.tensor(1.0), t.tensor(2.0)]), RuntimeError),
    ("cat other", lambda t, x: t.cat([x, 3]), TypeError),
    ("stack", lambda t, x: t.stack([x, t.zeros(3)]), RuntimeError),
    ("split", lambda t, x: x.split([1, 1], 1), RuntimeError),
    ("chunk", lambda t, x: x.chunk(0), RuntimeError),
    ("sum axis", lambda t, x: x.sum(2), IndexError),
    ("sum twice", lambda t, x: x.sum((0, 0)), RuntimeError),
    ("mean of ints", lambda t, x: t.arange(3).mean(), RuntimeError),
    ("max of nothing", lambda t, x: t.zeros(0).max(), RuntimeError),
    ("max along nothing", lambda t, x: t.zeros(2, 0).max(1), IndexError),
    ("argmax of nothing", lambda t, x: t.zeros(0).argmax(), (IndexError, RuntimeError)),
    ("matmul", lambda t, x: x @ x, RuntimeError),
    ("matmul 0-dim", lambda t, x: x @ t.tensor(1.0), RuntimeError),
    ("matmul dtypes", lambda t, x: x @ x.t().double(), RuntimeError),
    ("matmul batches", lambda t, x: t.zeros(2, 3, 4) @ t.zeros(3, 4, 2), RuntimeError),
    ("bmm", lambda t, x: x.bmm(x), RuntimeError),
    ("dot", lambda t, x: x.dot(x), RuntimeError),
    ("item", lambda t, x: x.item(), RuntimeError),
    ("truth", lambda t, x: bool(x), RuntimeError),
    ("truth of nothing", lambda t, x: bool(t.zeros(0)), RuntimeError),
    ("len", lambda t, x: len(t.tensor(1)), TypeError),
    ("broadcast", lambda t, x: x + t.zeros(4), RuntimeError),
    ("tile beyond memory", lambda t, x: x.tile(2**61), RuntimeError),
    ("list", lambda t, x: x + [1, 2, 3], TypeError),
    ("none", lambda t, x: x * None, TypeError),
    ("where", lambda t, x: t.where(t.zeros(2, 3), x, x), RuntimeError),
    ("masked_fill", lambda t, x: x.masked_fill(t.zeros(2, 3), 1), RuntimeError),
    ("gather axis", lambda t, x: x.gather(0, t.zeros(3, dtype=t.int64)), RuntimeError),
    ("gather bound", lambda t, x: x.gather(0, t.tensor([[5]])), RuntimeError),
    ("gather dtype", lambda t, x: x.gather(0, t.zeros(1, 1)), RuntimeError),
    ("index_select", lambda t, x: x.index_select(0, t.tensor([4])), (IndexError, RuntimeError)),
    ("topk", lambda t, x: x.topk(4), RuntimeError),
    ("bool subtraction", lambda t, x: t.tensor([True]) - t.tensor([True]), RuntimeError),
    ("integer power", lambda t, x: t.arange(3) ** -1, RuntimeError),
    ("integer zero", lambda t, x: t.arange(3) // 0, RuntimeError),
    ("clamp", lambda t, x: x.clamp(), (RuntimeError, ValueError)),
    ("sign of bools", lambda t, x: -t.tensor([True]), RuntimeError),
    ("einsum", lambda t, x: t.einsum("ij,jk->ik", x), RuntimeError),
    ("channels_last", lambda t, x: x.contiguous(memory_format=t.channels_last), RuntimeError),
]


@pytest.mark.parametrize(("call", "error"), [entry[1:] for entry in REFUSED], ids=[entry[0] for entry in REFUSED])
def test_refused(t, call, error):
    with pytest.raises(error):
        call(t, t.ones(2, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.reshape(6), lambda x: x.t(), lambda x: x[0], lambda x: x.unsqueeze(1), lambda x: x.expand(2, 2, 3),
        lambda x: x.narrow(1, 0, 2), lambda x: x.chunk(2)[1], lambda x: x.unbind(1)[0], lambda x: x.diagonal(),
        lambda x: x.flatten(), lambda x: x.detach(), lambda x: x.movedim(0, 1), lambda x: x.T, lambda x: x.mT,
    ],
)  # fmt: skip
def test_views_see_changes(t, call):
    x = t.zeros(2, 3)
    view = call(x)
    x.fill_(3)
    assert (view == 3).all()


@pytest.mark.parametrize(
    "call",
    [lambda x: x.clone(), lambda x: x.flip(0), lambda x: x.repeat(1, 1), lambda x: x[[0, 1]], lambda x: x.double()],
)
def test_copies_do_not(t, call):
    x = t.zeros(2, 3)
    copy = call(x)
    x.fill_(3)
    assert not copy.any()


def test_strides(t):
    x = t.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1) and x.stride(1) == 4
    assert x.permute(2, 0, 1).stride() == (1, 12, 4)
    assert x[:, ::2].stride() == (12, 8, 1)
    assert x[:, None].stride() == (12, 12, 4, 1)
    assert t.zeros(2, 0).stride() == (1, 1) and t.zeros(0, 3).stride() == (3, 1)
    assert t.zeros(1).expand(3).stride() == (0,)
    assert x[1:].storage_offset() == 12


def test_memory_formats(t):
    x = t.arange(120).reshape(2, 3, 4, 5)
    last = x.contiguous(memory_format=t.channels_last)
    assert last.stride() == (60, 1, 15, 3) and t.equal(last, x)
    assert last.is_contiguous(memory_format=t.channels_last) and not last.is_contiguous()
    assert last.contiguous(memory_format=t.channels_last) is last
    assert x.to(memory_format=t.channels_last).stride() == last.stride()
    assert last.clone().stride() == last.stride()
    assert (last + 1).stride() == last.stride() and last.double().stride() == last.stride()
    assert last.clone(memory_format=t.contiguous_format).is_contiguous()
    deep = t.zeros(1, 2, 3, 4, 5).contiguous(memory_format=t.channels_last_3d)
    assert deep.stride() == (120, 1, 40, 10, 2)
    assert t.zeros(2, 1, 3, 3).is_contiguous(memory_format=t.channels_last)


def test_a_view_that_takes_a_copy_is_refused(t):
    x = t.arange(24).reshape(1, 2, 3, 4).contiguous(memory_format=t.channels_last)
    for shape in ((24,), (1, -1)):
        with pytest.raises(RuntimeError, match="view size is not compatible"):
            x.view(*shape)
    assert x.reshape(24).tolist() == list(range(24)) and x.view(1, 2, 3, 2, 2).shape == (1, 2, 3, 2, 2)


def test_reductions(t):
    x = t.arange(6).reshape(2, 3)
    assert x.sum().dtype is t.int64 and t.ones(3, dtype=t.bool).sum().item() == 3
    assert x.sum(0).tolist() == [3, 5, 7] and x.sum((0, 1)).item() == 15 and x.sum(()).item() == 15
    assert x.float().mean(1, keepdim=True).tolist() == [[1.0], [4.0]]
    values, indices = x.max(1)
    assert values.tolist() == [2, 5] and indices.tolist() == [2, 2]
    assert x.max(dim=0).values.tolist() == [3, 4, 5]
    assert x.argmax().item() == 5 and x.argmin(1).tolist() == [0, 0]
    assert x.float().std().item() == pytest.approx(1.8708, rel=1e-4)
    assert t.zeros(0).sum().item() == 0 and t.zeros(0, 3).sum(0).tolist() == [0.0] * 3
    assert x.float().var(0, unbiased=False).tolist() == [2.25] * 3
    assert t.tensor([1.0, float("nan")]).max().isnan()
    assert x.any().item() and not x.all() and x.count_nonzero().item() == 5
    assert t.tensor([3, 1, 2]).sort(descending=True).indices.tolist() == [0, 2, 1]


def test_half_precision_is_summed_in_float32(t):
    for kind in (t.float16, t.bfloat16):
        x = t.ones(5000, dtype=kind)
        assert x.sum().item() == pytest.approx(5000, rel=4e-3) and x.sum().dtype is kind
        assert x.mean().item() == 1
        assert (x.reshape(1, -1) @ x).item() == pytest.approx(5000, rel=4e-3)
        assert (t.ones(2, dtype=kind) * 0.1).dtype is kind
    assert (t.full((1,), 2049.0, dtype=t.float16) * 1.0003).item() in (2048.0, 2050.0)


def test_no_floating_point_warnings(t):
    x = t.tensor([0.0, -1.0, 1e30])
    assert (1 / x)[0].item() == float("inf")
    x.log(), x.sqrt(), x * x, x.exp(), x.to(t.int32), x.half(), x / 0, x.std(), x % 0, x**0.5
    x.div_(0)


def test_operators(t):
    x = t.tensor([5, -3])
    assert (x // 2).tolist() == [2, -2] and (x % 3).tolist() == [2, 0]
    assert t.div(x, 2, rounding_mode="trunc").tolist() == [2, -1]
    assert (2 ** x[:1]).tolist() == [32] and (~t.tensor([True])).tolist() == [False]
    assert (x & 1).tolist() == [1, 1] and (x << 1).tolist() == [10, -6]
    assert (x > 0).tolist() == [True, False] and (x <= -3).tolist() == [False, True]
    assert (-x).tolist() == [-5, 3] and abs(x).tolist() == [5, 3]
    assert x.eq(5).tolist() == [True, False] and (x != t.tensor(5)).tolist() == [False, True]
    x += 1
    x *= t.tensor(2)
    assert x.tolist() == [12, -4]
    assert f"{t.tensor(1.5):.2f}" == "1.50" and float(t.tensor(2)) == 2.0 and int(t.tensor(2.9)) == 2
    assert [10, 20, 30][t.tensor(1)] == 20


def test_equality_of_tensors(t):
    assert t.equal(t.ones(2), t.ones(2)) and not t.equal(t.ones(2), t.ones(3))
    assert t.allclose(t.ones(2), t.ones(2) + 1e-9) and not t.allclose(t.ones(1), t.zeros(1))
    assert t.tensor([float("nan")]).allclose(t.tensor([float("nan")]), equal_nan=True)
    with pytest.raises(RuntimeError):
        t.allclose(t.ones(2), t.ones(2, dtype=t.float64))
    assert t.ones(1) in {t.ones(1): 1} or True
    assert len({t.ones(1), t.ones(1)}) == 2


def test_assert_close(t):
    t.testing.assert_close(t.ones(2), t.ones(2) + 1e-7)
    t.testing.assert_close([t.ones(2), 1.0], [t.ones(2), 1.0])
    for a, b in ((t.ones(2), t.zeros(2)), (t.ones(2), t.ones(3)), (t.ones(1), t.ones(1, dtype=t.float64)), (1.0, 2.0)):
        with pytest.raises(AssertionError):
            t.testing.assert_close(a, b)


def test_views_that_memory_does_not_allow(t):
    x = t.arange(24.0).view(2, 3, 4)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.transpose(0, 1).view(-1)
    assert x.transpose(0, 1).reshape(-1).shape == (24,)
    layer = t.nn.Conv2d(3, 4, 3)  # whose result may lie channels-last
    assert layer(t.zeros(2, 3, 5, 5)).view(2, -1).shape == layer(t.zeros(2, 3, 5, 5))[0:2].view(2, -1).shape


@pytest.mark.parametrize("call", ["relu(3)", "transpose([1.0], 0, 1)", "sum(None)", "zeros_like([1])", "clone(2)"])
def test_what_is_no_tensor_is_named(t, call):
    with pytest.raises(TypeError, match=r"argument '\w+' \(position 1\) must be Tensor, not"):
        eval(f"t.{call}", {"t": t})


def test_numbers_in_text(t):
    assert f"{t.tensor(2.5)} {t.tensor(3):03d} {t.ones(1)}" == "2.5 003 tensor([1.])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{t.ones(2):.2f}"


@pytest.mark.parametrize(
    ("shape", "strides", "expected"),
    [
        ((4, 3), (0, 1), (3, 1)),
        ((4, 3, 2), (0, 1, 3), (6, 1, 3)),
        ((4, 3, 2), (1, 0, 4), (1, 4, 12)),
        ((4, 3, 2), (0, 0, 1), (6, 2, 1)),
        ((2, 3, 4), (3, 0, 6), (1, 2, 6)),
        ((2, 3, 4, 5), (1, 0, 2, 8), (1, 8, 2, 24)),
    ],
)
def test_copies_of_expanded_tensors_lie_as_pytorchs(shape, strides, expected):
    t = rushlight
    x = t.arange(100.0).as_strided(shape, strides)
    assert t.empty_like(x).stride() == x.clone().stride() == t.zeros_like(x).stride() == expected
    assert t.equal(x.clone(), x)
