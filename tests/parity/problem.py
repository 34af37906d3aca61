"""One call of the layer family as a value that prints as a string and parses back.

Comes in: fields chosen by `strategies` (or a string from a failure report). Goes out: a `Problem`, from which
`inputs` makes the arrays, the same on every machine, and `measure.run` computes with any library of PyTorch's
interface. Deliberately shares nothing with the package under test.

    >>> p = Problem("conv2d", dict(x=(2, 4, 7, 5), w=(6, 2, 3, 2), b=(6,), stride=2, groups=2))
    >>> str(p)
    'conv2d x=(2,4,7,5) w=(6,2,3,2) b=(6,) stride=2 groups=2'
    >>> Problem.parse(str(p)) == p
    True
"""

import ast
import zlib
from typing import NamedTuple

import numpy as np

# What a field is worth when the string does not name it.
DEFAULTS = {
    "b": None,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
    "output_padding": 0,
    "output_size": None,
    "mode": "constant",
    "value": None,
    "form": "functional",
    "layout": "contiguous",
    "needs": "xwb",
    "data": "ints",
    "dtype": "float32",
}


class Problem(NamedTuple):
    """The operation's name (`conv1d` … `pad`) and the fields that differ from DEFAULTS."""

    op: str
    fields: dict

    def __getattr__(self, name: str) -> object:
        try:
            return self.fields[name] if name in self.fields else DEFAULTS[name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        return " ".join([self.op, *(f"{k}={repr(v).replace(' ', '')}" for k, v in self.fields.items())])

    __repr__ = __str__

    @staticmethod
    def parse(text: str) -> "Problem":
        op, *tokens = text.split()
        pairs = (token.split("=", 1) for token in tokens)
        return Problem(op, {key: ast.literal_eval(value) for key, value in pairs})

    @property
    def rank(self) -> int:
        """Spatial axes, for the operations that have a number in their name."""
        return int(self.op[-2])

    def but(self, **changes: object) -> "Problem":
        return Problem(self.op, {**self.fields, **changes})


def numbers(problem: Problem, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array `name` of a problem in float64: small integers, or reals that cannot cancel.

    Integers make every result exact in float32, so nothing hides in a tolerance. Reals lie in [0.5, 1.5], all of
    one sign, so that an error relative in the norm measures rounding and not cancellation.
    RandomState is the generator that NumPy promises never to change.
    """
    generator = np.random.RandomState(zlib.crc32(f"{problem.op} {problem.fields} {name}".encode()))
    if problem.data == "ints":
        return generator.randint(-3, 4, shape).astype(np.float64)
    return generator.uniform(0.5, 1.5, shape).astype(problem.dtype).astype(np.float64)


def inputs(problem: Problem) -> dict[str, np.ndarray]:
    """The differentiable inputs of a problem: x, and w and b where it has them."""
    shapes = {"x": problem.x, "w": problem.fields.get("w"), "b": problem.b}
    return {name: numbers(problem, name, shape) for name, shape in shapes.items() if shape is not None}
