"""Summaries: what running the model gives, line by line, without running it."""

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.ops.shapes import output_shape


class Net(nn.Module):
    """The network of many tutorials: layers, and functions between them."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.LazyLinear(128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = torch.flatten(self.dropout(x), 1)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), 1)


class Block(nn.Module):
    """A residual block, with a sum of two paths."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1, stride=2), nn.Conv2d(4, 4, 5, padding=2)
        self.short = nn.Conv2d(4, 4, 1, stride=2)

    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x))) + self.short(x))


def test_a_network_of_tutorials():
    found = torch.summary(Net(), ("N", 1, 28, 28))
    assert [row.name for row in found.rows] == ["conv1", "conv2", "dropout", "fc1", "fc2"]
    assert [row.y for row in found.rows] == [
        ("N", 32, 26, 26), ("N", 64, 24, 24), ("N", 64, 12, 12), ("N", 128), ("N", 10)
    ]  # fmt: skip
    assert [row.field for row in found.rows] == [(3, 3), (5, 5), (6, 6), (28, 28), (28, 28)]
    assert found.parameters == 1_199_882
    assert (found.macs.symbol, found.macs.factor, found.macs.offset) == ("N", 11_992_448, 0)
    assert "26 = 28 − 3 + 1" in found.text()


def test_nothing_changes():
    model, state = Net(), torch.get_rng_state()
    before = repr(model)
    torch.summary(model, (2, 1, 28, 28))
    assert repr(model) == before
    assert not model._forward_hooks
    assert not model.conv1._forward_hooks
    assert torch.equal(torch.get_rng_state(), state)


def test_paths_that_meet():
    found = torch.summary(nn.Sequential(Block(), Block()), (1, 4, 32, 32))
    fields = {row.name: row.field for row in found.rows}
    # 3 + (5 − 1)·2 = 11 by the long path, 1 by the short one; then 11 + (3 − 1)·2 + (5 − 1)·4
    assert fields == {
        "0.a": (3, 3), "0.b": (11, 11), "0.short": (1, 1), "1.a": (15, 15), "1.b": (31, 31), "1.short": (11, 11)
    }  # fmt: skip


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Conv1d(3, 2, 4, stride=3), nn.MaxPool1d(2), nn.Conv1d(2, 2, 3, dilation=2)),
        (nn.Conv1d(2, 3, 5, stride=2, groups=1), nn.AvgPool1d(3, 2), nn.Conv1d(3, 1, 2)),
        (nn.Conv1d(2, 3, 5, stride=2), nn.ConvTranspose1d(3, 2, 4, stride=2)),
        (nn.ConvTranspose1d(2, 3, 4, stride=2), nn.Conv1d(3, 2, 3)),
    ],
)
def test_receptive_fields_are_those_of_running(layers):
    model = nn.Sequential(*layers)
    for layer in layers:
        if hasattr(layer, "weight"):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    x = torch.rand(1, 2, 101).requires_grad_()
    y = model(x)
    found = 0
    for position in range(y.shape[-1]):
        [grad] = torch.autograd.grad(y[..., position].sum(), x, retain_graph=True)
        lit = grad[0].sum(0).nonzero().flatten()
        found = max(found, int(lit[-1] - lit[0]) + 1)
    [field] = torch.summary(model, (1, 2, 101)).rows[-1].field
    pools = any("MaxPool" in type(layer).__name__ for layer in layers)
    assert field >= found if pools else field == found  # a maximum lets one of its window through


def test_it_stops_where_a_layer_does_not_fit():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.ReLU())
    found = torch.summary(model, (1, 3, 9, 9))
    assert [row.name for row in found.rows] == ["0", "1"]
    assert found.stop.name == "2"
    text = found.text()
    assert "stopped at 2 (Conv2d), whose input is (1, 8, 7, 7): RuntimeError" in text
    assert "axis 1 (channels): 8 ≠ 16" in text
    assert "Try:" in text


def test_it_stops_in_the_models_own_forward():
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(1, 2, 3)

        def forward(self, x):
            return self.conv(x) + torch.zeros(5)

    found = torch.summary(Wrong(), (1, 1, 9))
    assert (found.stop.name, found.stop.kind, found.stop.x) == ("forward", "Wrong", (1, 2, 7))


def test_shared_layers_count_once():
    layer = nn.Conv1d(2, 2, 3)
    found = torch.summary(nn.Sequential(layer, nn.ReLU(), layer), (1, 2, 9))
    assert found.parameters == 14
    assert [row.again for row in found.rows] == [False, False, True]
    assert "shared" in found.text()


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("ascii", [False, True])
def test_it_fits(width, ascii):
    model = nn.Sequential(*(nn.Sequential(nn.Conv3d(16, 16, 3, padding=1), nn.BatchNorm3d(16)) for _ in range(12)))
    model.add_module("a_layer_with_a_very_long_name_indeed_for_a_table", nn.Conv3d(17, 3, 3))
    text = torch.summary(model, ("batch", 16, 100, 100, 100)).text(ascii=ascii, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii() == ascii


def test_one_line_a_layer_where_there_is_room():
    text = torch.summary(Net(), (1, 1, 28, 28)).text(width=140)
    [line] = [line for line in text.splitlines() if line.startswith("conv2")]
    assert "(1, 32, 26, 26)" in line and "24 = 26 − 3 + 1" in line


def test_batches_by_name():
    assert output_shape(nn.Conv1d(2, 3, 3), ("N", 2, 9)) == ("N", 3, 7)
    assert output_shape(lambda x: x.flatten(0, 1), ("B", 2, 9)) == ("2*B", 9)
    with pytest.raises(ValueError, match="for the batch"):
        output_shape(nn.Conv1d(2, 3, 3), (1, 2, "L"))


def test_html():
    table = torch.summary(Net(), ("N", 1, 28, 28))._repr_html_()
    assert table.count("<tr>") == 6 and "(N, 64, 24, 24)" in table
