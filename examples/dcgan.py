"""Two networks learn from each other to draw digits: one draws, the other tells drawings from images (DCGAN).

python examples/dcgan.py                                # the digits of the package
python examples/dcgan.py --data FOLDER --steps 2000     # MNIST or Fashion-MNIST: a folder with their four files

What is drawn after every `--every` steps is written to `dcgan.pgm`, a picture that most viewers show.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import rushlight as torch
from rushlight import nn, optim
from rushlight.datasets import MNIST, Digits, FashionMNIST, Resize
from rushlight.utils.data import DataLoader

LATENT = 64
WIDTH = 32


def generator() -> nn.Sequential:
    """(batch, LATENT, 1, 1) → (batch, 1, 32, 32), from −1 to 1."""
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, 4 * WIDTH, 4, bias=False),  # → 4 × 4
        nn.BatchNorm2d(4 * WIDTH),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 4, stride=2, padding=1, bias=False),  # → 8 × 8
        nn.BatchNorm2d(2 * WIDTH),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, stride=2, padding=1, bias=False),  # → 16 × 16
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(WIDTH, 1, 4, stride=2, padding=1, bias=False),  # → 32 × 32
        nn.Tanh(),
    )


def discriminator() -> nn.Sequential:
    """(batch, 1, 32, 32) → (batch): how likely each is an image of the data."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, stride=2, padding=1, bias=False),  # → 16 × 16
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1, bias=False),  # → 8 × 8
        nn.BatchNorm2d(2 * WIDTH),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * WIDTH, 4 * WIDTH, 4, stride=2, padding=1, bias=False),  # → 4 × 4
        nn.BatchNorm2d(4 * WIDTH),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(4 * WIDTH, 1, 4, bias=False),  # → 1 × 1
        nn.Flatten(0),
        nn.Sigmoid(),
    )


def first_weights(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def batches(folder: Path | None, size: int) -> Iterator[torch.Tensor]:
    """Images from −1 to 1, over and over."""
    enlarge = Resize(32, 32)
    if folder is None:
        data = Digits(train=True, transform=lambda pixels: enlarge(pixels * 15))  # their brightness ends at 16
    else:
        kind = FashionMNIST if "fashion" in folder.name.lower() else MNIST
        data = kind(folder, train=True, transform=enlarge)
    loader = DataLoader(data, batch_size=size, shuffle=True, drop_last=True)
    while True:
        for images, _ in loader:
            yield images * 2 - 1


def picture(images: torch.Tensor, path: Path) -> None:
    """Eight images a row, as a picture of bytes."""
    rows = (images[: len(images) // 8 * 8] + 1).mul(127.5).round().to(torch.uint8).view(-1, 8, 32, 32)
    grid = rows.permute(0, 2, 1, 3).reshape(-1, 8 * 32)
    path.write_bytes(b"P5 %d %d 255\n" % (grid.shape[1], grid.shape[0]) + grid.numpy().tobytes())


def main(arguments: Sequence[str] | None = None) -> tuple[float, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--lr", type=float, default=0.0002)
    parser.add_argument("--every", type=int, default=50, help="steps between two lines and pictures")
    parser.add_argument("--out", type=Path, default=Path("dcgan.pgm"))
    given = parser.parse_args(arguments)

    torch.manual_seed(999)
    draw, tell = generator().apply(first_weights), discriminator().apply(first_weights)
    criterion = nn.BCELoss()
    draws = optim.Adam(draw.parameters(), lr=given.lr, betas=(0.5, 0.999))
    tells = optim.Adam(tell.parameters(), lr=given.lr, betas=(0.5, 0.999))
    same_noise = torch.randn(64, LATENT, 1, 1)
    ones, zeros = torch.ones(given.batch_size), torch.zeros(given.batch_size)

    for step, images in zip(range(1, given.steps + 1), batches(given.data, given.batch_size)):
        # The one that tells: images are to be 1, drawings 0.
        tells.zero_grad()
        drawn = draw(torch.randn(given.batch_size, LATENT, 1, 1))
        loss_of_tell = criterion(tell(images), ones) + criterion(tell(drawn.detach()), zeros)
        loss_of_tell.backward()
        tells.step()
        # The one that draws: its drawings are to be taken for images.
        draws.zero_grad()
        loss_of_draw = criterion(tell(drawn), ones)
        loss_of_draw.backward()
        draws.step()
        if step % given.every == 0 or step == given.steps:
            print(f"step {step}: telling {loss_of_tell.item():.4f}, drawing {loss_of_draw.item():.4f}")
            with torch.no_grad():
                picture(draw(same_noise), given.out)
    return loss_of_tell.item(), loss_of_draw.item()


if __name__ == "__main__":
    main()
