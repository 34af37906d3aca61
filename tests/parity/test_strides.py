"""Strides of results beside PyTorch's: of inputs in all orders, and of results that lie otherwise at first."""

import numpy as np
import pytest

import rushlight as rl

pytestmark = pytest.mark.live
torch = pytest.importorskip("torch")


def _operations(t):
    F = t.nn.functional
    z, o = t.zeros(4), t.ones(4)
    return {
        "max2": lambda x: F.max_pool2d(x, 2),
        "maxidx": lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
        "avg2": lambda x: F.avg_pool2d(x, 2),
        "aavg2": lambda x: F.adaptive_avg_pool2d(x, 3),
        "pad2": lambda x: F.pad(x, (1, 1, 1, 1)),
        "refl2": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
        "repl2": lambda x: F.pad(x, (1, 1, 1, 1), mode="replicate"),
        "circ2": lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
        "crop": lambda x: F.pad(x, (-1, -1, -1, -1)),
        "pad1": lambda x: F.pad(x, (1, 1)),
        "bn": lambda x: F.batch_norm(x, z.clone(), o.clone(), training=True),
        "bne": lambda x: F.batch_norm(x, z, o),
        "bnw": lambda x: F.batch_norm(x, z, o, o, o),
        "gn": lambda x: F.group_norm(x, 2),
        "gnw": lambda x: F.group_norm(x, 2, o, o),
        "in": lambda x: F.instance_norm(x),
        "inw": lambda x: F.instance_norm(x, weight=o, bias=o),
        "ln": lambda x: F.layer_norm(x, (x.shape[-1],)),
        "lnp": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)),
        "gelu": F.gelu,
        "silu": F.silu,
        "relu6": F.relu6,
        "leaky": F.leaky_relu,
        "elu": F.elu,
        "hs": F.hardswish,
        "sp": F.softplus,
        "sigmoid": lambda x: x.sigmoid(),
        "drop": F.dropout,
        "drop2": F.dropout2d,
        "softmax": lambda x: F.softmax(x, 1),
        "softmax3": lambda x: F.softmax(x, 3),
        "lsm": lambda x: F.log_softmax(x, 1),
        "prelu": lambda x: F.prelu(x, o),
        "prelu1": lambda x: F.prelu(x, o[:1]),
        "cat": lambda x: t.cat([x, x], 1),
        "cat0": lambda x: t.cat([x, x], 0),
        "catmix": lambda x: t.cat([x, x.contiguous()], 1),
        "add": lambda x: x + x.contiguous(),
        "add2": lambda x: x.contiguous() + x,
        "addp": lambda x: x + x.transpose(0, 1).contiguous().transpose(0, 1),
        "addp2": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1) + x,
        "mulc": lambda x: x * o.view(1, 4, 1, 1),
        "cmul": lambda x: o.view(1, 4, 1, 1) * x,
        "rsub": lambda x: 1 - x,
        "div": lambda x: x / 2,
        "pow": lambda x: x**2,
        "cmp": lambda x: x > 0,
        "where": lambda x: t.where(x > 0, x, 0.0),
        "whereb": lambda x: t.where(x > 0, x, x * 2),
        "flip": lambda x: x.flip(2),
        "glu": lambda x: F.glu(x, 1),
        "stack": lambda x: t.stack([x, x]),
        "clamp": lambda x: x.clamp(0, 1),
        "abs": lambda x: x.abs(),
        "exp": lambda x: x.exp(),
        "double": lambda x: x.double(),
        "clone": lambda x: x.clone(),
        "cont": lambda x: x.contiguous(),
        "zl": t.zeros_like,
        "rl": t.randn_like,
        "el": t.empty_like,
        "nz": lambda x: x.new_zeros(x.shape),
        "sum1": lambda x: x.sum(1),
        "sum1k": lambda x: x.sum(1, keepdim=True),
        "sum2": lambda x: x.sum(2),
        "sum23": lambda x: x.sum((2, 3)),
        "mean": lambda x: x.mean((2, 3), keepdim=True),
        "mean0": lambda x: x.mean(0),
        "var": lambda x: x.var(1),
        "amax": lambda x: x.amax(1),
        "max1": lambda x: x.max(1)[0],
        "max1i": lambda x: x.max(2)[1],
        "argmax": lambda x: x.argmax(1),
        "cumsum": lambda x: x.cumsum(1),
        "sort": lambda x: x.sort(1)[0],
        "sort3": lambda x: x.sort(3)[0],
        "topk": lambda x: x.topk(1, 1)[0],
        "norm": lambda x: x.norm(dim=1),
        "perm": lambda x: x.permute(0, 2, 3, 1),
        "t": lambda x: x.transpose(1, 2),
        "idx": lambda x: x[:, t.tensor([0, 1])],
        "idx2": lambda x: x[t.tensor([0, 1])],
        "isel": lambda x: x.index_select(1, t.tensor([0, 1])),
        "gather": lambda x: x.gather(1, t.zeros(2, 1, 6, 6, dtype=t.int64)),
        "mask": lambda x: x.masked_fill(x > 0, 1.0),
        "tril": lambda x: x.tril(),
        "roll": lambda x: x.roll(1, 2),
        "matmul": lambda x: x @ x.transpose(2, 3),
        "einsum": lambda x: t.einsum("nchw,oc->nohw", x, t.ones(3, 4)),
        "linear": lambda x: F.linear(x, t.ones(3, x.shape[-1])),
        "linp": lambda x: F.linear(x.permute(0, 2, 3, 1), t.ones(3, 4)),
        "repeat": lambda x: x.repeat(1, 2, 1, 1),
        "rep_int": lambda x: x.repeat_interleave(2, 1),
        "flatten": lambda x: x.flatten(1),
        "flat2": lambda x: x.flatten(2),
        "flat2t": lambda x: x.flatten(2).transpose(1, 2),
        "unsq": lambda x: x.unsqueeze(0),
        "sq": lambda x: x[:1].squeeze(0),
        "sl": lambda x: x[:, :, ::2],
        "relu_": lambda x: x.clone().relu_(),
        "iadd": lambda x: x.clone().add_(x),
        "half": lambda x: x.half(),
        "bf": lambda x: x.bfloat16() * 2,
        "expand": lambda x: x.expand(2, 4, 6, 6),
        "maximum": lambda x: t.maximum(x, x.contiguous()),
        "lerp": lambda x: x.lerp(x * 2, 0.5),
        "addcmul": lambda x: t.addcmul(x, x, x),
        "nan": lambda x: t.nan_to_num(x),
        "round": lambda x: x.round(),
        "int": lambda x: x.int(),
        "bool": lambda x: ~(x > 0),
        "outer": lambda x: x.unfold(2, 2, 2),
        "fold": lambda x: F.unfold(x, 2),
        "norm1": lambda x: F.normalize(x),
        "chunk": lambda x: x.chunk(2, 1)[1],
        "conv1x1": lambda x: F.conv2d(x, t.ones(3, 4, 1, 1)),
        "dw": lambda x: F.conv2d(x, t.ones(4, 1, 3, 3), groups=4, padding=1),
        "convt": lambda x: F.conv_transpose2d(x, t.ones(4, 2, 2, 2), stride=2),
    }


# Orders of memory that differ: by operation, the inputs ("" for all but contiguous ones). Values are the same.
DIFFERENT = {
    "crop": "P",
    "stack": "P",
    "roll": "P",
    "norm1": "P",
    "sort": "LP",  # PyTorch sorts in the order of the input
    "sort3": "LP",
    "idx": "P",
    "idx2": "LP",
}
DRAWN = {"drop", "drop2", "rl", "el"}


def _array(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _input(t, kind):
    x = t.from_numpy(_array(2, 4, 6, 6))
    if kind == "C":
        return x
    if kind == "L":
        return x.to(memory_format=t.channels_last)
    if kind == "P":
        return x.transpose(1, 3).contiguous().transpose(1, 3)
    y = t.nn.functional.conv2d(t.from_numpy(_array(2, 3, 8, 8, seed=1)), t.from_numpy(_array(4, 3, 3, 3, seed=2)))
    return y if kind == "R" else y[:, :, :, 1:5]


@pytest.mark.parametrize("kind", ["C", "L", "P", "R", "V"])
@pytest.mark.parametrize("name", _operations(rl))
def test_strides(name, kind):
    ours, theirs = None, None
    try:
        theirs = _operations(torch)[name](_input(torch, kind))
    except RuntimeError as error:
        with pytest.raises(type(error)):
            _operations(rl)[name](_input(rl, kind))
        return
    ours = _operations(rl)[name](_input(rl, kind))
    assert tuple(ours.shape) == tuple(theirs.shape)
    if kind not in DIFFERENT.get(name, ""):
        assert ours.stride() == theirs.stride()
    if name not in DRAWN:
        np.testing.assert_allclose(ours.float().numpy(), theirs.float().numpy(), rtol=1e-3, atol=1e-3)
