"""Products of matrices and vectors, and what is written with them: matmul, bmm, outer, einsum.

In: tensors. Out: a new tensor, recorded. Half precision is multiplied in float32 and rounded once. Large products are
the engine's, those of a few numbers NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rushlight.autograd.graph import in_single, record
from rushlight.autograd.modes import mode
from rushlight.autograd.operation import Gradients, Needs, Operation, define
from rushlight.backends.array import as_array
from rushlight.core import dtypes
from rushlight.core.dtypes import FLOATING, HALVES
from rushlight.core.errors import message
from rushlight.rules.results import broadcast, multiplied
from rushlight.tensor.autocasting import as_given, computed_in, lowered
from rushlight.tensor.composed import composed
from rushlight.tensor.core import Tensor, memory, wrap
from rushlight.tensor.layout import check_dim
from rushlight.tensor.numerics import quiet, shape_mismatch
from rushlight.tensor.operands import by_numpy, refuse_bools


def _check_kinds(name: str, a: Tensor, b: Tensor) -> None:
    for position, tensor in enumerate((a, b)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}(): argument {position + 1} must be Tensor, not {type(tensor).__name__}")
    if a.dtype is not b.dtype:
        raise RuntimeError(
            message(
                f"expected m1 and m2 to have the same dtype, but got: {_word(a.dtype)} != {_word(b.dtype)}",
                fix=f".to({a.dtype}) of the second, or .to({b.dtype}) of the first",
            )
        )


def _word(kind: dtypes.dtype) -> str:
    return {"float32": "float", "float64": "double", "int64": "long", "float16": "c10::Half"}.get(kind.name, kind.name)


@lowered
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; leading axes broadcast, one-dimensional operands are vectors.

    RuntimeError: sizes that do not match, mixed dtypes.

    >>> import rushlight as torch
    >>> torch.matmul(torch.ones(2, 3), torch.ones(3)).tolist()
    [3.0, 3.0]
    """
    _check_kinds("matmul", input, other)
    a, b = input._array, other._array
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else -1]:
        raise RuntimeError(_mismatch(a.shape, b.shape))
    refuse_bools(_kernel(a.ndim, b.ndim), input)
    result = wrap(_product(a, b))
    saved = (input if other.requires_grad else None, other if input.requires_grad else None)
    row = BMM if a.ndim == b.ndim == 3 and a.shape[0] == b.shape[0] else _ROWS.get((a.ndim, b.ndim), MATMUL)
    record(row, (), result, (input, other), saved)
    return result


def _kernel(rank_a: int, rank_b: int) -> str:
    """PyTorch's kernel for a product of operands of these ranks, as its errors name it."""
    if rank_b == 1:
        return "dot" if rank_a == 1 else "addmv_impl_cpu"
    return "addmm_impl_cpu_" if rank_a <= 2 or rank_b == 2 else "bmm"


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    halves = a.itemsize == 2 and dtypes.of_numpy(a.dtype).category == FLOATING
    if type(a) is np.ndarray and type(b) is np.ndarray and (halves or a.dtype.char in "fd") and _pays(a, b, halves):
        return _by_engine(a, b)
    if halves:
        return quiet(as_array(quiet(np.matmul, a.astype(np.float32), b.astype(np.float32))).astype, a.dtype)
    try:
        return quiet(np.matmul, a, b)
    except ValueError:
        raise RuntimeError(
            f"The batch axes of {list(a.shape)} and {list(b.shape)} do not broadcast: they must be equal or 1"
        ) from None


def _by_engine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from rushlight.backends import registry

    try:
        return registry.current().matmul(a, b)
    except ValueError:
        raise RuntimeError(shape_mismatch([a.shape[:-2], b.shape[:-2]])) from None


_OF_VECTOR, _OF_BATCH, _OF_MATRIX = 1 << 13, 1 << 15, 250_000
"""Multiply-adds up to which NumPy's product of one matrix is quicker: it takes 1 µs where a kernel's call takes 4. Up
to here its library computes on one thread; beyond, its threads spin for 20 ms after each call on cores that kernels
wait for (512 × 512 takes twice as long then), and bits of products with vectors depend on how many there are."""


def _pays(a: np.ndarray, b: np.ndarray, halves: bool) -> bool:
    """Whether the engine multiplies: not small products, and none without numbers. It follows from the sizes of one
    matrix and how many axes there are, so that bits do not depend on the batch."""
    if not (a.size and b.size):
        return False
    n, m = a.shape[-2] if a.ndim > 1 else 1, b.shape[-1] if b.ndim > 1 else 1
    few = _OF_VECTOR if n == 1 or m == 1 else _OF_MATRIX if a.ndim == b.ndim == 2 else _OF_BATCH
    return halves or n * m * a.shape[-1] > few


def _mismatch(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    if len(a) == len(b) == 1:
        return (
            f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number of elements"
        )
    if len(b) == 1 or len(a) == 1:
        return f"size mismatch, got input ({a[0]}), mat ({'x'.join(map(str, a))}), vec ({'x'.join(map(str, b))})"
    rows = f"{a[-2]}x{a[-1]}"
    return message(
        f"mat1 and mat2 shapes cannot be multiplied ({rows} and {b[-2]}x{b[-1]})",
        f"{a[-1]} ≠ {b[-2]}; shapes {list(a)} and {list(b)}",
        fix=".mT of one of them" if a[-1] == b[-1] or a[-2] == b[-2] else None,
    )


def _matmul_rule(needs: Needs, grad: Tensor, a: Tensor | None, b: Tensor | None) -> Gradients:
    """Each is saved where the other's gradient may be wanted. A vector is seen as a matrix."""
    rank_a, rank_b = (len(need[0]) if need else memory(saved).ndim for need, saved in zip(needs, (a, b)))
    if rank_a == 1:
        grad = grad.unsqueeze(-1 if rank_b == 1 else -2)
        a = None if a is None else a.unsqueeze(0)
    if rank_b == 1:
        grad = grad if rank_a == 1 else grad.unsqueeze(-1)
        b = None if b is None else b.unsqueeze(1)
    if rank_a == rank_b == 1:
        grad = grad.reshape(1, 1)
    of_a = matmul(grad, b.mT) if needs[0] else None
    of_b = matmul(a.mT, grad) if needs[1] else None
    if of_a is not None and rank_a == 1:
        of_a = _of_one_matrix(of_a).squeeze(-2)
    if of_b is not None and rank_b == 1:
        of_b = _of_one_matrix(of_b).squeeze(-1)
    return of_a, of_b


def _of_one_matrix(grads: Tensor) -> Tensor:
    """The sum over the batch of what a vector got from each of its matrices."""
    lead = memory(grads).ndim - 2
    return grads.sum(tuple(range(lead))) if lead else grads


DOT, MM, MV, BMM, MATMUL = (
    define(name, f"{name.title()}Backward0", derivative=_matmul_rule, results=multiplied, lowering=_product)
    for name in ("dot", "mm", "mv", "bmm", "matmul")
)
_ROWS = {(1, 1): DOT, (2, 2): MM, (2, 1): MV}
"""By the ranks of the operands."""


def matmul_operator(self: Tensor, other: Tensor) -> Tensor:
    return matmul(self, other) if isinstance(other, Tensor) else NotImplemented


def matmul_of_array(self: Tensor, other: Tensor | np.ndarray) -> Tensor:
    if isinstance(other, Tensor):
        return matmul(other, self)
    return by_numpy(np.matmul, other, self) if isinstance(other, np.ndarray) else NotImplemented


def _ranked(name: str, a: Tensor, rank: int, position: int) -> None:
    if a._array.ndim != rank:
        raise RuntimeError(f"{name}: expected argument {position} to have {rank} axes, got {a._array.ndim}: {a.shape}")


@lowered
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, without broadcasting."""
    for position, (tensor, word) in enumerate(((input, "self"), (mat2, "mat2"))):
        if tensor._array.ndim != 2:
            raise RuntimeError(f"{word} must be a matrix\nmm: argument {position + 1} has shape {list(tensor.shape)}")
    return matmul(input, mat2)


@lowered
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices: (b, n, k) × (b, k, m) → (b, n, m)."""
    for tensor in (input, mat2):
        if tensor._array.ndim != 3:
            raise RuntimeError(f"batch1 must be a 3D tensor\nbmm: got {list(input.shape)} and {list(mat2.shape)}")
    if input._array.shape[0] != mat2._array.shape[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{input._array.shape[0]}, "
            f"{input._array.shape[2]}] but got: [{mat2._array.shape[0]}, {mat2._array.shape[1]}]."
        )
    return matmul(input, mat2)


@as_given
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    _ranked("mv", input, 2, 1)
    _ranked("mv", vec, 1, 2)
    return matmul(input, vec)


@as_given
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    if input._array.ndim != 1 or tensor._array.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input._array.ndim}D and {tensor._array.ndim}D tensors")
    return matmul(input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors."""
    for tensor in (input, vec2):
        if tensor._array.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument, but got {tensor._array.ndim}-D")
    return input.reshape(-1, 1) * vec2


def _plus(input: Tensor, multiply: Callable, a: Tensor, b: Tensor, beta: float, alpha: float) -> Tensor:
    """`beta * input + alpha * multiply(a, b)`: halves rounded once; for integers the two numbers are integers."""
    kind = input.dtype
    if kind in HALVES and a.dtype is kind and b.dtype is kind:
        wide = [t.to(dtypes.float32) for t in (input, a, b)]
        return _plus(wide[0], multiply, wide[1], wide[2], beta, alpha).to(kind)
    product = multiply(a, b)
    if not kind.is_floating_point:
        beta, alpha = int(beta), int(alpha)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product.expand(np.broadcast_shapes(input._array.shape, product._array.shape)).contiguous()
    return (input if beta == 1 else input * beta) + product


def _plus_rule(beta: float, alpha: float, needs: Needs, grad: Tensor, a: Tensor, b: Tensor) -> Gradients:
    of_input = grad * beta if needs[0] else None
    ((shape, _),) = multiplied([a._layout(), b._layout()])
    of_product = grad.sum_to_size(shape).to(a.dtype) * alpha
    return of_input, *_matmul_rule(needs[1:], of_product, a, b)


def _sum_of(name: str, multiply: Callable) -> Operation:
    """The row of a tensor and a product."""
    return define(
        name,
        f"{name.title()}Backward0",
        derivative=in_single(_plus_rule),
        results=lambda inputs, beta, alpha: broadcast([inputs[0], *multiplied(inputs[1:])], None),
        lowering=composed(lambda input, a, b, beta, alpha: _plus(input, multiply, a, b, beta, alpha)),
    )


ADDMM, ADDMV, BADDBMM = _sum_of("addmm", mm), _sum_of("addmv", mv), _sum_of("baddbmm", bmm)


def _recorded_sum(row: Operation, input: Tensor, a: Tensor, b: Tensor, beta: float, alpha: float) -> Tensor:
    result = wrap(row.lowering(input._array, a._array, b._array, beta, alpha))
    record(row, (beta, alpha), result, (input, a, b), (a, b))
    return result


@lowered
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`."""
    return _recorded_sum(ADDMM, input, mat1, mat2, beta, alpha)


@as_given
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * (mat @ vec)`."""
    return _recorded_sum(ADDMV, input, mat, vec, beta, alpha)


@lowered
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * (batch1 @ batch2)`."""
    return _recorded_sum(BADDBMM, input, batch1, batch2, beta, alpha)


def _check_contracted(a: Tensor, b: Tensor, of_a: list[int], of_b: list[int]) -> None:
    if len(of_a) != len(of_b):
        raise RuntimeError("both dimension lists should have same length")
    for at_a, at_b in zip(of_a, of_b):
        n, m = a._array.shape[at_a], b._array.shape[at_b]
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                "contracted dimensions need to match, but first has size "
                f"{n} in dim {at_a} and second has size {m} in dim {at_b}"
            )


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """The product summed over pairs of axes: the last `dims` of `a` with the first of `b`, or two lists."""
    if isinstance(dims, int):
        dims = (range(a._array.ndim - dims, a._array.ndim), range(dims))
    of_a, of_b = ([check_dim(d, t._array.ndim) for d in axes] for axes, t in zip(dims, (a, b)))
    if mode.autocast is not None:  # where one number is left it is a sum of products, no product of matrices
        left = [n for t, of in ((a, of_a), (b, of_b)) for d, n in enumerate(t._array.shape) if d not in of]
        return computed_in(mode.autocast if any(n != 1 for n in left) else None, tensordot, (a, b, (of_a, of_b)), {})
    _check_contracted(a, b, of_a, of_b)
    for at_a, at_b in zip(of_a, of_b):  # an axis of one beside a longer one: that is summed first
        if a._array.shape[at_a] == 1:
            b = b.sum(at_b, True, dtype=b.dtype)
        elif b._array.shape[at_b] == 1:
            a = a.sum(at_a, True, dtype=a.dtype)
    keep_a = [d for d in range(a._array.ndim) if d not in of_a]
    keep_b = [d for d in range(b._array.ndim) if d not in of_b]
    count = int(np.prod([a._array.shape[d] for d in of_a], dtype=np.int64))
    shape = [a._array.shape[d] for d in keep_a] + [b._array.shape[d] for d in keep_b]
    left = a.permute([*keep_a, *of_a]).reshape(a._array.size // max(count, 1) if count else -1, count)
    right = b.permute([*of_b, *keep_b]).reshape(count, b._array.size // max(count, 1) if count else -1)
    return matmul(left, right).reshape(shape)


# -- einsum


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Einstein's summation, as `einsum("ik,kj->ij", a, b)`; differentiable.

    >>> import rushlight as torch
    >>> torch.einsum("ij->j", torch.ones(2, 3)).tolist()
    [2.0, 2.0, 2.0]
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    terms, target, sizes = _parse(equation, operands)
    if mode.autocast is None:
        return _einsum(terms, target, sizes, operands)
    contracted = [letter for letter in {*"".join(terms)} - {*target} if sum(letter in term for term in terms) > 1]
    return computed_in(mode.autocast if contracted else None, _einsum, (terms, target, sizes, operands), {})


def _einsum(terms: list[str], target: str, sizes: dict[str, int], operands: Sequence[Tensor]) -> Tensor:
    result = _aligned(operands[0], terms[0], terms[0])
    letters = terms[0]
    letters = "".join(dict.fromkeys(letters))
    for position in range(1, len(operands)):
        later = set(target).union(*terms[position + 1 :])
        result, letters = _contract(result, letters, operands[position], terms[position], later, sizes)
    dropped = tuple(i for i, letter in enumerate(letters) if letter not in target)
    result = result.sum(dropped) if dropped else result
    letters = "".join(letter for letter in letters if letter in target)
    return result.permute([letters.index(letter) for letter in target])


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str, dict[str, int]]:
    """The letters of each operand and of the result; an ellipsis becomes upper-case letters not used."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): {'fewer' if len(terms) > len(operands) else 'more'} operands were provided than specified in "
            "the equation"
        )
    free = [chr(code) for code in range(0x391, 0x3B0)]
    longest = 0
    for position, (term, operand) in enumerate(zip(terms, operands)):
        if "..." in term:
            count = operand._array.ndim - len(term) + 3
            longest = longest if longest > count else count
            terms[position] = term.replace("...", "".join(free[20 - count : 20]))
        if len(terms[position]) != operand._array.ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match the number of "
                f"dimensions ({operand._array.ndim}) for operand {position} and no ellipsis was given"
            )
    dots = "".join(free[20 - longest : 20])
    if arrow:
        target = right.replace("...", dots)
    else:
        every = "".join(terms)
        target = dots + "".join(sorted(c for c in set(every) if every.count(c) == 1 and c not in dots))
    return terms, target, _sizes(terms, operands)


def _sizes(terms: list[str], operands: Sequence[Tensor]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands):
        for letter, n in zip(term, operand._array.shape):
            if sizes.get(letter, 1) != 1 and n not in (1, sizes[letter]):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {n} for operand which does not broadcast with previously "
                    f"seen size {sizes[letter]}"
                )
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    return sizes


def _aligned(operand: Tensor, letters: str, term: str) -> Tensor:
    """An operand with repeated letters taken to their diagonal."""
    letters = list(term)
    for letter in set(term):
        while letters.count(letter) > 1:
            a = letters.index(letter)
            b = letters.index(letter, a + 1)
            operand = operand.diagonal(0, a, b)
            letters = [x for i, x in enumerate(letters) if i not in (a, b)] + [letter]
    first = list(dict.fromkeys(term))
    return operand.permute([letters.index(letter) for letter in first])


def _contract(
    a: Tensor, letters_a: str, b: Tensor, term_b: str, later: set[str], sizes: dict[str, int]
) -> tuple[Tensor, str]:
    """The product of two operands, summed over the letters that nobody needs later; one batched matmul."""
    b = _aligned(b, term_b, term_b)
    letters_b = "".join(dict.fromkeys(term_b))
    both = [c for c in letters_a if c in letters_b]
    batch = [c for c in both if c in later]
    summed = [c for c in both if c not in later]
    only_a = [c for c in letters_a if c not in letters_b]
    only_b = [c for c in letters_b if c not in letters_a]
    a = a.expand([sizes[c] if c in both else n for c, n in zip(letters_a, a._array.shape)])
    b = b.expand([sizes[c] if c in both else n for c, n in zip(letters_b, b._array.shape)])
    count = lambda letters: int(np.prod([sizes[c] for c in letters], dtype=np.int64))  # noqa: E731
    left = a.permute([letters_a.index(c) for c in (*batch, *only_a, *summed)])
    right = b.permute([letters_b.index(c) for c in (*batch, *summed, *only_b)])
    left = left.reshape(count(batch), count(only_a), count(summed))
    right = right.reshape(count(batch), count(summed), count(only_b))
    order = [*batch, *only_a, *only_b]
    return matmul(left, right).reshape([sizes[c] for c in order]), "".join(order)
