"""What random calls refuse, with PyTorch's sentences, and that a refused call has drawn and changed nothing."""

import pytest

import rushlight as torch

i64 = torch.int64
REFUSED = [
    (lambda: torch.empty(3).uniform_(1, 0), RuntimeError, r"\[from, to\) range, but found from=1 > to=0"),
    (lambda: torch.empty(3).uniform_(0, float("inf")), RuntimeError, "to is out of bounds for float"),
    (lambda: torch.empty(3).uniform_(float("nan"), 1), RuntimeError, "from is out of bounds for float"),
    (lambda: torch.empty(3).uniform_(-3e38, 3e38), RuntimeError, "to-from"),
    (lambda: torch.empty(3, dtype=i64).uniform_(), NotImplementedError, "not implemented for 'Long'"),
    (lambda: torch.empty(3, dtype=i64).normal_(), NotImplementedError, "not implemented for 'Long'"),
    (lambda: torch.empty(3).normal_(0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: torch.empty(3).bernoulli_(1.5), RuntimeError, r"expects p to be in \[0, 1\], but got p=1.5"),
    (lambda: torch.empty(3).bernoulli_(float("nan")), RuntimeError, "expects p"),
    (lambda: torch.bernoulli(torch.tensor([0.0, 2.0])), RuntimeError, "Expected p_in >= 0"),
    (lambda: torch.bernoulli(torch.tensor([0, 1])), NotImplementedError, "'Long'"),
    (lambda: torch.empty(3).exponential_(0), RuntimeError, "expects lambda > 0.0"),
    (lambda: torch.empty(3, dtype=i64).exponential_(), RuntimeError, "continuous probability distribution"),
    (lambda: torch.empty(3).cauchy_(0, 0), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=0"),
    (lambda: torch.empty(3, dtype=i64).cauchy_(), RuntimeError, "Cauchy.* but you specified long int"),
    (lambda: torch.empty(3).log_normal_(0, -1), RuntimeError, "log_normal_ expects std > 0.0, but found std=-1"),
    (lambda: torch.empty(3, dtype=i64).log_normal_(), NotImplementedError, "\"log_normal_cpu\" not .* for 'Long'"),
    (lambda: torch.empty(3).geometric_(1), RuntimeError, r"geometric_ expects p to be in \(0, 1\), but got p=1"),
    (lambda: torch.empty(3, dtype=torch.bool).geometric_(0.5), NotImplementedError, "'Bool'"),
    (lambda: torch.empty(3, dtype=torch.uint8).random_(-(2**63), None), RuntimeError, "handles only int64, double"),
    (lambda: torch.empty(3, dtype=torch.half).random_(-(2**63), None), NotImplementedError, "'Half'"),
    (lambda: torch.empty(3).random_(10, 3), RuntimeError, "'from' to be less than 'to', but got from=10 >= to=3"),
    (lambda: torch.empty(3, dtype=torch.uint8).random_(300), RuntimeError, "to - 1 is out of bounds for unsigned char"),
    (lambda: torch.empty(3, dtype=torch.uint8).random_(-1, 3), RuntimeError, "from is out of bounds for unsigned char"),
    (lambda: torch.empty(3, dtype=torch.uint16).random_(), NotImplementedError, "'UInt16'"),
    (lambda: torch.empty(1).expand(4).uniform_(), RuntimeError, "single memory location"),
    (lambda: torch.empty(3, requires_grad=True).uniform_(), RuntimeError, "leaf [Vv]ariable"),
    (lambda: torch.randint(3, 3, (2,)), RuntimeError, "from=3 >= to=3"),
    (lambda: torch.randint(3, (2,), dtype=torch.bool), RuntimeError, "to - 1 is out of bounds for bool"),
    (lambda: torch.randint(0.5, 2, (2,)), TypeError, "must be int"),
    (lambda: torch.randint(10, 3), TypeError, "'size'.* must be tuple of ints, not int"),
    (lambda: torch.randint(2**63, (2,)), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.randperm(-1), RuntimeError, "negative dimension -1"),
    (lambda: torch.randperm(2.5), TypeError, "must be int, not float"),
    (lambda: torch.randperm(300, dtype=torch.uint8), RuntimeError, "300|256"),
    (lambda: torch.rand(), TypeError, "invalid combination"),
    (lambda: torch.rand(-1), RuntimeError, "negative dimension -1"),
    (lambda: torch.rand(2.0), TypeError, "must be tuple of ints"),
    (lambda: torch.rand(2, dtype=i64), NotImplementedError, "'Long'"),
    (lambda: torch.rand(2, generator=3), TypeError, "generator"),
    (lambda: torch.rand(2, device="cuda"), RuntimeError, "cpu"),
    (lambda: torch.rand(2**62, 4), RuntimeError, "EiB|overflow"),
    (lambda: torch.normal(torch.zeros(3), torch.ones(4)), RuntimeError, "3.*4"),
    (lambda: torch.normal(torch.zeros(3), -torch.ones(3)), RuntimeError, "all elements of std >= 0.0"),
    (lambda: torch.multinomial(torch.tensor([1, 2]), 1), RuntimeError, "only supports floating-point"),
    (lambda: torch.multinomial(torch.tensor([0.0, 0.0]), 1), RuntimeError, "sum of probabilities <= 0"),
    (lambda: torch.multinomial(torch.tensor([-1.0, 2.0]), 1), RuntimeError, "element < 0"),
    (lambda: torch.multinomial(torch.tensor([1.0, 2.0]), 3), RuntimeError, "without replacement"),
    (lambda: torch.multinomial(torch.tensor([1.0, 2.0]), 0), RuntimeError, "n_sample <= 0"),
    (lambda: torch.multinomial(torch.ones(1, 1, 2), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
]


@pytest.mark.parametrize("call, kind, text", REFUSED, ids=range(len(REFUSED)))
def test_refused(call, kind, text):
    torch.manual_seed(0)
    before = torch.get_rng_state().tolist()
    with pytest.raises(kind, match=text):
        call()
    assert torch.get_rng_state().tolist() == before


def test_a_refused_fill_leaves_the_tensor_alone():
    tensor = torch.ones(3)
    with pytest.raises(RuntimeError):
        tensor.uniform_(1, 0)
    assert tensor.tolist() == [1, 1, 1]


def test_integers_beyond_what_a_float_tells_apart_warn():
    with pytest.warns(UserWarning, match="out of bounds"):
        torch.randint(0, 2**25, (2,), dtype=torch.float32)


def test_calls_of_randint():
    for call in (
        lambda: torch.randint(10, (2, 3)),
        lambda: torch.randint(0, 10, (2, 3)),
        lambda: torch.randint(10, size=(2, 3)),
        lambda: torch.randint(high=10, size=(2, 3)),
        lambda: torch.randint(low=0, high=10, size=[2, 3]),
    ):
        torch.manual_seed(1)
        assert call().tolist() == [[5, 9, 4], [8, 3, 3]]


def test_likes_keep_the_layout():
    source = torch.zeros(2, 3, 4).permute(2, 0, 1)
    for made in (torch.rand_like(source), torch.randn_like(source), torch.randint_like(source, 5)):
        assert made.stride() == source.stride()
        assert made.dtype is torch.float32
    assert torch.randn_like(source, dtype=torch.float64).dtype is torch.float64


def test_empty_draws_take_nothing():
    torch.manual_seed(0)
    before = torch.get_rng_state().tolist()
    for drawn in (torch.rand(0), torch.randn(2, 0), torch.randperm(0), torch.randperm(1), torch.randint(3, (0,))):
        assert drawn.numel() < 2
    assert torch.get_rng_state().tolist() == before


def test_the_excluded_end_is_never_reached():
    torch.manual_seed(0)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert bool((torch.rand(20000, dtype=dtype) < 1).all())
    assert set(torch.empty(1000).uniform_(1.0, 1.0000001).tolist()) == {1.0}


def test_long_draws_equal_short_ones():
    torch.manual_seed(0)
    long = torch.rand(600_000)
    torch.manual_seed(0)
    assert torch.equal(long, torch.cat([torch.rand(250_000), torch.rand(350_000)]))
