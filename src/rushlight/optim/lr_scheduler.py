"""Schedulers: they set the step sizes of an optimiser as training goes on.

Each call of `step`, usually once an epoch after the optimiser's steps, sets `lr` in every group. What a scheduler keeps
goes through `state_dict` and `load_state_dict`; it can be copied and pickled with its optimiser.
"""

# ruff: noqa: F401  (this file only shows what the others define)

from rushlight.core import absent as _absent
from rushlight.optim.chains import ChainedScheduler, SequentialLR
from rushlight.optim.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.plateau import ReduceLROnPlateau
from rushlight.optim.scheduler import LRScheduler
from rushlight.optim.schedules import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)  # fmt: skip

__getattr__ = _absent.getter(__name__)
