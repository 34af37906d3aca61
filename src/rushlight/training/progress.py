"""What is printed while a training runs: losses come in, a bar (where a person looks on) and a line an epoch go out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator


class Progress:
    """Prints one line an epoch; on a terminal, with tqdm installed, a bar for the steps of the running one."""

    def __init__(self, epochs: int, steps: int) -> None:
        self.epochs, self.steps = epochs, steps
        self._bar = _bar_class() if sys.stderr.isatty() else None

    def follow(self, epoch: int, losses: Iterable[float]) -> Iterator[float]:
        """Hand the losses through, showing how far the epoch is."""
        if self._bar is None:
            yield from losses
            return
        with self._bar(total=self.steps, desc=self._name(epoch), unit="step", leave=False) as bar:
            for loss in losses:
                bar.update()
                bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
                yield loss

    def epoch_done(self, epoch: int, entry: dict, started: float) -> None:
        """The line of a finished epoch."""
        mean = sum(entry["losses"]) / max(1, len(entry["losses"]))
        print(
            f"{self._name(epoch)}   loss {mean:.4f}   test loss {entry['test_loss']:.4f}   "
            f"test accuracy {entry['accuracy']:6.1%}   {time.perf_counter() - started:5.1f} s",
            flush=True,
        )

    def _name(self, epoch: int) -> str:
        width = len(str(self.epochs))
        return f"epoch {epoch:{width}}/{self.epochs}"


def _bar_class() -> type | None:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
