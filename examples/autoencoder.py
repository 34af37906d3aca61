"""An autoencoder: strided convolutions squeeze a digit into 8 numbers, transposed ones draw it again.

python examples/autoencoder.py
"""

import rushlight as torch
from rushlight import nn
from rushlight.datasets import Digits
from rushlight.utils.data import DataLoader

SHADES = " ·:-=+*#%@"


def network() -> nn.Sequential:
    encoder = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),  # (batch, 1, 8, 8) → (batch, 16, 4, 4)
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),  # → (batch, 32, 2, 2)
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 8),
    )
    decoder = nn.Sequential(
        nn.Linear(8, 128),
        nn.ReLU(),
        nn.Unflatten(1, (32, 2, 2)),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),  # → (batch, 16, 4, 4)
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),  # → (batch, 1, 8, 8)
        nn.Sigmoid(),
    )
    return nn.Sequential(encoder, decoder)


def main(epochs: int = 15) -> float:
    torch.manual_seed(0)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    images = torch.stack([image for image, _ in Digits(train=False)])
    for epoch in range(1, epochs + 1):
        for batch, _ in DataLoader(Digits(train=True), batch_size=32, shuffle=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(batch), batch).backward()
            optimizer.step()
        with torch.no_grad():
            redrawn = net(images)
        loss = nn.functional.mse_loss(redrawn, images).item()
        print(f"epoch {epoch}: mean squared error of the test images {loss:.4f}")
    show(images[:8], redrawn[:8])
    return loss


def show(originals: torch.Tensor, redrawn: torch.Tensor) -> None:
    """Digits as text, the originals above."""
    for images in (originals, redrawn):
        for row in (images[:, 0] * (len(SHADES) - 1)).round().long().permute(1, 0, 2).tolist():
            print("  ".join("".join(2 * SHADES[shade] for shade in line) for line in row).rstrip())
        print()


if __name__ == "__main__":
    main()
