"""Train a small convolutional network on handwritten digits: the lines are PyTorch's, the import is not.

python examples/lenet_digits.py
"""

import rushlight as torch
from rushlight import nn
from rushlight.datasets import Digits
from rushlight.utils.data import DataLoader


def main(epochs: int = 6) -> float:
    torch.manual_seed(0)
    train = DataLoader(Digits(train=True), batch_size=32, shuffle=True)
    test = DataLoader(Digits(train=False), batch_size=512)

    net = nn.Sequential(
        nn.LazyConv2d(12, kernel_size=3, padding=1),  # (batch, 1, 8, 8) → (batch, 12, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # → (batch, 12, 4, 4)
        nn.LazyConv2d(24, kernel_size=3, padding=1),  # → (batch, 24, 4, 4)
        nn.ReLU(),
        nn.Flatten(),  # → (batch, 384)
        nn.LazyLinear(10),
    )
    net(next(iter(train))[0])  # the first call fixes the shapes
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(1, epochs + 1):
        for images, labels in train:
            optimizer.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: test accuracy {accuracy(net, test):.1%}")
    return accuracy(net, test)


def accuracy(net: nn.Module, batches: DataLoader) -> float:
    with torch.no_grad():
        right = [(net(images).argmax(1) == labels).float() for images, labels in batches]
    return torch.cat(right).mean().item()


if __name__ == "__main__":
    main()
