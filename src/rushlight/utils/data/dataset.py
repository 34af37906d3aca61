"""Datasets: numbered samples, and ways to cut and join them."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rushlight.core.errors import message
from rushlight.random.factories import randperm
from rushlight.tensor.core import Tensor

if TYPE_CHECKING:
    from rushlight.random.generator import Generator

T = TypeVar("T")


class Dataset(Generic[T]):
    """Samples by number: subclasses define `__getitem__` and usually `__len__`."""

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """Samples in a stream: subclasses define `__iter__` (TypeError for one that does not).

    Each worker of a DataLoader reads a copy: `get_worker_info()` says which part of the stream is its own.

    >>> import rushlight as torch
    >>> class Squares(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         worker = torch.utils.data.get_worker_info()
    ...         first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
    ...         return (number**2 for number in range(first, 5, step))
    >>> list(torch.utils.data.DataLoader(Squares(), batch_size=None))
    [0, 1, 4, 9, 16]
    """

    def __add__(self, other: Dataset) -> ChainDataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple]):
    """Sample i is entry i of each of the tensors; AssertionError where their lengths differ.

    >>> import rushlight as torch
    >>> torch.utils.data.TensorDataset(torch.arange(3), torch.arange(3) * 2)[1]
    (tensor(1), tensor(2))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensor.size(0) != tensors[0].size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")  # PyTorch's kind
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def collated(self, indices: list[int]) -> list[Tensor] | None:
        """Several samples as a batch, cut out of the tensors at once; None where a subclass reads otherwise."""
        if type(self).__getitem__ is not TensorDataset.__getitem__ or hasattr(self, "__getitems__"):
            return None
        return [tensor[indices] for tensor in self.tensors]


class StackDataset(Dataset[Any]):
    """Sample i is sample i of each dataset: a tuple of them, or a dict where they are given by name.

    Raises ValueError where there is none, some are named and some not, or their lengths differ.

    >>> import rushlight as torch
    >>> torch.utils.data.StackDataset(image=range(3), label="abc")[1]
    {'image': 1, 'label': 'b'}
    """

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both "
                "types are given."
            )
        self.datasets = args or kwargs
        lengths = {len(dataset) for dataset in self._parts}
        if not lengths:
            raise ValueError("At least one dataset should be passed")
        if len(lengths) > 1:
            raise ValueError("Size mismatch between datasets")
        (self._length,) = lengths

    @property
    def _parts(self) -> Iterable[Dataset]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _together(self, parts: Iterable) -> tuple | dict:
        return dict(zip(self.datasets, parts)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index: Any) -> tuple | dict:
        return self._together(dataset[index] for dataset in self._parts)

    def __getitems__(self, indices: list[int]) -> list[tuple | dict]:
        """Several samples at once."""
        columns = [fetch(dataset, indices) for dataset in self._parts]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}")
        return [self._together(row) for row in zip(*columns)]

    def __len__(self) -> int:
        return self._length


class Subset(Dataset[T]):
    """The samples of a dataset that `indices` name, in that order.

    A subclass with a `__getitem__` of its own defines `__getitems__`, too, which a loader asks (NotImplementedError).
    """

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        own = type(self)
        if own.__getitem__ is not Subset.__getitem__ and own.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                message(
                    f"{own.__name__} overrides __getitem__ but not __getitems__.",
                    "A loader asks a Subset for several samples at once, by __getitems__.",
                    fix="def __getitems__(self, indices): return [self[index] for index in indices]",
                )
            )

    def __getitem__(self, index: Any) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T]:
        """Several samples at once."""
        return fetch(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)

    def collated(self, indices: list[int]) -> list[Tensor] | None:
        """Several samples as a batch, where the dataset has a shorter way to one than sample by sample."""
        own = type(self)
        if own.__getitem__ is not Subset.__getitem__ or own.__getitems__ is not Subset.__getitems__:
            return None
        if not hasattr(self.dataset, "collated"):
            return None
        return self.dataset.collated([self.indices[index] for index in indices])


def fetch(dataset: Any, indices: list[int]) -> list:
    """Several samples, by `__getitems__` where the dataset has it."""
    if getattr(dataset, "__getitems__", None):
        return dataset.__getitems__(indices)
    return [dataset[index] for index in indices]


class ConcatDataset(Dataset[T]):
    """Datasets one after the other; ValueError for a number beyond the end, AssertionError for no dataset."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")  # PyTorch's kind
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> T:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[T]):
    """Streams one after the other; AssertionError, when it comes to its turn, for what is none."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T]:
        return itertools.chain.from_iterable(self._streams())

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._streams())

    def _streams(self) -> Iterator[IterableDataset]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")  # PyTorch's kind
            yield dataset


def random_split(
    dataset: Dataset[T], lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[T]]:
    """Cut a dataset at random into parts of these lengths, or of these shares where they are fractions of 1.

    Raises ValueError where the lengths do not sum to the dataset's.

    >>> import rushlight as torch
    >>> [len(part) for part in torch.utils.data.random_split(range(10), [0.7, 0.3])]
    [7, 3]
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _whole(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(sum(lengths), generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, lengths)]


def _whole(count: int, shares: Sequence[float]) -> list[int]:
    """Shares of `count` as whole numbers; what rounding leaves goes round from the first."""
    for index, share in enumerate(shares):
        if not 0 <= share <= 1:
            raise ValueError(f"Fraction at index {index} is not between 0 and 1")
    lengths = [math.floor(count * share) for share in shares]
    for left in range(count - sum(lengths)):
        lengths[left % len(lengths)] += 1
    for index, length in enumerate(lengths):
        if length == 0:
            warnings.warn(
                f"Length of split at index {index} is 0. This might result in an empty dataset.", stacklevel=3
            )
    return lengths
