"""The training scripts of examples/ run, and train."""

import importlib.util
import math
from pathlib import Path

import rushlight as torch

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mnist(tmp_path, capsys):
    module = script("mnist")
    arguments = ["--epochs", "2", "--limit", "640", "--batch-size", "32", "--save", str(tmp_path / "net.pt")]
    assert module.main(arguments) > 0.6
    assert "epoch 1" in capsys.readouterr().out
    net = module.Net()
    net.load_state_dict(torch.load(tmp_path / "net.pt"))


def test_dcgan(tmp_path, capsys):
    picture = tmp_path / "drawn.pgm"
    losses = script("dcgan").main(["--steps", "3", "--batch-size", "16", "--every", "1", "--out", str(picture)])
    assert all(map(math.isfinite, losses))
    assert picture.read_bytes().startswith(b"P5 256 256 255\n") and picture.stat().st_size == 15 + 256 * 256
    assert capsys.readouterr().out.count("telling") == 3


def test_profile_network(tmp_path, capsys):
    prof = script("profile_network").main(["--batch-size", "2", "--trace", str(tmp_path / "trace.json")])
    said = capsys.readouterr().out
    assert "ProfilerStep*" in said and "nn.Module: Conv2d (0.0)" in said and "Of limit" in said
    assert prof.peak_memory > 0 and (tmp_path / "trace.json").stat().st_size > 1000
