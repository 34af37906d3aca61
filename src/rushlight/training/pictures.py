"""The result of a training as pictures: history and images come in, PNG files go out (matplotlib, extra `train`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN, TEST, FAINT, INK = "#1f5fa8", "#d1662a", "#b9cfe6", "#2b2b2b"
MOST_PICTURES, COLUMNS = 30, 10


def loss_curve(path: Path, history: Sequence[dict], title: str) -> None:
    """Loss of each step and epoch, of the test images, and the test accuracy below."""
    figure = _figure(7.2, 5.6)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_losses(top, history)
    top.set_title(title, color=INK)
    _draw_accuracy(bottom, [100 * entry["accuracy"] for entry in history])
    for axes in (top, bottom):
        _plain(axes)
    figure.savefig(path)


def _draw_losses(axes: Axes, history: Sequence[dict]) -> None:
    steps = np.concatenate([entry["losses"] for entry in history])
    position = np.arange(1, len(steps) + 1) * len(history) / max(1, len(steps))
    epochs = np.arange(1, len(history) + 1)
    means = [np.mean(entry["losses"]) for entry in history]
    axes.plot(position, steps, color=FAINT, lw=0.8, label="training, a step")
    axes.plot(epochs, means, "o-", color=TRAIN, ms=3.5, label="training, mean of an epoch")
    tests = [entry["test_loss"] for entry in history]
    axes.plot(epochs, tests, "o-", color=TEST, ms=3.5, label="test images")
    finite = [loss for loss in means + tests if np.isfinite(loss)]
    lowest = max(min(finite, default=1.0) / 5, 1e-6)  # single steps may fall out of the picture
    axes.set(ylabel="cross-entropy loss", yscale="log", ylim=(lowest, None))
    axes.yaxis.set_major_formatter("{x:g}")  # 0.1 where the default writes a power of ten
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.legend(frameon=False)


def _draw_accuracy(axes: Axes, percent: Sequence[float]) -> None:
    epochs = np.arange(1, len(percent) + 1)
    axes.plot(epochs, percent, "o-", color=TEST, ms=3.5)
    last = (epochs[-1], percent[-1])
    axes.annotate(f"{percent[-1]:.1f}%", last, (0, -14), textcoords="offset points", ha="right")
    axes.set(xlabel="epoch", ylabel="test accuracy (%)", xlim=(0, len(percent) + 0.3))
    axes.xaxis.get_major_locator().set_params(integer=True)


def misclassified(
    path: Path, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]
) -> None:
    """The images (…, height, width) that the network gets wrong, each with its class and what it was taken for."""
    wrong = np.flatnonzero(labels != predicted)
    shown = wrong[:MOST_PICTURES]
    columns = max(1, min(COLUMNS, len(shown)))
    rows = -(-len(shown) // columns)
    figure = _figure(max(5.6, 1.15 * columns), 1.5 * rows + 0.5)
    figure.suptitle(_headline(len(wrong), len(shown), len(labels)), color=INK, fontsize=11)
    for number, axes in enumerate(figure.subplots(max(1, rows), columns, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(shown):
            index = shown[number]
            _picture(axes, images[index], f"{classes[labels[index]]}\n→ {classes[predicted[index]]}")
    figure.savefig(path)


def _picture(axes: Axes, image: np.ndarray, caption: str) -> None:
    axes.set_axis_on()
    axes.imshow(image.reshape(image.shape[-2:]), cmap="gray_r", interpolation="nearest")
    axes.set(xticks=(), yticks=())
    axes.spines[:].set_color("#cccccc")
    axes.set_title(caption, fontsize=8, color=INK)


def _headline(wrong: int, shown: int, total: int) -> str:
    if wrong == 0:
        return f"All {total} test images are classified correctly"
    some = f", the first {shown}" if shown < wrong else ""
    return f"{wrong} of {total} test images misclassified{some}   (class → taken for)"


def _figure(width: float, height: float) -> Figure:
    # Figure and canvas directly, not pyplot: no display, and no global state in a program that imports us.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
