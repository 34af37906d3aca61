"""Whole models, and what of PyTorch's there is none of here: classes, dtypes, layouts, TorchScript."""

import io
import os
import pathlib
import re
import subprocess
import sys

import pytest

import rushlight as torch
from rushlight.checkpoint import CheckpointError

INPUTS = [(2, 3), (2, 4, 4), (2, 3, 12), (2, 2, 12), (2, 8, 9), (2, 3, 8, 8), (2, 2, 6, 6, 6), (2, 3, 6, 6, 6)]
ARGUMENTS = {
    "Linear": (3, 4),
    **{f"Conv{n}d": (2 + (n < 3), 4, 3) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": (2 + (n < 3), 4, 3) for n in (1, 2, 3)},
    **{f"{kind}Norm{n}d": (3,) for kind in ("Batch", "Instance") for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": (2,) for kind in ("Max", "Avg", "AdaptiveAvg") for n in (1, 2, 3)},
    **{f"{kind}Pad{n}d": (1,) for kind in ("Zero", "Reflection", "Replication", "Circular") for n in (1, 2, 3)},
    **{f"ConstantPad{n}d": (1, 2.0) for n in (1, 2, 3)},
    "LayerNorm": (12,), "GroupNorm": (1, 3), "Fold": ((4, 4), 2), "Unfold": (2,), "Unflatten": (1, (1, 3)),
    "Softmax": (1,), "LogSoftmax": (1,), "Softmin": (1,), "Flatten": (), "PReLU": (), "GLU": (2,), "Softmax2d": (),
    **dict.fromkeys(["ReLU", "ReLU6", "SiLU", "Mish", "SELU", "ELU", "GELU", "Hardswish", "Hardsigmoid"], ()),
    **dict.fromkeys(["LeakyReLU", "Hardtanh", "Softplus", "Sigmoid", "Tanh", "Softsign", "Tanhshrink"], ()),
    **dict.fromkeys(["LogSigmoid", "Identity"], ()),
}  # fmt: skip


@pytest.fixture(scope="module")
def pytorch():
    return pytest.importorskip("torch")


def written(pytorch, obj, **options):
    file = io.BytesIO()
    pytorch.save(obj, file, **options)
    file.seek(0)
    return file


@pytest.mark.live
@pytest.mark.filterwarnings("ignore:input's size")
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_layers_become_ours(pytorch, name, zipped):
    theirs = getattr(pytorch.nn, name)(*ARGUMENTS[name])
    ours = torch.load(written(pytorch, theirs, _use_new_zipfile_serialization=zipped), weights_only=False)
    assert type(ours) is getattr(torch.nn, name) and repr(ours) == repr(theirs)
    for size in INPUTS:
        x = pytorch.randn(size)
        try:
            expected = theirs(x)
        except (RuntimeError, ValueError, IndexError):
            continue
        found = ours(torch.from_numpy(x.numpy()))
        assert abs(found.detach().numpy() - expected.detach().numpy()).max() < 1e-5
        return
    raise AssertionError("no input fits")


@pytest.mark.live
def test_a_model_and_its_optimiser(pytorch):
    net = pytorch.nn.Sequential(pytorch.nn.Conv2d(1, 4, 3), pytorch.nn.BatchNorm2d(4), pytorch.nn.ReLU())
    file = written(
        pytorch, {"net": net, "optimizer": pytorch.optim.Adam(net.parameters(), 0.1), "f": pytorch.nn.functional.relu}
    )
    with pytest.raises(CheckpointError, match=r"Sequential(?s:.*)weights_only=False, if you trust"):
        torch.load(file)
    loaded = torch.load(file, weights_only=False)
    model, optimizer = loaded["net"], loaded["optimizer"]
    assert optimizer.param_groups[0]["params"][0] is model[0].weight and optimizer.param_groups[0]["lr"] == 0.1
    before = model[0].weight.clone()
    model(torch.randn(2, 1, 5, 5)).square().sum().backward()
    optimizer.step()
    assert not torch.equal(model[0].weight, before)
    classes = [type(model), torch.optim.Adam, *map(type, model), torch.nn.functional.relu]
    with torch.serialization.safe_globals([*classes, (dict, "collections.defaultdict")]):
        assert repr(torch.load(written(pytorch, net))) == repr(model)


@pytest.mark.live
@pytest.mark.parametrize(
    "name, size", [("LazyLinear", (2, 3)), ("LazyConv2d", (2, 3, 8, 8)), ("LazyBatchNorm1d", (2, 3, 4))]
)
def test_lazy_layers(pytorch, name, size):
    arguments = {"LazyLinear": (4,), "LazyConv2d": (4, 3), "LazyBatchNorm1d": ()}[name]
    ours = torch.load(written(pytorch, getattr(pytorch.nn, name)(*arguments)), weights_only=False)
    assert type(ours) is getattr(torch.nn, name)
    ours(torch.ones(size))
    assert type(ours) is getattr(torch.nn, name[4:])


@pytest.mark.parametrize(
    "layer, lost, size",
    [
        (lambda: torch.nn.Conv2d(1, 2, 3), ["padding_mode"], (1, 1, 5, 5)),
        (lambda: torch.nn.BatchNorm2d(2), ["track_running_stats"], (2, 2, 3, 3)),
        (lambda: torch.nn.MaxPool2d(2), ["return_indices", "ceil_mode", "dilation"], (1, 1, 4, 4)),
        (lambda: torch.nn.AvgPool1d(2), ["divisor_override", "ceil_mode", "count_include_pad"], (1, 1, 4)),
        (lambda: torch.nn.GELU(), ["approximate"], (3,)),
        (lambda: torch.nn.ReLU(), ["inplace", "_forward_hooks", "_non_persistent_buffers_set"], (3,)),
    ],
)
def test_layers_of_earlier_versions(layer, lost, size):
    today = layer()
    earlier = type(today).__new__(type(today))
    earlier.__setstate__({name: value for name, value in today.__dict__.items() if name not in lost})
    x = torch.rand(size)
    assert torch.equal(earlier(x), today(x)) and repr(earlier) == repr(today)


@pytest.mark.live
def test_what_we_lack_is_named(pytorch):
    """Also where another class comes first, so that nothing is advised that then fails."""
    net = pytorch.nn.Sequential(pytorch.nn.Linear(2, 2), pytorch.nn.LSTM(2, 2))
    for options in ({}, {"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}):
        file = written(pytorch, net, **options)
        with pytest.raises(CheckpointError, match=r"rushlight has no torch\.nn\.LSTM") as caught:
            torch.load(file)
        assert "if you trust" not in str(caught.value)
        with pytest.raises(CheckpointError, match=r"rushlight has no torch\.nn\.LSTM"):
            torch.load(file, weights_only=False)


@pytest.mark.live
def test_classes_that_are_not_here(tmp_path):
    """A model of a module that is not there, and of one that is written on PyTorch."""
    (tmp_path / "theirs.py").write_text("import torch\nclass Net(torch.nn.Module): pass\n")
    script = "import torch, theirs; torch.save(theirs.Net(), 'net.pt')"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    with pytest.raises(CheckpointError, match="there is no module theirs here") as caught:
        torch.load(tmp_path / "net.pt")
    assert "if you trust" not in str(caught.value)
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(CheckpointError, match=r"if you trust .* and theirs does not need PyTorch"):
            torch.load(tmp_path / "net.pt")
        with pytest.raises(CheckpointError, match=r"theirs\.Net is written on PyTorch"):
            torch.load(tmp_path / "net.pt", weights_only=False)
        with pytest.raises(CheckpointError, match=r"theirs\.Net is written on PyTorch"):
            torch.load(tmp_path / "net.pt")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("theirs", None)


@pytest.mark.live
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "make, text",
    [
        (lambda t: t.ones(2, dtype=t.complex64), "dtype not supported: $ is complex64"),
        (lambda t: t.ones(2, dtype=t.complex128), "dtype not supported: $ is complex128"),
        (lambda t: t.ones(2).to(t.float8_e4m3fn), "dtype not supported: $ is float8_e4m3fn"),
        (lambda t: t.ones(2).to(t.float8_e5m2), "dtype not supported: $ is float8_e5m2"),
        (
            lambda t: t.quantize_per_tensor(t.ones(2), 0.1, 0, t.quint8),
            "dtype not supported: $ is quint8",
        ),
        (lambda t: t.nn.Parameter(t.ones(2, dtype=t.complex64)), "dtype not supported: $ is complex64"),
        (lambda t: t.complex32, "dtype not supported: $ is complex32"),
        (lambda t: t.eye(2).to_sparse(), "layout not supported: $ is sparse_coo"),
        (lambda t: t.eye(2).to_sparse_csr(), "layout not supported: $ is sparse_csr"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_kinds_of_tensors_that_are_not_here(pytorch, make, text, zipped):
    file = written(pytorch, {"a": [1, {"conv.weight": make(pytorch)}]}, _use_new_zipfile_serialization=zipped)
    for weights_only in (True, False):
        with pytest.raises(CheckpointError, match=re.escape(text.replace("$", "'a.1.conv.weight'"))):
            torch.load(file, weights_only=weights_only)


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_a_kind_that_is_not_here(pytorch):
    file = written(pytorch, pytorch.nn.Sequential(pytorch.nn.Linear(2, 2)).to(pytorch.complex64))
    with pytest.raises(CheckpointError, match=r"dtype not supported: '0\.weight' is complex64"):
        torch.load(file, weights_only=False)
    with pytest.raises(CheckpointError, match="dtype not supported: complex64") as caught:
        torch.load(file)
    assert "if you trust" not in str(caught.value)


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
def test_torchscript(pytorch, tmp_path):
    class Net(pytorch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = pytorch.nn.ModuleList([pytorch.nn.Conv2d(1, 2, 3), pytorch.nn.BatchNorm2d(2)])
            self.sizes = [1, 2]
            self.register_buffer("scale", pytorch.ones(2, dtype=pytorch.float64))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x * self.scale[0] * self.sizes[0]

    net = Net()
    pytorch.jit.script(net).save(tmp_path / "net.pt")
    for weights_only in (True, False):
        state = torch.load(tmp_path / "net.pt", weights_only=weights_only)
        assert sorted(state) == sorted(net.state_dict())
        assert all(state[name].tolist() == tensor.tolist() for name, tensor in net.state_dict().items())
    ours = torch.nn.Module()
    ours.layers = torch.nn.ModuleList([torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)])
    ours.register_buffer("scale", torch.zeros(2, dtype=torch.float64))
    ours.load_state_dict(state)


CHECKPOINTS = pathlib.Path(os.environ.get("RUSHLIGHT_CHECKPOINTS", "checkpoints-before-1.6"))


@pytest.mark.live
@pytest.mark.skipif(not CHECKPOINTS.is_dir(), reason="RUSHLIGHT_CHECKPOINTS names no folder of old checkpoints")
def test_real_files_from_before_1_6(pytorch):
    from tests.checkpoint.test_formats import compare

    for path in sorted(CHECKPOINTS.glob("*.p*")):
        theirs = pytorch.load(path, map_location="cpu")
        compare(torch.load(path), theirs)
        with open(path, "rb") as file:
            compare(torch.load(file, weights_only=False), theirs)


def test_tensors_without_numbers_keep_their_shape(tmp_path):
    layer = torch.nn.Linear(2, 3, device="meta")
    torch.save(
        {**layer.state_dict(), "turned": torch.empty(2, 3, device="meta", dtype=torch.int64).t()}, tmp_path / "m"
    )
    found = torch.load(tmp_path / "m")
    assert {name: (t.shape, t.stride(), t.is_meta) for name, t in found.items()} == {
        "weight": ((3, 2), (2, 1), True), "bias": ((3,), (1,), True), "turned": ((3, 2), (1, 3), True)
    }  # fmt: skip


def test_numbers_are_left_behind_on_the_way_to_meta(tmp_path):
    weight = torch.nn.Parameter(torch.ones(3))
    torch.save({"weights": [weight, weight], "layer": torch.ones(2).t()}, tmp_path / "m")
    found = torch.load(tmp_path / "m", map_location="meta")
    assert found["layer"].is_meta and found["weights"][0] is found["weights"][1]
    assert type(found["weights"][0]) is torch.nn.Parameter and found["weights"][0].is_meta
    with pytest.raises(RuntimeError, match="sends to the CPU alone"):
        torch.load(tmp_path / "m", map_location={"cuda:0": "meta"})


@pytest.mark.live
def test_meta_tensors_travel_to_pytorch_and_back(tmp_path):
    theirs = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 3, device="meta").state_dict(), tmp_path / "ours")
    assert {name: (tuple(t.shape), t.is_meta) for name, t in theirs.load(tmp_path / "ours").items()} == {
        "weight": ((3, 2), True), "bias": ((3,), True)
    }  # fmt: skip
    theirs.save({"x": theirs.empty(2, 3, device="meta").t()}, tmp_path / "theirs")
    assert torch.load(tmp_path / "theirs")["x"].stride() == (1, 3)
