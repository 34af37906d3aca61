"""The graph and the engine run on whatever adds and makes zeros: here, numbers of Python."""

import subprocess
import sys

import pytest

from rushlight.autograd.engine import backward, grad
from rushlight.autograd.function import Function
from rushlight.autograd.graph import record
from rushlight.autograd.operation import Operation
from rushlight.autograd.value import STATE, Value
from rushlight.core import dtypes

ADD = Operation("add", "AddBackward0", lambda needs, g: (g, g))
MUL = Operation(
    "mul", "MulBackward0", lambda needs, g, a, b: (g * b if needs[0] else None, g * a if needs[1] else None)
)


class Number(Value):
    __slots__ = (*STATE, "number")
    shape, dtype = (), dtypes.float64

    def __init__(self, number, requires_grad=False):
        self._base = self._grad = self._hooks = self._node = self._memory_version = None
        self._index = self._seen = 0
        self._requires_grad, self.number = requires_grad, number

    def __add__(self, other):
        result = Number(self.number + other.number)
        record(ADD, (), result, (self, other))
        return result

    def __mul__(self, other):
        result = Number(self.number * other.number)
        record(MUL, (), result, (self, other), (self, other))
        return result

    def detach(self):
        return Number(self.number)

    def _layout(self):
        return (), dtypes.float64

    def _filled_like(self, number):
        return Number(float(number))

    def _blank(self):
        return lambda: Number(0.0)

    def _add_in_place(self, grad):
        self.number += grad.number

    def _adopt(self, entry):
        return entry[1]


def test_backward_of_numbers():
    x, y = Number(3.0, requires_grad=True), Number(4.0, requires_grad=True)
    z = x * y * x
    assert (z.number, z.is_leaf, z.grad_fn.name()) == (36.0, False, "MulBackward0")
    backward(z, retain_graph=True)
    assert (x.grad.number, y.grad.number) == (24.0, 9.0)
    backward(z)  # adds to what is there
    assert (x.grad.number, y.grad.number) == (48.0, 18.0)


def test_gradients_of_gradients_of_numbers():
    x = Number(3.0, requires_grad=True)
    (first,) = grad(x * x * x, (x,), create_graph=True)
    (second,) = grad(first, (x,))
    assert (first.number, second.number) == (27.0, 18.0)
    (unused,) = grad(x * x, (Number(1.0, requires_grad=True),), allow_unused=True)
    assert unused is None


def test_a_function_of_numbers():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            return Number(2 * x.number), Number(0.0)

        @staticmethod
        def backward(ctx, one, other):
            assert other.number == 0.0  # made by the engine: nothing flowed there
            return Number(2 * one.number)

    x = Number(3.0, requires_grad=True)
    backward(Twice.apply(x)[0])
    assert x.grad.number == 2.0


def test_hooks_and_errors_of_numbers():
    x = Number(3.0, requires_grad=True)
    z = x * x
    backward(z)
    with pytest.raises(RuntimeError, match="a second time"):
        backward(z)
    with pytest.raises(RuntimeError, match="does not require grad"):
        backward(Number(1.0))


def test_the_graph_needs_no_tensors():
    code = (
        "import sys, rushlight.autograd.engine, rushlight.autograd.function\n"
        "print([name for name in sys.modules if name.startswith('rushlight.tensor')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
