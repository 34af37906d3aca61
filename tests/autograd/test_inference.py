"""Tensors made in inference mode stay out of what is recorded, and are not changed outside."""

import pytest

import rushlight as torch
import rushlight.nn.functional as F


@pytest.fixture
def made():
    with torch.inference_mode():
        return torch.ones(2, 2)


def test_which_tensors_are_of_inference(made):
    normal = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        assert (normal * 2).is_inference() and not (normal * 2).requires_grad
        assert not normal.detach().is_inference()
        with torch.enable_grad():
            assert not (normal * 2).requires_grad
        with torch.inference_mode(False):
            other = normal * 2
            assert other.requires_grad and not other.is_inference()
    for view in (made[0], made.view(4), made.detach(), made.T, made.unbind()[0]):
        assert view.is_inference()
    assert not made.clone().is_inference() and not (made + 1).is_inference() and not normal.is_inference()


SAVING = [
    lambda w, x: w * x,
    lambda w, x: w / x,
    lambda w, x: w**x,
    lambda w, x: w @ x,
    lambda w, x: w * x[0],
    lambda w, x: F.linear(x, w),
    lambda w, x: F.conv1d(x[None], w[None]),
    lambda w, x: (w * 1).mul_(x),
]


@pytest.mark.parametrize("operation", SAVING)
def test_saving_one_for_a_gradient_is_refused(operation, made):
    w = torch.ones(2, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        operation(w, made)
    operation(w, made.clone()).sum().backward()
    with torch.no_grad():
        operation(w, made)


def test_one_that_is_not_saved_may_be_used(made):
    w = torch.ones(2, 2, requires_grad=True)
    (w + made).sum().backward()
    assert w.grad.tolist() == made.tolist()
    torch.nn.Linear(2, 2).requires_grad_(False)(made)


CHANGES = [
    lambda x: x.add_(1),
    lambda x: x.__setitem__(0, 1),
    lambda x: x[0].add_(1),
    lambda x: x.view(4).mul_(2),
    lambda x: x.T.zero_(),
    lambda x: x.fill_(1),
    lambda x: x.relu_(),
    lambda x: x.uniform_(),
    lambda x: x.clamp_(0, 1),
    lambda x: torch.add(x, x, out=x),
    lambda x: torch.nn.init.ones_(x),
    lambda x: F.relu(x, inplace=True),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changing_one_outside_is_refused(change, made):
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode"):
        change(made)
    with torch.no_grad(), pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        change(made)
    assert made.tolist() == [[1, 1], [1, 1]]
    with torch.inference_mode():
        change(made)
    change(made.clone())


def test_one_takes_no_gradient_outside(made):
    for call in (lambda: made.requires_grad_(), lambda: torch.nn.Parameter(made)):
        with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
            call()
    with torch.inference_mode():
        layer = torch.nn.Linear(2, 2)
    assert layer.weight.requires_grad and layer.weight.is_inference()


def test_normal_tensors_change_in_inference_mode():
    x = torch.zeros(2)
    with torch.inference_mode():
        x.add_(1)
        torch.nn.BatchNorm1d(2)(torch.ones(3, 2))
    x.add_(1)
    assert x.tolist() == [2, 2] and not x.is_inference()
