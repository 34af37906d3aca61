"""A model as a table: a line for each layer, with shapes, parameters, work and receptive field.

In come a model and the shape of its input; the model's copy runs on shapes alone, watched by hooks. Out comes a
`Summary`, which prints itself and stops where a layer does not fit. `table` makes the text of it.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.core.errors import message
from rushlight.ops.shapes import batch_symbol, grown, in_batches, run, shapes_in, stand_in, with_batches
from rushlight.tensor.core import Tensor

from .facts import Facts, facts_of
from .fields import Fields
from .reading import OTHER, of_module
from .rows import Found, Row, Stop
from .table import html_of, text_of
from .words import Words, terminal_is_ascii


class Summary(Found):
    """The layers of a model with what each makes of its input; prints itself as a table."""

    __slots__ = ()

    def text(self, language: str = "en", ascii: bool = False, width: int = 80) -> str:
        """The table as text; from 132 columns on, a line for each layer."""
        return text_of(self, Words(language, ascii), width)

    def __str__(self) -> str:
        return self.text(ascii=terminal_is_ascii())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_of(self, Words())


def summary(model: Callable, *input_shapes: tuple, **arguments: object) -> Summary:
    """The layers of a model in the order in which they run, for inputs of these shapes, without running it.

    The first number of a shape may be a name, as "N": then everything is said for any batch. Nothing of the model
    changes; lazy layers are shown as they will be. Where a layer does not fit, the table ends with it, and says which
    axis and what to change (`.stop` holds the error).

    >>> import rushlight as torch
    >>> found = torch.summary(torch.nn.Sequential(torch.nn.LazyConv2d(8, 3), torch.nn.ReLU()), ("N", 3, 32, 32))
    >>> found.output_shape, found.parameters, found.rows[0].field
    (('N', 8, 30, 30), 224, (3, 3))
    """
    if not input_shapes and not arguments:
        fix = "summary(model, (1, 3, 224, 224)), or ('N', 3, 224, 224) for any batch"
        raise TypeError(message("summary takes the shape of each input, got none", fix=fix))
    symbol = batch_symbol(input_shapes)
    if symbol is None:
        return _Watch(model).summary(input_shapes, arguments)
    first, second = (_Watch(model).summary(shapes, arguments) for shapes in with_batches(input_shapes))
    return _joined(symbol, input_shapes, first, second)


class _Watch:
    """A stand-in with hooks on its layers, and what they saw."""

    def __init__(self, model: Callable) -> None:
        self.model = stand_in(model)
        self.rows: list[Row] = []
        self.running: list[tuple[str, object, object]] = []
        self.seen: set[int] = set()
        self.fields = Fields()
        modules = getattr(self.model, "named_modules", lambda: ())()
        for name, module in modules:
            if not [*module.children()]:
                self._watch(name, module)

    def _watch(self, name: str, module: object) -> None:
        """The first of its hooks, so that it sees a lazy layer before it knows its input."""

        def before(_: object, args: tuple) -> None:
            if not self.rows and not self.running and args and isinstance(args[0], Tensor):
                self.fields.begin(args[0]) if self.fields.of(args[0]) is None else None
            self.running.append((name, module, shapes_in(args)))

        def after(_: object, args: tuple, output: object) -> None:
            self.running.pop()
            self.rows.append(self._row(name, module, args, output))

        module.register_forward_pre_hook(before, prepend=True)
        module.register_forward_hook(after)

    def _row(self, name: str, module: object, args: tuple, output: object) -> Row:
        x = args[0] if args else None
        facts = _facts(module, x)
        again = id(module) in self.seen
        self.seen.add(id(module))
        parameters = sum(p.numel() for p in module.parameters(recurse=False))
        field = self.fields.pass_on(module, facts, x, output)
        shapes = shapes_in(args[0] if len(args) == 1 else args), shapes_in(output)
        macs = facts.macs if facts else 0
        axes = facts.axes if facts else ()
        return Row(name or "(model)", type(module).__name__, *shapes, facts, axes, parameters, macs, field, again)

    def summary(self, input_shapes: tuple, arguments: dict[str, object]) -> Summary:
        """Run, and put together what was seen."""
        kind = type(self.model).__name__
        try:
            output, stop = shapes_in(run(self.model, input_shapes, arguments, graph=True)), None
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            output, stop = None, self._stop(kind, input_shapes, error)
        return Summary(kind, input_shapes, self.rows, stop, self._parameters(), output)

    def _stop(self, kind: str, input_shapes: tuple, error: Exception) -> Stop:
        if self.running:
            name, module, x = self.running[-1]
            return Stop(name or "(model)", type(module).__name__, x[0] if len(x) == 1 else x, error)
        last = self.rows[-1].y if self.rows else input_shapes[0] if input_shapes else ()
        return Stop("forward", kind, last, error)

    def _parameters(self) -> int:
        parameters = getattr(self.model, "parameters", lambda: ())()
        return sum(p.numel() for p in parameters if type(p).__name__ != "UninitializedParameter")


def _facts(module: object, x: object) -> Facts | None:
    if not isinstance(x, Tensor):
        return None
    try:
        asked = of_module(module)
        return None if asked.way == OTHER else facts_of(asked, tuple(x.shape))
    except TypeError:  # not of the family
        return None


def _joined(symbol: str, shapes: tuple, first: Summary, second: Summary) -> Summary:
    """One summary of two runs with different batches."""
    rows = [
        a._replace(
            x=in_batches(symbol, a.x, b.x),
            y=in_batches(symbol, a.y, b.y),
            macs=a.macs if a.macs == b.macs else grown(symbol, a.macs, b.macs),
        )
        for a, b in zip(first.rows, second.rows)
    ]
    stop = first.stop and first.stop._replace(x=in_batches(symbol, first.stop.x, second.stop.x))
    output = in_batches(symbol, first.output_shape, second.output_shape)
    return Summary(first.kind, shapes, rows, stop, first.parameters, output)
