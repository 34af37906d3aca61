"""Run the models on both sides, print a table, and write docs/zoo.md: `make zoo`.

    python -m tests.zoo [PATTERN …] [--large] [--no-page]

PyTorch's side needs its folder in `ZOO_PYTORCH`, so that Rushlight's does not see it.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.zoo import models
from tests.zoo.tolerances import DOUBLE, GRADIENTS, IN_DOUBLE, OUTPUTS

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
HEAD = """# Models of other packages

The models of torchvision {torchvision} and timm {timm}, built by those packages as they are on `rushlight.as_torch()`:
each loads the state dict that PyTorch {torch} saved, and its outputs and gradients are compared with PyTorch's, in
evaluation mode. A number is the largest difference by the largest number of a tensor (where a whole tensor of gradients
is below 1e-4 of the largest gradient, by that). At most 1e-4 for outputs and 1e-3 for gradients, of every input and
parameter, both in float32. There a number next to 0 may fall on the other side of a ReLU by one rounding, which changes
a gradient by a tenth: where gradients are further apart, they are compared in float64, too, and must be within 1e-8.
*Weights*: whether the same seed gives PyTorch's first weights.

Written by `make zoo`, which installs both packages beside PyTorch, in an environment of its own.
"""


class Worker:
    """A process of one side, which is started again where it has died."""

    def __init__(self, side: str) -> None:
        self.side, self.process = side, None

    def start(self) -> None:
        environment = dict(os.environ)
        if self.side == "pytorch" and os.environ.get("ZOO_PYTORCH"):
            environment["PYTHONPATH"] = os.pathsep.join(
                filter(None, [os.environ["ZOO_PYTORCH"], environment.get("PYTHONPATH")])
            )
        command = [sys.executable, "-W", "ignore", "-m", "tests.zoo.worker", self.side]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def read(self) -> Any:
        """The next answer; None where the process has died."""
        line = self.process.stdout.readline()
        while line and not line.startswith(("{", "[")):  # what a model prints
            line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, **task: Any) -> dict[str, Any]:
        """What it answers to a task."""
        if self.process is None or self.process.poll() is not None:
            self.start()
            if self.side == "pytorch":
                self.read()
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        answer = self.read()
        if answer is None:
            return {"error": f"the process of {self.side} died with {self.process.wait()}"}
        return answer


def main(arguments: list[str]) -> int:
    """Compare, print and write; 1 where a model is not as PyTorch's."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="e.g. 'timm/*'; all models without one")
    parser.add_argument("--large", action="store_true", help=f"those of over {models.LARGE / 1e6:.0f} million, too")
    parser.add_argument("--no-page", action="store_true", help="leave docs/zoo.md as it is")
    parser.add_argument("--rows", type=Path, help="keep what is found in this file, and go on from it")
    given = parser.parse_args(arguments)
    kept = json.loads(given.rows.read_text()) if given.rows is not None and given.rows.exists() else []
    known = {row["name"]: row for row in kept}
    theirs, ours = Worker("pytorch"), Worker("rushlight")
    theirs.start()
    listed = theirs.read()
    if listed is None:
        sys.exit("PyTorch's side does not start")
    rows = []
    for group, name in listed:
        if given.patterns and not any(fnmatch.fnmatch(name, pattern) for pattern in given.patterns):
            continue
        if name in known:
            rows.append(known[name])
            continue
        row = compared(theirs, ours, name=name, large=given.large, double=False)
        if not passed(row) and "outputs" in row and row["parameters"] <= DOUBLE:
            closer = compared(theirs, ours, name=name, large=given.large, double=True)
            row = row if "error" in closer else closer  # some of PyTorch's models do not run in float64
        rows.append({"group": group, "name": name, **row})
        if given.rows is not None:
            given.rows.write_text(json.dumps(rows, indent=0), encoding="utf-8")
        print(f"{name:48s} {said(rows[-1])}", flush=True)
    print(summary(rows))
    if not given.no_page and not given.patterns:
        PAGE.write_text(page(rows), encoding="utf-8")
    return int(any(not passed(row) for row in rows))


def compared(theirs: Worker, ours: Worker, **task: Any) -> dict[str, Any]:
    """What comes out for a model."""
    with tempfile.TemporaryDirectory() as folder:
        written = theirs.ask(folder=folder, **task)
        if "error" in written:
            return {"error": f"PyTorch itself: {written['error']}"}
        if "skipped" in written:
            return written
        return {"parameters": written["parameters"], **ours.ask(folder=folder, **task)}


def passed(row: dict[str, Any]) -> bool:
    """Whether a model is as PyTorch's, or was not run."""
    if "outputs" not in row:
        return "skipped" in row
    return row["outputs"] <= OUTPUTS and (row["gradients"] <= GRADIENTS or row["double"] <= IN_DOUBLE)


def said(row: dict[str, Any]) -> str:
    """A row in a line."""
    if "outputs" not in row:
        return f"{row.get('skipped') or row['error']} {row.get('place', '')}"
    verdict = "yes" if passed(row) else f"NO ({row['worst']})"
    weights = "" if row["same weights"] else ", other first weights"
    double = "" if math.isnan(row["double"]) else f", in float64 {row['double']:.0e}"
    far = f"outputs {row['outputs']:.0e}, gradients {row['gradients']:.0e}{double}"
    return f"{far}: {verdict}{weights}  {row['seconds']:.1f} s"


def summary(rows: list[dict[str, Any]]) -> str:
    """How many are as PyTorch's, and what the others lack."""
    run = [row for row in rows if "skipped" not in row]
    lines = [f"{sum(map(passed, run))} of {len(run)} as PyTorch's"]
    lines += [f"{count:4d}  {error}" for error, count in Counter(r["error"] for r in run if "error" in r).most_common()]
    return "\n".join(lines)


def page(rows: list[dict[str, Any]]) -> str:
    """docs/zoo.md."""
    from importlib.metadata import version

    names = {name: version(name) for name in ("torchvision", "timm")}
    run = [row for row in rows if "skipped" not in row]
    lines = [HEAD.format(torch="2.13", **names), f"**{sum(map(passed, run))} of {len(run)}** are as PyTorch's.", ""]
    for group, title in models.GROUPS.items():
        lines += [
            f"## {title}",
            "",
            "| model | parameters | outputs | gradients | in float64 | weights |",
            "|---|--:|--:|--:|--:|---|",
        ]
        for row in (row for row in rows if row["group"] == group):
            lines.append(f"| {row['name'].partition('/')[2]} | {numbers(row)} |")
        lines.append("")
    missing = Counter(row["error"] for row in run if "error" in row)
    far = [row for row in run if "outputs" in row and not passed(row)]
    if missing or far:
        lines += ["## What is missing", ""]
        lines += [f"- {count}: `{error}`" for error, count in missing.most_common()]
        lines += [f"- {row['name']}: further than allowed, worst at `{row['worst']}`" for row in far]
        lines.append("")
    return "\n".join(lines)


def numbers(row: dict[str, Any]) -> str:
    """The columns of a row after its name."""
    count = f"{row['parameters'] / 1e6:.1f} M" if "parameters" in row else ""
    if "outputs" not in row:
        return f"{count} | {'not run: ' + row['skipped'] if 'skipped' in row else 'no'} | | | "
    weights = "same" if row["same weights"] else "other"
    mark = "" if passed(row) else " **no**"
    double = "" if math.isnan(row["double"]) else f"{row['double']:.0e}"
    return f"{count} | {row['outputs']:.0e} | {row['gradients']:.0e} | {double}{mark} | {weights}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
