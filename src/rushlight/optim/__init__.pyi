# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.optim import adam as adam
from rushlight.optim import lr_scheduler as lr_scheduler
from rushlight.optim import optimizer as optimizer
from rushlight.optim import sgd as sgd
from rushlight.optim.adam import Adam as Adam
from rushlight.optim.adam import AdamW as AdamW
from rushlight.optim.optimizer import Optimizer as Optimizer
from rushlight.optim.sgd import SGD as SGD


