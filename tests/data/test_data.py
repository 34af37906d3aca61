"""Datasets, samplers and the loader without PyTorch."""

from collections import namedtuple

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)


def read(loader):
    return [batch.tolist() for batch in loader]


def joined(loader):
    return [number for batch in read(loader) for number in batch]


class Stream(IterableDataset):
    """The numbers to 10, a share of them in each worker."""

    def __iter__(self):
        info = get_worker_info()
        return iter(range(10) if info is None else range(info.id, 10, info.num_workers))


def test_batches_in_order():
    assert read(DataLoader(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert read(DataLoader(range(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(range(3), None)) == [0, 1, 2]
    assert (len(DataLoader(range(5), 2)), len(DataLoader(range(5), 2, drop_last=True))) == (3, 2)


# The order that PyTorch 2.13 reads range(10) in after manual_seed(0), and from Generator().manual_seed(0).
SHUFFLED = [6, 7, 1, 4, 2, 0, 9, 8, 3, 5]
SHUFFLED_BY_GENERATOR = [3, 7, 5, 2, 0, 8, 1, 6, 9, 4]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_shuffled_order_is_that_of_pytorch(workers):
    torch.manual_seed(0)
    assert joined(DataLoader(range(10), 3, shuffle=True, num_workers=workers)) == SHUFFLED
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(range(10), 4, shuffle=True, num_workers=workers, generator=generator)
    assert joined(loader) == SHUFFLED_BY_GENERATOR
    assert joined(loader) != SHUFFLED_BY_GENERATOR


def test_samplers():
    torch.manual_seed(0)
    assert list(RandomSampler(range(5))) == [1, 3, 4, 2, 0]
    assert list(RandomSampler(range(5), replacement=True, num_samples=7)) == [1, 3, 2, 0, 2, 1, 2]
    assert sorted(SubsetRandomSampler([3, 4, 5])) == [3, 4, 5]
    assert set(WeightedRandomSampler([0.0, 1.0, 0.0], 4)) == {1}
    assert read(DataLoader(range(9), batch_sampler=[[1, 2], [8]])) == [[1, 2], [8]]
    assert read(DataLoader(range(9), 2, sampler=[5, 3, 1])) == [[5, 3], [1]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]


def test_streams_here_and_in_workers():
    assert read(DataLoader(Stream(), 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert read(DataLoader(Stream(), 4, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert read(DataLoader(Stream(), 2, num_workers=2)) == [[0, 2], [1, 3], [4, 6], [5, 7], [8], [9]]
    with pytest.raises(ValueError, match="IterableDataset: expected unspecified shuffle option"):
        DataLoader(Stream(), shuffle=True)


Point = namedtuple("Point", "a b")


@pytest.mark.parametrize(
    "batch, expected",
    [
        ([1, 2], torch.tensor([1, 2])),
        ([1.5, 2.5], torch.tensor([1.5, 2.5], dtype=torch.float64)),
        ([True, False], torch.tensor([True, False])),
        ([np.float32(1), np.float32(2)], torch.tensor([1.0, 2.0])),
        ([np.ones(2, np.int16)] * 2, torch.ones(2, 2, dtype=torch.int16)),
        ([torch.ones(2)] * 3, torch.ones(3, 2)),
    ],
)
def test_leaves_become_tensors(batch, expected):
    result = default_collate(batch)
    assert torch.equal(result, expected) and result.dtype is expected.dtype


def test_containers_keep_their_form():
    assert default_collate(["a", "b"]) == ["a", "b"]
    pairs = default_collate([(1, "x"), (2, "y")])
    assert pairs[0].tolist() == [1, 2] and pairs[1] in (("x", "y"), ["x", "y"])
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert isinstance(point, Point) and point.b.tolist() == [2, 4]
    assert default_collate([{"k": [1]}, {"k": [2]}])["k"][0].tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1, 2], [3]])
    with pytest.raises(TypeError, match="batch must contain tensors"):
        default_collate([None])


def test_datasets_cut_and_joined():
    data = TensorDataset(torch.arange(10), torch.arange(10) * 2)
    assert len(data) == 10 and [int(x) for x in Subset(data, [4, 5])[1]] == [5, 10]
    joined = ConcatDataset([range(3), range(2)])
    assert [joined[i] for i in range(5)] == [0, 1, 2, 0, 1] and joined[-1] == 1 and len(data + data) == 20
    torch.manual_seed(0)
    assert [list(part.indices) for part in random_split(range(10), [3, 7])] == [[4, 1, 7], [5, 3, 9, 0, 8, 6, 2]]
    assert [len(part) for part in random_split(range(10), [0.35, 0.35, 0.3])] == [4, 3, 3]
    with pytest.raises(ValueError, match="Sum of input lengths"):
        random_split(range(10), [3, 8])
    with pytest.raises(AssertionError, match="Size mismatch"):
        TensorDataset(torch.ones(2), torch.ones(3))


@pytest.mark.parametrize(
    "options",
    [
        dict(batch_size=0),
        dict(batch_size=2.5),
        dict(batch_size=None, drop_last=True),
        dict(shuffle=True, sampler=[1]),
        dict(batch_sampler=[[1]], batch_size=3),
        dict(num_workers=-1),
        dict(timeout=-1),
        dict(prefetch_factor=2),
        dict(persistent_workers=True),
    ],
)
def test_arguments_that_exclude_one_another(options):
    with pytest.raises(ValueError):
        DataLoader(range(5), **options)


def test_the_order_is_fixed_once_made():
    loader = DataLoader(range(5))
    with pytest.raises(ValueError, match="batch_size attribute should not be set"):
        loader.batch_size = 3


@pytest.mark.live
def test_random_stream_after_loading(torch):
    """However far a loader was read, both libraries have drawn the same."""
    import rushlight

    for take in (0, 1, 4):
        draws = []
        for library in (torch, rushlight):
            library.manual_seed(0)
            generator = library.Generator().manual_seed(1)
            for own in (None, generator):
                batches = iter(library.utils.data.DataLoader(range(10), 3, shuffle=True, generator=own))
                for _ in range(take):
                    next(batches)
                next(batches, None)
            draws.append((library.rand(1).item(), library.rand(1, generator=generator).item()))
        assert draws[0] == draws[1]


def test_batches_cut_at_once_are_those_made_of_samples():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return tuple(tensor * 2 for tensor in super().__getitem__(index))

    tensors = torch.rand(7, 2, 3), torch.arange(7)
    data = TensorDataset(*tensors)
    part = Subset(Subset(data, [6, 5, 1, 0]), [3, 0, 1])
    for dataset in (data, part):
        cut = list(DataLoader(dataset, 2))
        made = list(DataLoader(dataset, 2, collate_fn=lambda batch: default_collate(batch)))
        for mine, expected in zip(cut, made, strict=True):
            assert type(mine) is list and all(torch.equal(a, b) for a, b in zip(mine, expected))
    assert next(iter(DataLoader(Doubled(*tensors), 7)))[1].tolist() == [0, 2, 4, 6, 8, 10, 12]
