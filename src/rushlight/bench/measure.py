"""Timing that can be trusted on a noisy machine: processes take turns, round after round; the least time counts.

In: cases and the names of the libraries. Out: a `Row` a case. A ratio is the peer's time over Rushlight's: above 1
Rushlight is faster. *plain* feeds contiguous tensors to both, *best* lets each have its better memory format.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .cases import Case, work
from .workers import Worker, formats


class Row(NamedTuple):
    """What one case came to; times in seconds, by memory format."""

    category: str
    name: str
    macs: int
    numbers: int
    times: dict[bool, float]
    peer: dict[bool, float]
    first: float
    error: str | None

    @property
    def best(self) -> float | None:
        """The ratio with each library in its better format; None without a peer."""
        return min(self.peer.values()) / min(self.times.values()) if self.peer and self.times else None

    @property
    def plain(self) -> float | None:
        """The ratio with contiguous inputs on both sides; None without a peer."""
        return self.peer[False] / self.times[False] if self.peer and self.times else None


def measure(
    cases: Iterable[Case], peer: str | None, mode: str, threads: int, rounds: int, budget: float,
    show: Callable[[Row], None] = lambda row: None,
) -> list[Row]:  # fmt: skip
    """Time every case; `show` is called with each row as it is known."""
    workers = {"rushlight": Worker("rushlight", threads)} | ({peer: Worker(peer, threads)} if peer else {})
    rows = []
    try:
        for case in cases:
            rows.append(_row(case, workers, peer, mode, rounds, budget))
            show(rows[-1])
    finally:
        for worker in workers.values():
            worker.close()
    return rows


def _row(case: Case, workers: dict[str, Worker], peer: str | None, mode: str, rounds: int, budget: float) -> Row:
    times: dict[str, dict[bool, float]] = {name: {} for name in workers}
    first, error = 0.0, None
    for _ in range(rounds):
        for channels_last in formats(case):
            for name, worker in workers.items():
                reply = worker.ask(case=case, mode=mode, channels_last=channels_last, budget=budget)
                if "error" in reply:
                    error = f"{name}: {reply['error']}"
                    continue
                times[name][channels_last] = min(times[name].get(channels_last, math.inf), reply["time"])
                if name == "rushlight" and not first:
                    first = reply["first"]
    macs, numbers = work(case)
    factor = 3 if mode == "train" else 1
    return Row(
        case["category"], case["name"], macs * factor, numbers * factor, times["rushlight"],
        times[peer] if peer else {}, first, error,
    )  # fmt: skip


def geometric_mean(values: Iterable[float]) -> float:
    """The mean for ratios.

    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan
