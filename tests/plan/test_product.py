"""Plans of product layers: every result computed once, blocks that fit, an order that only the layer decides."""

import itertools
import random
from math import prod

import pytest

from rushlight.plan.choose import choose
from rushlight.plan.product import Source, plan_product, register_blocks
from rushlight.plan.target import Target
from rushlight.rules.spec import ConvSpec

TARGETS = {isa: Target.named(isa) for isa in ("x86-64", "avx2", "avx512", "neon")}


def layouts(spec, kernel):
    """The source's strides, contiguous and channels-last."""
    channels, sizes = (spec.in_channels, spec.size) if kernel == "fprop" else (spec.out_channels, spec.out)
    plane = prod(sizes)
    steps = [prod(sizes[i + 1 :]) for i in range(len(sizes))]
    yield Source(channels * plane, plane, tuple(steps))
    yield Source(channels * plane, 1, tuple(step * channels for step in steps))


def plans(spec, kernel="fprop", target="avx512", threads=2):
    for source in layouts(spec, kernel):
        yield plan_product(spec, kernel, source, TARGETS[target], threads, 4)


def random_spec(rng):
    rank = rng.choice([1, 2, 2, 3])
    taps = [rng.choice([1, 1, 2, 3, 5]) for _ in range(rank)]
    stride, dilation, padding = ([rng.randint(*r) for _ in range(rank)] for r in [(1, 3), (1, 3), (0, 3)])
    size = [rng.randint(d * (k - 1) + 1, 60) for k, d in zip(taps, dilation)]
    steps = {"stride": tuple(stride), "dilation": tuple(dilation), "padding": tuple(padding)}
    groups = rng.choice([1, 1, 2])
    channels = [groups * rng.choice([1, 3, 16, 33, 300]) for _ in range(2)]
    return ConvSpec.of(rng.choice([1, 2, 8]), *channels, tuple(size), tuple(taps), groups=groups, **steps)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kernel", ["fprop", "dgrad"])
def test_every_result_is_in_one_block_and_one_phase(kernel, target):
    rng = random.Random(f"{kernel}{target}")
    for _ in range(40):
        spec = random_spec(rng)
        extents = spec.out if kernel == "fprop" else spec.size
        for plan in plans(spec, kernel, target, rng.choice([1, 2, 3])):
            found = 1 if plan.batch == spec.batch else spec.batch
            assert plan.batch * prod(axis.extent for axis in plan.axes) == spec.batch * prod(extents), spec
            assert found in (1, spec.batch)
            for axis, blocks in zip(plan.axes, plan.packed_tiles.axes):
                assert sorted(results_of(blocks)) == list(range(axis.extent)), spec


def results_of(blocks):
    for b, phase in itertools.product(range(blocks.count), blocks.phases):
        start = blocks.first + b * blocks.block
        for t in range(max(start, phase.begin), min(start + blocks.block, phase.end)):
            yield phase.target_step * t + phase.target_start


def test_bands_stay_in_half_the_second_cache():
    rng = random.Random(1)
    for _ in range(60):
        spec = random_spec(rng)
        for plan in plans(spec):
            if prod(axis.block for axis in plan.packed_tiles.axes) > 28:
                assert plan.packed_tiles.size * 4 <= TARGETS["avx512"].l2 // 2, spec


def test_the_order_of_summation_depends_on_neither_batch_nor_threads():
    rng = random.Random(2)
    for _ in range(60):
        spec = random_spec(rng)
        for layout in (0, 1):
            orders = {
                (plan.chunk, frozenset(order.taps for order in plan.orders))
                for batch in (1, 2, 5)
                for threads in (1, 3)
                for plan in [list(plans(spec._replace(batch=batch), threads=threads))[layout]]
            }
            assert len(orders) == 1, spec


def test_one_image_is_shared_out_by_blocks_or_panels():
    for size, channels in [((4, 4), 512), ((14, 14), 256), ((56, 56), 64)]:
        spec = ConvSpec.of(1, channels, channels, size, (3, 3), padding=1)
        for plan in plans(spec, threads=4):
            assert plan.items >= 8


def test_registers_hold_a_tile_its_weights_and_a_pixel():
    for target in TARGETS.values():
        for size in (4, 8):
            for block in register_blocks(target, size):
                spare = 1 if target.fma else 2
                assert block.heights[0] * block.vectors + block.vectors + spare <= target.registers
                assert block.heights[-1] == 1


def test_rows_that_leave_usual_tiles_empty_have_lower_ones():
    for size, height in [(14, 4), (28, 6), (56, 6)]:
        spec = ConvSpec.of(8, 512, 512, (size, size), (3, 3), stride=2, padding=1)
        assert {plan.register.heights[0] for plan in plans(spec, target="avx2")} == {height}
        assert {plan.register.heights[0] for plan in plans(spec, target="avx512")} == {14}
    # Results of few channels left over are summed in an order of their own: for any batch or none.
    for batch in (1, 8):
        spec = ConvSpec.of(batch, 64, 49, (14, 14), (3, 3), stride=2, padding=1)
        assert all(plan.tail.dots and plan.register.vectors == 2 for plan in plans(spec, target="avx2"))


def test_large_weights_are_read_in_pieces():
    for channels, pieces in [(256, 1), (1024, 8)]:
        spec = ConvSpec.of(4096, channels, channels, (), ())
        assert {plan.parts for plan in plans(spec, target="avx2")} == {pieces}


def test_reasons_are_given():
    small_groups = ConvSpec.of(1, 8, 8, (9,), (3,), groups=8)
    assert choose(small_groups, "fprop", TARGETS["avx2"], 1, False).algorithm == "depthwise_channels"
    dense = ConvSpec.of(8, 64, 64, (56, 56), (3, 3), padding=1)
    assert "set_exact" in str(choose(dense, "fprop", TARGETS["avx2"], 1, True))
