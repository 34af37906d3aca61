"""The network of the main job: an image's size and the number of classes come in, a LeNet-like module goes out."""

from __future__ import annotations

from rushlight import nn

CHANNELS = (16, 32)
HIDDEN = 64


def build(size: tuple[int, int], classes: int) -> nn.Sequential:
    """Two convolutions of 3×3 taps and two linear layers; images of 16 pixels and more are halved twice, else once.

    >>> build((28, 28), 10)[0]
    Conv2d(1, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """
    layers: list[nn.Module] = [nn.Conv2d(1, CHANNELS[0], 3, padding=1), nn.ReLU()]
    if min(size) >= 16:
        layers.append(nn.MaxPool2d(2))
        size = (size[0] // 2, size[1] // 2)
    layers += [nn.Conv2d(*CHANNELS, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    features = CHANNELS[1] * (size[0] // 2) * (size[1] // 2)
    return nn.Sequential(*layers, nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))
