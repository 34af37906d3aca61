"""Distributions beside PyTorch: draws from the same seed, densities, gradients, and what is refused."""

import numpy as np
import pytest

import rushlight

pytestmark = pytest.mark.live

MADE = {
    "normal": lambda t, leaf: t.distributions.Normal(leaf(t, 0.3, -1.0), leaf(t, 0.5, 2.0)),
    "normal numbers": lambda t, leaf: t.distributions.Normal(1.0, 2),
    "normal broadcast": lambda t, leaf: t.distributions.Normal(leaf(t, [0.3], [1.0]), leaf(t, 0.5, 2.0, 3.0)),
    "uniform": lambda t, leaf: t.distributions.Uniform(leaf(t, 0.3, -1.0), leaf(t, 0.5, 2.0)),
    "bernoulli": lambda t, leaf: t.distributions.Bernoulli(leaf(t, 0.3, 0.9, 0.5)),
    "bernoulli logits": lambda t, leaf: t.distributions.Bernoulli(logits=leaf(t, 0.3, -2.0, 0.0)),
    "bernoulli ends": lambda t, leaf: t.distributions.Bernoulli(t.tensor([0.0, 1.0], dtype=t.float64)),
    "categorical": lambda t, leaf: t.distributions.Categorical(leaf(t, [1.0, 2.0, 0.5], [0.1, 0.1, 3.0])),
    "categorical logits": lambda t, leaf: t.distributions.Categorical(logits=leaf(t, 1.0, -2.0, 0.5)),
}


def leaf(library, *values):
    return library.tensor(values, dtype=library.float64, requires_grad=True)


def numbers(x):
    return x.detach().numpy()


def close(a, b):
    assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype)
    allowed = {"rtol": 1e-6, "atol": 1e-6} if "32" in str(a.dtype) else {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(numbers(b), numbers(a), **allowed)


@pytest.mark.parametrize("name", MADE)
def test_everything(torch, name):
    theirs, ours = (MADE[name](library, leaf) for library in (torch, rushlight))
    for of in ("mean", "mode", "stddev", "variance", "batch_shape", "event_shape", "has_rsample"):
        if of == "mode" and name == "uniform":
            continue
        a, b = getattr(theirs, of), getattr(ours, of)
        close(a, b) if hasattr(a, "dtype") else pytest.approx(a) == b
        assert hasattr(a, "dtype") or tuple(np.atleast_1d(a)) == tuple(np.atleast_1d(b))
    close(theirs.entropy(), ours.entropy())
    close(theirs.perplexity(), ours.perplexity())
    assert repr(theirs) == repr(ours)
    for shape in ((), (4,), (20, 3)):
        torch.manual_seed(5), rushlight.manual_seed(5)
        a, b = (d.sample(library.Size(shape)) for d, library in ((theirs, torch), (ours, rushlight)))
        close(a, b)
        assert not b.requires_grad
        close(theirs.log_prob(a), ours.log_prob(b))
        for of in ("cdf", "icdf"):
            if hasattr(ours, of):
                value = a if of == "cdf" else a.sigmoid()
                close(getattr(theirs, of)(value), getattr(ours, of)(rushlight.from_numpy(numbers(value))))
    if theirs.has_rsample:
        torch.manual_seed(5), rushlight.manual_seed(5)
        close(theirs.rsample((2,)), ours.rsample((2,)))
    wide = (3, *theirs.batch_shape)
    close(theirs.expand(torch.Size(wide)).entropy(), ours.expand(wide).entropy())


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("normal numbers", "bernoulli ends")])
def test_gradients(torch, name):
    found = []
    for library in (torch, rushlight):
        made = []

        def kept(library, *values, made=made):
            made.append(leaf(library, *values))
            return made[-1]

        d = MADE[name](library, kept)
        library.manual_seed(3)
        value = d.rsample((4,)) if d.has_rsample else d.sample((4,))
        loss = (d.log_prob(value.detach()).sum() + (d.entropy() ** 2).sum()) + (value * value).sum()
        loss.backward()
        found.append([x.grad.numpy() for x in made])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("p", "q"),
    [(name, name) for name in MADE]
    + [("normal", "normal numbers"), ("bernoulli ends", "bernoulli ends"), ("categorical", "categorical logits")],
)
def test_divergence(torch, p, q):
    a, b = (
        library.distributions.kl_divergence(MADE[p](library, leaf), MADE[q](library, leaf))
        for library in (torch, rushlight)
    )
    close(a, b)


REFUSED = [
    "D.Normal(0.0, -1.0)",
    "D.Normal(T([0.0, float('nan')]), T(1.0))",
    "D.Uniform(1.0, 1.0)",
    "D.Bernoulli(1.5)",
    "D.Bernoulli()",
    "D.Bernoulli(0.5, 0.5)",
    "D.Categorical(T(1.0))",
    "D.Categorical(T([1.0, -1.0]))",
    "D.Normal('a', 1.0)",
    "D.Normal(0.0, 1.0).log_prob(1.0)",
    "D.Normal(T([0.0, 0.0, 0.0]), T(1.0)).log_prob(T([0.0, 0.0]))",
    "D.Normal(0.0, 1.0).log_prob(T(float('nan')))",
    "D.Bernoulli(0.5).log_prob(T(0.5))",
    "D.Bernoulli(0.5).rsample()",
    "D.Categorical(T([1.0, 1.0])).log_prob(T(2))",
    "D.kl_divergence(D.Normal(0.0, 1.0), D.Bernoulli(0.5))",
]


@pytest.mark.parametrize("call", REFUSED)
def test_refused(torch, call):
    said = []
    for library in (torch, rushlight):
        with pytest.raises((ValueError, TypeError, NotImplementedError)) as caught:
            eval(call, {"D": library.distributions, "T": library.tensor, "float": float, "int": int})
        said.append(caught.type)
    assert said[0] is said[1]


def test_checks_can_be_left_out():
    d = rushlight.distributions
    assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    d.Distribution.set_default_validate_args(False)
    try:
        assert d.Uniform(1.0, 1.0).low.item() == 1.0
    finally:
        d.Distribution.set_default_validate_args(True)
