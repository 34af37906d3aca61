"""Pictures of the user's own layer: `Facts` come in, a `Canvas` goes out, which writes itself as SVG.

One file for each way of computing: `windows` (Conv, Pool, Unfold, Fold), `scatter` (ConvTranspose), `matrix` (Linear,
Flatten), `pads`, `plain` (what keeps its axes); `groups` is drawn below where there are any. `canvas`, `grid`, `view`
and `sheet` are what they are drawn with.
"""

from __future__ import annotations

from ..facts import Facts
from ..reading import ADAPTIVE, CONV, FLATTEN, FOLD, LINEAR, OTHER, PAD, POOL, TRANSPOSED, UNFOLD
from ..words import Words
from .canvas import Canvas


def picture(facts: Facts, say: Words) -> Canvas:
    """The picture of a call."""
    from . import refusal

    if facts.error:
        return refusal.picture(facts, say)
    canvas = _WAYS[facts.way](facts, say)
    if facts.groups > 1:
        from .groups import add_groups

        add_groups(canvas, facts, say)
    return canvas


def _windows(facts: Facts, say: Words) -> Canvas:
    from .windows import windows_picture

    return windows_picture(facts, say)


def _scatter(facts: Facts, say: Words) -> Canvas:
    from .scatter import scatter_picture

    return scatter_picture(facts, say)


def _linear(facts: Facts, say: Words) -> Canvas:
    from .matrix import linear_picture

    return linear_picture(facts, say)


def _flatten(facts: Facts, say: Words) -> Canvas:
    from .matrix import flatten_picture

    return flatten_picture(facts, say)


def _pad(facts: Facts, say: Words) -> Canvas:
    from .pads import pad_picture

    return pad_picture(facts, say)


def _plain(facts: Facts, say: Words) -> Canvas:
    from .plain import plain_picture

    return plain_picture(facts, say)


_WAYS = {
    CONV: _windows,
    UNFOLD: _windows,
    FOLD: _windows,
    TRANSPOSED: _scatter,
    LINEAR: _linear,
    FLATTEN: _flatten,
    PAD: _pad,
    POOL: _windows,
    ADAPTIVE: _plain,
    OTHER: _plain,
}
