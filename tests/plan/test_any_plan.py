"""Plans of layers that nobody tried, from a fresh seed: none fails, none takes long (`make plans`: many more)."""

import os
import random

import pytest

from tests.fuzz.plans import Problem, compiling_nothing, explore
from tests.instruction_sets import NATIVE


@pytest.mark.parametrize("rules", [True, False], ids=["plans", "tables"])
def test_any_plan(rules):
    seed = int(os.environ.get("RUSHLIGHT_SEED", int.from_bytes(os.urandom(4), "little")))
    print(f"RUSHLIGHT_SEED={seed}")
    tried, faults = explore(random.Random(seed), 5, NATIVE, rules)
    assert not faults and set(tried) == set(NATIVE)


FOUND = {
    "no tap is inside the source": Problem(
        "dgrad", "n1_c128_i10x15x1_o136_k2x3x2_s1_p0x3x1_d2_g8_f32", (18496, 136, 17, 1, 1), False, False, 2,
        ("avx2", 32768, 524288, 8388608, 2),
    ),
    "pooling of long windows": Problem(
        "pool", "n1_c16_i48895_o16_k486_s1_p3_g1_f32", (782320, 48895, 1), False, False, 2,
        ("avx2", 32768, 524288, 8388608, 2),
    ),
    "weight gradient of many taps": Problem(
        "wgrad", "n17_c48_i8_o11_k421_s1_p420:0_g1_f64", (384, 8, 1, 88, 8, 1), False, True, 1,
        ("avx2", 49152, 4194304, 268435456, 192),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_found(name):
    with compiling_nothing():
        for rules in (True, False):
            assert FOUND[name].fault(rules) is None
