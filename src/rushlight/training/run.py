"""One training: the parts come in (images, settings), an epoch at a time happens, and its whole state can be kept.

The state holds everything that decides the next number: weights, optimiser, both random generators (weights and
order of the images), and the history. A training that goes on from it computes what it would have computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import rushlight as torch
from rushlight import nn, optim
from rushlight.core.errors import message
from rushlight.training.model import build
from rushlight.training.sources import Source
from rushlight.utils.data import DataLoader

EVALUATION_BATCH = 256
FORMAT = 1


class Settings(NamedTuple):
    """What decides the numbers, beside the images."""

    batch_size: int
    lr: float
    seed: int


class Evaluation(NamedTuple):
    """How the network does on the test images."""

    loss: float
    labels: np.ndarray  # (images,) true classes
    predicted: np.ndarray  # (images,) the network's

    @property
    def correct(self) -> int:
        """How many images it gets right."""
        return int((self.labels == self.predicted).sum())

    @property
    def accuracy(self) -> float:
        """The share that it gets right, 0 to 1."""
        return self.correct / max(1, len(self.labels))


class Run:
    """A training in progress. `history` has one dict an epoch: `losses` (one a step), `test_loss`, `accuracy`."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source, self.settings = source, settings
        torch.manual_seed(settings.seed)
        self.model = build(source.size, len(source.classes))
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.order = torch.Generator().manual_seed(settings.seed)
        self.batches = DataLoader(source.train, settings.batch_size, shuffle=True, generator=self.order)
        self.loss = nn.CrossEntropyLoss()
        self.history: list[dict] = []

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    def train_epoch(self) -> Iterator[float]:
        """Train on every image once; yields the loss of each step, and in the end adds to the history."""
        self.model.train()
        losses = []
        for images, labels in self.batches:
            losses.append(self._step(images, labels))
            yield losses[-1]
        evaluation = self.evaluate()
        self.history.append({"losses": losses, "test_loss": evaluation.loss, "accuracy": evaluation.accuracy})

    def _step(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self) -> Evaluation:
        """Run the network over the test images."""
        self.model.eval()
        total, labels, predicted = 0.0, [], []
        with torch.no_grad():
            for images, truth in DataLoader(self.source.test, EVALUATION_BATCH):
                scores = self.model(images)
                total += self.loss(scores, truth).item() * len(truth)
                labels += truth.tolist()
                predicted += scores.argmax(1).tolist()
        return Evaluation(total / max(1, len(labels)), np.array(labels, dtype=int), np.array(predicted, dtype=int))

    def state(self) -> dict:
        """Everything that the next epoch depends on, for `rushlight.save`."""
        return {
            "format": FORMAT,
            "settings": self.settings._asdict(),
            "fingerprint": self._fingerprint(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "order": self.order.get_state(),
            "history": self.history,
        }

    def restore(self, state: dict) -> None:
        """Continue from a state. ValueError where it belongs to another training, then nothing has changed."""
        self._check_same(check_state(state))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.order.set_state(state["order"])
        self.history = state["history"]

    def _check_same(self, state: dict) -> None:
        for name, value in self.settings._asdict().items():
            kept = state["settings"][name]
            if kept != value:
                raise ValueError(
                    message(f"the kept training has {name} {kept}, this one {value}", fix=f"leave {name} out")
                )
        if state["fingerprint"] != self._fingerprint():
            raise ValueError(message("the kept training used other images", fix="the same --data and --limit"))

    def _fingerprint(self) -> str:
        return f"{self.source.fingerprint:08x} {len(self.source.train)} {len(self.source.test)}"


def check_state(state: object) -> dict:
    """The state as it is, if it is one; ValueError otherwise."""
    parts = ("settings", "fingerprint", "model", "optimizer", "random", "order", "history")
    if not isinstance(state, dict) or state.get("format") != FORMAT or not state.keys() >= set(parts):
        raise ValueError(message("not the state of a training", fix="a checkpoint.pt of rushlight train"))
    return state
