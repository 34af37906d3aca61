"""Calls are remembered by their numbers and the types of these: what equals a legal call may be an error."""

import pytest

from rushlight.rules.geometry import known_convolution, known_transposed

TYPES = ("f32", "f32", None)
CONV = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1, "mode": "zeros"}
TRANSPOSED = {"stride": (1, 1), "padding": (0, 0), "output_padding": (0, 0), "groups": 1, "dilation": (1, 1)}
TRANSPOSED |= {"mode": "zeros", "output_size": None}


def conv(**given):
    return known_convolution("conv2d", 2, (1, 1, 5, 5), (2, 1, 3, 3), None, TYPES, *(CONV | given).values())


def transposed(**given):
    shapes = (1, 1, 5, 5), (1, 2, 3, 3), None
    return known_transposed("conv_transpose2d", 2, *shapes, TYPES, *(TRANSPOSED | given).values())


@pytest.mark.parametrize("call", [conv, transposed])
def test_what_equals_a_legal_call_may_be_an_error(call):
    assert call() is call()
    assert call(padding=((1, 1), (1, 1))) is call(padding=((1, 1), (1, 1)))
    assert call(stride=1, padding=1, dilation=1) is call(stride=1, padding=1, dilation=1)
    assert call(stride=[1, 1]).spec == call().spec
    assert call(padding=[[1, 1], [1, 1]]).spec == call(padding=((1, 1), (1, 1))).spec
    wrong = ({"stride": (True, 1)}, {"stride": (1.0, 1)}, {"padding": ((True, 1), (1, 1))}, {"padding": (1, (1, 1.0))})
    for given in (*wrong, {"stride": True, "padding": 1, "dilation": 1}, {"groups": True}, {"groups": 1.0}):
        with pytest.raises(TypeError):
            call(**given)


def test_sizes_that_are_asked_for():
    assert transposed(stride=(2, 2), output_size=(12, 12)) is transposed(stride=(2, 2), output_size=(12, 12))
    with pytest.raises(TypeError):
        transposed(stride=(2, 2), output_size=(12.0, 12))
