"""The convolution as nested loops, written from the definition and from nothing else."""

import itertools

import numpy as np


def products(spec):
    """Every (o, k, i): output position, tap and input position that meet."""
    padded = [n + 0 for n in spec.size]
    for o in itertools.product(*map(range, spec.out)):
        for k in itertools.product(*map(range, spec.taps)):
            i = []
            for axis in range(len(padded)):
                lo = spec.padding[axis][0]
                at = o[axis] * spec.stride[axis] + k[axis] * spec.dilation[axis] - lo
                if at % spec.input_dilation[axis] or not 0 <= at // spec.input_dilation[axis] < padded[axis]:
                    break
                i.append(at // spec.input_dilation[axis])
            else:
                yield o, k, tuple(i)


def channel_pairs(spec):
    """Every (output channel, input channel, the weight's input channel)."""
    inputs, outputs = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    for group, co, ci in itertools.product(range(spec.groups), range(outputs), range(inputs)):
        yield group * outputs + co, group * inputs + ci, ci


def _accumulate(spec, target, update):
    for o, k, i in products(spec):
        for co, c, ci in channel_pairs(spec):
            for n in range(spec.batch):
                update(target, (n, c, *i), (co, ci, *k), (n, co, *o))
    return target


def fprop(spec, x, w):
    def update(y, at_x, at_w, at_y):
        y[at_y] += x[at_x] * w[at_w]

    return _accumulate(spec, np.zeros(spec.y_shape, x.dtype), update)


def dgrad(spec, y, w):
    def update(x, at_x, at_w, at_y):
        x[at_x] += y[at_y] * w[at_w]

    return _accumulate(spec, np.zeros(spec.x_shape, y.dtype), update)


def wgrad(spec, x, y):
    def update(w, at_x, at_w, at_y):
        w[at_w] += x[at_x] * y[at_y]

    return _accumulate(spec, np.zeros(spec.w_shape, x.dtype), update)
