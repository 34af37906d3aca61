"""Workers, as the code that runs in them sees them, and what they and the main process say to each other.

`worker_process` is what runs in one, `pool` starts and watches them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rushlight.utils.data.fetching import Fetching

STOP, RESUME = "stop", "resume"  # labels of messages to a worker that are no tasks
BATCH, FAILURE, END, RESUMED = "batch", "failure", "end", "resumed"  # what an answer is


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Which worker this is, of how many, its seed, and its own copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_info: WorkerInfo | None = None


def become_worker(info: WorkerInfo) -> None:
    """Make this process the worker that `info` describes."""
    global _info
    _info = info


def get_worker_info() -> WorkerInfo | None:
    """In a worker: which one this is; elsewhere None. An IterableDataset splits its stream by it."""
    return _info


class Job(NamedTuple):
    """What a worker is started with."""

    id: int
    num_workers: int
    base_seed: int
    fetching: Fetching
    init: Callable[[int], None] | None
    by_main_thread: bool  # that started it
