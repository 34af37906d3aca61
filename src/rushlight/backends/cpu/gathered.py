"""Weights of few taps in the order in which a kernel reads them: a table says where each number comes from.

In: the table and a weight. Out: the packed weight, from the parameter's cache where it has not changed.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ... import runtime
from ...kernels.depthwise_channels import GatherFields, emit_gather, gather_params
from ...language.ir import Type, index_of
from ...plan.depthwise_channels import gather_groups
from ...plan.target import Target
from ...plan.threads import WEIGHTS
from ...rules.spec import ConvSpec
from .kernels import kernel, remembered

_SOURCE, _RESULT = (index_of(GatherFields, name) for name in ("source", "result"))


def first_taps(spec: ConvSpec, channel: np.ndarray) -> tuple[np.ndarray, int]:
    """Where in the weight each result channel of the gather that `spec.role` asks for has its first tap, and how much
    further on the next source channel's is."""
    groups, count = gather_groups(spec), prod(spec.taps)
    output = spec.in_channels // spec.groups * count  # numbers of an output channel
    if spec.role == "dgrad":
        group, inside = channel // groups.result, channel % groups.result
        return group * groups.source * output + inside * count, output
    return channel * output, count


class GatheredWeight:
    """One order of a layer's weight; `key` tells it from other orders of the same parameter."""

    def __init__(self, key: tuple, table: np.ndarray, stored: Type, number: Type, target: Target, threads: int) -> None:
        self.key, self.table, self.threads = key, np.ascontiguousarray(table, np.int64), threads
        self.dtype = np.dtype(np.float64 if number.bits == 64 else np.float32)
        self.entry = kernel(target, "gather", emit_gather, stored, number)["gather"]
        self.words = gather_params(stored, number).pack(source=None, result=None, count=table.size, table=self.table)

    def __call__(self, w: np.ndarray, weights_cache: dict | None) -> tuple[np.ndarray, bool]:
        """The packed weight and whether it is finite: from the weights_cache, or packed now."""
        return remembered(weights_cache, self.key, self._pack, w)

    def _pack(self, w: np.ndarray) -> tuple[np.ndarray, bool]:
        w = np.ascontiguousarray(w)
        count = len(self.table)
        packed = runtime.empty((count,), self.dtype)
        words = self.words[:]
        words[_SOURCE], words[_RESULT] = runtime.address(w), runtime.address(packed)
        runtime.launch(self.entry, words, WEIGHTS.threads(count, self.threads))
        return packed, bool(np.isfinite(packed).all())
