"""Normal numbers of float32 are PyTorch's to the bit, where it draws them by blocks of 16."""

import hashlib

import numpy as np
import pytest

import rushlight
from rushlight.backends.reference.rounding import fused_float32

# Of PyTorch 2.13 on x86-64: manual_seed(12); empty(100003).normal_(-0.25, 1.75)
RECORDED = "c2de9e5c63a9c1bee1326c041f7a7ba68907ad031fe660558893c058c85264aa"


def test_recorded_bits():
    rushlight.manual_seed(12)
    drawn = rushlight.empty(100003).normal_(-0.25, 1.75)
    assert hashlib.sha256(drawn.numpy().tobytes()).hexdigest() == RECORDED


def test_fused_sums_of_arrays_are_rounded_once():
    a = np.array([1 + 2.0**-23, 1.0, 3.0, 1 + 2.0**-12])
    b = np.array([1 + 2.0**-23, 1.0, 1 / 3, 1 + 2.0**-12]).astype(np.float32)
    c = np.array([-1.0, 2.0**-60, -1.0, 2.0**-54]).astype(np.float32)
    found = fused_float32(a, b, c)
    # 1 + 2⁻¹¹ + 2⁻²⁴ lies halfway between two numbers, and 2⁻⁵⁴ more is lost to 53 bits.
    assert found.tolist() == [2.0**-22, 1.0, float(np.float32(np.float64(b[2]) * 3 - 1)), 1 + 2**-11 + 2**-23]


@pytest.mark.live
@pytest.mark.parametrize("count", [16, 17, 33, 1 << 20, (1 << 21) + 5])
@pytest.mark.parametrize("mean, std", [(0.0, 1.0), (0.3, 1.7), (-5.0, 0.01), (1.0, 0.0)])
def test_bits_against_pytorch(count, mean, std):
    torch = pytest.importorskip("torch")
    rushlight.manual_seed(count)
    torch.manual_seed(count)
    ours, theirs = rushlight.empty(count).normal_(mean, std), torch.empty(count).normal_(mean, std)
    assert ours.numpy().tobytes() == theirs.numpy().tobytes()
    assert rushlight.randn(4, 5, 6).numpy().tobytes() == torch.randn(4, 5, 6).numpy().tobytes()
