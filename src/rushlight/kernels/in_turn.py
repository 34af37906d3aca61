"""Several kernels as one: what a thread alone does is one launch, whose Python is most of the time of small arrays.

In: addresses of kernels and of their words, whose counters are set to 0 here. Out: the kernel `in_turn`.
"""

from __future__ import annotations

from ..language.ir import Module, Params, i64, ptr


def in_turn_params(count: int) -> Params:
    """The words of `in_turn`: of each kernel its code, and where its words are."""
    return Params(**{f"{name}{n}": kind for n in range(count) for name, kind in (("code", i64), ("words", ptr(i64)))})


def emit_in_turn(k: Module, count: int) -> None:
    """Exports `in_turn`, for one thread: `count` kernels, one after the other."""
    with k.kernel("in_turn", in_turn_params(count), flushed=False) as (f, p):
        for n in range(count):
            words = getattr(p, f"words{n}")
            words[0].store(0)
            words[1].store(0)
            f.call_address(getattr(p, f"code{n}"), words)
