"""Identities between the operations of the family, on generated problems; no other library takes part.

The data are small integers, so both sides are equal to the last bit whatever the order of summation.
"""

import math

import pytest
from hypothesis import assume, given, settings

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F
from tests.parity.measure import call_function, layer, tensor
from tests.parity.problem import Problem, inputs
from tests.parity.strategies import FAMILIES

RANKS = pytest.mark.parametrize("rank", [1, 2, 3])
EXAMPLES = 60


def each(value: object, rank: int) -> tuple:
    if isinstance(value, int):
        return (value,) * rank
    return tuple(value) if len(value) == rank else tuple(value) * rank


def given_tensors(problem: Problem) -> dict[str, torch.Tensor]:
    return {name: tensor(torch, array, "float32", problem.layout) for name, array in inputs(problem).items()}


def zero_padded(problem: Problem) -> Problem:
    """The same call in the functional form with numbers for padding."""
    padding = 0 if isinstance(problem.padding, str) else problem.padding
    span = [d * (k - 1) + 1 for d, k in zip(each(problem.dilation, problem.rank), problem.w[2:])]
    sizes = problem.x[-problem.rank :]
    assume(all(n + 2 * p >= k for n, p, k in zip(sizes, each(padding, problem.rank), span)))
    return problem.but(form="functional", padding=padding, padding_mode="zeros", data="ints", dtype="float32")


def fuzz(family: str, check: object) -> None:
    @settings(max_examples=EXAMPLES)
    @given(FAMILIES[family])
    def run(problem: Problem) -> None:
        check(problem)

    run()


@RANKS
def test_transposed_is_the_adjoint(rank):
    """⟨conv x, y⟩ = ⟨x, conv_transpose y⟩, where output_padding says which of the input sizes it was."""

    def check(problem: Problem) -> None:
        p = zero_padded(problem)
        x, w = given_tensors(p)["x"], given_tensors(p)["w"]
        geometry = dict(stride=p.stride, padding=p.padding, dilation=p.dilation, groups=p.groups)
        y = getattr(F, f"conv{rank}d")(x, w, **geometry)
        axes = zip(*(each(v, rank) for v in (p.x[-rank:], p.padding, p.dilation, p.w[2:], p.stride)))
        rest = tuple((n + 2 * pad - d * (k - 1) - 1) % s for n, pad, d, k, s in axes)
        back = getattr(F, f"conv_transpose{rank}d")(y * 0 + 1, w, output_padding=rest, **geometry)
        assert back.shape == x.shape
        assert (back * x).sum().item() == y.sum().item()

    fuzz(f"conv{rank}d", check)


@RANKS
def test_backward_of_a_convolution_is_a_transposed_one(rank):
    def check(problem: Problem) -> None:
        p = zero_padded(problem).but(needs="x", b=None)
        given = given_tensors(p)
        y = call_function(torch, p, given | {"x": given["x"].requires_grad_()})
        dy = torch.arange(y.numel()).reshape(y.shape).float() % 5
        (dx,) = torch.autograd.grad(y, given["x"], dy)
        axes = zip(*(each(v, rank) for v in (p.x[-rank:], p.padding, p.dilation, p.w[2:], p.stride)))
        rest = tuple((n + 2 * pad - d * (k - 1) - 1) % s for n, pad, d, k, s in axes)
        transposed = getattr(F, f"conv_transpose{rank}d")
        back = transposed(dy, given["w"], None, p.stride, p.padding, rest, p.groups, p.dilation)
        assert torch.equal(dx, back)

    fuzz(f"conv{rank}d", check)


@RANKS
def test_a_padding_mode_is_a_pad_before_the_convolution(rank):
    def check(problem: Problem) -> None:
        assume(problem.form == "module" and not isinstance(problem.padding, str))
        p = problem.but(data="ints", dtype="float32", b=None, form="module")
        module, given = layer(torch, p, "float32"), given_tensors(p)
        with torch.no_grad():
            module.weight.copy_(given["w"])
            pads = [side for n in reversed(each(p.padding, rank)) for side in (n, n)]
            mode = "constant" if p.padding_mode == "zeros" else p.padding_mode
            padded = F.pad(given["x"], pads, mode)
            plain = getattr(F, f"conv{rank}d")(padded, given["w"], None, p.stride, 0, p.dilation, p.groups)
            assert torch.equal(module(given["x"]), plain)

    fuzz(f"conv{rank}d", check)


@RANKS
def test_a_group_is_a_convolution_of_its_own(rank):
    def check(problem: Problem) -> None:
        p = zero_padded(problem)
        given = given_tensors(p)
        whole = call_function(torch, p, given)
        channel = given["x"].dim() - rank - 1
        parts = zip(given["x"].chunk(p.groups, channel), given["w"].chunk(p.groups, 0))
        one = p.but(groups=1, b=None)
        pieces = [call_function(torch, one, {"x": x, "w": w}) for x, w in parts]
        joined = torch.cat(pieces, channel)
        if p.b:
            joined = joined + given["b"].reshape(-1, *[1] * rank)
        assert torch.equal(whole, joined)

    fuzz(f"conv{rank}d", check)


@pytest.mark.parametrize("family", ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "unfold"])
def test_each_sample_of_a_batch_is_computed_alone(family):
    def check(problem: Problem) -> None:
        p = problem.but(data="ints", dtype="float32", form="functional")
        if family.startswith("conv") and family[4] != "_":
            p = zero_padded(p)
        rank = p.rank
        assume(len(p.x) == rank + 2 and p.x[0] > 0 and p.output_size is None)
        given = given_tensors(p)
        whole = call_function(torch, p, given)
        for n in range(p.x[0]):
            assert torch.equal(whole[n], call_function(torch, p, given | {"x": given["x"][n]}))

    fuzz(family, check)


@pytest.mark.parametrize("rank", [1, 2])
def test_a_unit_axis_changes_nothing(rank):
    def check(problem: Problem) -> None:
        p = zero_padded(problem)
        given = given_tensors(p)
        low = call_function(torch, p, given)
        deeper = {"x": given["x"].unsqueeze(-1), "w": given["w"].unsqueeze(-1), "b": given.get("b")}
        names = dict(stride=1, padding=0, dilation=1)
        wider = {name: (*each(getattr(p, name), rank), unit) for name, unit in names.items()}
        high = getattr(F, f"conv{rank + 1}d")(*deeper.values(), groups=p.groups, **wider)
        assert torch.equal(low.unsqueeze(-1), high)

    fuzz(f"conv{rank}d", check)


@RANKS
def test_a_dilated_kernel_is_one_with_zeros_between(rank):
    def check(problem: Problem) -> None:
        p = zero_padded(problem)
        given = given_tensors(p)
        spread = each(p.dilation, rank)
        dense = torch.zeros(*p.w[:2], *(d * (k - 1) + 1 for d, k in zip(spread, p.w[2:])))
        dense[(..., *(slice(None, None, d) for d in spread))] = given["w"]
        expected = call_function(torch, p, given)
        assert torch.equal(expected, call_function(torch, p.but(dilation=1), given | {"w": dense}))

    fuzz(f"conv{rank}d", check)


def test_a_convolution_is_unfold_product_and_fold():
    def check(problem: Problem) -> None:
        p = zero_padded(problem).but(b=None)
        assume(p.groups == 1 and 0 not in p.x)
        given = given_tensors(p)
        expected = call_function(torch, p, given)
        columns = F.unfold(given["x"], p.w[2:], each(p.dilation, 2), each(p.padding, 2), each(p.stride, 2))
        product = given["w"].reshape(p.w[0], -1) @ columns
        assert torch.equal(F.fold(product, tuple(expected.shape[-2:]), 1), expected)

    fuzz("conv2d", check)


def test_fold_is_the_adjoint_of_unfold():
    def check(problem: Problem) -> None:
        p = problem.but(data="ints", dtype="float32", form="functional")
        x = given_tensors(p)["x"].requires_grad_()
        columns = call_function(torch, p, {"x": x})
        dy = torch.arange(columns.numel()).reshape(columns.shape).float() % 5
        (dx,) = torch.autograd.grad(columns, x, dy)
        assert torch.equal(dx, F.fold(dy, p.x[-2:], p.kernel, p.dilation, p.padding, p.stride))

    fuzz("unfold", check)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "pad"])
def test_output_shape_is_the_shape_of_the_output(family):
    def check(problem: Problem) -> None:
        p = problem.but(form="module", layout="contiguous")
        assume(p.output_size is None or family == "fold")
        module = layer(torch, p, "float32")
        with torch.no_grad():
            shape = module(tensor(torch, inputs(p)["x"], "float32", "contiguous")).shape
        assert tuple(torch.output_shape(module, p.x)) == tuple(shape)

    fuzz(family, check)


def test_causal_padding_looks_back_only():
    def check(problem: Problem) -> None:
        p = problem.but(form="functional", data="ints", dtype="float32")
        given = given_tensors(p)
        reach = each(p.dilation, 1)[0] * (p.w[2] - 1)
        module = nn.Conv1d(
            p.w[1] * p.groups, p.w[0], p.w[2], p.stride, "causal", p.dilation, p.groups, bias=p.b is not None
        )
        with torch.no_grad():
            module.weight.copy_(given["w"])
            if p.b:
                module.bias.copy_(given["b"])
            padded = F.pad(given["x"], (reach, 0))
            plain = F.conv1d(padded, given["w"], given.get("b"), p.stride, 0, p.dilation, p.groups)
            assert torch.equal(module(given["x"]), plain)

    fuzz("conv1d", check)


@RANKS
def test_gradients_are_linear_maps(rank):
    """Scaling the cotangent scales every gradient: exactly, for a power of two."""

    def check(problem: Problem) -> None:
        p = problem.but(data="ints", dtype="float64", form="functional")
        given = {name: t.double().requires_grad_() for name, t in given_tensors(p).items()}
        assume(p.output_size is None)
        y = call_function(torch, p, given)
        ones = torch.ones(tuple(y.shape), dtype=torch.float64)
        once = torch.autograd.grad(y, list(given.values()), ones, retain_graph=True)
        twice = torch.autograd.grad(y, list(given.values()), ones * 2)
        assert all(torch.equal(b, a * 2) for a, b in zip(once, twice))
        assert math.prod(p.x) == given["x"].numel()

    fuzz(f"conv_transpose{rank}d", check)
