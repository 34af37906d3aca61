"""Models that change tensors in place, run on shapes alone: `output_shape` and `summary` go on as the model would."""

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.ops.shapes import output_shape

CHANGES = {
    "+=": lambda y, z: y.__iadd__(z),
    "-=": lambda y, z: y.__isub__(1),
    "*=": lambda y, z: y.__imul__(z.mean((2, 3), keepdim=True)),
    "/=": lambda y, z: y.__itruediv__(2),
    "relu_": lambda y, z: y.relu_(),
    "relu": lambda y, z: F.relu(y, inplace=True),
    "elu": lambda y, z: F.elu(y, inplace=True),
    "dropout": lambda y, z: F.dropout(y, 0.5, True, True),
    "dropout2d": lambda y, z: F.dropout2d(y, 0.5, True, True),
    "clamp_": lambda y, z: y.clamp_(0, 1),
    "masked_fill_": lambda y, z: y.masked_fill_(z > 0, 0),
    "a column": lambda y, z: y.__setitem__((slice(None), 0), 0),
    "columns": lambda y, z: y.__setitem__((slice(None), slice(2)), z[:, 2:]),
    "a mask": lambda y, z: y.__setitem__(z > 0, 0),
    "a list": lambda y, z: y.__setitem__((slice(None), [0, 1]), z[:, 1:3]),
    "tensors": lambda y, z: y.__setitem__((torch.tensor([0]), torch.tensor([1])), 1.0),
    "index_put_": lambda y, z: y.index_put_((torch.tensor([0]),), torch.tensor(1.0)),
    "index_add_": lambda y, z: y.index_add_(1, torch.tensor([0]), z[:, :1]),
    "index_fill_": lambda y, z: y.index_fill_(1, torch.tensor([0]), 2.0),
    "scatter_": lambda y, z: y.scatter_(1, torch.zeros(1, 1, 1, 1, dtype=torch.int64), 1.0),
    "copy_": lambda y, z: y.copy_(z),
    "fill_": lambda y, z: y.fill_(2),
    "zero_": lambda y, z: y.zero_(),
    "addcmul_": lambda y, z: y.addcmul_(z, z),
    "lerp_": lambda y, z: y.lerp_(z, 0.5),
    "normal_": lambda y, z: y.normal_(),
    "bernoulli_": lambda y, z: y.bernoulli_(0.5),
    "a view": lambda y, z: y.view(y.shape[0], -1).add_(1),
    "a part": lambda y, z: y.narrow(1, 0, 2).mul_(2),
    "an entry": lambda y, z: y[0].add_(1),
    "data": lambda y, z: y.data.add_(1),
    "tril_": lambda y, z: y.tril_(),
}


class Changing(nn.Module):
    def __init__(self, change, of_input):
        super().__init__()
        self.a, self.b, self.change, self.of_input = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1), change, of_input

    def forward(self, x):
        if self.of_input:
            self.change(x, torch.zeros(x.shape))
        y = self.a(x)
        self.change(y, self.b(x))
        return y


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("of_input", [False, True])
def test_shapes_behind_a_change(change, of_input):
    model = Changing(change, of_input)
    assert tuple(output_shape(model, (2, 4, 6, 6))) == (2, 4, 6, 6)
    found = torch.summary(model, ("N", 4, 6, 6))
    assert found.stop is None, found.stop
    assert found.output_shape == ("N", 4, 6, 6)
    assert [row.name for row in found.rows] == ["a", "b"]


class Residual(nn.Module):
    """The block of ResNets, whose way round is the wider one."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.relu, self.around = nn.ReLU(inplace=True), nn.Conv2d(4, 4, 9, padding=4)

    def forward(self, x):
        identity = self.around(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


def test_receptive_fields_behind_a_sum_in_place():
    found = torch.summary(nn.Sequential(Residual(), nn.Conv2d(4, 4, 3)), ("N", 4, 32, 32))
    assert found.stop is None
    assert found.rows[-1].field == (11, 11)  # 9 by the way round, and the last layer's 3
    assert found.output_shape == ("N", 4, 30, 30)


def test_what_does_not_fit_is_still_said():
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(6\) must match the size of tensor b \(7\)"):
        output_shape(Changing(lambda y, z: y.add_(torch.zeros(7)), False), (2, 4, 6, 6))


def test_expanded_memory_is_still_refused():
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.zeros(1).expand(3).add_(1)
