"""What a run of a model on shapes has found: a row for each call of a layer, and where it ended.

In: what `summary` saw. Out: the same as a value, which `table` shows.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.ops.shapes import Batches

from .facts import Axis, Facts


class Row(NamedTuple):
    """One call of one layer."""

    name: str  # in the model, as "features.0"
    kind: str
    x: object  # shapes, or what else was passed on
    y: object
    facts: Facts | None  # of a layer of the family
    axes: tuple[Axis, ...]  # that change their size, with the rule
    parameters: int
    macs: int | Batches
    field: tuple[int, ...] | None
    again: bool  # its parameters were counted before


class Stop(NamedTuple):
    """Where the run ended: the layer (or the model's own forward), and what it raised."""

    name: str
    kind: str
    x: object
    error: Exception


class Found:
    """The layers of a model with what each makes of its input."""

    __slots__ = ("kind", "output_shape", "parameters", "rows", "stop", "x")

    def __init__(
        self, kind: str, x: tuple, rows: list[Row], stop: Stop | None, parameters: int, output_shape: object
    ) -> None:
        self.kind, self.x, self.rows, self.stop = kind, x, rows, stop
        self.parameters, self.output_shape = parameters, output_shape

    @property
    def macs(self) -> int | Batches:
        """Multiply-accumulates of all layers of the family."""
        counts = [row.macs for row in self.rows]
        growing = [count for count in counts if isinstance(count, Batches)]
        plain = sum(count for count in counts if not isinstance(count, Batches))
        if not growing:
            return plain
        return Batches(growing[0].symbol, sum(c.factor for c in growing), plain + sum(c.offset for c in growing))
