"""From what a sampler yields to a batch.

In: a dataset and how its samples become batches. Out: a function from numbers to a batch, for the loader itself or for
each of its workers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from rushlight.utils.data.collate import default_collate
from rushlight.utils.data.dataset import fetch


class Fetching(NamedTuple):
    """A dataset, and how its samples become batches."""

    dataset: Any
    collate: Callable[[Any], Any]
    stream: bool  # iterated over, not asked for numbers
    batched: bool  # the sampler yields lists of numbers
    drop_last: bool

    def start(self) -> Callable[[Any], Any]:
        """A function from what the sampler yields to a batch. That of a stream raises StopIteration at its end."""
        if self.stream:
            return _Stream(iter(self.dataset), self.collate, self.batched, self.drop_last)
        if not self.batched:
            return partial(_one, self.dataset, self.collate)
        if self.collate is default_collate and hasattr(self.dataset, "collated"):
            return partial(_cut, self.dataset)
        return partial(_several, self.dataset, self.collate)


def _one(dataset: Any, collate: Callable, index: Any) -> Any:
    return collate(dataset[index])


def _several(dataset: Any, collate: Callable, indices: list) -> Any:
    return collate(fetch(dataset, indices))


def _cut(dataset: Any, indices: list) -> Any:
    batch = dataset.collated(indices)  # the same batch without a tensor for each sample
    return default_collate(fetch(dataset, indices)) if batch is None else batch


class _Stream:
    """The batches of a stream; when it has ended it is not asked again."""

    def __init__(self, samples: Iterator, collate: Callable, batched: bool, drop_last: bool) -> None:
        self.samples, self.collate, self.batched, self.drop_last = samples, collate, batched, drop_last
        self.ended = False

    def __call__(self, indices: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate(next(self.samples))
        batch = list(itertools.islice(self.samples, len(indices)))
        self.ended = len(batch) < len(indices)
        if not batch or (self.ended and self.drop_last):
            raise StopIteration
        return self.collate(batch)
