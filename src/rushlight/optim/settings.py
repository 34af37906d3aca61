"""Settings of optimisers: what is taken, and what is refused with PyTorch's words."""

from __future__ import annotations

from typing import Any

from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.tensor.core import Tensor

_CAPTURING = ["cuda", "xpu", "hpu", "privateuseone", "xla"]
_FUSING = ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]


def check_lr(lr: float | Tensor) -> None:
    """ValueError for a negative step size, or several in one tensor."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_positive("learning rate", lr)


def check_positive(name: str, value: Any) -> None:
    """ValueError for a negative setting; `name` as PyTorch calls it in its sentence."""
    if not value >= 0:
        raise ValueError(f"Invalid {name}: {value}")


def check_adam(lr: float | Tensor, betas: tuple[float, float], eps: float, weight_decay: float) -> None:
    """ValueError for what Adam and its kin do not take."""
    check_lr(lr)
    check_positive("epsilon value", eps)
    _check_betas(betas)
    check_positive("weight_decay value", weight_decay)


def _check_betas(betas: tuple[float, float]) -> None:
    """ValueError for shares of running means outside [0, 1)."""
    for index, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_fused(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """RuntimeError for ways to step that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_step(group: dict[str, Any], captured: str) -> None:
    """AssertionError or RuntimeError for settings of a group that PyTorch refuses on a CPU when it steps.

    `captured`: the tensors of which PyTorch says so."""
    if group.get("capturable"):
        sentence = f"If capturable=True, {captured} must be on supported devices: {_CAPTURING}."
        raise AssertionError(message(sentence, fix="capturable=False: there are no graphs to capture on a CPU"))
    if group.get("differentiable"):
        if group.get("foreach"):
            raise AssertionError("_foreach ops don't support autograd")
        lr = group["lr"]
        if isinstance(lr, Tensor) and lr.requires_grad:
            raise RuntimeError("a step size that wants a gradient is not available: pass lr.detach()")
    if group.get("fused"):
        for parameter in group["params"]:
            if parameter.dtype.category != dtypes.FLOATING:
                raise RuntimeError(
                    "`fused=True` requires all the params to be floating point Tensors of supported devices: "
                    f"{_FUSING} but {parameter.dtype} and {parameter.device.type}"
                )
