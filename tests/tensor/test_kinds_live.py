"""What operations do with bools, scalars and tensors of inference mode, beside PyTorch."""

import pytest

import rushlight

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.live

EXPRESSIONS = """
torch.unflatten(torch.tensor(1.), 0, (1,)); F.glu(torch.tensor(1.)); torch.tensor([True, False, True]).median()
torch.median(torch.tensor([True, False]), 0); torch.topk(torch.tensor([True, False]), 1)
torch.tensor([True, False]).bincount(); torch.arange(3, dtype=torch.bool)
torch.ones(2, dtype=torch.bool) @ torch.ones(2, dtype=torch.bool)
torch.ones(2, 2, dtype=torch.bool) @ torch.ones(2, dtype=torch.bool)
torch.ones(2, dtype=torch.bool) @ torch.ones(2, 2, dtype=torch.bool)
torch.ones(2, 2, dtype=torch.bool) @ torch.ones(2, 2, dtype=torch.bool)
torch.ones(1, 2, 2, dtype=torch.bool) @ torch.ones(1, 2, 2, dtype=torch.bool)
torch.ones(3, 1, 2, 2, dtype=torch.bool) @ torch.ones(2, 2, dtype=torch.bool)
torch.dot(torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.bool))
torch.outer(torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.bool))
torch.tensor([True, False]).sort()[0]; torch.cumsum(torch.tensor([True, False]), 0)
torch.tensor([True, False]).sum(); torch.tensor([True, False]).prod(); torch.tensor([True, False]).mean()
torch.tensor([1, 2]).std(); torch.tensor([True, False]).max(); torch.tensor([True, False]).argmax()
torch.tensor([True, False]).norm(); torch.tensor([1, 2]).logsumexp(0); torch.tensor([True, False]).softmax(0)
torch.tensor([True, False]) - torch.tensor([True, True]); -torch.tensor([True]); torch.tensor([True]).abs()
torch.tensor([True]).clamp(0, 1); F.relu(torch.tensor([True])); F.gelu(torch.tensor([1])); F.elu(torch.tensor([-1]))
torch.tensor([True]) ** 2; torch.tensor([2]) ** -1; torch.tensor([True]) // torch.tensor([True])
torch.tensor([1.]).lerp(torch.tensor([1]), 1); torch.linspace(0, 1, 3, dtype=torch.int64); torch.full((2,), True)
torch.tensor([1, 0], dtype=torch.uint8).all(); torch.tensor([1, 2]).float().dot(torch.tensor([1, 2]))
""".replace("\n", ";").split(";")
IN_PLACE = [
    "t_()", "squeeze_()", "squeeze_(0)", "unsqueeze_(0)", "transpose_(0, 1)", "detach_()", "add_(1)", "zero_()",
    "fill_(1)", "relu_()", "clamp_(0)", "normal_()", "uniform_()", "mul_(2)", "exponential_()", "bernoulli_()",
    "random_()", "t().zero_()", "view(4).zero_()", "__setitem__(0, 1)",
]  # fmt: skip


def outcome(library, expression, **names):
    """The result's dtype and value, or the kind of error."""
    try:
        found = eval(expression, {"torch": library, "F": library.nn.functional, **names})
    except Exception as error:
        return type(error)
    return str(found.dtype).rpartition(".")[2], found.tolist()


@pytest.mark.parametrize("expression", [text.strip() for text in EXPRESSIONS if text.strip()])
def test_as_pytorch(expression):
    assert outcome(rushlight, expression) == outcome(torch, expression)


@pytest.mark.parametrize("call", IN_PLACE)
def test_tensors_of_inference_mode_are_not_changed_outside(call):
    found = []
    for library in (rushlight, torch):
        with library.inference_mode():
            x = library.ones(2, 2)
        found.append(outcome(library, f"x.{call}", x=x))
    assert found[0] == found[1] or (isinstance(found[0], tuple) and isinstance(found[1], tuple))
