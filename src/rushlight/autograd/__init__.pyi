# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.autograd import check as check
from rushlight.autograd import engine as engine
from rushlight.autograd import function as function
from rushlight.autograd import graph as graph
from rushlight.autograd import hooks as hooks
from rushlight.autograd import modes as modes
from rushlight.autograd import operation as operation
from rushlight.autograd import profiler as profiler
from rushlight.autograd import profiler_util as profiler_util
from rushlight.autograd import saving as saving
from rushlight.autograd import value as value
from rushlight.autograd import variable as variable
from rushlight.autograd import version as version
from rushlight.autograd.check import gradcheck as gradcheck
from rushlight.autograd.check import gradgradcheck as gradgradcheck
from rushlight.autograd.engine import backward as backward
from rushlight.autograd.engine import grad as grad
from rushlight.autograd.function import Function as Function
from rushlight.autograd.function import FunctionCtx as FunctionCtx
from rushlight.autograd.function import once_differentiable as once_differentiable
from rushlight.autograd.modes import enable_grad as enable_grad
from rushlight.autograd.modes import inference_mode as inference_mode
from rushlight.autograd.modes import is_grad_enabled as is_grad_enabled
from rushlight.autograd.modes import no_grad as no_grad
from rushlight.autograd.modes import set_grad_enabled as set_grad_enabled
from rushlight.autograd.variable import Variable as Variable


