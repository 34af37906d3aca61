"""What a normalisation is over: one call as a value, with the numbers that follow from a shape.

Python integers only. `batch`: a mean and a variance for each channel (axis 1), over everything else. `groups`: for each
of so many groups of channels of each sample. `last`: over so many last axes, with a scale for each number there.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

ENDS: dict[str | None, float | None] = {None: None, "relu": None, "relu6": 6.0}
"""The activations that a normalisation may end with, and the largest result of each; the least is 0."""


class Norm(NamedTuple):
    """`activation((x − mean) / √(variance + eps) · weight + bias + residual)`.

    `count` is that of the groups, or of the last axes; without `centred` the mean is taken to be 0 (RMS)."""

    kind: str
    count: int = 1
    eps: float = 1e-5
    centred: bool = True
    activation: str | None = None

    def statistics(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the means of an array of this shape.

        >>> [norm.statistics((8, 6, 5)) for norm in (Norm("batch"), Norm("groups", 3), Norm("last"))]
        [(6,), (8, 3), (8, 6)]
        """
        if self.kind == "batch":
            return shape[1:2]
        return (shape[0], self.count) if self.kind == "groups" else shape[: len(shape) - self.count]

    def scales(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of weight and bias."""
        return shape[len(shape) - self.count :] if self.kind == "last" else shape[1:2]

    def numbers(self, shape: tuple[int, ...]) -> int:
        """How many numbers each mean is of."""
        return prod(shape) // max(prod(self.statistics(shape)), 1)
