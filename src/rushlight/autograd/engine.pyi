# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from collections.abc import Sequence as _Sequence
from rushlight.autograd.graph import Node as _Node
from rushlight.tensor.core import Tensor as _Tensor
import builtins as _b

class BackwardPass:
    """One backward pass: the gradients that have arrived so far, and where they are wanted."""

    def __init__(self, retain_graph: _b.bool, create_graph: _b.bool) -> None: ...
    def want(self, inputs: _Sequence[_Tensor], roots: _Sequence[_Tensor]) -> None:
        """Compute only what leads to `inputs`."""
    def leads_somewhere(self, target: _Node | _Tensor) -> _b.bool:
        """Whether a gradient that goes to `target` is of use."""
    def deliver(self, target: _Node | _Tensor, index: _b.int, grad: _Tensor) -> None:
        """Add a gradient to what has arrived at a node or leaf."""
    def run(self) -> None:
        """Run every node that gradients reach."""
    def visit(self, node: _Node, grads: _b.list[_Tensor | None]) -> None:
        """Run one node and hand its results on."""
    def result(self, tensor: _Tensor) -> _Tensor | None:
        """The gradient of a wanted input."""

def accumulate(entry: _b.list, create_graph: _b.bool) -> None:
    """Add the gradient of `entry`, a list of a leaf and its gradient, to the leaf's `.grad`."""
def backward(tensors: _Tensor | _Sequence[_Tensor], grad_tensors: _Tensor | _Sequence[_Tensor] | None = None, retain_graph: _b.bool | None = None, create_graph: _b.bool = False, inputs: _Tensor | _Sequence[_Tensor] | None = None) -> None:
    """Add the gradients of `tensors` to `.grad` of the leaves they came from (or of `inputs` only)."""
def grad(outputs: _Tensor | _Sequence[_Tensor], inputs: _Tensor | _Sequence[_Tensor], grad_outputs: _Tensor | _Sequence[_Tensor] | None = None, retain_graph: _b.bool | None = None, create_graph: _b.bool = False, only_inputs: _b.bool = True, allow_unused: _b.bool | None = None, is_grads_batched: _b.bool = False, materialize_grads: _b.bool = False) -> _b.tuple[_Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` is left alone."""
def backward_method(self, gradient: _Tensor | None = None, retain_graph: _b.bool | None = None, create_graph: _b.bool = False, inputs: _Tensor | _Sequence[_Tensor] | None = None) -> None:
    """Add the gradients of this tensor to `.grad` of the leaves it came from; see `rushlight.autograd.backward`."""
