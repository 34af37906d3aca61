"""Runs a problem on a library of PyTorch's interface: forward, gradients and double backward.

Comes in: the library (torch or rushlight) and a `Problem`. Goes out: float64 arrays by name — `y`, the first
gradients `dx dw db`, and the gradients `ddx ddw ddb ddy` of a scalar made from them. `worst_error` compares
two such results; `python -m tests.parity.measure "conv2d x=(…) …"` runs one string on both libraries.
"""

import sys
from types import ModuleType

import numpy as np

from tests.parity.problem import Problem, inputs, numbers

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
FORMATS = {4: "channels_last", 5: "channels_last_3d"}


def tensor(lib: ModuleType, array: np.ndarray, dtype: str, layout: str) -> object:
    """The array as a tensor of a dtype and memory layout (what the layout cannot express stays contiguous)."""
    made = lib.tensor(array.tolist(), dtype=getattr(lib, dtype)).reshape(array.shape)
    if layout == "channels_last" and array.ndim in FORMATS:
        return made.contiguous(memory_format=getattr(lib, FORMATS[array.ndim]))
    if layout == "sliced" and array.ndim:
        return lib.stack([made, made + 1], dim=-1)[..., 0]
    if layout == "transposed" and array.ndim > 1:
        order = tuple(reversed(range(array.ndim)))
        return made.permute(order).contiguous().permute(order)
    return made


def layer(lib: ModuleType, p: Problem, dtype: str) -> object:
    """The module of a problem, its weights still to be set."""
    dtype = getattr(lib, dtype)
    if p.op == "linear":
        names = dict(in_features=p.w[1], out_features=p.w[0], bias=p.b is not None, dtype=dtype)
        return construct(lib, "Linear", p, names, "in_features")
    if p.op == "unfold2d":
        return lib.nn.Unfold(p.kernel, dilation=p.dilation, padding=p.padding, stride=p.stride)
    if p.op == "fold2d":
        return lib.nn.Fold(p.output_size, p.kernel, dilation=p.dilation, padding=p.padding, stride=p.stride)
    kernel = p.w[2:] if p.rank > 1 or p.stride != 1 else p.w[2]
    names = dict(kernel_size=kernel, stride=p.stride, padding=p.padding, dilation=p.dilation, groups=p.groups)
    names |= dict(bias=p.b is not None, padding_mode=p.padding_mode, dtype=dtype)
    if p.op.startswith("conv_transpose"):
        names |= dict(in_channels=p.w[0], out_channels=p.w[1] * p.groups, output_padding=p.output_padding)
        return construct(lib, f"ConvTranspose{p.rank}d", p, names, "in_channels")
    names |= dict(in_channels=p.w[1] * p.groups, out_channels=p.w[0])
    return construct(lib, f"Conv{p.rank}d", p, names, "in_channels")


def construct(lib: ModuleType, kind: str, p: Problem, names: dict, inferred: str) -> object:
    """The plain class, or the lazy one without the argument that it infers."""
    if p.form != "lazy":
        return getattr(lib.nn, kind)(**names)
    del names[inferred]
    return getattr(lib.nn, f"Lazy{kind}")(**names)


def call_module(lib: ModuleType, p: Problem, given: dict, dtype: str) -> tuple[object, dict]:
    """y of the module whose parameters hold the given weights; and the inputs, parameters in place of weights."""
    module = layer(lib, p, dtype)
    more = {"output_size": list(p.output_size)} if p.op.startswith("conv_transpose") and p.output_size else {}
    if p.form == "lazy":
        module(given["x"].detach(), **more)
        assert "Lazy" not in type(module).__name__
    if p.layout == "channels_last" and len(p.fields.get("w", ())) in FORMATS:
        module = module.to(memory_format=getattr(lib, FORMATS[len(p.w)]))
    ours = {"w": getattr(module, "weight", None), "b": getattr(module, "bias", None)}
    with lib.no_grad():
        for name, parameter in ours.items():
            if parameter is not None:
                parameter.copy_(given[name])
                parameter.requires_grad_(given[name].requires_grad)
    return module(given["x"], **more), given | {n: t for n, t in ours.items() if t is not None}


def call_function(lib: ModuleType, p: Problem, given: dict[str, object]) -> object:
    """y of the functional form."""
    F = lib.nn.functional
    x, w, b = given["x"], given.get("w"), given.get("b")
    if p.op == "pad":
        return F.pad(x, p.pads, p.mode, p.value)
    if p.op == "linear":
        return F.linear(x, w, b)
    if p.op == "unfold2d":
        return F.unfold(x, p.kernel, p.dilation, p.padding, p.stride)
    if p.op == "fold2d":
        return F.fold(x, p.output_size, p.kernel, p.dilation, p.padding, p.stride)
    if p.op.startswith("conv_transpose"):
        call = getattr(F, p.op)
        return call(x, w, b, p.stride, p.padding, p.output_padding, p.groups, p.dilation)
    return getattr(F, p.op)(x, w, b, p.stride, p.padding, p.dilation, p.groups)


def run(lib: ModuleType, p: Problem, dtype: str | None = None) -> dict[str, np.ndarray]:
    """Forward, gradients and double backward of a problem, as float64 arrays.

    `dtype` computes in another dtype than the problem's, with the very numbers that the problem's holds.
    """
    given = {name: tensor(lib, array, dtype or p.dtype, p.layout) for name, array in inputs(p).items()}
    for name, value in given.items():
        if name in p.needs:
            value.requires_grad_()
    if p.form == "functional":
        y = call_function(lib, p, given)
    else:
        y, given = call_module(lib, p, given, dtype or p.dtype)
    assert str(y.dtype).endswith(dtype or p.dtype), f"asked for {dtype or p.dtype}, computed in {y.dtype}"
    results = {"y": y}
    wanted = [name for name in given if name in p.needs]
    if wanted:
        results |= derivatives(lib, p, y, [(name, given[name]) for name in wanted])
    return {name: plain(value) for name, value in results.items()}


def derivatives(lib: ModuleType, p: Problem, y: object, wanted: list[tuple[str, object]]) -> dict[str, object]:
    """First gradients under a random cotangent; then those of their product with further random arrays.

    The operations are linear in each input, so this reaches every term of the second derivative.
    """
    dtype = str(y.dtype).rpartition(".")[2]
    dy = tensor(lib, numbers(p, "dy", tuple(y.shape)), dtype, p.layout).requires_grad_()
    names, ins = zip(*wanted)
    first = lib.autograd.grad(y, ins, dy, create_graph=True)
    probes = [tensor(lib, numbers(p, f"v{n}", tuple(g.shape)), dtype, "contiguous") for n, g in zip(names, first)]
    scalar = sum((g * probe).sum() for g, probe in zip(first, probes))
    second = lib.autograd.grad(scalar, [*ins, dy], allow_unused=True)
    results = {f"d{name}": grad for name, grad in zip(names, first)}
    for name, grad, like in zip([*names, "y"], second, [*ins, dy]):
        results[f"dd{name}"] = np.zeros(tuple(like.shape)) if grad is None else grad
    return results


def plain(value: object) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    return value.detach().numpy().astype(np.float64)


def worst_error(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> tuple[float, str]:
    """The largest error relative in the norm, and which result has it; a wrong shape is an infinite error."""
    if got.keys() != expected.keys():
        return float("inf"), f"results {sorted(got)} instead of {sorted(expected)}"
    return max((error(got[name], expected[name]), name) for name in expected)


def error(got: np.ndarray, expected: np.ndarray) -> float:
    if got.shape != expected.shape:
        return float("inf")
    difference, norm = np.linalg.norm(got - expected), np.linalg.norm(expected)
    return float(difference / norm if norm else difference)


def check(lib: ModuleType, torch: ModuleType, p: Problem) -> None:
    """Hold a library's results against float64 PyTorch; an AssertionError names the problem."""
    worst, name = worst_error(run(lib, p), run(torch, p, "float64"))
    assert worst <= TOLERANCE[p.dtype], f"{name} is off by {worst:.2g} (relative in the norm) in\n{p}"


if __name__ == "__main__":
    import torch

    import rushlight

    check(rushlight, torch, Problem.parse(sys.argv[1]))
    print("equal within the tolerance")
