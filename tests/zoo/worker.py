"""One side of the comparison: a process that is told models and answers for each with a line of JSON.

    python -m tests.zoo.worker pytorch|rushlight

PyTorch's writes inputs, state dict, outputs and gradients into a folder; Rushlight's loads them and compares.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

SIDE = sys.argv[1] if __name__ == "__main__" else "rushlight"
if SIDE == "rushlight":
    import rushlight

    rushlight.as_torch()

from tests.zoo import models  # noqa: E402  (after torch is what it shall be)
from tests.zoo.tolerances import IN_DOUBLE  # noqa: E402


def without_extension() -> None:
    """Import torchvision where its compiled operations (nms, roi_align, …: none of these models') do not load, because
    they are made for another build of PyTorch: what describes them to PyTorch fails then."""
    import torch.library

    described = torch.library.register_fake
    torch.library.register_fake = lambda name: lambda function: function
    import torchvision  # noqa: F401

    torch.library.register_fake = described


SAMPLE = 4096
"""How many elements of a gradient are compared, in equal steps."""


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors of an output, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from tensors_in(entry)
    elif value is not None:
        yield value


def gradients(model: Any, arrays: list[np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """The outputs of a model in evaluation mode, and a sample of each gradient of their weighted sum."""
    import torch

    model.zero_grad()
    inputs = [torch.from_numpy(array).requires_grad_() for array in arrays]
    outputs = list(tensors_in(model(*inputs)))
    found_outputs = [output.detach().numpy() for output in outputs]
    drawn = np.random.default_rng(1)
    loss = 0.0
    for output in outputs:
        loss = loss + (output * torch.from_numpy(drawn.standard_normal(output.shape).astype(arrays[0].dtype))).mean()
    loss.backward()
    found = {f"input {i}": tensor.grad for i, tensor in enumerate(inputs)}
    found |= {name: parameter.grad for name, parameter in model.named_parameters()}
    return found_outputs, {name: sampled(grad) for name, grad in found.items() if grad is not None}


def in_double(model: Any, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The gradients in float64, where no ReLU takes the other side because of a rounding."""
    found = gradients(model.double(), [array.astype(np.float64) for array in arrays])[1]
    return {f"double {name}": grad for name, grad in found.items()}


def sampled(grad: Any) -> np.ndarray:
    flat = grad.detach().numpy().reshape(-1)
    return flat[:: max(1, flat.size // SAMPLE)].copy()


def first_weights(model: Any) -> dict[str, list[float]]:
    """Of each entry of the state dict the sum and the sum of magnitudes: whether the same seed gave the same."""
    arrays = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    return {name: [float(array.sum()), float(np.abs(array).sum())] for name, array in arrays.items()}


def write(name: str, folder: str, large: bool, double: bool) -> dict[str, Any]:
    """PyTorch's side: everything that the other needs, into a folder."""
    import torch

    torch.set_num_threads(2)
    model = models.build(name)
    count = models.parameters(model)
    if count >= models.LARGE and not large:
        return {"skipped": f"{count / 1e6:.0f} million parameters", "parameters": count}
    drawn = np.random.default_rng(zlib.crc32(name.encode()))
    arrays = [drawn.standard_normal(size, np.float32) for size in models.sizes(name)]
    weights = first_weights(model)
    model.train()
    with torch.no_grad():
        for parameter in model.parameters():  # so that no branch, and no last layer, is multiplied by zeros
            if not parameter.any():
                parameter.normal_(0.0, 0.02)
        # So that running statistics are not those of the start.
        model(*map(torch.from_numpy, arrays))
    model.eval()
    torch.save(model.state_dict(), os.path.join(folder, "state.pt"))
    started = time.perf_counter()
    outputs, grads = gradients(model, arrays)
    took = time.perf_counter() - started
    if double:
        grads |= in_double(model, arrays)
    np.savez(os.path.join(folder, "inputs.npz"), *arrays)
    np.savez(os.path.join(folder, "outputs.npz"), *outputs)
    np.savez(os.path.join(folder, "gradients.npz"), **grads)
    with open(os.path.join(folder, "weights.json"), "w") as file:
        json.dump(weights, file)
    return {"parameters": count, "seconds": took}


def compare(name: str, folder: str, large: bool, double: bool) -> dict[str, Any]:
    """Rushlight's side: how far its numbers are from PyTorch's."""
    import torch

    arrays, theirs = read(folder, "inputs"), read(folder, "outputs")
    model = models.build(name)
    with open(os.path.join(folder, "weights.json")) as file:
        weights = json.load(file)
    ours = first_weights(model)
    same = ours.keys() == weights.keys() and all(
        np.allclose(ours[key], weights[key], rtol=1e-5, atol=1e-6 * (1 + abs(weights[key][1]))) for key in weights
    )
    model.load_state_dict(torch.load(os.path.join(folder, "state.pt"), map_location="cpu"))
    model.eval()
    started = time.perf_counter()
    outputs, grads = gradients(model, arrays)
    took = time.perf_counter() - started
    if double:
        grads |= in_double(model, arrays)
    with np.load(os.path.join(folder, "gradients.npz")) as file:
        expected = {key: file[key] for key in file.files}
    if [a.shape for a in outputs] != [a.shape for a in theirs]:
        raise AssertionError(f"outputs of {[a.shape for a in outputs]}, PyTorch's {[a.shape for a in theirs]}")
    if grads.keys() != expected.keys():
        raise AssertionError(f"gradients of other parameters: {sorted(grads.keys() ^ expected.keys())[:3]}")
    worst, precise = (largest_apart(grads, expected, kind) for kind in (np.float32, np.float64))
    return {
        "outputs": max(map(apart, outputs, theirs)),
        "gradients": worst[0],
        "double": precise[0],
        "worst": worst[1] if np.isnan(precise[0]) or precise[0] <= IN_DOUBLE else precise[1],
        "same weights": bool(same),
        "seconds": took,
    }


def largest_apart(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], kind: type) -> tuple[float, str]:
    """How far the gradients of a precision are apart at most, and which; NaN where there are none."""
    names = [name for name, value in theirs.items() if value.dtype == kind]
    if not names:
        return float("nan"), ""
    largest = max(float(np.abs(theirs[name]).max()) for name in names)
    return max((apart(ours[name], theirs[name], 1e-4 * largest), name) for name in names)


def read(folder: str, file: str) -> list[np.ndarray]:
    """The arrays of one of the files, in order."""
    with np.load(os.path.join(folder, f"{file}.npz")) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]


def apart(ours: np.ndarray, theirs: np.ndarray, least: float = 0.0) -> float:
    """The largest difference by the largest number, which counts as `least` where it is smaller."""
    if np.isnan(ours).any() != np.isnan(theirs).any():
        return float("inf")
    scale = max(float(np.abs(theirs).max(initial=0)), least, 1e-30)
    return float(np.abs(ours.astype(np.float64) - theirs).max(initial=0)) / scale


def main() -> None:
    """Answer until there is no more line."""
    work = write if SIDE == "pytorch" else compare
    if SIDE == "pytorch":
        without_extension()
        print(json.dumps(models.names()), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        try:
            answer = work(**task)
        except Exception as error:
            frame = error.__traceback__
            while frame.tb_next is not None:
                frame = frame.tb_next
            place = f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
            text = " / ".join(str(error).splitlines()[:2]) or place
            answer = {"error": f"{type(error).__name__}: {text}"[:200], "place": place}
        gc.collect()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
