"""Copies by the engine's pointwise kernels, bits as they are: numbers of any dtype as integers of their size."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rules.expression import inputs
from ..protocol import Refusal

_SAME = (inputs(1)[0],)
_WORDS = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}


def copied(pointwise: Any, target: Any, source: Any) -> bool:
    """Whether `source` was written into `target`: arrays of the host, of one shape and dtype, that share no memory."""
    if type(target) is not np.ndarray or type(source) is not np.ndarray or target.shape != source.shape:
        return False
    word = _WORDS.get(target.itemsize)
    if word is None or target.dtype != source.dtype or not (target.flags.aligned and source.flags.aligned):
        return False
    if np.may_share_memory(target, source):
        return False
    try:
        pointwise(_SAME, source.view(word), out=(target.view(word),))
    except Refusal:
        return False
    return True
