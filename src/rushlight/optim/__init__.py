"""Optimisers: they change parameters in the direction that their gradients say.

In: the parameters of a module, with gradients in `.grad`. Out: the same parameters, changed in place.
`lr_scheduler` changes the step sizes as training goes on, `swa_utils` averages what it went through.
"""

# ruff: noqa: F401  (this file only shows what the others define)

from rushlight.core import absent as _absent
from rushlight.optim import lr_scheduler
from rushlight.optim.adadelta import Adadelta
from rushlight.optim.adagrad import Adagrad
from rushlight.optim.adam import Adam, AdamW
from rushlight.optim.adamax import Adamax
from rushlight.optim.asgd import ASGD
from rushlight.optim.lbfgs import LBFGS
from rushlight.optim.nadam import NAdam
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.radam import RAdam
from rushlight.optim.rmsprop import RMSprop
from rushlight.optim.rprop import Rprop
from rushlight.optim.sgd import SGD

__getattr__ = _absent.getter(__name__, files=("swa_utils",))
