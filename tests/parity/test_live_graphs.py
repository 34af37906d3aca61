"""Graphs beside PyTorch's: the same nodes, with as many inputs each, from the result to the leaves."""

import warnings

import numpy as np
import pytest

import rushlight

from ..tensor.operations import SAMPLES

pytestmark = pytest.mark.live

_OF_MATRICES = "a product of stacks or of a vector is one operation, where PyTorch makes matrices of the operands first"
_EINSUM = "PyTorch multiplies stacks of matrices in an order of its own"
_SHAPED = "PyTorch views the value that is written; here the derivative of the writing does"
OTHERWISE = {
    "rdiv": "one division, correctly rounded, where PyTorch multiplies with the reciprocal",
    "matmul_batch": _OF_MATRICES,
    "vector_matmul": _OF_MATRICES,
    "batch_vector": _OF_MATRICES,
    "vector_batch": _OF_MATRICES,
    "einsum": _EINSUM,
    "einsum_three": _EINSUM,
    "einsum_dots": _EINSUM,
    "reshape_transposed": "a copy in another shape is one operation, where PyTorch clones and views",
    "repeat_interleave": "takes the elements by their indices, where PyTorch expands, clones and views",
    "index_step": "one index is one operation, where PyTorch has one for each of its items",
    "index_between": "one index is one operation, where PyTorch has one for each of its items",
    "setitem_more_axes": _SHAPED,
    "setitem_index_more_axes": _SHAPED,
    "setitem_all": _SHAPED,
    "view_of_view": "a view of a view is led to its base in one step, where PyTorch replays the last one",
}


def graph(t, name):
    """Each node's name and inputs, as a tree; None for an input without a gradient."""
    function, *shapes = SAMPLES[name]
    generator = np.random.default_rng(3)
    inputs = [t.tensor(generator.standard_normal(shape), dtype=t.float64, requires_grad=True) for shape in shapes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tree(function(t, *inputs).grad_fn)


def tree(node):
    if node is None:
        return None
    return node.name().rsplit("::", 1)[-1], tuple(tree(function) for function, _ in node.next_functions)


@pytest.mark.parametrize("name", SAMPLES)
def test_nodes_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    assert (graph(rushlight, name) == graph(torch, name)) is (name not in OTHERWISE)


def test_exceptions_are_samples():
    assert OTHERWISE.keys() <= SAMPLES.keys()
