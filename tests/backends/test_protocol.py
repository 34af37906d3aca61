"""Every backend prepares calls that write into memory they are given, with the numbers that its kernels give."""

import itertools

import numpy as np
import pytest

from rushlight import runtime
from rushlight.backends import cpu, reference
from rushlight.backends.meta import META
from rushlight.backends.preparing import Host
from rushlight.backends.protocol import KERNELS, Refusal, Task, layout_of, results_of
from rushlight.rules import windows
from rushlight.rules.expression import inputs as expressions
from rushlight.rules.normalization import Norm
from rushlight.rules.reduction import Reduction
from rushlight.rules.sampling import Sampling
from rushlight.rules.spec import ConvSpec

LAYERS = {
    "product": ConvSpec.of(2, 16, 24, (9, 8), (3, 3), padding=1, stride=2),
    "winograd": ConvSpec.of(2, 32, 32, (12, 12), (3, 3), padding=1),
    "depthwise channels": ConvSpec.of(1, 16, 16, (9, 9), (3, 3), padding=1, groups=16),
    "depthwise rows": ConvSpec.of(1, 8, 8, (16, 64), (3, 3), padding=1, groups=8),
    "overlap": ConvSpec.of(1, 1, 8, (512,), (128,), stride=64),
    "linear": ConvSpec.of(5, 7, 3, (), ()),
}
GRID = windows.pool("max_pool2d", 2, (2, 3, 9, 9), 3, 2, 1, 1, False)
rng = np.random.default_rng(5)


a, b = expressions(2)
mean, most, count, number = expressions(4)
MEAN_AND_MOST = Reduction(("sum", "max"), (a * b, a), (mean / count * number, most), (None, None))


def draw(shape):
    return rng.standard_normal(shape).astype(np.float32)


def in_order(array, last):
    """The same numbers, channels innermost or not."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1) if last and array.ndim > 2 else array


def tasks_of(spec):
    x, w, y = map(draw, (spec.x_shape, spec.w_shape, spec.y_shape))
    yield Task("fprop", (spec, "relu")), (x, w, draw(spec.out_channels))
    yield Task("dgrad", (spec, None)), (y, w, None)
    yield Task("wgrad", (spec,)), (x, y)
    yield Task("bias_grad", (spec,)), (y,)


def other_tasks():
    x, y = draw((2, 3, 9, 9)), draw((2, 3, 5, 5))
    winners = reference.max_pool(GRID, x, True)[1]
    counts = windows.Counts(GRID, True)
    columns = draw((2, 27, 25))
    pairs = ((1, 2), (0, 3))
    yield Task("matmul", ()), (draw((2, 1, 33, 20)), draw((3, 20, 40)))
    yield Task("matmul", ()), (draw((33, 20)), draw(20))
    yield Task("max_pool", (GRID, True)), (x,)
    yield Task("max_pool", (GRID, False)), (x,)
    yield Task("max_pool_grad", (GRID, x.shape)), (winners, y)
    yield Task("max_pool_gather", (GRID,)), (winners, x)
    yield Task("positions", (GRID,)), (winners,)
    yield Task("avg_pool", (GRID, counts)), (x,)
    yield Task("avg_pool_grad", (GRID, counts)), (y,)
    yield Task("adaptive_avg_pool", ((4, 2),)), (x,)
    yield Task("adaptive_avg_pool_grad", ((8, 9),)), (y,)
    yield Task("unfold", (GRID,)), (x,)
    yield Task("fold", (GRID,)), (columns,)
    formulas = (a * b + 1, a > b)
    yield Task("pointwise", (formulas, None)), (x, draw((3, 1, 9)))
    yield Task("pointwise", (formulas, ((4, 1), (1, 2)))), (draw((2, 1)), draw((2, 1)))
    for axes, keepdim in (((1, 3), False), ((0,), True), ((2, 3), False)):
        yield Task("reduction", (MEAN_AND_MOST, axes, keepdim, (2.0,))), (x, draw((3, 1, 1)))
    yield Task("pad_constant", ((2, 3, 12, 12), pairs, 7)), (x,)
    yield Task("pad_copies", ("reflect", (9, 9), pairs)), (x,)
    yield Task("pad_copies_grad", ("circular", (9, 9), pairs)), (draw((2, 3, 12, 12)),)
    channels = [draw(3) for _ in range(3)]
    batch = Norm("batch", activation="relu")
    for norm, weight in ((batch, channels[0]), (Norm("groups", 3), None), (Norm("last", 2), draw((9, 9)))):
        yield Task("norm", (norm,)), (x, weight, weight, x if norm is batch else None)
        y, statistics = reference.norm(norm, x)
        given = (x, x, statistics, weight, *[y] * (norm.activation is not None))
        yield Task("norm_grad", (norm, False, (True, weight is not None, False))), given
    for size, rule, count in (((9, 9), "cubic", 3), ((3, 3, 9), "linear", 9)):
        how, rank = Sampling(rule, "zeros", False, size), len(size)
        image, grid, grad = draw((2, count, *size)), draw((2, *(4,) * rank, rank)), draw((2, count, *(4,) * rank))
        yield Task("grid_sample", (how, (0,) * rank)), (image, grid)
        yield Task("grid_sample_grad", (how, (1,) * rank)), (grad, grid)
        yield Task("grid_sample_grid_grad", (how,)), (image, grid, grad)
    yield Task("norm_apply", (batch,)), (x, channels[0], np.abs(channels[1]), *channels[1:], None)


def run(call, inputs, scratch=None, weights_cache=None):
    outputs = [Host().empty(*layout) for layout in call.outputs]
    assert [layout_of(out)[:2] for out in outputs] == [layout[:2] for layout in call.outputs]
    for out in outputs:
        out.fill(77)
    call.run(outputs, inputs, scratch, weights_cache)
    return outputs


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_write_where_they_are_told(name, last):
    pytest.importorskip("llvmlite")
    for task, inputs in tasks_of(LAYERS[name]):
        inputs = [inputs[0] if inputs[0] is None else in_order(inputs[0], last), *inputs[1:]]
        layouts = [layout_of(array) for array in inputs]
        call = cpu.prepare(task, layouts)
        eager = Host.run(_Of(cpu), task, inputs)[0]
        wanted = run(reference.prepare(task, layouts), inputs)[0]
        bound = 3e-4 * max(np.abs(wanted).max(), 1)
        for scratch, weights_cache in itertools.product((None, np.empty(call.scratch_bytes, np.uint8)), (None, {})):
            for _ in range(2):  # a weight is packed at its first use, or at its second
                found = run(call, inputs, scratch, weights_cache)[0]
                np.testing.assert_allclose(found, wanted, atol=bound, err_msg=str(task))
        np.testing.assert_array_equal(found, eager)


class _Of(Host):
    """The methods of a backend that is a module."""

    def __init__(self, module):
        super().__init__()
        self.prepare = module.prepare


@pytest.mark.parametrize("task, inputs", [*other_tasks()], ids=lambda value: getattr(value, "kernel", ""))
def test_everything_else_too(task, inputs):
    layouts = [layout_of(array) for array in inputs]
    wanted = results_of(task, layouts)
    for backend in (cpu, reference):
        found = run(backend.prepare(task, layouts), inputs)
        attributes = task.attributes
        if task.kernel == "max_pool":
            direct = [a for a in backend.max_pool(attributes[0], *inputs, attributes[1]) if a is not None]
        elif task.kernel == "pointwise":
            direct = backend.pointwise(attributes[0], *inputs)
        else:
            direct = getattr(backend, task.kernel)(*attributes, *inputs)
            direct = direct if KERNELS[task.kernel].several else [direct]
        for array, expected, layout in zip(found, direct, wanted, strict=True):
            assert (array.shape, array.dtype) == layout[:2]
            np.testing.assert_array_equal(array, expected)
    assert [layout[:2] for layout in META.prepare(task, layouts).outputs] == [layout[:2] for layout in wanted]


def test_all_kernels_are_tried():
    tried = {task.kernel for task, _ in [*tasks_of(LAYERS["linear"]), *other_tasks()]}
    assert tried == set(KERNELS)


def test_results_are_not_allocated_inside():
    pytest.importorskip("llvmlite")
    pools = [found for found in other_tasks() if found[0].kernel in ("max_pool", "max_pool_grad")]
    for task, inputs in [
        next(tasks_of(LAYERS[name])) for name in ("product", "depthwise rows", "depthwise channels", "winograd")
    ] + pools:
        call, weights_cache = cpu.prepare(task, [layout_of(array) for array in inputs]), {}
        outputs, scratch = [Host().empty(*layout) for layout in call.outputs], np.empty(call.scratch_bytes, np.uint8)
        for _ in range(3):
            call.run(outputs, inputs, scratch, weights_cache)
        before = runtime.memory.set_allocator(refuse)
        try:
            call.run(outputs, inputs, scratch, weights_cache)
        finally:
            runtime.memory.set_allocator(before)


def refuse(shape, dtype):
    raise AssertionError(f"{shape} of {dtype} were allocated")


def test_what_is_not_compiled_is_declined_before_it_runs():
    pytest.importorskip("llvmlite")
    spec = LAYERS["product"]._replace(dtype="i32")
    layouts = [layout_of(np.zeros(shape, np.int32)) for shape in (spec.x_shape, spec.w_shape)]
    with pytest.raises(Refusal, match="i32 is not compiled"):
        cpu.prepare(Task("fprop", (spec, None)), [*layouts, None])
