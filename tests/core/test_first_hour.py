"""What a newcomer gets wrong in the first hour, and what is said to it."""

import numpy as np
import pytest

import rushlight as torch
from rushlight import cli, nn, optim

X = torch.zeros(2, 3, 8, 8)


@pytest.mark.parametrize(
    ("call", "kind", "sentence", "fix"),
    [
        (lambda: torch.cat(X, X), TypeError, "cat(): argument 'tensors' (position 1) must be tuple", "cat([a, b])"),
        (lambda: torch.stack(X), TypeError, "stack(): argument 'tensors'", "stack([a, b])"),
        (lambda: torch.hstack(X), TypeError, "hstack(): argument 'tensors'", "hstack([a, b])"),
        (lambda: torch.vstack(X), TypeError, "vstack(): argument 'tensors'", "vstack([a, b])"),
        (lambda: X.sum("a"), TypeError, "argument 'dim' must be int, not str", "dim=0"),
        (lambda: X.softmax(0.5), TypeError, "argument 'dim' must be int, not float", "dim=0"),
        (lambda: X.transpose("a", 0), TypeError, "argument 'dim' must be int, not str", "dim=0"),
        (lambda: torch.cat([X, X], "a"), TypeError, "argument 'dim' must be int, not str", "dim=0"),
        (lambda: torch.finfo("float32"), TypeError, "must be torch.dtype, not str", "torch.float32"),
        (lambda: torch.iinfo(np.int8), TypeError, "must be torch.dtype, not type", "a tensor's dtype"),
        (lambda: X.to("float"), RuntimeError, "Expected one of cpu, meta device type", "rushlight.float"),
        (lambda: nn.CrossEntropyLoss(X, X), RuntimeError, "Boolean value of Tensor", "loss(input, target)"),
        (lambda: nn.MSELoss(X, X), RuntimeError, "Boolean value of Tensor", "loss(input, target)"),
        (lambda: optim.SGD(nn.Linear(1, 1)), TypeError, "'Linear' object is not iterable", "model.parameters()"),
        (lambda: optim.Adam(nn.Sequential(nn.ReLU())), TypeError, "can only optimize Tensors", "model.parameters()"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, "list is not a Module subclass", "Sequential(*modules)"),
        (lambda: nn.BatchNorm2d(4)(X), RuntimeError, "running_mean should contain 3 elements not 4", "for 3 channels"),
        (lambda: torch.summary(nn.ReLU()), TypeError, "got none", "(1, 3, 224, 224)"),
        (lambda: torch.summary(nn.ReLU(), 1, 3), TypeError, "a shape is a tuple", "(1, 3)"),
        (lambda: torch.output_shape(nn.ReLU(), 1, 3), TypeError, "a shape is a tuple", "(1, 3)"),
        (lambda: torch.output_shape(nn.ReLU(), X), TypeError, "a shape is a tuple", "x.shape"),
        (lambda: torch.explain(nn.ReLU(), 1, 3), TypeError, "got 2 shapes", "explain(layer, (1, 3))"),
    ],
)
def test_a_wrong_call(call, kind, sentence, fix):
    with pytest.raises(kind) as caught:
        call()
    first, *rest = str(caught.value).split("\n")
    assert sentence in first
    assert any(line.startswith("Try: ") and fix in line for line in rest)


def test_axes_may_be_any_integers():
    one = np.int64(1)
    assert X.sum(one).shape == X.sum(torch.tensor(1)).shape == X.mean(one).shape == X.amax(one).shape == (2, 8, 8)
    assert X.squeeze(one).shape == X.softmax(one).shape == X.movedim(one, one).shape == X.shape
    for call in (X.sum, X.softmax, X.squeeze, X.unsqueeze):
        with pytest.raises(TypeError, match="must be int, not bool"):
            call(True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("explain Linear(3,4) 2,3 --save none/a.svg", "none/a.svg: No such file or directory"),
        ("summary model.py 2,3", "Try: model.py:net"),
        ("summary model.py:ned 2,3", "there is no ned in model.py\nTry: model.py:net"),
        ("summary none.py:net 2,3", "no such file: none.py"),
        ("train --data none", "in none or none/MNIST/raw\nTry: --download"),
        ("train --limit 20 --out model.py", "model.py is a file, results need a folder"),
        ("bench --layers none.json", "none.json: No such file or directory"),
        ("bench --layers model.py", "model.py is no list of layers"),
        ("bench --layers list.json", "list.json is no list of layers"),
    ],
)
def test_a_wrong_command(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text("from rushlight import nn\n\nsize = 3\nnet = nn.Linear(size, 4)\n")
    (tmp_path / "list.json").write_text('[{"name": "a"}]')
    assert cli.main(words.split()) != 0
    err = capsys.readouterr().err
    assert err.startswith(f"rushlight {words.split()[0]}: ") and said in err
    assert "Errno" not in err


@pytest.mark.live
def test_pytorch_refuses_them_likewise(torch):
    x = torch.zeros(2, 3, 8, 8)
    for call in (
        lambda: torch.cat(x, x),
        lambda: torch.stack(x),
        lambda: x.sum("a"),
        lambda: x.transpose("a", 0),
        lambda: torch.nn.CrossEntropyLoss(x, x),
        lambda: torch.nn.MSELoss(x, x),
        lambda: torch.optim.SGD(torch.nn.Linear(1, 1)),
    ):
        with pytest.raises((TypeError, RuntimeError)):
            call()


def test_what_scripts_ask_for_first():
    """The lines that tutorials begin with."""
    device = (
        torch.accelerator.current_accelerator().type
        if torch.accelerator.is_available()
        else "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    assert nn.Linear(1, 1).to(device).weight.device.type == "cpu"
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    assert not torch.backends.cudnn.is_available() and torch.backends.cudnn.version() is None
    with pytest.raises(AttributeError, match=r"PyTorch has torch\.backends\.mkldnn, rushlight does not\nTry: leave"):
        torch.backends.mkldnn  # noqa: B018
