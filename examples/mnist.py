"""Train a convolutional network on handwritten digits, or on Fashion-MNIST, as the first script in PyTorch is written.

python examples/mnist.py                                # the digits of the package
python examples/mnist.py --data FOLDER --epochs 14      # MNIST or Fashion-MNIST: a folder with their four files
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.datasets import MNIST, Digits, FashionMNIST, Resize
from rushlight.optim.lr_scheduler import StepLR
from rushlight.utils.data import DataLoader, Dataset, Subset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)  # (batch, 1, 28, 28) → (batch, 32, 26, 26)
        self.conv2 = nn.Conv2d(32, 64, 3)  # → (batch, 64, 24, 24)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(64 * 12 * 12, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # → (batch, 64, 12, 12)
        x = torch.flatten(self.dropout1(x), 1)
        x = self.dropout2(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


def data(folder: Path | None, train: bool) -> Dataset:
    if folder is None:
        enlarge = Resize(28, 28)  # they are 8 × 8, and their brightness ends at 16
        return Digits(train=train, transform=lambda pixels: enlarge(pixels * 15))
    kind = FashionMNIST if "fashion" in folder.name.lower() else MNIST
    return kind(folder, train=train)


def train(model: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, epoch: int, every: int) -> None:
    model.train()
    for step, (images, labels) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        if step % every == 0:
            print(f"epoch {epoch}, {step * len(images):6d} images: loss {loss.item():.4f}")


@torch.no_grad()
def test(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    loss, right, count = 0.0, 0, 0
    for images, labels in loader:
        output = model(images)
        loss += F.nll_loss(output, labels, reduction="sum").item()
        right += (output.argmax(1) == labels).sum().item()
        count += len(labels)
    print(f"test: mean loss {loss / count:.4f}, {right} of {count} right ({right / count:.1%})")
    return right / count


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--gamma", type=float, default=0.7, help="by which the learning rate falls each epoch")
    parser.add_argument("--limit", type=int, help="train on so many images only")
    parser.add_argument("--every", type=int, default=10, help="steps between two lines")
    parser.add_argument("--save", type=Path, help="write the trained weights here; PyTorch loads them, too")
    given = parser.parse_args(arguments)

    torch.manual_seed(1)
    images = data(given.data, train=True)
    if given.limit is not None:
        images = Subset(images, range(min(given.limit, len(images))))
    loader = DataLoader(images, batch_size=given.batch_size, shuffle=True)
    held_out = DataLoader(data(given.data, train=False), batch_size=500)

    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=given.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=given.gamma)
    accuracy = 0.0
    for epoch in range(1, given.epochs + 1):
        train(model, loader, optimizer, epoch, given.every)
        accuracy = test(model, held_out)
        scheduler.step()
    if given.save is not None:
        torch.save(model.state_dict(), given.save)
    return accuracy


if __name__ == "__main__":
    main()
