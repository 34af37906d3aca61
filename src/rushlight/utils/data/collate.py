"""From a list of samples to a batch: tensors are stacked, numbers become tensors, containers keep their form."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from rushlight.core import dtypes
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import as_tensor, tensor
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
        return _mapping_like(sample, {key: default_collate([entry[key] for entry in batch]) for key in sample})
    if any(len(entry) != len(sample) for entry in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    return _sequence_like(sample, [default_collate(column) for column in zip(*batch)])


def _mapping_like(sample: Mapping, entries: dict) -> Mapping:
    """A mapping of the sample's kind, with what else it carries (a default factory), and these entries."""
    if type(sample) is dict:
        return entries
    try:
        if not isinstance(sample, MutableMapping):
            return type(sample)(entries)
        result = copy.copy(sample)
        result.update(entries)
        return result
    except TypeError:  # one that is made otherwise
        return entries


def _sequence_like(sample: Sequence, entries: list) -> Sequence:
    """A sequence of the sample's kind with these entries; a list for a tuple without names, as in PyTorch."""
    if isinstance(sample, tuple):
        return type(sample)(*entries) if hasattr(sample, "_fields") else entries
    if type(sample) is list:
        return entries
    try:
        if not isinstance(sample, MutableSequence):
            return type(sample)(entries)
        result = copy.copy(sample)
        for index, entry in enumerate(entries):
            result[index] = entry
        return result
    except TypeError:  # one that is made otherwise, like range
        return entries


def default_convert(data: Any) -> Any:
    """A sample as it is, with its NumPy arrays as tensors of the same memory: what a loader does that makes no batches.

    >>> import numpy as np, rushlight as torch
    >>> torch.utils.data.default_convert({"x": np.arange(3), "name": "a"})
    {'x': tensor([0, 1, 2]), 'name': 'a'}
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SaUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data
