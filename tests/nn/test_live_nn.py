"""Layers, functions, errors and warnings against PyTorch while it runs; the texts are in `programs`."""

import numpy as np
import pytest

import rushlight
from tests.nn import programs
from tests.nn.sides import assert_same, outcome, plain, run

pytestmark = pytest.mark.live


@pytest.mark.parametrize("text", programs.lines(programs.LAYERS))
def test_first_weights_names_and_repr(torch, text):
    sides = [run(library, f"torch.manual_seed(3); nn.{text}") for library in (rushlight, torch)]
    ours, theirs = sides
    assert repr(ours) == repr(theirs)
    assert_same(plain(ours.state_dict()), plain(theirs.state_dict()), 0, text)
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata


@pytest.mark.parametrize("text", programs.lines(programs.REPRS))
def test_repr(torch, text):
    assert repr(run(rushlight, f"nn.{text}")) == repr(run(torch, f"nn.{text}"))


def _derivatives(library, text, arrays, constants):
    """The value, the gradients by x, y and w, and the gradients of a function of these."""
    inputs = {name: library.tensor(array).requires_grad_() for name, array in arrays.items()}
    given = {name: library.tensor(array) for name, array in constants.items()}
    library.manual_seed(1)
    value = eval(text, {"F": library.nn.functional, "torch": library, **inputs, **given})
    leaves = list(inputs.values())
    factor = library.tensor(np.cos(np.arange(value.numel())).reshape(tuple(value.shape)))
    first = library.autograd.grad((value * factor).sum(), leaves, create_graph=True, allow_unused=True)
    total = sum((g * g * 0.5).sum() for g in first if g is not None)
    second = (None,) * len(leaves)
    if hasattr(total, "requires_grad") and total.requires_grad:
        try:
            second = library.autograd.grad(total, leaves, allow_unused=True)
        except RuntimeError as error:
            assert "is not implemented" in str(error)  # PyTorch has no second gradient of some
            second = None
    return value, first, second


@pytest.mark.parametrize("text", programs.lines(programs.FUNCTIONS))
def test_function_with_first_and_second_gradients(torch, text):
    draw = np.random.RandomState(0)
    arrays = {"x": draw.randn(3, 6, 4, 5), "y": draw.randn(3, 6, 4, 5), "w": draw.rand(6) + 0.5}
    constants = {"t": draw.randint(0, 6, (3, 4, 5)), "c": draw.rand(6) + 0.5}
    ours, theirs = (_derivatives(library, text, arrays, constants) for library in (rushlight, torch))
    for name, mine, reference in zip(("value", "first", "second"), ours, theirs):
        if reference is None:
            continue
        mine, reference = ([tensors] if hasattr(tensors, "detach") else list(tensors) for tensors in (mine, reference))
        for a, b in zip(mine, reference):
            # Where one library says None the other may say zeros.
            b = np.zeros(()) if b is None else plain(b)
            a = np.zeros(()) if a is None else plain(a)
            np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=1e-9, atol=1e-11, err_msg=f"{text} {name}")


@pytest.mark.parametrize("text", programs.lines(programs.VALUES))
def test_value(torch, text):
    text = f"torch.manual_seed(0); {text}"
    assert_same(plain(run(rushlight, text)), plain(run(torch, text)), 1e-6, text)


@pytest.mark.parametrize("text", programs.lines(programs.FAILURES))
def test_failure(torch, text):
    kind, sentence, _ = outcome(rushlight, text)
    expected_kind, expected, _ = outcome(torch, text)
    assert expected_kind != "value", f"PyTorch accepts this: {expected}"
    assert kind == expected_kind, sentence
    assert sentence.split(",")[0].split("<")[0][:60] == expected.split(",")[0].split("<")[0][:60]


@pytest.mark.parametrize("text", programs.lines(programs.OTHERWISE_WORDED))
def test_kind_of_failure(torch, text):
    assert outcome(rushlight, text)[0] == outcome(torch, text)[0] != "value"


@pytest.mark.parametrize("text", programs.lines(programs.WARNINGS))
def test_warning(torch, text):
    ours, theirs = outcome(rushlight, text), outcome(torch, text)
    assert ours[:2] == theirs[:2]
    assert len(theirs[2]) == len(ours[2]) and all(b.startswith(a[:60]) for a, b in zip(ours[2], theirs[2])), ours[2]
