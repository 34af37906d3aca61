"""Sequences of random calls, as plain data, and the function that runs one on either library.

In: `torch` (PyTorch or Rushlight) and a sequence. Out: what each call drew, and the generator's state afterwards.
The recorded sequences of `golden.json` and the live sweep are made of these.
"""

from __future__ import annotations

import random

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "bool")
LIBRARY_METHODS = ("normal_", "exponential_", "cauchy_", "log_normal_", "geometric_")
LIBRARY_CALLS = (*LIBRARY_METHODS, "randn")
# Computed by the C library: recorded numbers are met up to rounding, those of this machine's PyTorch to the last bit.
TOLERANCE = {"float32": 1e-6, "float64": 1e-13, "float16": 2e-3, "bfloat16": 2e-2}


def run(torch, sequence):
    """The values that the calls of a sequence give, each as a (nested) list, and the state's digest."""
    torch.manual_seed(sequence["seed"])
    values = [_call(torch, step).tolist() for step in sequence["steps"]]
    return {"values": values, "next": torch.rand(2, dtype=torch.float64).tolist()}


def elsewhere(torch) -> bool:
    """Whether PyTorch takes some of its numbers from a library of Intel's here, which draws one word in all."""
    torch.manual_seed(0)
    torch.empty(100).bernoulli_()
    after = torch.rand(1)
    torch.manual_seed(0)
    torch.rand(200)
    return bool(after != torch.rand(1))


def _call(torch, step):
    dtype = getattr(torch, step["dtype"])
    if "function" in step:
        return getattr(torch, step["function"])(*step["args"], dtype=dtype)
    tensor = _place(torch.empty(step["shape"], dtype=dtype), step["layout"])
    return getattr(tensor, step["method"])(*step["args"]).contiguous()


def _place(tensor, layout):
    if layout == "transposed":
        return tensor.permute(tuple(reversed(range(tensor.dim()))))
    if layout == "rotated":
        return tensor.permute((*range(1, tensor.dim()), 0))
    if layout == "sliced":
        return tensor[::2]
    return tensor


def sample(rng: random.Random, steps: int):
    """A sequence that no test author would think of."""
    seed = rng.choice([rng.randrange(100), rng.randrange(-(2**63), 2**64)])
    return {"seed": seed, "steps": [_sample_step(rng) for _ in range(steps)]}


def _sample_step(rng: random.Random):
    method = rng.choice((*LIBRARY_METHODS, "uniform_", "bernoulli_", "random_", "random_range_", "function"))
    if method == "function":
        return _sample_function(rng)
    dtype = rng.choice(INTEGERS if method == "random_" else ("int64",) if method == "random_range_" else FLOATS)
    shape = rng.choice([[rng.randrange(40)], [rng.randrange(1, 7) for _ in range(rng.randrange(1, 5))]])
    layout = rng.choice(("plain", "plain", "transposed", "rotated", "sliced"))
    args = _sample_arguments(rng, method)
    return {"method": method.replace("range_", ""), "args": args, "dtype": dtype, "shape": shape, "layout": layout}


def _sample_arguments(rng: random.Random, method: str):
    if method == "uniform_":
        return sorted((rng.gauss(0, 1) * 10 ** rng.uniform(-3, 3), rng.gauss(0, 1)))
    if method in ("normal_", "cauchy_", "log_normal_"):
        return [rng.gauss(0, 2), rng.random()]
    if method in ("bernoulli_", "geometric_"):
        return [rng.random()]
    if method == "exponential_":
        return [rng.uniform(0.5, 2)]
    if method == "random_range_":
        low = rng.randrange(-(2**62), 2**62) >> rng.randrange(63)
        return [low, low + 1 + (rng.randrange(2**62) >> rng.randrange(62))]
    return []


def _sample_function(rng: random.Random):
    name = rng.choice(("rand", "randn", "randperm", "randint"))
    size = [rng.randrange(8), rng.randrange(8)]
    if name == "randperm":
        return {"function": name, "args": [rng.randrange(50)], "dtype": "int64"}
    if name == "randint":
        return {"function": name, "args": [-5, rng.choice((7, 2**27, 2**28, 2**40)), size], "dtype": "int64"}
    return {"function": name, "args": size, "dtype": rng.choice(FLOATS)}


def fixed():
    """The sequences that are recorded: each rule of the stream once, at the sizes where it changes."""
    return [
        *[_methods(seed, dtype) for seed in (0, 2**40 + 3, -1) for dtype in FLOATS],
        *[_normals_around_16(dtype) for dtype in FLOATS],
        _integers(),
        _layouts(),
        _functions(),
    ]


def _step(method, args, dtype, shape, layout="plain"):
    return {"method": method, "args": args, "dtype": dtype, "shape": shape, "layout": layout}


def _methods(seed, dtype):
    calls = [("uniform_", []), ("uniform_", [-1 / 3, 1 / 7]), ("normal_", [2.5, 0.3])]
    calls += [("bernoulli_", [0.3]), ("exponential_", [2.0]), ("uniform_", [5.0, 9.7])]
    calls += [("cauchy_", [0.5, 2.0]), ("log_normal_", [0.25, 0.5]), ("geometric_", [0.1])]
    return {"seed": seed, "steps": [_step(method, args, dtype, [2, 5]) for method, args in calls]}


def _normals_around_16(dtype):
    sizes = (1, 3, 15, 16, 17, 1, 31, 32, 33, 2)
    return {"seed": 7, "steps": [_step("normal_", [0.0, 1.0], dtype, [size]) for size in sizes]}


def _integers():
    steps = [_step("random_", [], dtype, [5]) for dtype in (*INTEGERS, *FLOATS)]
    spans = (2, 10, 2**24, 2**28 - 1, 2**28, 2**32, 2**40, 2**63 - 1)
    steps += [_step("random_", [0, span], "int64", [3]) for span in spans]
    steps += [_step("random_", [-(2**63), None], dtype, [3]) for dtype in ("int64", "float32")]
    steps += [_step("random_", [-(2**63), 2**63 - 1], "int64", [3]), _step("random_", [-100, 100], "int8", [9])]
    return {"seed": 3, "steps": steps}


def _layouts():
    calls = [("uniform_", [-0.2, 0.2]), ("normal_", [0.0, 1.0])]
    layouts = ("transposed", "rotated", "sliced", "plain")
    steps = [_step(*call, "float32", [3, 2, 4], layout) for layout in layouts for call in calls]
    return {"seed": 11, "steps": steps}


def _functions():
    steps = [
        {"function": "rand", "args": [2, 3], "dtype": "float32"},
        {"function": "randn", "args": [3, 7], "dtype": "float32"},
    ]
    steps += [{"function": "randperm", "args": [n], "dtype": "int64"} for n in (0, 1, 2, 5, 30)]
    steps += [{"function": "randint", "args": [10, [4]], "dtype": "int64"}]
    steps += [{"function": "randint", "args": [-3, 2**30, [4]], "dtype": "int64"}]
    return {"seed": 123456789, "steps": steps}
