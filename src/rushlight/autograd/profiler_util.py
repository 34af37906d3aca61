"""Where PyTorch has the classes of what its profilers recorded."""

from __future__ import annotations

from rushlight.core import absent as _absent
from rushlight.profiler.events import EventList, FunctionEvent, FunctionEventAvg, Interval

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]

__getattr__ = _absent.getter(__name__)
