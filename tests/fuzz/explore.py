"""Try layers that nobody tried: `python -m tests.fuzz.explore --seconds 60`.

Every run has a fresh seed, which it prints first and `--seed` repeats. Layers are tried on each instruction set that
the machine runs or imitates, in turn. One that is wrong is made as simple as it can be and kept in `found.json`, whose
cases `test_found.py` runs ever after; then the program ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

from tests import instruction_sets
from tests.fuzz.layers import Layer

FOUND = Path(__file__).with_name("found.json")


def fault(layer: Layer, isa: str) -> str | None:
    """What is wrong with a layer on an instruction set, an unexpected exception included."""
    os.environ["RUSHLIGHT_TARGET"] = isa
    try:
        return layer.fault()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def simplest(layer: Layer, isa: str, seconds: float = 20) -> Layer:
    """The simplest layer near this one that is wrong, too."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        wrong = (other for other in layer.simpler() if other.is_legal() and fault(other, isa))
        simpler = next(wrong, None)
        if simpler is None:
            return layer
        layer = simpler
    return layer


def keep(name: str, layer: Layer) -> None:
    """Write a case down."""
    cases = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    cases[name] = layer._asdict()
    rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in cases.items()]
    FOUND.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def main() -> int:
    """Explore until the time is over or so many layers were tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--layers", type=int, default=sys.maxsize, help="stop after so many on each instruction set")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--isa", nargs="+", default=instruction_sets.every())
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first wrong layer")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    rng, tried, wrong, end = random.Random(asked.seed), Counter(), 0, time.monotonic() + asked.seconds
    while time.monotonic() < end and min(tried[isa] for isa in asked.isa) < asked.layers:
        layer = Layer.draw(rng)
        for isa in asked.isa:
            tried[isa] += 1
            problem = fault(layer, isa)
            if problem is None:
                continue
            print(f"{isa}: {layer}\n  {problem}", flush=True)
            layer = simplest(layer, isa)
            name = f"{isa}, seed {asked.seed}, layer {tried[isa]}"
            print(f"  simplest: {layer}\n  {fault(layer, isa)}\n  kept as {name!r}", flush=True)
            keep(name, layer)
            wrong += 1
        if wrong and not asked.keep_going:
            break
    print(", ".join(f"{count} layers on {isa}" for isa, count in tried.items()) + f": {wrong} wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
