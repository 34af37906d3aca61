"""One pass over a loader: here, or with workers.

In: a DataLoader. Out: its batches. The order of batches, who fetches which, and what is drawn from the generators when,
are PyTorch's; so the same seeds give the same batches.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from rushlight.utils.data.fetching import Fetching
from rushlight.utils.data.sampler import draw_seed
from rushlight.utils.data.workers import END, FAILURE, RESUME, RESUMED, Job

if TYPE_CHECKING:
    from rushlight.utils.data.pool import Pool
    from rushlight.utils.data.transport import Received


class Loader(Protocol):
    """What a pass asks of a DataLoader."""

    dataset: Any
    generator: Any
    in_order: bool
    multiprocessing_context: Any
    num_workers: int
    persistent_workers: bool
    prefetch_factor: int | None
    timeout: float
    worker_init_fn: Callable | None
    _index_sampler: Any
    _length_asked: int | None

    def _fetching(self) -> Fetching:
        """How to make a batch of what the sampler gives."""


class LoaderIterator:
    """What both kinds share. It keeps what it needs of the loader, not the loader, which may keep it."""

    def __init__(self, loader: Loader) -> None:
        self._sampler, self._dataset, self._num_workers = loader._index_sampler, loader.dataset, loader.num_workers
        self._begin(loader)
        self._base_seed = draw_seed(loader.generator)  # with or without workers: the stream goes on alike

    def _begin(self, loader: Loader) -> None:
        self._order = iter(self._sampler)
        self._expected: int | None = loader._length_asked
        self._given = 0

    def __iter__(self) -> LoaderIterator:
        return self

    def __len__(self) -> int:
        return len(self._sampler)

    def __next__(self) -> Any:
        raise NotImplementedError

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")

    def _count(self) -> None:
        """Of a stream whose length was asked: warn where it goes on."""
        self._given += 1
        if self._given > self._expected:
            workers = " Each worker reads the stream: split it by get_worker_info()." * bool(self._num_workers)
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._expected} "
                f"(when accessing len(dataloader)), but {self._given} samples have been fetched.{workers}",
                stacklevel=3,
            )


class Here(LoaderIterator):
    """Fetches each batch when it is asked for."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        if loader.timeout:
            raise AssertionError("a timeout needs num_workers > 0")  # PyTorch's kind
        self._fetch = loader._fetching().start()

    def __next__(self) -> Any:
        batch = self._fetch(next(self._order))
        if self._expected is not None:
            self._count()
        return batch


class InWorkers(LoaderIterator):
    """Hands the numbers of batches to workers in turn, `prefetch_factor` ahead of each, and their batches on."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 with num_workers > 0")  # PyTorch's kind
        import multiprocessing

        from rushlight.utils.data.pool import Pool, started_by_main_thread

        self._prefetch_factor, self._timeout = loader.prefetch_factor, loader.timeout
        self._in_order, self._persistent = loader.in_order, loader.persistent_workers
        count, by_main = loader.num_workers, started_by_main_thread()
        fetching = loader._fetching()
        jobs = [Job(n, count, self._base_seed, fetching, loader.worker_init_fn, by_main) for n in range(count)]
        self._pool: Pool = Pool(loader.multiprocessing_context or multiprocessing.get_context(), jobs)
        with self._all_or_nothing():
            self._begin(loader)  # once more, as PyTorch: it shows where iter(sampler) draws numbers itself
            self._ask_first()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """A pass that could not begin, since the sampler failed or Ctrl-C came, leaves no workers."""
        try:
            yield
        except BaseException:
            self._pool.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether its workers are gone."""
        return self._pool.closed

    def restart(self, loader: Loader) -> None:
        """Begin again with the workers that are there, which finish first what they were asked for."""
        with self._all_or_nothing():
            self._begin(loader)
            for worker in range(self._num_workers):
                self._pool.send(worker, RESUME)
            waiting = self._num_workers
            while waiting:
                _, kind = self._received().label
                waiting -= kind == RESUMED
            self._ask_first()

    def _ask_first(self) -> None:
        count = self._num_workers
        self._most = self._prefetch_factor * count
        self._asked = self._next = 0  # numbers of the next task and of the next batch
        self._tasks: dict[int, int] = {}  # a task's worker
        self._came: dict[int, Received] = {}  # what came before its turn
        self._active = [True] * count
        self._load = [0] * count
        self._turns = itertools.cycle(range(count))
        for _ in range(self._most):
            self._ask()

    def _ask(self) -> None:
        """Give the next numbers to the worker whose turn it is."""
        try:
            indices = next(self._order)
        except StopIteration:
            return
        worker = next((n for n in itertools.islice(self._turns, len(self._load)) if self._takes(n)), None)
        if worker is None:
            return
        self._pool.send(worker, self._asked, indices)
        self._tasks[self._asked] = worker
        self._load[worker] += 1
        self._asked += 1

    def _takes(self, worker: int) -> bool:
        if self._in_order or not self._active[worker]:
            return self._active[worker]
        return self._load[worker] < self._most // sum(self._active)

    def __next__(self) -> Any:
        self._pool.check_owner()
        try:
            batch = self._next_batch()
        except Exception:
            raise
        except BaseException:  # Ctrl-C may have come between two steps that belong together
            self._pool.close()
            raise
        if self._expected is not None:
            self._count()
        return batch

    def _next_batch(self) -> Any:
        while self._some_is_left():
            number, received = self._next, self._came.pop(self._next, None)
            if received is None:
                received = self._received()
                number, kind = received.label
                if kind == END:
                    self._end(self._tasks[number])
                    continue
                if number != self._next and self._in_order:
                    self._came[number] = received
                    continue
            if number == self._next:
                self._next += 1
            self._load[self._tasks.pop(number)] -= 1
            self._ask()
            return _opened(received)
        if not self._persistent:
            self._pool.close()
        raise StopIteration

    def _some_is_left(self) -> bool:
        """Go to the next task that will be answered: whose batch came, or whose worker goes on."""
        while self._next < self._asked:
            worker = self._tasks.get(self._next)
            if worker is not None and (self._next in self._came or self._active[worker]):
                return True
            self._tasks.pop(self._next, None)
            self._next += 1
        return False

    def _end(self, worker: int) -> None:
        """The stream of a worker has ended: the others go on."""
        self._active[worker] = False
        if not self._persistent:
            self._pool.dismiss(worker)
        self._ask()

    def _received(self) -> Received:
        timeout = self._timeout
        try:
            return self._pool.receive(timeout or None)
        except TimeoutError:
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds") from None


def _opened(received: Received) -> Any:
    value = received.value()
    if received.label[1] == FAILURE:
        value.reraise()
    return value
