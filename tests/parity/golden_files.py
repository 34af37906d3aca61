"""Reads the golden files that `make_golden` made; says where from when one is older than the tests ask for."""

import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from tests.parity.problem import Problem

FOLDER = Path(__file__).parent / "golden"


@cache
def table(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


def recorded(name: str, title: str, key: str) -> object:
    try:
        return table(name)[title][key]
    except KeyError:
        raise LookupError(f"{key!r} is not in {name}.json: run `python -m tests.parity.make_golden`") from None


@cache
def problems() -> dict[str, dict[str, np.ndarray]]:
    """PyTorch's results of each golden problem, by its string."""
    with np.load(FOLDER / "problems.npz") as stored:
        about = json.loads(zlib.decompress(stored["about"].tobytes()))
        values = stored["values"].astype(np.float64)
    found, start = {}, 0
    for text, results in about["problems"]:
        assert str(Problem.parse(text)) == text
        found[text] = {}
        for name, shape in results:
            stop = start + int(np.prod(shape, dtype=np.int64))
            found[text][name] = values[start:stop].reshape(shape)
            start = stop
    return found
