"""gradcheck and gradgradcheck: analytical gradients against finite differences.

In: a function of tensors and float64 inputs. Out: True, or GradcheckError with both Jacobians. The numerical Jacobian
has a column for each input element: central differences, eps 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from rushlight.autograd.engine import grad
from rushlight.autograd.value import Value


class GradcheckError(RuntimeError):
    """Raised by gradcheck where the two Jacobians differ."""


def gradcheck(
    func: Callable,
    inputs: Value | Sequence[object],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Whether the gradients of `func` are right for every input that requires one.

    Inputs should be float64. GradcheckError (or False, for `raise_exception=False`) where they are not.

    >>> import rushlight as torch
    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.exp, x)
    True
    """
    inputs = (inputs,) if isinstance(inputs, Value) else tuple(inputs)
    try:
        _check(func, inputs, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Value | Sequence[object],
    grad_outputs: Value | Sequence[Value] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Whether the gradients of the gradients of `func` are right, with respect to the inputs and to `grad_outputs`."""
    inputs = (inputs,) if isinstance(inputs, Value) else tuple(inputs)
    wanted = [position for position, tensor in enumerate(inputs) if _is_wanted(tensor)]
    if grad_outputs is None:
        grad_outputs = [_random_like(output) for output in _outputs(func, inputs)]
    grads = (grad_outputs,) if isinstance(grad_outputs, Value) else tuple(grad_outputs)

    def first_gradients(*args: object) -> tuple[Value, ...]:
        arguments, flowing = args[: len(inputs)], args[len(inputs) :]
        results = grad(
            _outputs(func, arguments),
            [arguments[position] for position in wanted],
            flowing,
            create_graph=True,
            allow_unused=True,
        )
        return tuple(result for result in results if result is not None and result.requires_grad)

    return gradcheck(
        first_gradients,
        (*inputs, *grads),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )


def _is_wanted(tensor: object) -> bool:
    return isinstance(tensor, Value) and tensor.requires_grad


def _random_like(output: Value) -> Value:
    numbers = np.random.default_rng(0).standard_normal(tuple(output.shape))
    return output.new_tensor(numbers, requires_grad=True)


def _outputs(func: Callable, inputs: tuple) -> tuple[Value, ...]:
    results = func(*inputs)
    results = (results,) if isinstance(results, Value) else tuple(results)
    return tuple(t for t in results if isinstance(t, Value) and t.dtype.is_floating_point and t.requires_grad)


def _check(func: Callable, inputs: tuple, eps: float, atol: float, rtol: float, nondet_tol: float) -> None:
    wanted = [position for position, tensor in enumerate(inputs) if _is_wanted(tensor)]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    outputs = _outputs(func, inputs)
    for position in wanted:
        numerical = _numerical(func, inputs, position, eps)
        for index, output in enumerate(outputs):
            analytical = _analytical(output, inputs[position])
            again = _analytical(output, inputs[position])
            if np.abs(analytical - again).max(initial=0) > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output "
                    "multiple times gives different values"
                )
            if not np.allclose(analytical, numerical[index], rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {index} with respect to input {position},\n"
                    f"numerical:{numerical[index]}\nanalytical:{analytical}\n"
                )


def _analytical(output: Value, input: Value) -> np.ndarray:
    """The Jacobian (input elements × output elements), one backward pass an output element."""
    columns, size = [], math.prod(input.shape)
    for position in range(math.prod(output.shape)):
        one = np.zeros(tuple(output.shape))
        one.reshape(-1)[position] = 1
        (found,) = grad(output, input, output.new_tensor(one), retain_graph=True, allow_unused=True)
        columns.append(np.zeros(size) if found is None else _numbers(found).reshape(-1))
    return np.stack(columns, axis=1) if columns else np.zeros((size, 0))


def _numbers(tensor: Value) -> np.ndarray:
    """What a tensor holds, as float64."""
    return tensor.detach().double().numpy()


def _numerical(func: Callable, inputs: tuple, position: int, eps: float) -> list[np.ndarray]:
    """The same Jacobian by central differences, one for each output."""
    count = math.prod(inputs[position].shape)
    rows = []
    for element in range(count):
        high, low = (_values(func, inputs, position, element, step) for step in (eps, -eps))
        rows.append([(a - b) / (2 * eps) for a, b in zip(high, low)])
    sizes = [math.prod(output.shape) for output in _outputs(func, inputs)]
    return [np.array([row[i] for row in rows]).reshape(count, size) for i, size in enumerate(sizes)]


def _values(func: Callable, inputs: tuple, position: int, element: int, step: float) -> list[np.ndarray]:
    moved = np.array(_numbers(inputs[position]), order="C")
    moved.reshape(-1)[element] += step
    arguments = list(inputs)
    arguments[position] = inputs[position].new_tensor(moved, requires_grad=True)
    return [_numbers(output).reshape(-1).copy() for output in _outputs(func, tuple(arguments))]
