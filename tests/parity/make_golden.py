"""Makes the golden files from PyTorch 2.13.0: `python -m tests.parity.make_golden`.

Comes in: the installed PyTorch, whose version goes into the files. Goes out, in tests/parity/golden: `illegal.json`
(what PyTorch does with each illegal call), `expressions.json` (values, texts, random draws, training losses) and
`problems.npz` (outputs, gradients and double backward of generated problems, small integers throughout).
"""

import itertools
import json
import random
import warnings
import zlib
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, seed, settings

from tests.parity import expressions
from tests.parity.differences import sentence
from tests.parity.illegal import CASES, Case, outcome
from tests.parity.isolated import isolated
from tests.parity.measure import run
from tests.parity.problem import Problem, inputs
from tests.parity.strategies import FAMILIES

GOLDEN = Path(__file__).parent / "golden"
EACH = {"linear": 8, "unfold": 12, "fold": 12, "pad": 28}  # problems of a family; 16 of the others
LARGEST = 1500  # elements of all results of a problem


def main() -> None:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    GOLDEN.mkdir(exist_ok=True)
    save("illegal.json", torch, cases={str(case): refusal(torch, case) for case in CASES})
    save("expressions.json", torch, **recorded_expressions(torch))
    save_problems(torch)


def save(name: str, torch: object, **tables: dict) -> None:
    """A JSON file with one entry a line, so that a change of one shows as one line."""
    parts = [f'"torch": "{torch.__version__}"']
    for title, table in tables.items():
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
        parts.append(f'"{title}": {{\n{lines}\n}}')
    (GOLDEN / name).write_text("{\n" + ",\n".join(parts) + "\n}\n")


def refusal(torch: object, case: Case) -> list[str]:
    """[phase, kind, PyTorch's first line]; phase is "ended" for what crashes or hangs it."""
    with torch.backends.mkldnn.flags(enabled=True):
        got = isolated(lambda: outcome(torch, case))
    if isinstance(got, dict):
        return ["ended", "", got["ended"]]
    (phase, kinds, text), _ = got
    if phase == "legal":
        return [phase, "", ""]
    if not sentence(text):
        text = plain_text(torch, case, text)
    return [phase, kinds[0], text.split("\n")[0][:200]]


def plain_text(torch: object, case: Case, text: str) -> str:
    """What PyTorch's own code says where a backend's text names no rule."""
    with torch.backends.mkldnn.flags(enabled=False):
        got = isolated(lambda: outcome(torch, case))
    return text if isinstance(got, dict) or not sentence(got[0][2]) else got[0][2]


def recorded_expressions(torch: object) -> dict[str, dict]:
    def values(texts: list[str]) -> dict:
        return {text: expressions.describe(expressions.evaluate(torch, text)) for text in texts}

    draws = values(expressions.DRAWS)
    for said in draws.values():
        flat = np.array(said["values"], said["dtype"])
        said |= {"values": flat.ravel()[:3].tolist(), "crc32": zlib.crc32(flat.tobytes())}
    return {
        "values": values(expressions.EXPRESSIONS),
        "texts": {text: expressions.evaluate(torch, text) for text in expressions.TEXTS},
        "draws": draws,
        "normals": values(expressions.NORMALS),
        "losses": {text: expressions.training(torch, text) for text in expressions.OPTIMISERS},
    }


def save_problems(torch: object) -> None:
    """One array of all results after one another; each problem's string with its results' names and shapes."""
    index, values = [], []
    for number, family in enumerate(FAMILIES):
        for problem in sample(torch, family, number, EACH.get(family, 16)):
            results = run(torch, problem, "float64")
            index.append([str(problem), [[name, list(array.shape)] for name, array in results.items()]])
            values += [array.ravel() for array in results.values()]
    flat = np.concatenate(values)
    whole = flat.astype(np.int32)
    assert np.array_equal(whole, flat), "golden problems hold small integers only"
    about = json.dumps({"torch": torch.__version__, "problems": index})
    np.savez_compressed(
        GOLDEN / "problems.npz", about=np.frombuffer(zlib.compress(about.encode(), 9), np.uint8), values=whole
    )


def sample(torch: object, family: str, number: int, count: int) -> list[Problem]:
    """Distinct drawn problems with integer data, of a size that fits a golden file."""
    found = {}

    @seed(7000 + number)
    @settings(max_examples=12 * count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FAMILIES[family])
    def draw(problem: Problem) -> None:
        problem = problem.but(data="ints", dtype="float32")
        if problem.op == "pad" and problem.value == -1.5:
            problem = problem.but(value=-2)
        size = sum(array.size for array in inputs(problem).values())
        if 8 <= size <= LARGEST // 4 and len(problem.x) and 0 not in problem.x[1:]:
            found.setdefault(str(problem), problem)

    draw()
    # Neighbours in the order of drawing resemble each other: mix them.
    mixed = random.Random(number).sample(list(found.values()), len(found))
    fitting = (p for p in mixed if sum(a.size for a in run(torch, p).values()) <= LARGEST)
    return list(itertools.islice(fitting, count))


if __name__ == "__main__":
    main()
