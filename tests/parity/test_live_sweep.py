"""At least 2,000 generated configurations of the family against float64 PyTorch 2.13.0.

Each gives forward, gradients of the inputs that ask for them, and double backward. A chunk is one test, so that
pytest-xdist shares them out; a chunk's draws depend on its name alone. RUSHLIGHT_SWEEP=4 draws four times as many.
"""

import os

import pytest
from hypothesis import given, seed, settings

import rushlight
from tests.parity.measure import check
from tests.parity.strategies import FAMILIES

EXAMPLES = 120  # a chunk; duplicates that hypothesis draws are allowed for
DISTINCT = 75
BUDGET = int(os.environ.get("RUSHLIGHT_SWEEP", "1"))
CHUNKS = {"conv1d": 4, "conv2d": 5, "conv3d": 4, "linear": 1, "unfold": 1, "fold": 1, "pad": 2}
CHUNKS |= {f"conv_transpose{rank}d": 3 for rank in (1, 2, 3)}
CASES = [(family, chunk) for family, count in CHUNKS.items() for chunk in range(count * BUDGET)]

assert DISTINCT * len(CASES) >= 2000


@pytest.mark.live
@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
@pytest.mark.parametrize(("family", "chunk"), CASES, ids=[f"{family}-{chunk}" for family, chunk in CASES])
def test_sweep(torch, family, chunk):
    seen = set()

    @seed(1000 * list(CHUNKS).index(family) + chunk)
    @settings(max_examples=EXAMPLES, derandomize=False)
    @given(FAMILIES[family])
    def sweep(problem):
        seen.add(str(problem))
        check(rushlight, torch, problem)

    sweep()
    assert len(seen) >= DISTINCT
