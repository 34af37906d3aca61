"""The meta device: results look like the CPU's, nothing is computed or allocated, and users see PyTorch's answers."""

import tracemalloc
import warnings

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.nn import functional as F
from tests.backends.devices import Beside, facts
from tests.explain.test_others import LAYERS, arguments, shape
from tests.nn.sides import run
from tests.parity.test_strides import _operations
from tests.tensor.operations import SAMPLES, arrays

OF_NUMBERS = (  # the shapes of their results, or of what their gradients compute, depend on numbers
    "index_mask", "index_mask_and_slice", "masked_select", "masked_select_broadcast", "masked_select_0d",
    "index_fill_tensor",
)  # fmt: skip


def with_gradients(name, device, dtype):
    """The result of a sample, its gradients, and those of a function of them."""
    t, kind = Beside(device), getattr(rushlight, dtype)
    inputs = [t.tensor(a, dtype=kind).requires_grad_() for a in arrays(name)]
    output = SAMPLES[name][0](t, *inputs)
    found = [output]
    if output.requires_grad:
        found += t.autograd.grad(output.sum(), inputs, create_graph=True, allow_unused=True)
        total = sum(((g * g).sum() for g in found[1:] if g is not None and g.requires_grad), t.zeros((), dtype=kind))
        if total.requires_grad:
            found += t.autograd.grad(total, inputs, allow_unused=True)
    assert all(tensor is None or str(tensor.device) == device for tensor in found)
    return facts(found)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_operations_and_their_gradients_look_like_those_of_the_cpu(name, dtype):
    if name in OF_NUMBERS:
        with pytest.raises(NotImplementedError, match="depends on numbers"):
            with_gradients(name, "meta", dtype)
    else:
        assert with_gradients(name, "meta", dtype) == with_gradients(name, "cpu", dtype)


ORDERS = {
    "contiguous": lambda t: t.empty(2, 4, 6, 6),
    "channels_last": lambda t: t.empty(2, 4, 6, 6, memory_format=t.channels_last),
    "permuted": lambda t: t.empty(6, 6, 4, 2).permute(3, 2, 1, 0),
    "cut": lambda t: t.empty(4, 8, 6, 6)[::2, ::2],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", _operations(rushlight))
def test_strides_are_those_of_the_cpu(name, order):
    here, there = (facts(_operations(t)[name](ORDERS[order](t).fill_(1))) for t in (Beside("cpu"), Beside("meta")))
    assert here == there


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_look_like_those_of_the_cpu(name, training):
    if "Unpool" in name:
        pytest.skip("takes two tensors")
    layer = getattr(nn, name)(*arguments(name)).train(training)
    x = rushlight.rand(shape(name))
    there = layer.to("meta")(x.to("meta"))
    layer = getattr(nn, name)(*arguments(name)).train(training)
    assert facts(there) == facts(layer(x))
    assert all(state.is_meta for state in (there if isinstance(there, tuple) else (there,)))


class Block(nn.Module):
    """All that changes in place, joins and normalises."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.group, self.relu, self.drop = nn.GroupNorm(2, 8), nn.ReLU(inplace=True), nn.Dropout2d(0.1, inplace=True)
        self.last = nn.Sequential(nn.MaxPool2d(2), nn.LazyConvTranspose2d(8, 2, 2), nn.AvgPool2d(3, 1, 1), nn.GELU())

    def forward(self, x):
        identity = x
        out = self.norm(self.first(F.pad(x, (1, 1, 1, 1), mode="reflect"))[..., 1:-1, 1:-1])
        out += identity
        out = self.drop(self.relu(self.group(out)) + 1)
        out[:, ::2] = 0
        out[:, 1].mul_(2)
        folded = F.fold(F.unfold(out, 2, stride=2), out.shape[-2:], 2, stride=2)
        return _joined([self.last(folded), F.softmax(out, 1)])


def _joined(tensors):
    return rushlight.cat(tensors, 1).flatten(2).mean(-1)


def test_no_memory_and_no_time_are_taken():
    model, x = Block(), (64, 8, 1 << 11, 1 << 11)  # 8 GB
    tracemalloc.start()
    try:
        assert rushlight.output_shape(model, x) == (64, 16)
        found = rushlight.summary(model, ("N", *x[1:]))
        assert found.stop is None and found.output_shape == ("N", 16)
        x = rushlight.empty(1 << 20, 8, 1 << 14, 1 << 14, device="meta", requires_grad=True)  # 9 PB
        model.to("meta")(x).sum().backward()
        assert x.grad.shape == x.shape and x.grad.is_meta
        assert nn.Linear(1 << 20, 1 << 20, device="meta")(x.flatten(0, 2)[:, :1].expand(-1, 1 << 20)).is_meta
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_the_model_is_left_alone():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.BatchNorm2d(4), nn.ReLU())
    rushlight.manual_seed(3)
    before = rushlight.rand(2).tolist()
    rushlight.manual_seed(3)
    assert rushlight.output_shape(model, (2, 3, 8, 8)) == (2, 4, 6, 6)
    assert rushlight.rand(2).tolist() == before
    assert type(model[0]).__name__ == "LazyConv2d" and not model[1].running_mean.is_meta
    assert model[1].num_batches_tracked.item() == 0


def test_a_forward_that_looks_at_numbers_still_has_a_shape():
    def forward(x):
        if x.sum() > 0 or float(x.max()) > 1 or x.tolist() is None:
            return x
        x = x + rushlight.arange(4.0)  # of the CPU
        return x[:, :2] * rushlight.ones(2)

    assert rushlight.output_shape(forward, (3, 4)) == (3, 2)
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        forward(rushlight.empty(3, 4, device="meta"))


# -- beside PyTorch's

TEXTS = """
torch.empty(2, 3, device="meta")
torch.empty(2, 3, device="meta").device
torch.empty(2, 3, device="meta").is_meta
torch.device("meta"), torch.device("meta", 0), torch.device("meta:0").index
torch.zeros(2, device="meta", dtype=torch.int64)
torch.ones(3, 4, device="meta").t().stride()
torch.arange(5, device="meta"), torch.arange(5., device="meta"), torch.linspace(0, 1, 5, device="meta")
torch.eye(3, device="meta"), torch.full((2,), 3, device="meta")
torch.rand(2, 3, device="meta"), torch.randn(2, 3, device="meta"), torch.randint(0, 5, (2,), device="meta")
torch.randperm(4, device="meta"), torch.bernoulli(torch.empty(4, device="meta"))
torch.multinomial(torch.empty(4, device="meta"), 2), torch.normal(torch.empty(4, device="meta"), 1.)
torch.manual_seed(0); torch.randn(3, device="meta"); torch.randn(2)
torch.tensor([1., 2.], device="meta"), torch.as_tensor([1., 2.], device="meta")
torch.empty(1, device="meta").item()
torch.empty(1, device="meta").tolist()
torch.empty(1, device="meta").numpy()
bool(torch.empty(1, device="meta"))
float(torch.empty(1, device="meta"))
int(torch.empty(1, device="meta"))
np.asarray(torch.empty(1, device="meta"))
torch.empty(2, device="meta").cpu()
torch.empty(2, device="meta").to("cpu")
torch.empty(2, device="meta").to(torch.empty(1))
torch.ones(2).copy_(torch.empty(2, device="meta"))
torch.empty(2, device="meta").copy_(torch.ones(2))
torch.empty(2, device="meta") + torch.ones(2)
torch.ones(2) + torch.empty(2, device="meta")
torch.empty(2, device="meta") + torch.tensor(1.)
torch.cat([torch.empty(2, 3, device="meta"), torch.ones(2, 3)])
torch.where(torch.ones(2, dtype=torch.bool), torch.empty(2, device="meta"), torch.empty(2, device="meta"))
torch.empty(2, device="meta").data_ptr(), torch.empty(2, 3, device="meta")[1].storage_offset()
torch.empty(2, 3, device="meta").get_device(), torch.empty(2, 3, device="meta").is_cpu
torch.empty(2, 3, device="meta").type(), torch.empty(2, 3, device="meta").nbytes, len(torch.empty(2, device="meta"))
torch.ones(2).to("meta"), torch.ones(2).to(torch.device("meta"), torch.float64)
torch.ones(2, 4).t().to("meta").stride()
torch.zeros_like(torch.empty(2, 3, device="meta")), torch.rand_like(torch.empty(2, 3, device="meta"))
torch.ones(2, device="meta").new_zeros(3), torch.ones(2, device="meta").new_tensor([1.])
torch.empty(2, 3, 4, 5, device="meta", memory_format=torch.channels_last).stride()
torch.empty(2, 3, 4, 5).to(memory_format=torch.channels_last).to("meta").stride()
torch.Generator("meta")
torch.from_dlpack(torch.empty(4, device="meta"))
nn.Conv2d(3, 4, 3, device="meta").weight
nn.Conv2d(3, 4, 3, device="meta")(torch.ones(1, 3, 8, 8)).shape
nn.Conv2d(3, 4, 3)(torch.empty(1, 3, 8, 8, device="meta"))
nn.Linear(3, 4)(torch.empty(1, 3, device="meta"))
nn.Linear(3, 4, device="meta")(torch.ones(1, 3))
nn.Linear(3, 4).to("meta").weight
nn.Linear(3, 4).to("meta").to("cpu")
m = nn.Linear(3, 4).to("meta").to_empty(device="cpu"); m.weight.shape, m.weight.device
m = nn.Linear(3, 4, device="meta"); m.load_state_dict(nn.Linear(3, 4).state_dict()); m.weight.device
m = nn.Linear(3, 4, device="meta"); m.load_state_dict(nn.Linear(3, 4).state_dict(), assign=True); m.weight.device
m = nn.Linear(3, 4); m.load_state_dict(nn.Linear(3, 4, device="meta").state_dict()); m.weight.device
x = torch.empty(2, 3, device="meta", requires_grad=True); (x * x).sum().backward(); x.grad
nn.BatchNorm2d(4, device="meta")(torch.empty(2, 4, 5, 5, device="meta")).detach()
nn.Sequential(nn.LazyConv2d(4, 3, device="meta"), nn.ReLU())(torch.empty(2, 4, 5, 5, device="meta"))
x = torch.empty(2, 3, device="meta"); x += 1; x.relu_(), x.abs_()
x = torch.empty(2, 3, device="meta"); x[0] = 5; x[:, 1] = torch.empty(2, device="meta"); x
x = torch.empty(2, 3, device="meta"); x[x > 0] = 5; x
x = torch.empty(2, 3, device="meta"); x[0] = torch.empty(4, device="meta")
x = torch.empty(2, 3, device="meta"); x[torch.tensor([0, 1])], x.index_select(0, torch.tensor([0]))
x = torch.empty(2, 3, device="meta"); x.view(3, 2).stride(), [row for row in x]
x = torch.empty(2, 3, device="meta"); x.t().view(6)
x = torch.empty(2, 3, device="meta"); x.expand(4, 2, 3).add_(1)
import copy, pickle; x = torch.empty(2, 3, device="meta"); copy.deepcopy(x), pickle.loads(pickle.dumps(x))
import copy; copy.deepcopy(nn.Linear(2, 3, device="meta")).weight
str(torch.empty(0, device="meta")), format(torch.empty((), device="meta"))
torch.empty(2, device="meta", requires_grad=True), torch.empty(2, device="meta", requires_grad=True) * 2
torch.empty(2, 3, device="meta").max(1), torch.empty(2, 3, device="meta").sort(), torch.empty(2, device="meta").any()
F.max_pool2d(torch.empty(1, 2, 8, 8, device="meta"), 2, return_indices=True)
F.one_hot(torch.zeros(3, dtype=torch.int64, device="meta"), 5)
F.cross_entropy(torch.empty(3, 5, device="meta"), torch.zeros(3, dtype=torch.int64, device="meta"))
F.dropout(torch.empty(3, device="meta")), F.softmax(torch.empty(3, device="meta"), 0)
torch.empty(10**6, 10**6, device="meta").sum()
torch.einsum("ij,jk->ik", torch.empty(4, 3, device="meta"), torch.empty(3, 5, device="meta"))
p = nn.Parameter(torch.empty(2, device="meta")); p.grad = p.detach(); torch.optim.Adam([p], 0.1).step(); p
p = nn.Parameter(torch.empty(2, device="meta")); p.grad = p.detach(); torch.nn.utils.clip_grad_norm_([p], 1.)
nn.init.normal_(torch.empty(2, 3, device="meta")), nn.init.kaiming_uniform_(torch.empty(2, 3, device="meta"))
torch.set_default_device("meta"); x = torch.ones(2); torch.set_default_device(None); x, torch.ones(2)
torch.set_default_device("meta"); x = torch.get_default_device(); torch.set_default_device("cpu"); x
nn.init.trunc_normal_(torch.empty(2, 3, device="meta")), nn.init.orthogonal_(torch.empty(2, 3, device="meta"))
"""


WITHIN = """
torch.empty(2), torch.tensor([1.0]), torch.arange(3), torch.rand(2), torch.full((2,), 1.0), torch.as_tensor([2.0])
torch.ones(2, device="cpu"), nn.Linear(2, 3).weight, nn.BatchNorm1d(3).running_mean, nn.LazyLinear(3).weight.device
torch.zeros_like(x), x.new_zeros(3), torch.rand_like(x), x.new_tensor([1.0]), torch.as_tensor(x), x + 1
torch.get_default_device()
torch.empty(2, 3, 4, 5, memory_format=torch.channels_last).stride()
nn.Conv2d(1, 2, 3)(torch.ones(1, 1, 4, 4))
torch.nn.Parameter(x)
torch.from_numpy(np.ones(2))
"""


@pytest.mark.live
@pytest.mark.parametrize("text", WITHIN.strip().split("\n"))
def test_within_a_device(torch, text):
    def within(library):
        library.manual_seed(0)
        space = {"torch": library, "nn": library.nn, "np": np, "x": library.ones(2)}
        with library.device("meta"), library.device("cpu"), library.device("meta"):
            return repr(eval(text, space))

    assert within(rushlight) == within(torch)
    assert repr(rushlight.ones(1)) == "tensor([1.])"


def outcome(library, text):
    """What comes out, as text: of errors class and first line; and what is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ("value", repr(run(library, text)))
        except Exception as error:
            result = type(error).__name__, str(error).split("\n")[0]
    return result, [str(warning.message) for warning in caught]


@pytest.mark.live
@pytest.mark.parametrize("text", TEXTS.strip().split("\n"))
def test_as_in_pytorch(torch, text):
    assert outcome(rushlight, text) == outcome(torch, text)
