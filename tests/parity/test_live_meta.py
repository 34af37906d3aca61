"""PyTorch's samples of operations on the meta device: what comes out looks like the CPU's and like PyTorch's."""

from __future__ import annotations

import pytest

import rushlight
from tests.parity.opinfo import Call, across, call, operations, samples, variants
from tests.parity.test_live_opinfo import NAMES

pytestmark = pytest.mark.live
# Views of more than a tensor shows, which is all that comes along; and those that ask for a number.
LEFT_OUT = {"as_strided", "linspace", "logspace"}


def on_meta(value):
    if isinstance(value, rushlight.Tensor) or hasattr(value, "untyped_storage"):
        return value.detach().to("meta")
    if isinstance(value, dict):
        return {key: on_meta(entry) for key, entry in value.items() if key != "device"}
    return type(value)(map(on_meta, value)) if type(value) in (tuple, list) else value


def looks(value):
    """Shape, dtype and strides of axes that have any, of a tensor of either."""
    if not hasattr(value, "stride"):
        return type(value)
    steps = [step for step, n in zip(value.stride(), value.shape) if n > 1] if value.numel() else []
    return tuple(value.shape), str(value.dtype), steps


def of_pytorch(torch, at):
    """How PyTorch's results look there; None where it has none."""
    try:
        with torch.device("meta"):
            return [looks(value) for value in call(torch, Call(at.path, on_meta(at.arguments), on_meta(at.keywords)))]
    except Exception:
        return None


def differences(torch, name, dtype):
    for info in operations().get(name, ()):
        if dtype not in info.supported_dtypes("cpu"):
            continue
        for sample in samples(info, dtype, False)[:12]:
            for path in variants(name, info):
                theirs = Call(path, (sample.input, *sample.args), sample.kwargs)
                try:
                    at = Call(path, across((sample.input, *sample.args), {}), across(sample.kwargs, {}))
                    wanted = [looks(value) for value in call(rushlight, at)]
                except Exception:
                    continue  # not taken here
                at = Call(path, on_meta(at.arguments), on_meta(at.keywords))
                try:
                    with rushlight.device("meta"):
                        found = [looks(value) for value in call(rushlight, at)]
                except (NotImplementedError, TypeError, RuntimeError) as error:
                    if not any(words in str(error) for words in DEPENDS):
                        yield f"{at}: {error}"
                    continue
                if found != wanted:
                    yield f"{at}: {found}, not {wanted}"
                elif found != (expected := of_pytorch(torch, theirs)) is not None:
                    yield f"{at}: {found}, not {expected} as in PyTorch"


DEPENDS = (
    "depends on numbers",
    "no data!",
    "cannot be called on meta tensors",
    "can't convert meta device type tensor",
)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LEFT_OUT])
def test_samples(torch, name):
    assert [*differences(torch, name, torch.float32), *differences(torch, name, torch.int64)] == []
