"""How tensors read: literal cases, and many random ones against PyTorch."""

import numpy as np
import pytest

import rushlight

LITERAL = [
    (lambda t: t.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
    (lambda t: t.tensor([[1, 20], [-3, 4]]), "tensor([[ 1, 20],\n        [-3,  4]])"),
    (lambda t: t.tensor(3), "tensor(3)"),
    (lambda t: t.zeros(0, 3), "tensor([], size=(0, 3))"),
    (lambda t: t.zeros(0, dtype=t.int64), "tensor([], dtype=torch.int64)"),
    (lambda t: t.tensor([1e-8, 1.0]), "tensor([1.0000e-08, 1.0000e+00])"),
    (lambda t: t.tensor([True, False]), "tensor([ True, False])"),
    (lambda t: t.arange(1200), "tensor([   0,    1,    2,  ..., 1197, 1198, 1199])"),
    (lambda t: t.ones(2, requires_grad=True) * 2, "tensor([2., 2.], grad_fn=<MulBackward0>)"),
    (lambda t: t.ones(1, dtype=t.float16, requires_grad=True), "tensor([1.], dtype=torch.float16, requires_grad=True)"),
]


@pytest.mark.parametrize(("make", "text"), LITERAL, ids=[text[:30] for _, text in LITERAL])
def test_literal(t, make, text):
    assert repr(make(t)) == text


def test_options(t):
    t.set_printoptions(precision=2, sci_mode=True)
    try:
        assert repr(t.tensor([1.0, 2.5])) == "tensor([1.00e+00, 2.50e+00])"
    finally:
        t.set_printoptions(profile="default")
    assert repr(t.tensor([2.5])) == "tensor([2.5000])"


def random_array(generator):
    shape = tuple(int(n) for n in generator.choice([0, 1, 2, 3, 5, 8, 12], generator.integers(0, 5)))
    if generator.random() < 0.1:
        shape = [(1500,), (40, 40), (7, 200), (3, 3, 150), (1001,), (5, 5, 5, 9)][generator.integers(6)]
    if generator.random() < 0.4:
        return np.asarray(generator.integers(-(10 ** generator.integers(1, 5)), 100, shape))
    values = np.asarray(generator.standard_normal(shape) * 10.0 ** generator.integers(-6, 6))
    if generator.random() < 0.3:
        values = np.round(values)
    if generator.random() < 0.2:
        values = values * 10.0 ** generator.integers(-4, 4, shape)
    values = np.asarray(values)
    if values.size and generator.random() < 0.2:
        values.reshape(-1)[0] = generator.choice([np.nan, np.inf, -np.inf, 0.0, -0.0])
    return values.astype(generator.choice(["f4", "f8"]))


@pytest.mark.live
def test_random_tensors_read_alike(torch):
    import rushlight

    generator = np.random.default_rng(0)
    for _ in range(400):
        array = random_array(generator)
        assert repr(rushlight.tensor(array)) == repr(torch.from_numpy(np.array(array)))


@pytest.mark.parametrize("dtype, bits", [(np.float32, 0x7F800001), (np.float16, 0x7C01)])
def test_a_signalling_nan_prints_in_silence(dtype, bits):
    values = np.array([bits], f"u{np.dtype(dtype).itemsize}").view(dtype)
    assert "nan" in repr(rushlight.from_numpy(values))
