"""From a list of samples to a batch: tensors are stacked, numbers become tensors, containers keep their form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.core import dtypes
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import tensor
from rushlight.tensor.interchange import from_numpy
from rushlight.tensor.parts import stack


def default_collate(batch: Sequence) -> Any:
    """A batch of samples as one: each leaf gets a first axis for the sample.

    Raises TypeError for samples of other kinds, RuntimeError for sequences of different lengths.

    >>> import rushlight as torch
    >>> torch.utils.data.default_collate([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])
    {'x': tensor([1, 2]), 'y': ['a', 'b']}
    """
    sample = batch[0]
    if isinstance(sample, Tensor):
        return stack(batch)
    if isinstance(sample, (np.ndarray, np.generic)) and not isinstance(sample, (str, bytes)):
        return _collated_arrays(batch)
    if isinstance(sample, (bool, int)):
        return tensor(batch)
    if isinstance(sample, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(sample, (str, bytes)):
        return batch
    if isinstance(sample, (Mapping, Sequence)):
        return _collated_containers(batch)
    raise TypeError(_cannot_batch(type(sample)))


def _collated_arrays(batch: list) -> Tensor:
    sample = batch[0]
    if np.asarray(sample).dtype.kind in "SaUO":
        raise TypeError(_cannot_batch(np.asarray(sample).dtype))
    if np.ndim(sample) == 0:
        return tensor(np.array(batch))
    return stack([from_numpy(array) for array in batch])


def _cannot_batch(kind: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"


def _collated_containers(batch: list) -> Any:
    sample = batch[0]
    if isinstance(sample, Mapping):
        return _like(sample, {key: default_collate([entry[key] for entry in batch]) for key in sample})
    if any(len(entry) != len(sample) for entry in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    return _like_sequence(sample, [default_collate(column) for column in zip(*batch)])


def _like(sample: Mapping, entries: dict) -> Mapping:
    try:
        return type(sample)(entries)
    except TypeError:  # a mapping that is made otherwise
        return entries


def _like_sequence(sample: Sequence, columns: list) -> Sequence:
    if isinstance(sample, tuple):
        return type(sample)(*columns) if hasattr(sample, "_fields") else columns
    try:
        return type(sample)(columns)
    except TypeError:  # a sequence that is made otherwise, like range
        return columns


def default_convert(data: Any) -> Any:
    """A sample as it is, with its NumPy arrays as tensors: what a loader does that makes no batches."""
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if np.asarray(data).dtype.kind in "SaUO" else tensor(np.asarray(data))
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, (tuple, list)):
        return [default_convert(value) for value in data]
    return data
