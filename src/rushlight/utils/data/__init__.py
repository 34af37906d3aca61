"""Data on its way to a network: datasets, the order in which they are read, and the loader that makes batches.

In: anything with `__getitem__` and `__len__`, or an iterable. Out: batches of tensors.
"""

# ruff: noqa: F401  (this file only shows what the others define)

from rushlight.core import absent as _absent
from rushlight.utils.data.collate import default_collate, default_convert
from rushlight.utils.data.dataloader import DataLoader
from rushlight.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from rushlight.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from rushlight.utils.data.workers import get_worker_info

__getattr__ = _absent.getter(__name__)
