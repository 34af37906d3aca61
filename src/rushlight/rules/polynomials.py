"""The polynomials of PyTorch's vectorised logarithm, sine and cosine: what a normal number of float32 is, to the bit.

They are Moshier's (Cephes, single precision). Their steps are fused multiply-adds: which product each takes in decides
the last bit, and was found by comparing with PyTorch 2.13 on x86-64. All constants are rounded to float32.

    ln(1 + m) = m − m²/2 + m³·P(m), √½ ≤ 1 + m < √2; ln 2 in two parts, the first with few bits
    sin a = a + a³·P(a²), cos a = 1 − a²/2 + a⁴·Q(a²), |a| ≤ π/4; π/4 in three parts
"""

from math import pi

LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
SQRT_HALF = 0.70710678118

SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
FOUR_OVER_PI = 1.27323954473516
TWO_PI = 2 * pi
