"""The command `rushlight bench`.

In: options. Out: a table on standard output as it is measured, and JSON and pictures in the output folder.
"""

import argparse
import importlib.util
import re
from pathlib import Path

from . import report
from .cases import LAYERS, load_cases, random_cases
from .measure import measure
from .peak import measure_peak

DESCRIPTION = "time the layers against PyTorch (if it is installed) and against the machine's limit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--layers", type=Path, default=LAYERS, help="a file in the form of the built-in layers.json")
    parser.add_argument("--random", type=int, metavar="N", help="time N layers drawn at random instead")
    parser.add_argument("--seed", type=int, default=0, help="of the random layers")
    parser.add_argument("--only", default="", metavar="REGEX", help="only layers whose category or name matches")
    parser.add_argument("--mode", choices=["fwd", "train", "both"], default="both")
    parser.add_argument(
        "--threads", type=int, default=None, help="of each library (default: all that this process may use)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns that each library takes")
    parser.add_argument("--budget", type=float, default=0.08, help="seconds a layer, format and turn")
    parser.add_argument("--peer", default="torch", help="the library to compare with")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder for JSON, PNG and SVG")


def run(args: argparse.Namespace) -> int:
    """Measure and report; the exit status is 1 if a layer failed."""
    from ..runtime import get_num_threads

    threads = args.threads or get_num_threads()
    peer = args.peer if importlib.util.find_spec(args.peer) else None
    if peer is None:
        print(f"{args.peer} is not installed: times and shares of the machine's limit only")
    cases = random_cases(args.random, args.seed) if args.random else load_cases(args.layers)
    cases = [case for case in cases if re.search(args.only, f"{case['category']} {case['name']}")]
    peak = measure_peak(threads)
    facts = report.machine(peak, threads)
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    args.out.mkdir(parents=True, exist_ok=True)
    failed = False
    for mode in ("fwd", "train") if args.mode == "both" else (args.mode,):
        print(f"\n{report.heading(peer)}")
        rows = measure(
            cases, peer, mode, threads, args.rounds, args.budget,
            show=lambda row: print(report.line(row, peak), flush=True),
        )  # fmt: skip
        print("\n".join(report.totals(rows, mode)))
        failed |= any(row.error for row in rows)
        report.write_json(args.out / f"{mode}.json", rows, facts | {"mode": mode, "peer": peer})
        report.write_markdown(args.out / f"{mode}.md", rows, peak)
        if peer:
            _draw(args.out, rows, facts, mode)
    print(f"written to {args.out}")
    return int(failed)


def _draw(out: Path, rows: list, facts: dict, mode: str) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        print("no pictures: pip install 'rushlight[train]' brings matplotlib")
        return
    for suffix in ("png", "svg"):
        report.draw(out / f"{mode}.{suffix}", rows, facts, mode)
