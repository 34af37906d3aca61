"""Pictures of the user's own layer: `Facts` come in, a `Canvas` goes out, which writes itself as SVG.

One file for each way of computing: `windows` (Conv, Pool, Unfold, Fold), `scatter` (ConvTranspose), `matrix` (Linear,
Flatten), `pads`, `plain` (what keeps its axes); `groups` is drawn below where there are any. `canvas`, `grid`, `view`
and `sheet` are what they are drawn with.
"""

from __future__ import annotations

from ..facts import Facts
from ..reading import ADAPTIVE, CONV, FLATTEN, FOLD, LINEAR, OTHER, PAD, POOL, TRANSPOSED, UNFOLD
from ..words import Words
from . import refusal
from .canvas import Canvas
from .groups import add_groups
from .matrix import flatten_picture, linear_picture
from .pads import pad_picture
from .plain import plain_picture
from .scatter import scatter_picture
from .windows import windows_picture


def picture(facts: Facts, say: Words) -> Canvas:
    """The picture of a call."""
    if facts.error:
        return refusal.picture(facts, say)
    canvas = _WAYS[facts.way](facts, say)
    if facts.groups > 1:
        add_groups(canvas, facts, say)
    return canvas


def _windows(facts: Facts, say: Words) -> Canvas:
    return windows_picture(facts, say)


def _scatter(facts: Facts, say: Words) -> Canvas:
    return scatter_picture(facts, say)


def _linear(facts: Facts, say: Words) -> Canvas:
    return linear_picture(facts, say)


def _flatten(facts: Facts, say: Words) -> Canvas:
    return flatten_picture(facts, say)


def _pad(facts: Facts, say: Words) -> Canvas:
    return pad_picture(facts, say)


def _plain(facts: Facts, say: Words) -> Canvas:
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
