"""Take a network that PyTorch has trained, give it a new head, and go on training without PyTorch.

`pytorch_digits_0_to_4.pt` is a state dict that `torch.save` wrote (tools/make_pytorch_checkpoint.py made it): a
network that knows the digits 0 to 4. Here it learns the other five, keeping its convolutions.

python examples/fine_tune.py
"""

from pathlib import Path

import rushlight as torch
from rushlight import nn
from rushlight.datasets import Digits
from rushlight.utils.data import DataLoader

CHECKPOINT = Path(__file__).with_name("pytorch_digits_0_to_4.pt")


def network(classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, classes),
    )


def main(epochs: int = 4) -> float:
    torch.manual_seed(0)
    net = network(classes=5)
    net.load_state_dict(torch.load(CHECKPOINT))
    test = DataLoader(Digits(train=False), batch_size=512)
    print(f"as PyTorch left it: {accuracy(net, test):.1%} of the ten digits")

    net[-1] = nn.Linear(256, 10)
    for parameter in net[0].parameters():
        parameter.requires_grad_(False)  # the first layer stays as it is
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=2e-3)
    for epoch in range(1, epochs + 1):
        for images, labels in DataLoader(Digits(train=True), batch_size=32, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images), labels).backward()
            optimizer.step()
        print(f"epoch {epoch}: {accuracy(net, test):.1%}")
    return accuracy(net, test)


def accuracy(net: nn.Module, batches: DataLoader) -> float:
    with torch.no_grad():
        right = [(net(images).argmax(1) == labels).float() for images, labels in batches]
    return torch.cat(right).mean().item()


if __name__ == "__main__":
    main()
