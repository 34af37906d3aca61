"""ConvSpec: closed under dgrad and wgrad, and the same thing as its problem string."""

import numpy as np
import pytest

from rushlight.backends import reference
from rushlight.rules.spec import ConvSpec

from ..reference.samples import integers, sample

SEEDS = range(150)


@pytest.mark.parametrize("seed", SEEDS)
def test_closed_under_gradients(seed):
    spec = sample(seed)
    assert spec.dgrad().out == spec.size
    assert spec.wgrad().out == spec.taps
    assert spec.dgrad().dgrad().dgrad() == spec.dgrad()
    assert spec.dgrad().dgrad().out == spec.out
    assert spec.dgrad().macs == spec.macs == spec.wgrad().macs


@pytest.mark.parametrize("seed", SEEDS)
def test_problem_string_round_trip(seed):
    for spec in (sample(seed), sample(seed).dgrad(), sample(seed).wgrad()):
        assert ConvSpec.parse(str(spec)) == spec


@pytest.mark.parametrize("seed", range(30))
def test_twice_dgrad_is_the_same_convolution(seed):
    spec = sample(seed)
    x, w = integers(spec.x_shape, 1), integers(spec.w_shape, 2)
    np.testing.assert_array_equal(reference.fprop(spec.dgrad().dgrad(), x, w), reference.fprop(spec, x, w))


def test_problem_strings():
    conv = ConvSpec.of(8, 64, 96, (56, 56), (3, 3), padding=1)
    assert str(conv) == "n8_c64_i56x56_o96_k3x3_s1_p1_g1_f32"
    assert str(ConvSpec.of(128, 20, 30)) == "n128_c20_o30_g1_f32"
    uneven = ConvSpec.of(1, 4, 4, (9, 8), (3, 2), stride=(2, 1), dilation=(1, 3), padding=((1, -2), (0, 0)), groups=4)
    assert str(uneven) == "n1_c4_i9x8_o4_k3x2_s2x1_p1:-2x0_d1x3_g4_f32"
    assert str(conv.dgrad()).endswith("_dgrad") and str(conv.wgrad()).endswith("_wgrad")


@pytest.mark.parametrize(
    "text", ["", "n8", "n8_c64_i56x56_o96_k3_s1_p1_g1_f32", "n8_c64_q1", "n8_c1_o1_i3_k1_s1x1_f32", "n1_n1_c1_o1"]
)
def test_what_is_no_problem_string(text):
    with pytest.raises(ValueError, match="problem string"):
        ConvSpec.parse(text)


def test_costs():
    spec = ConvSpec.of(8, 64, 96, (56, 56), (3, 3), padding=1, dtype="f64")
    assert spec.macs == 8 * 96 * 56 * 56 * 64 * 9
    assert spec.bytes == 8 * (8 * 64 * 56 * 56 + 96 * 64 * 9 + 8 * 96 * 56 * 56)
