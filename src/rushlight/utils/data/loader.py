"""DataLoader: from a dataset and an order to batches."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from rushlight.utils.data.collate import default_collate, default_convert
from rushlight.utils.data.dataset import IterableDataset, fetch
from rushlight.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    batch_count,
    check_batch_size,
    draw_seed,
)
from rushlight.utils.data.workers import WorkerInfo, Workers

if TYPE_CHECKING:
    from rushlight.random.generator import Generator

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
_END = object()  # what a worker returns where its stream has ended


class DataLoader:
    """Batches of a dataset: iterate over it once an epoch.

    `shuffle` reads in a new random order each time, the order that PyTorch reads in from the same seed;
    `sampler` yields the order itself, `batch_sampler` whole batches of numbers. `batch_size=None` yields
    samples one by one. `collate_fn` makes a batch of a list of samples. `drop_last` leaves a last, shorter
    batch out.

    With `num_workers` threads fetch `prefetch_factor` batches each ahead of time (PyTorch starts processes;
    a dataset that draws from the default generator in `__getitem__` draws other numbers here).
    `pin_memory`, `persistent_workers`, `multiprocessing_context` and `in_order` are taken and change nothing.

    Raises ValueError for arguments that exclude one another.

    >>> import rushlight as torch
    >>> data = torch.utils.data.TensorDataset(torch.arange(5), torch.arange(5) * 10)
    >>> for x, y in torch.utils.data.DataLoader(data, batch_size=2): print(x, y)
    tensor([0, 1]) tensor([ 0, 10])
    tensor([2, 3]) tensor([20, 30])
    tensor([4]) tensor([40])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable | None = None,
        batch_sampler: Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        _check_order(self._iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = self._sampler(shuffle) if sampler is None else sampler
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._ready = True

    def _sampler(self, shuffle: bool | None) -> Iterable:
        if self._iterable:
            return _Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__dict__.get("_ready"):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if self._iterable:
            samples = len(self.dataset)
            return samples if self.batch_size is None else batch_count(samples, self.batch_size, self.drop_last)
        return len(self._index_sampler)

    @property
    def _index_sampler(self) -> Iterable:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        seed = draw_seed(self.generator)  # PyTorch draws it with or without workers, so the stream goes on alike
        if self.num_workers:
            return self._in_workers(seed)
        return self._here()

    # -- fetching

    def _here(self) -> Iterator[Any]:
        fetch_batch = self._fetcher(self.dataset)
        for indices in self._index_sampler:
            batch = fetch_batch(indices)
            if batch is _END:
                return
            yield batch

    def _fetcher(self, dataset: Any) -> Callable[[Any], Any]:
        """A function from what the sampler yields to a batch, or _END where a stream has ended."""
        if not self._iterable:
            return partial(self._fetch_numbers, dataset)
        return partial(self._fetch_next, iter(dataset))

    def _fetch_numbers(self, dataset: Any, indices: Any) -> Any:
        if self.batch_sampler is None:
            return self.collate_fn(dataset[indices])
        if self.collate_fn is default_collate and hasattr(dataset, "collated"):
            batch = dataset.collated(indices)  # the same batch without a tensor for each sample
            if batch is not None:
                return batch
        return self.collate_fn(fetch(dataset, indices))

    def _fetch_next(self, stream: Iterator, indices: Any) -> Any:
        if self.batch_sampler is None:
            sample = next(stream, _END)
            return _END if sample is _END else self.collate_fn(sample)
        samples = list(itertools.islice(stream, len(indices)))
        if not samples or (self.drop_last and len(samples) < len(indices)):
            return _END
        return self.collate_fn(samples)

    def _in_workers(self, seed: int) -> Iterator[Any]:
        count = self.num_workers
        # Every worker has its own copy of a stream, as processes would.
        datasets = [copy.copy(self.dataset) if self._iterable else self.dataset for _ in range(count)]
        infos = [WorkerInfo(n, count, seed + n, dataset) for n, dataset in enumerate(datasets)]
        workers = Workers(infos, self.worker_init_fn, self.prefetch_factor)
        ended: set[int] = set()
        fetchers = [_Lazily(partial(self._fetcher, dataset)) for dataset in datasets]

        def tasks() -> Iterator[tuple[int, Callable[[], Any]]]:
            turns = itertools.cycle(range(count))
            for indices in self._index_sampler:
                worker = next((n for n in itertools.islice(turns, count) if n not in ended), None)
                if worker is None:
                    return
                yield worker, partial(run, worker, indices)

        def run(worker: int, indices: Any) -> Any:
            batch = fetchers[worker](indices)
            if batch is _END:
                ended.add(worker)
            return batch

        results = workers.results(tasks(), self.timeout or None)
        return (batch for batch in results if batch is not _END)


class _Endless:
    """The order of a stream: there is none, it only goes on."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)

    def __len__(self) -> int:
        raise TypeError("an iterable dataset has no length of its own")


class _Lazily:
    """A function that is made in the thread that first calls it, so that a stream begins in its worker."""

    def __init__(self, make: Callable[[], Callable]) -> None:
        self.make = make
        self.function: Callable | None = None

    def __call__(self, *args: Any) -> Any:
        if self.function is None:
            self.function = self.make()
        return self.function(*args)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor <= 0:
        raise ValueError("prefetch_factor option should be positive")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_order(
    iterable: bool,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
) -> None:
    if iterable:
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None:
        if drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
    else:
        check_batch_size(batch_size)
