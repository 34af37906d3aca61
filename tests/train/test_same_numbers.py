"""The same script with the same seed gives the same losses under PyTorch and under Rushlight."""

import pytest

import rushlight
from rushlight.datasets import Digits
from tests.random.sequences import elsewhere


def losses(torch, dropped, steps=25):
    """Weights, order and dropout from one seed; nothing here knows which library it runs on."""
    torch.manual_seed(11)
    digits = Digits()
    images = torch.tensor(digits.data.tolist(), dtype=torch.float32)[:, None] / 16
    data = torch.utils.data.TensorDataset(images, torch.tensor(digits.targets.tolist()))
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding="same"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1, groups=2, padding_mode="circular"),
        torch.nn.Tanh(),
        torch.nn.ConvTranspose2d(16, 4, 2, stride=2),
        torch.nn.Flatten(),
        torch.nn.Dropout(dropped),
        torch.nn.Linear(256, 10),
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    found = []
    for batch, labels in torch.utils.data.DataLoader(data, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(batch), labels)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
        if len(found) == steps:
            return found


@pytest.mark.live
def test_losses_equal_pytorchs(torch):
    dropped = 0.0 if elsewhere(torch) else 0.2
    assert losses(rushlight, dropped) == pytest.approx(losses(torch, dropped), rel=1e-4)
