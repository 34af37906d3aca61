"""Which algorithm computes a layer, and why.

In: a ConvSpec, a kernel (fprop, dgrad or wgrad), a `Target`. Out: a `Choice`: the algorithm's name, its plan where it
made one to decide, and for each algorithm that was passed over the reason, as text for people.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..rules.spec import ConvSpec
from . import depthwise_channels, depthwise_rows
from .target import Target
from .winograd_gradient import plan_gradient
from .winograd_layer import WinogradPlan, plan_winograd

EXACT = "plain sums were asked for (set_exact)"


class Choice(NamedTuple):
    """The algorithm for a layer: depthwise_channels, depthwise_rows, winograd, overlap or product."""

    algorithm: str
    plan: object | None
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.algorithm, *(f"  {reason}" for reason in self.reasons)])


DEPTHWISE_CHANNELS = Choice(
    "depthwise_channels", None, ("vectors hold output channels: groups are too small for a matrix product",)
)
DEPTHWISE_ROWS = Choice(
    "depthwise_rows", None, ("vectors hold neighbouring positions of a row, so that nothing has to be transposed",)
)


def overlaps(spec: ConvSpec, kernel: str) -> bool:
    """Whether a transposed layer is better one product with all taps as columns, which are then added.

    >>> overlaps(ConvSpec.of(1, 1, 514, (50000,), (512,), stride=128), "dgrad")
    True
    """
    if kernel != "dgrad" or spec.rank != 1 or spec.groups > 1:
        return False
    columns = spec.in_channels * spec.taps[0]
    room = columns * spec.out[0] * spec.batch <= prod(spec.x_shape) + prod(spec.y_shape) + prod(spec.w_shape)
    few = spec.in_channels <= 3 and spec.out_channels >= 64
    return few and room and spec.dilation[0] == 1 and spec.padding[0][0] >= 0 and spec.taps[0] >= spec.stride[0] >= 64


def choose(spec: ConvSpec, kernel: str, target: Target, threads: int, exact: bool, rows: bool = True) -> Choice:
    """The algorithm of an fprop or dgrad; `rows`: the source's rows are contiguous, its channels are not neighbours.

    >>> spec = ConvSpec.of(8, 64, 64, (56,), (5,), stride=2, padding=2)
    >>> choose(spec, "fprop", Target.named("avx2"), 2, exact=False).algorithm
    'product'
    """
    if rows and depthwise_rows.serves(spec._replace(role=kernel), target):
        return DEPTHWISE_ROWS
    if depthwise_channels.serves(spec):
        return DEPTHWISE_CHANNELS
    if overlaps(spec, kernel):
        return Choice("overlap", None, ("few channels and long taps: columns of a product, added where they overlap",))
    plan: WinogradPlan | str = EXACT if exact else plan_winograd(spec, kernel, target, threads)
    passed = ("not depthwise: groups are large enough for a matrix product",)
    if isinstance(plan, str):
        return Choice("product", None, (*passed, f"not Winograd: {plan}"))
    return Choice("winograd", plan, passed)


def choose_gradient(spec: ConvSpec, target: Target, exact: bool) -> Choice:
    """The algorithm of a wgrad."""
    if depthwise_channels.serves(spec):
        return DEPTHWISE_CHANNELS
    plan = EXACT if exact else plan_gradient(spec, target)
    if isinstance(plan, str):
        return Choice("product", None, (f"not Winograd: {plan}",))
    return Choice("winograd", plan, ())
