"""Workers: threads that fetch batches ahead of the network.

In: functions that fetch a batch each. Out: their results in order. A worker is one thread, so a dataset's
samples are fetched one at a time in each; reading files and NumPy run at the same time as the network does.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class WorkerInfo(NamedTuple):
    """Which worker this is, of how many, and its seed and dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_local = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """In a worker: which one this is; elsewhere None. An IterableDataset splits its stream by it."""
    return getattr(_local, "info", None)


class Workers:
    """A thread for each worker; tasks go round, results come back in the order of the tasks."""

    def __init__(self, infos: list[WorkerInfo], init: Callable[[int], None] | None, prefetch: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        def begin(info: WorkerInfo) -> None:
            _local.info = info
            if init is not None:
                init(info.id)

        self.ahead = prefetch * len(infos)
        self.threads = [ThreadPoolExecutor(1, f"loader-{info.id}", begin, (info,)) for info in infos]

    def results(self, tasks: Iterator[tuple[int, Callable[[], Any]]], timeout: float | None) -> Iterator[Any]:
        """The results of `tasks`, each with the number of its worker; `ahead` of them run before they are asked for."""
        pending = deque()
        try:
            for worker, task in tasks:
                pending.append(self.threads[worker].submit(task))
                if len(pending) >= self.ahead:
                    yield _result(pending.popleft(), timeout)
            while pending:
                yield _result(pending.popleft(), timeout)
        finally:
            for thread in self.threads:
                thread.shutdown(wait=False, cancel_futures=True)


def _result(future: Any, timeout: float | None) -> Any:
    from concurrent.futures import TimeoutError

    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # the task itself timed out on something
            raise
        raise RuntimeError(f"DataLoader timed out after {timeout} seconds") from None
