"""Plans of lanes and weight gradients on machines that are not at hand: registers suffice, channels are covered."""

import random
from math import prod

import pytest

from rushlight.plan.depthwise_channels import plan_depthwise_channels, plan_depthwise_channels_wgrad, serves
from rushlight.plan.target import Target
from rushlight.plan.wgrad import plan_product
from rushlight.rules.spec import ConvSpec
from tests.backends.test_compiled import random_spec
from tests.backends.test_depthwise_channels import random_depthwise_channels

ISAS = ("avx512", "avx2", "x86-64", "neon")


@pytest.mark.parametrize("isa", ISAS)
def test_lane_plans(isa):
    rng, target = random.Random(isa), Target.named(isa)
    for _ in range(200):
        spec = random_depthwise_channels(rng)._replace(role=rng.choice(["fprop", "dgrad"]))
        assert serves(spec)
        plan = plan_depthwise_channels(spec, target, rng.random() < 0.5)
        channels = spec.in_channels if spec.role == "dgrad" else spec.out_channels
        assert (plan.panels - 1) * plan.useful < channels <= plan.panels * plan.useful
        assert plan.tiles[-1] == 1
        assert plan.tiles[0] * plan.vectors < target.registers
        assert not plan.in_place or plan.width <= channels


@pytest.mark.parametrize("isa", ISAS)
def test_lane_gradient_plans(isa):
    rng, target = random.Random(isa), Target.named(isa)
    for _ in range(200):
        spec = random_depthwise_channels(rng)
        plan = plan_depthwise_channels_wgrad(spec, target, (rng.random() < 0.7, rng.random() < 0.7))
        assert (plan.panels - 1) * plan.useful < spec.out_channels <= plan.panels * plan.useful
        sums = plan.rows * spec.taps[-1] if plan.in_place else plan.group
        assert plan.vectors * sums < target.registers or plan.rows == 1 == plan.vectors
        assert plan.chunks * plan.panels * plan.width * prod(spec.taps) <= max(1, spec.bytes) or plan.chunks == 1


@pytest.mark.parametrize("isa", ISAS)
def test_product_gradient_plans(isa):
    rng, target = random.Random(isa), Target.named(isa)
    for _ in range(200):
        spec = random_spec(rng)._replace(batch=2)
        packed = rng.random() < 0.5, rng.random() < 0.5 or spec.out_channels // spec.groups < 4
        plan = plan_product(spec, target, packed)
        register = plan.register
        assert register.height * register.vectors + register.vectors + 1 <= target.registers
        for side, is_packed in (
            (plan.left, packed[plan.left.name == "y"]),
            (plan.right, packed[plan.right.name == "y"]),
        ):
            assert side.part * side.parts >= side.channels >= side.part
            fits = register.width if side is plan.right else register.height
            assert is_packed or fits <= side.part
        assert sorted(tap for run in plan.runs for tap in run) == list(range(spec.taps[-1] if spec.rank else 1))


def test_the_split_of_work_does_not_know_the_machine():
    """Chunks are added in an order of their own: they may depend on the geometry, never on threads."""
    spec = ConvSpec.of(8, 64, 64, (56, 56), (3, 3), padding=1)
    for cores in (1, 2, 64):
        plan = plan_product(spec, Target.named("avx512", cores=cores), (False, False))
        assert plan == plan_product(spec, Target.named("avx512"), (False, False))
