"""Names that are not there: what the error says, and whom it must not disturb."""

import copy
import importlib.util
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.core import absent
from rushlight.nn import functional as F

DOCS = Path(__file__).parents[2] / "docs"
MODULES = [place for place in absent.names() if place not in ("torch.Tensor", "torch.nn.Module")]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 1, 1)


def said(owner, name):
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert caught.value.name == name
    return str(caught.value).split("\n")


@pytest.mark.parametrize(
    ("owner", "name", "full", "fix"),
    [
        (rushlight, "compile", "torch.compile", "the model as it is"),
        (rushlight, "onnx", "torch.onnx", "save(model.state_dict()"),
        (rushlight, "export", "torch.export", "save(model.state_dict()"),
        (rushlight, "distributed", "torch.distributed", "set_num_threads"),
        (rushlight, "linalg", "torch.linalg", "numpy.linalg"),
        (rushlight.cuda, "amp", "torch.cuda.amp", "the CPU"),
        (nn, "LSTM", "torch.nn.LSTM", "Conv1d"),
        (F, "ctc_loss", "torch.nn.functional.ctc_loss", "docs/supported.md"),
        (rushlight.optim, "RMSprop", "torch.optim.RMSprop", "Adam"),
        (rushlight.optim.lr_scheduler, "OneCycleLR", "torch.optim.lr_scheduler.OneCycleLR", "docs/supported.md"),
        (rushlight.utils, "tensorboard", "torch.utils.tensorboard", "summary"),
        (rushlight.utils.data, "IterDataPipe", "torch.utils.data.IterDataPipe", "docs/supported.md"),
        (nn.utils, "weight_norm", "torch.nn.utils.weight_norm", "docs/supported.md"),
        (rushlight.ones(2), "logcumsumexp", "torch.Tensor.logcumsumexp", "docs/supported.md"),
        (nn.Parameter(rushlight.ones(2)), "logcumsumexp", "torch.Tensor.logcumsumexp", "docs/supported.md"),
        (Net(), "compile", "torch.nn.Module.compile", "the model as it is"),
    ],
)
def test_what_pytorch_has(owner, name, full, fix):
    if hasattr(owner, name):
        pytest.skip("is here by now")
    first, second, third = said(owner, name)
    assert f"has no attribute '{name}'" in first
    assert second == f"PyTorch has {full}, rushlight does not"
    assert fix in third


@pytest.mark.parametrize(
    ("owner", "name", "meant"),
    [
        (rushlight, "zeroes", "zeros"),
        (rushlight, "linspcae", "linspace"),
        (rushlight, "Zeros", "zeros"),
        (nn, "Conv2D", "Conv2d"),
        (nn, "Linaer", "Linear"),
        (nn, "conv2d", "Conv2d"),
        (F, "maxpool2d", "max_pool2d"),
        (rushlight.optim, "ADAM", "Adam"),
        (rushlight.optim.lr_scheduler, "StepLr", "StepLR"),
        (rushlight.utils.data, "Dataloader", "DataLoader"),
        (rushlight, "cdua", "cuda"),
        (Net(), "cov1", "conv1"),
        (Net(), "paramaters", "parameters"),
    ],
)
def test_what_was_meant(owner, name, meant):
    assert said(owner, name)[1:] == [f"Try: {meant}"]


def test_methods_of_tensors():
    """Python suggests what was meant itself; what is missing shows in no list of names."""
    x = rushlight.ones(2, 1)
    code = "import rushlight\nrushlight.ones(2).cumsumm"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("has no attribute 'cumsumm'. Did you mean: 'cumsum'?")
    lacking = [name for name in absent.names()["torch.Tensor"] if not hasattr(x, name)]
    assert lacking and not {*lacking} & {*dir(x)}
    for name in lacking:
        assert not hasattr(rushlight.Tensor, name)
        assert said(x, name)[1] == f"PyTorch has torch.Tensor.{name}, rushlight does not"
    assert said(rushlight.Tensor, lacking[0])[0].startswith("type object 'Tensor' has no attribute")
    setattr(x, lacking[0], 3)
    assert getattr(x, lacking[0]) == 3


@pytest.mark.parametrize("owner", [rushlight, nn, F, Net()], ids=["top", "nn", "F", "net"])
def test_what_nobody_knows(owner):
    assert len(said(owner, "qqxyzzy")) == 1
    assert len(said(owner, "_private")) == 1
    assert len(said(owner, "__dunder__")) == 1
    assert not hasattr(owner, "qqxyzzy") and getattr(owner, "qqxyzzy", 3) == 3


def test_the_traceback_is_that_of_an_attribute_error():
    code = "import rushlight\nrushlight.nn.Conv2D"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = "AttributeError: module 'rushlight.nn' has no attribute 'Conv2D'\nTry: Conv2d\n"
    assert done.stderr.endswith(lines)


@pytest.mark.parametrize(
    ("words", "sentence", "fact"),
    [
        ("from rushlight import compile", "cannot import name 'compile' from 'rushlight' (", "Try: the model as it is"),
        ("from rushlight.nn import Linear, LSTM", "cannot import name 'LSTM' from 'rushlight.nn' (", "Try: Conv1d"),
        ("from rushlight.nn.functional import Relu", "cannot import name 'Relu' from 'rushlight.nn.func", "Try: relu"),
        (
            "from rushlight.utils.data import MapDataPipe",
            "cannot import name 'MapDataPipe'",
            "What there is: docs/supported.md",
        ),
        ("from rushlight.optim import qqxyzzy", "cannot import name 'qqxyzzy' from 'rushlight.optim' (", ""),
    ],
)
def test_importing(words, sentence, fact):
    with pytest.raises(ImportError) as caught:
        exec(words)
    assert sentence in str(caught.value) and fact in str(caught.value)
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert f"ImportError: {sentence}" in done.stderr


def test_importing_what_is_there():
    for words in (
        "rushlight import nn, conv1d, Tensor",
        "rushlight.optim import lr_scheduler",
        "rushlight.nn import *",
    ):
        exec(f"from {words}")
    from rushlight.nn import utils

    assert utils is nn.utils
    with pytest.raises(ImportError):
        exec("from rushlight import __nothing__")


def test_the_list_is_read_for_an_error_alone():
    code = """if True:
        import rushlight as torch
        from rushlight.core import absent
        for owner in (torch, torch.nn, torch.ones(2), torch.nn.ReLU()):
            assert not hasattr(owner, "export")
        assert not absent.names.cache_info().currsize
        import sys
        assert "difflib" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_protocols_are_not_disturbed():
    """What looks for special names finds that they are not there."""
    x, net = rushlight.ones(2, 1, requires_grad=True), Net()
    for owner in (x, net):
        assert type(copy.deepcopy(owner)) is type(owner) and type(copy.copy(owner)) is type(owner)
    assert pickle.loads(pickle.dumps(x.detach())).tolist() == [[1], [1]]
    assert np.asarray(x.detach()).tolist() == [[1], [1]]
    assert inspect.unwrap(F.relu) and inspect.getmembers(x.detach())
    error = said_error(x)
    assert type(pickle.loads(pickle.dumps(error))) is AttributeError
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == str(copy.copy(error))
    assert importlib.import_module("rushlight.nn.functional") is F

    class Sub(rushlight.Tensor):
        pass

    assert not hasattr(Sub([1.0]), "nothing_of_this_name")


def said_error(owner):
    with pytest.raises(AttributeError) as caught:
        owner.logcumsumexp  # noqa: B018
    return caught.value


def test_an_error_inside_a_property_is_its_own():
    class Odd(nn.Module):
        @property
        def size(self):
            return rushlight.zeroes(2)

    with pytest.raises(AttributeError, match="has no attribute 'size'"):
        Odd().size  # noqa: B018  as in PyTorch: a property that raises AttributeError looks absent


@pytest.mark.parametrize("place", MODULES)
def test_every_module_answers(place):
    """Each module whose names are listed says so itself."""
    owner = importlib.import_module(place.replace("torch", "rushlight", 1))
    missing = [name for name in sorted(absent.names()[place]) if not hasattr(owner, name)]
    for name in missing[:3]:
        assert said(owner, name)[1] == f"PyTorch has {place}.{name}, rushlight does not"


def test_every_instead_is_of_pytorch():
    names = {f"{place}.{name}" for place, found in absent.names().items() for name in found}
    assert [start for start in absent.INSTEAD if start not in names | absent.names().keys()] == []


def test_the_page_is_current():
    spec = importlib.util.spec_from_file_location("make_supported", DOCS / "make_supported.py")
    make_supported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_supported)
    assert make_supported.MODULES.keys() == absent.names().keys()
    page = (DOCS / "supported.md").read_text(encoding="utf-8")
    assert page == make_supported.page(), "run: python docs/make_supported.py"


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
def test_the_list_is_pytorchs(torch):
    tool = Path(__file__).parents[2] / "tools" / "list_pytorch_names.py"
    # In a process of its own: what tests have imported of PyTorch shows in its modules.
    code = (
        f"import sys; sys.path[:0] = [{str(tool.parent)!r}]; import {tool.stem}; sys.stdout.write({tool.stem}.text())"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == Path(absent.LIST).read_text(encoding="utf-8"), "run: python tools/list_pytorch_names.py"
