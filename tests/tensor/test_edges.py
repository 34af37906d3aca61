"""0-dim and empty tensors where OpInfo has no samples: what PyTorch gives, or refuses."""

import pytest

import rushlight as torch

Z = torch.tensor(2.5)


def test_a_0_dim_tensor_keeps_its_value():
    for found in (Z.flip(0), Z.movedim(0, 0), Z.cumsum(0), Z.take_along_dim(torch.tensor(0))):
        assert found.reshape(()).item() == 2.5
    assert torch.tensordot(Z, Z, 0).item() == 6.25
    assert torch.empty(0).logsumexp(0).item() == -float("inf")


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: Z.roll(1, 0), IndexError),
        (lambda: Z.split(1), RuntimeError),
        (lambda: Z.chunk(2), RuntimeError),
        (lambda: Z.tensor_split(1), RuntimeError),
        (lambda: Z.take_along_dim(torch.tensor(0), 0), IndexError),
        (lambda: Z.index_add(0, torch.tensor([0]), torch.ones(1)), RuntimeError),
        (lambda: torch.ones(3).tensor_split(torch.tensor(2.0)), RuntimeError),
        (lambda: torch.empty(0, 3).unique(dim=1), RuntimeError),
        (lambda: torch.lerp(torch.ones(2), torch.ones(2).double(), 0.5), RuntimeError),
        (lambda: torch.addcdiv(*[torch.ones(2).int()] * 3), RuntimeError),
    ],
)
def test_what_is_refused(call, kind):
    with pytest.raises(kind):
        call()
