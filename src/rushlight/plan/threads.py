"""When a team of threads pays: one rule for all kernels.

In: a kind of work, how much of it there is, and into how many items it falls. Out: how many threads to launch. Results
never depend on it, because an item is computed by one thread. Launching a team costs 2 µs and moves what other cores
touch into their caches, so each kind has an amount up to which one thread is quicker.
"""

from __future__ import annotations

from typing import NamedTuple


class Work(NamedTuple):
    """A kind of work: what is counted, and the amount up to which one thread is not slower than a team."""

    unit: str
    few: int

    def pays(self, count: int, items: int | None = None) -> bool:
        """Whether a team is quicker than one thread, for so much work in so many items."""
        return count > self.few and (items is None or items > 1)

    def threads(self, count: int, threads: int, items: int | None = None) -> int:
        """How many of `threads` are launched for so much work in so many items.

        >>> MACS.threads(5_000, 8), MACS.threads(5_000_000, 8), MACS.threads(5_000_000, 8, items=3)
        (1, 8, 3)
        """
        if not self.pays(count, items):
            return 1
        return threads if items is None else min(threads, items)


# Behind each: the time of two threads over that of one, for whole calls from Python on two idle cores with AVX-512.

MACS = Work("multiply-adds of a matrix product", 250_000)
"""Linear: 100k 1.05, 205k 0.99, 401k 0.86. Weight gradients: 279k 1.05, 452k 0.87. Convolutions: 147k 1.01,
230k 0.98."""

DEPTHWISE_MACS = Work("multiply-adds of a depthwise convolution", 100_000)
"""Rows: 83k 0.95, 147k 0.89, 332k 0.76. Channels: 83k 1.08, 147k 0.93."""

WINDOWS = Work("entries that the windows of a pooling read", 50_000)
"""16k 1.10, 37k 1.02, 50k 1.01, 66k 0.98."""

ROWS = Work("numbers of rows that are normalised", 12_000)
"""8k 1.03, 16k 0.93, 33k 0.85."""

CHANNELS = Work("numbers of channels that are normalised", 65_536)
"""Its passes are one launch where one thread does all. 16k 1.21, 37k 1.16, 66k 1.10 (by given
statistics 1.01), 130k 0.72."""

SUMS = Work("numbers that are added up", 40_000)
"""Gradients of a bias: 21k 1.13, 43k 1.00, 160k 0.87. Pieces of a weight's gradient: 18k 1.00, 41k 0.91."""

MEANS = Work("sums of pieces that become means or slopes, in double precision", 1_400)
"""1024 1.15, 1536 0.84, 2048 0.92, 4096 0.94."""

WEIGHTS = Work("weights that are packed", 32_768)
"""By a table: 16k 1.05, 33k 0.97, 66k 0.88. In panels: 21k 1.12, 37k 1.03, 83k 1.00."""

FILTERS = Work("transformed weights of Winograd's algorithm", 40_000)
"""37k 0.98, 112k 0.63, 149k 0.57."""

DRAWS = Work("random numbers", 32_768)
"""They come in pieces of so many, whose words one thread has made: reading them from its cache is as dear as all that
follows. Uniform 33k 1.13, 131k 1.14; normal 12k 1.13, 33k 1.04."""

ELEMENTS = Work("elements of plain operations", 60_000)
"""Additions: 66k 0.96, 98k 0.86, 131k 0.75 (Intel); 33k 0.98, 66k 0.78, 98k 0.71 (AMD Zen 4). A sigmoid, whose elements
count `FUNCTION` times: 49k 1.15, 61k 1.01, 74k 0.88 (Intel); 49k 1.14, 98k 0.71 (Zen 4)."""

JOINS = Work("results whose pieces are joined", 4_095)
"""4k 0.91, 16k 0.97."""

FUNCTION = 3
"""Plain operations that cost as much as a function of `kernels.mathematics`."""

LIBRARY = 16
"""Random numbers that cost as much as one for which the C library is called."""
