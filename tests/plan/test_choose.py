"""Which algorithm: rules that any geometry must pass through."""

import pytest

from rushlight.plan.choose import choose
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec


@pytest.mark.parametrize("isa", ["avx512", "avx2", "x86-64", "neon"])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_layer_whose_taps_all_meet_padding_has_nothing_to_gain(isa, threads):
    """ConvTranspose3d(136, 128, (2, 3, 2), padding=(0, 3, 1), dilation=2, groups=8) on (1, 136, 8, 17, 1)."""
    spec = ConvSpec.of(1, 128, 136, (10, 15, 1), (2, 3, 2), padding=(0, 3, 1), dilation=2, groups=8)
    choice = choose(spec, "dgrad", Target.named(isa), threads, exact=False)
    assert choice.algorithm == "product" and "no tap is inside the source" in str(choice)
