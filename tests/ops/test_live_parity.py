"""Forward, gradients and double backward of every functional operation, against PyTorch in float64."""

import random

import numpy as np
import pytest

import rushlight as torch_like
from rushlight.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning")]


def steps(draw, rank, low, high):
    """An int for all axes, or one an axis."""
    return draw.randint(low, high) if draw.random() < 0.4 else tuple(draw.randint(low, high) for _ in range(rank))


def lead(draw, channels):
    """Batched, unbatched or with a batch of zero."""
    return draw.choice([(2, channels), (3, channels), (channels,), (0, channels)])


def conv(draw, rank):
    groups = draw.choice([1, 1, 2, 3])
    channels, outputs = groups * draw.randint(1, 2), groups * draw.randint(1, 2)
    arguments = dict(stride=steps(draw, rank, 1, 3), dilation=steps(draw, rank, 1, 2), groups=groups)
    arguments["padding"] = draw.choice([steps(draw, rank, 0, 2), "valid", "same"])
    if arguments["padding"] == "same":
        arguments["stride"] = 1
    shapes = [(*lead(draw, channels), *[draw.randint(5, 7) for _ in range(rank)])]
    shapes += [(outputs, channels // groups, *[draw.randint(1, 3) for _ in range(rank)])]
    return f"conv{rank}d", shapes + [(outputs,)] * draw.randint(0, 1), arguments


def conv_transpose(draw, rank):
    groups = draw.choice([1, 1, 2, 3])
    channels, outputs = groups * draw.randint(1, 2), draw.randint(1, 2)
    stride = steps(draw, rank, 1, 3)
    arguments = dict(stride=stride, dilation=steps(draw, rank, 1, 2), groups=groups, padding=steps(draw, rank, 0, 1))
    arguments["output_padding"] = tuple(draw.randrange(s) for s in np.broadcast_to(stride, rank).tolist())
    shapes = [(*lead(draw, channels), *[draw.randint(3, 5) for _ in range(rank)])]
    shapes += [(channels, outputs, *[draw.randint(1, 3) for _ in range(rank)])]
    return f"conv_transpose{rank}d", shapes + [(outputs * groups,)] * draw.randint(0, 1), arguments


def linear(draw, rank):
    x = (*[draw.randint(0, 3) for _ in range(draw.randint(0, 3))], 5)
    w = draw.choice([(4, 5), (4, 5), (5,)])
    bias = [draw.choice([(4,), (1,), (), (*x[:-1], 4)])] * draw.randint(0, 1) if len(w) == 2 else []
    return "linear", [x, w, *bias], {}


def pad(draw, rank):
    mode = draw.choice(["constant", "reflect", "replicate", "circular"])
    sizes = [draw.randint(4, 6) for _ in range(rank)]
    pads = [draw.randint(-1, 3) for _ in range(2 * rank)]
    return "pad", [(*lead(draw, 2), *sizes)], dict(pad=tuple(pads), mode=mode)


def unfold(draw, rank):
    arguments = dict(kernel_size=steps(draw, 2, 1, 3), dilation=steps(draw, 2, 1, 2))
    arguments |= dict(padding=steps(draw, 2, 0, 2), stride=steps(draw, 2, 1, 3))
    return "unfold", [(*lead(draw, 2), draw.randint(5, 7), draw.randint(5, 7))], arguments


def fold(draw, rank):
    _, [shape], arguments = unfold(draw, 2)
    columns = tuple(torch.nn.functional.unfold(torch.zeros(shape), **arguments).shape)
    return "fold", [columns], arguments | dict(output_size=shape[-2:])


def max_pool(draw, rank):
    taps = steps(draw, rank, 2, 3)
    arguments = dict(kernel_size=taps, stride=steps(draw, rank, 1, 3), padding=draw.randint(0, 1))
    arguments |= dict(dilation=steps(draw, rank, 1, 2), ceil_mode=draw.random() < 0.5)
    return f"max_pool{rank}d", [(*lead(draw, 2), *[draw.randint(5, 7) for _ in range(rank)])], arguments


def avg_pool(draw, rank):
    arguments = dict(kernel_size=steps(draw, rank, 2, 3), stride=steps(draw, rank, 1, 3), padding=draw.randint(0, 1))
    arguments |= dict(ceil_mode=draw.random() < 0.5, count_include_pad=draw.random() < 0.5)
    if rank > 1 and draw.random() < 0.3:
        arguments["divisor_override"] = draw.randint(1, 5)
    return f"avg_pool{rank}d", [(*lead(draw, 2), *[draw.randint(5, 7) for _ in range(rank)])], arguments


def adaptive_avg_pool(draw, rank):
    shape = (*lead(draw, 2), *[draw.randint(1, 7) for _ in range(rank)])
    return f"adaptive_avg_pool{rank}d", [shape], dict(output_size=steps(draw, rank, 1, 5))


OPERATIONS = [conv, conv, conv_transpose, conv_transpose, linear, pad, unfold, fold, max_pool, avg_pool]
OPERATIONS += [adaptive_avg_pool]


def run(library, function, arrays, arguments):
    """Output, first gradients, and the gradients of the first gradients' squares."""
    tensors = [library.tensor(array, requires_grad=True) for array in arrays]
    y = function(*tensors, **arguments)
    first = library.autograd.grad((y * y).sum(), tensors, create_graph=True)
    total = sum((gradient * gradient).sum() for gradient in first)
    second = library.autograd.grad(total, tensors, allow_unused=True)
    return [y, *first, *second]


def close(ours, theirs):
    if theirs is None:
        return ours is None or not ours.detach().numpy().any()
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    return np.linalg.norm(ours - theirs) <= 1e-12 * max(np.linalg.norm(theirs), 1e-300)


@pytest.mark.parametrize("seed", range(330))
def test_same_as_pytorch(seed):
    draw = random.Random(seed)
    name, shapes, arguments = OPERATIONS[seed % len(OPERATIONS)](draw, draw.choice([1, 1, 2, 2, 3]))
    generator = np.random.default_rng(seed)
    arrays = [generator.standard_normal(shape) for shape in shapes]
    theirs = error = None
    try:
        theirs = run(torch, getattr(torch.nn.functional, name), arrays, arguments)
    except (RuntimeError, ValueError, NotImplementedError) as caught:
        error = caught
    if error is not None:
        with pytest.raises(type(error)):
            run(torch_like, getattr(F, name), arrays, arguments)
        return
    ours = run(torch_like, getattr(F, name), arrays, arguments)
    assert all(map(close, ours, theirs)), (name, shapes, arguments)
