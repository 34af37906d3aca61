"""Who watches operations is told of changes in place, too: each once, and enough to do all that was done again."""

from collections import Counter

import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd.operation import OPERATIONS, watched
from rushlight.autograd.version import version_of
from rushlight.tensor.core import memory

F = torch.nn.functional


def setting(index, value):
    return lambda x, y: x.__setitem__(index, value(y) if callable(value) else value)


def with_grad(x, **options):
    weight = torch.nn.Parameter(x.clone(), **options)
    weight.grad = x * 0.5 + 1
    return weight


def accumulated(x, y):
    leaf = torch.nn.Parameter(y)
    leaf.grad = x
    for _ in range(2):
        leaf.sum().backward()


def clip(name, limit):
    return lambda x, y: getattr(torch.nn.utils, name)([with_grad(x), with_grad(x)], limit)


# A change, and how often it is told: by which operations whose output is the first of their inputs.
CHANGES = {
    "add_ of a number": (lambda x, y: x.add_(1), "copy"),
    "add_ of a multiple": (lambda x, y: x.add_(y, alpha=3), "copy"),
    "sub_ of itself": (lambda x, y: x.sub_(x), "copy"),
    "mul_": (lambda x, y: x.mul_(y), "copy"),
    "+= of another dtype": (lambda x, y: x.__iadd__(y.int()), "copy"),
    "relu_": (lambda x, y: x.relu_(), "copy"),
    "inplace": (lambda x, y: F.relu(x, inplace=True), "copy"),
    "masked_fill_": (lambda x, y: x.masked_fill_(y > 0, 2), "copy"),
    "fill_": (lambda x, y: x.fill_(3), "fill"),
    "fill_ of a tensor": (lambda x, y: x.fill_(y[0, 0]), "fill.tensor"),
    "zero_": (lambda x, y: x.zero_(), "zero"),
    "copy_": (lambda x, y: x.copy_(y[0]), "copy"),
    "copy_ of a part": (lambda x, y: x[1].copy_(y[0].double()), "copy"),
    "of a view": (lambda x, y: x.t()[1:].add_(1).mul_(2), "copy copy"),
    "x[i]": (setting(1, 5.0), "copy"),
    "x[i, j:]": (setting((0, slice(1, None)), lambda y: y[1, 1:]), "copy"),
    "x[...]": (setting(..., lambda y: y), "copy"),
    "x[tensor]": (setting(torch.tensor([1, 0]), lambda y: y), "copy"),
    "x[mask]": (setting(torch.tensor([True, False]), 2.0), "copy"),
    "index_put_": (lambda x, y: x.index_put_((torch.tensor([1, 1]),), y, accumulate=True), "copy"),
    "out=": (lambda x, y: torch.add(x, y, out=y), "copy"),
    "out= of two": (lambda x, y: torch.max(x, 1, out=(y[:, 0], torch.empty(2).long())), "copy copy"),
    "out= of another shape": (lambda x, y: torch.add(x, y, out=torch.empty(0)), "copy"),
    "uniform_": (lambda x, y: x.uniform_(2, 3), "uniform_"),
    "normal_": (lambda x, y: x[:, 1:].normal_(), "normal_"),
    "bernoulli_": (lambda x, y: x.bernoulli_(0.3), "bernoulli_"),
    "bernoulli_ of chances": (lambda x, y: x.bernoulli_(y.sigmoid()), "bernoulli_.tensor"),
    "exponential_": (lambda x, y: x.exponential_(), "exponential_"),
    "cauchy_": (lambda x, y: x.cauchy_(), "cauchy_"),
    "log_normal_": (lambda x, y: x.log_normal_(), "log_normal_"),
    "geometric_": (lambda x, y: x.geometric_(0.3), "geometric_"),
    "random_": (lambda x, y: x.random_(), "random_"),
    "random_ to": (lambda x, y: x.random_(9), "random_.to"),
    "random_ from to": (lambda x, y: x.random_(2, 9), "random_.from"),
    "accumulated gradients": (accumulated, "add add"),
    "clip_grad_norm_": (clip("clip_grad_norm_", 0.1), "clip_grad_norm_ clip_grad_norm_"),
    "clip_grad_value_": (clip("clip_grad_value_", 0.3), "clip_grad_value_ clip_grad_value_"),
}  # fmt: skip
LAYERS = {
    "batch": lambda: torch.nn.BatchNorm1d(3),
    "cumulative": lambda: torch.nn.BatchNorm1d(3, momentum=None),
    "halves": lambda: torch.nn.BatchNorm1d(3).half(),
    "instance": lambda: torch.nn.InstanceNorm1d(3, track_running_stats=True),
}
STEPS = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    **{
        name: {}
        for name in ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adadelta", "Adagrad", "Rprop", "ASGD"]
    },
}
WRITES = {name for _, told in CHANGES.values() for name in told.split()} | {"running_statistic", "optimizer_step"}
"""The operations that are told of changes here."""


def operands(size=3, kind=torch.float32):
    generator = np.random.default_rng(7)
    return [torch.tensor(generator.standard_normal((2, size))).to(kind) for _ in range(2)]


class Replay:
    """Does all that it is told again, by the lowerings, in arrays of its own."""

    def __init__(self, *known):
        self.arrays, self.tensors, self.written = {}, [], Counter()
        for tensor in known:
            self.of(tensor)

    def of(self, tensor):
        """The array that stands for a tensor; one that nothing told of has the numbers that it has now."""
        if tensor is None:
            return None
        if id(tensor) not in self.arrays:
            self.tensors.append(tensor)  # so that nothing else gets its number
            self.arrays[id(tensor)] = memory(tensor).copy()
        return self.arrays[id(tensor)]

    def __call__(self, op, outputs, inputs):
        assert OPERATIONS[op.name] is op.operation
        in_place = [a is b for a, b in zip(outputs, inputs)]
        arrays = [self.of(tensor) for tensor in inputs]
        results = op.operation.lowering(*arrays, *op.attributes)
        for at, (output, result) in enumerate(
            zip(outputs, results if isinstance(results, tuple | list) else [results])
        ):
            if in_place[at : at + 1] == [True]:
                if arrays[at].shape != np.shape(result):  # out= of an empty tensor
                    arrays[at] = self.arrays[id(output)] = np.empty_like(result)
                arrays[at][...] = result
                self.written[op.name] += 1
            else:
                self.tensors.append(output)
                self.arrays[id(output)] = np.asarray(result)

    def check(self, **close):
        for tensor in self.tensors:
            np.testing.assert_allclose(self.arrays[id(tensor)], memory(tensor), **close)


@pytest.mark.parametrize("size", [3, 3000])  # the larger ones are compiled
@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_told_once(name, recorded, size):
    change, told = CHANGES[name]
    if recorded and name.startswith("out="):
        pytest.skip("out= is never recorded")
    x, y = operands(size)
    if recorded:
        x = x.requires_grad_() * 1
    replay = Replay(x, y)
    with torch.set_grad_enabled(recorded or name == "accumulated gradients"), watched(replay):
        change(x, y)
    replay.check(rtol=1e-5, atol=1e-6)
    if not recorded:
        assert replay.written == Counter(told.split())


@pytest.mark.parametrize("name", LAYERS)
def test_running_statistics_are_told(name):
    layer, x = LAYERS[name](), torch.tensor(np.random.default_rng(5).standard_normal((2, 3, 4)))
    replay = Replay(*layer.buffers())
    with watched(replay):
        layer(x.to(layer.running_mean.dtype))
    counts = {} if name == "instance" else {"add": 1}  # as in PyTorch
    assert replay.written == {"running_statistic": 2, **counts}
    replay.check(rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", STEPS)
def test_each_step_of_an_optimizer_is_told(name, kind):
    x, _ = operands(300, kind)
    weights = [with_grad(x), with_grad(x[:, :2])]
    optimizer = getattr(torch.optim, name)(weights, **STEPS[name])
    for turn in range(3):
        replay = Replay(
            *weights, *[s for state in optimizer.state.values() for s in state.values() if torch.is_tensor(s)]
        )
        with watched(replay):
            optimizer.step()
        assert replay.written["optimizer_step"] >= 2
        if turn:  # what the first begins with is made before anything is told
            replay.check(rtol=1e-2 if kind is torch.bfloat16 else 1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [3, 3000])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("name", CHANGES)
def test_numbers_and_versions_are_those_that_nobody_watches(name, kind, size):
    change, _ = CHANGES[name]
    found = []
    for watching in (False, True):
        torch.manual_seed(0)
        x, y = operands(size, kind)
        with (
            torch.set_grad_enabled(name == "accumulated gradients"),
            watched((lambda *told: None) if watching else None),
        ):
            change(x, y)
        found.append((x.tolist(), y.tolist(), version_of(x).count, version_of(y).count))
    assert repr(found[0][:2]) == repr(found[1][:2])
    assert found[0][2:] == found[1][2:]
