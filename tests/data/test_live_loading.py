"""The same batches as PyTorch's, in the same order, with the same draws, from the same seeds; live."""

import random
import warnings

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live


def parts(library):
    """The same datasets and samplers for a library."""
    data = library.utils.data

    def draws():
        return random.random(), np.random.random(), library.rand(1).item(), library.initial_seed()

    class Augmented(data.Dataset):
        def __len__(self):
            return 17

        def __getitem__(self, index):
            info = data.get_worker_info()
            where = (-1, -1, 1) if info is None else (info.id, info.seed, library.get_num_threads())
            return index, *draws(), *where

    class Stream(data.IterableDataset):
        def __init__(self, length):
            self.length = length

        def __iter__(self):
            info = data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return ((index, *draws()) for index in range(first, self.length, step))

    class DrawsAtOnce(data.Sampler):
        def __iter__(self):
            return iter(library.randperm(17).tolist())

        def __len__(self):
            return 17

    return Augmented, Stream, DrawsAtOnce


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value


def told(library, make, epochs=2, stop=None, seed=None, **options):
    """What two passes over a loader give, and what is drawn afterwards."""
    library.manual_seed(5), random.seed(1), np.random.seed(2)
    if seed is not None:
        options["generator"] = library.Generator().manual_seed(seed)
    if "num_workers" in options:
        options["multiprocessing_context"] = "fork"  # what is made inside a function does not pickle
    dataset, options = make(*parts(library), library.utils.data, options)
    loader, seen = library.utils.data.DataLoader(dataset, **options), []
    for _ in range(epochs):
        for number, batch in enumerate(loader):
            seen.append(plain(batch))
            if number == stop:
                break
    return seen, library.rand(1).item(), random.random(), np.random.random(), library.initial_seed()


ORDERS = {
    "shuffled": lambda augmented, stream, at_once, data, o: (augmented(), o | dict(batch_size=4, shuffle=True)),
    "single": lambda augmented, stream, at_once, data, o: (augmented(), o | dict(batch_size=None)),
    "at once": lambda augmented, stream, at_once, data, o: (augmented(), o | dict(batch_size=None, sampler=at_once())),
    "at once, batches": lambda augmented, stream, at_once, data, o: (
        augmented(),
        o | dict(batch_size=3, sampler=at_once()),
    ),
    "weighted": lambda augmented, stream, at_once, data, o: (
        augmented(),
        o | dict(batch_size=None, sampler=data.WeightedRandomSampler([1.0] * 17, 9)),
    ),
    "replaced": lambda augmented, stream, at_once, data, o: (
        augmented(),
        o | dict(batch_size=5, sampler=data.RandomSampler(range(17), True, 40)),
    ),
    "subset": lambda augmented, stream, at_once, data, o: (
        augmented(),
        o | dict(batch_size=5, sampler=data.SubsetRandomSampler(range(3, 12)), drop_last=True),
    ),
    "batch sampler": lambda augmented, stream, at_once, data, o: (
        augmented(),
        o | dict(batch_sampler=[[1, 2], [5], [7, 8]]),
    ),
    "split": lambda augmented, stream, at_once, data, o: (
        data.random_split(augmented(), [0.4, 0.6])[1],
        o | dict(batch_size=4, shuffle=True),
    ),
    "stream": lambda augmented, stream, at_once, data, o: (stream(17), o | dict(batch_size=3)),
    "stream, whole batches": lambda augmented, stream, at_once, data, o: (
        stream(16),
        o | dict(batch_size=3, drop_last=True),
    ),
    "stream, single": lambda augmented, stream, at_once, data, o: (stream(7), o | dict(batch_size=None)),
    "empty stream": lambda augmented, stream, at_once, data, o: (stream(0), o | dict(batch_size=2)),
}
PASSES = {
    "here": {},
    "here, left": dict(stop=1),
    "here, own generator": dict(seed=3),
    "workers": dict(num_workers=2),
    "workers, left": dict(num_workers=3, stop=1, seed=3),
    "persistent": dict(num_workers=2, persistent_workers=True, seed=3),
    "persistent, left": dict(num_workers=2, persistent_workers=True, stop=1, epochs=3, prefetch_factor=3),
}


@pytest.mark.parametrize("name", ORDERS)
def test_batches_and_draws(torch, name):
    for passes, options in PASSES.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
            expected = told(torch, ORDERS[name], **options)
        assert told(rushlight, ORDERS[name], **options) == expected, passes
