"""Train the network of examples/fine_tune.py on the digits 0 to 4 with PyTorch, and save its state dict.

OMP_NUM_THREADS=1 python tools/make_pytorch_checkpoint.py      (needs torch==2.13.0)
"""

from pathlib import Path

import torch

from rushlight.datasets import Digits

TARGET = Path(__file__).resolve().parents[1] / "examples" / "pytorch_digits_0_to_4.pt"


def main() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 5),
    )
    digits = Digits(train=True)
    images = torch.from_numpy(digits.data.numpy()).float()[:, None] / 16
    labels = torch.from_numpy(digits.targets.numpy())
    images, labels = images[labels < 5], labels[labels < 5]
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(8):
        for batch in torch.randperm(len(labels)).split(32):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
    print(f"last loss {loss.item():.4f}")
    torch.save(net.state_dict(), TARGET)


if __name__ == "__main__":
    main()
