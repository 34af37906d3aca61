"""Receptive fields through a whole model: what one output of a layer depends on.

In come a layer's windows and the tensors that it got and gave; out comes a `ReceptiveField` an axis. Between
layers the graph of the shape-only run is followed back, so that functions, sums and concatenations are seen through.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from rushlight.ops.fold import COL2IM, IM2COL
from rushlight.ops.shapes import INPUT
from rushlight.rules.formula import SPAN
from rushlight.rules.spec import ConvSpec
from rushlight.rules.windows import Windows
from rushlight.tensor.core import Tensor

from .facts import Facts
from .reading import CONV, FOLD, TRANSPOSED, UNFOLD


class ReceptiveField(NamedTuple):
    """One axis: positions of the model's input that an output depends on, their distance from one output to the next,
    and how many outputs there are."""

    seen: Fraction
    jump: Fraction
    count: int


ReceptiveFields = tuple[ReceptiveField, ...]


class Window(NamedTuple):
    """One axis of a layer: its extent over its input, and the step; a transposed one steps by a fraction."""

    span: int
    stride: Fraction

    def over(self, field: ReceptiveField, count: int) -> ReceptiveField:
        """This window behind what came before."""
        return ReceptiveField(field.seen + (self.span - 1) * field.jump, field.jump * self.stride, count)


class Fields:
    """The fields of a run's tensors, by the tensors and by the nodes of the graph."""

    def __init__(self) -> None:
        self._of: dict[int, ReceptiveFields | None] = {}
        self._kept: list[object] = []  # an id is a name only while its object lives

    def begin(self, x: Tensor) -> None:
        """The model's input: it sees itself."""
        self._set(x, tuple(ReceptiveField(Fraction(1), Fraction(1), n) for n in spatial(x.shape)))

    def pass_on(self, layer: object, facts: Facts | None, x: object, y: object) -> tuple[int, ...] | None:
        """Note the field of a layer's output; gives the receptive field, None where it cannot be told."""
        if not (isinstance(x, Tensor) and isinstance(y, Tensor)):
            return None
        before = self.of(x)
        after = None if before is None else fields_behind(layer, facts, before, x.shape, y.shape)
        if y is not x:
            self._set(y, after)
        return None if after is None else tuple(ceil(field.seen) for field in after)

    def of(self, tensor: Tensor) -> ReceptiveFields | None:
        """The field of a tensor: noted, or found by way of what it was computed from.

        What it was computed from comes first: a tensor that was changed in place is no longer what was noted.
        """
        node = tensor.grad_fn
        if node is None or node.operation is INPUT:
            return self._of.get(id(tensor if node is None else node))
        return self._of_node(node)

    def _set(self, tensor: Tensor, fields: ReceptiveFields | None) -> None:
        for name in (tensor, tensor.grad_fn):
            if name is not None:
                self._kept.append(name)
                self._of[id(name)] = fields

    def _of_node(self, node: object) -> ReceptiveFields | None:
        """The largest of its inputs' fields, looked at through the node's own window."""
        if id(node) not in self._of:
            self._kept.append(node)
            found = [self._edge(below) for below, _ in node.next_functions if below is not None]
            found = [fields for fields in found if fields != ()]
            self._of[id(node)] = _through(node, _largest(found))
        return self._of[id(node)]

    def _edge(self, node: object) -> ReceptiveFields | None:
        leaf = node if node.operation is INPUT else getattr(node, "variable", None)
        if leaf is None:
            return self._of_node(node)
        return self._of.get(id(leaf), ())  # a parameter sees nothing


def spatial(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The spatial sizes of a batch of this shape."""
    return tuple(shape[2:])


def _largest(found: list[ReceptiveFields | None]) -> ReceptiveFields | None:
    if not found or None in found or len({len(fields) for fields in found}) != 1:
        return None
    return tuple(ReceptiveField(*map(max, zip(*axes))) for axes in zip(*found))


def _through(node: object, fields: ReceptiveFields | None) -> ReceptiveFields | None:
    if node.operation in (IM2COL, COL2IM):
        return None
    window = _window_in(node.attributes)
    if window is None or fields is None or len(window.size) != len(fields):
        return fields if window is None else None
    windows = _grid_windows(window)
    return tuple(one.over(field, n) for one, field, n in zip(windows, fields, window.out))


def _window_in(attributes: tuple) -> ConvSpec | Windows | None:
    """The windows that an operation looks through, found among its attributes and those of its kernel."""
    for value in attributes:
        if isinstance(value, ConvSpec):
            return value if value.rank else None
        found = value if isinstance(value, Windows) else _window_in(value) if type(value) is tuple else None
        if found is not None:
            return found
    return None


def _grid_windows(grid: ConvSpec | Windows) -> tuple[Window, ...]:
    axes = zip(grid.taps, grid.dilation, grid.stride)
    return tuple(Window(SPAN(taps=k, dilation=d), Fraction(s)) for k, d, s in axes)


def fields_behind(
    layer: object, facts: Facts | None, before: ReceptiveFields, x: tuple[int, ...], y: tuple[int, ...]
) -> ReceptiveFields | None:
    """What a layer makes of the field before it."""
    if facts is not None and facts.way in (CONV, TRANSPOSED):
        if len(before) != len(facts.axes):
            return None
        return tuple(_window_of(facts, i).over(field, facts.axes[i].out) for i, field in enumerate(before))
    if facts is not None and facts.way in (UNFOLD, FOLD):
        return None
    kind = type(layer).__name__
    if "Pool" in kind:
        return _pooled(layer, kind, before, spatial(x), spatial(y))
    if kind == "Linear" and before and len(x) <= 2:
        return tuple(ReceptiveField(field.seen + (field.count - 1) * field.jump, field.jump, 1) for field in before)
    if kind.endswith("Norm") or kind.startswith(("InstanceNorm", "Unflatten")):
        return before if kind == "Unflatten" else None  # statistics over all positions
    return tuple(field._replace(count=n) for field, n in zip(before, spatial(y))) if len(y) == len(x) > 2 else before


def _window_of(facts: Facts, axis: int) -> Window:
    numbers = facts.axes[axis].numbers
    stride = Fraction(1, numbers["stride"]) if facts.way == TRANSPOSED else Fraction(numbers["stride"])
    return Window(facts.axes[axis].seen, stride)


def _pooled(
    layer: object, kind: str, before: ReceptiveFields, size: tuple[int, ...], out: tuple[int, ...]
) -> ReceptiveFields | None:
    if len(before) != len(size):
        return None
    if kind.startswith("Adaptive"):
        windows = [Window(-(-n // m) + (1 if n % m else 0), Fraction(n, m)) for n, m in zip(size, out)]
    else:
        windows = [
            Window(SPAN(taps=k, dilation=d), Fraction(s))
            for k, d, s in zip(*(_each(layer, name, len(size)) for name in ("kernel_size", "dilation", "stride")))
        ]
    return tuple(window.over(field, n) for window, field, n in zip(windows, before, out))


def _each(layer: object, name: str, rank: int) -> tuple[int, ...]:
    value = getattr(layer, name, 1)
    return tuple(value) * (rank if len(value) == 1 else 1) if isinstance(value, list | tuple) else (value,) * rank
