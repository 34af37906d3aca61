"""The command `rushlight bench`.

In: options. Out: a table on standard output as it is measured, and JSON and pictures in the output folder.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

from rushlight.core import results
from rushlight.core.errors import in_words, message
from rushlight.core.extras import how_to_install
from rushlight.core.options import above_zero, pattern, positive

from . import report
from .cases import LAYERS, load_cases, random_cases
from .measure import measure
from .operations import operation_cases
from .peak import measure_peak

FOLDER = Path("runs/bench")
SUFFIXES = ("json", "md", "png", "svg")
DESCRIPTION = "time the layers against PyTorch (if it is installed) and against the machine's limit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("--layers", type=Path, metavar="FILE", default=LAYERS, help="in the form of the built-in layers.json")
    add("--ops", action="store_true", help="time operations alone instead: of each element, reductions, norms, losses")
    add("--random", type=positive, metavar="N", help="time N layers drawn at random instead")
    add("--seed", type=int, metavar="N", default=0, help="of the random layers")
    add("--only", type=pattern, metavar="REGEX", help="only layers whose category or name matches")
    add("--mode", choices=["fwd", "train", "both"], default="both", help="forward, with gradients, or both (default)")
    add("--threads", type=positive, metavar="N", help="of each library (default: all that this process may use)")
    add("--rounds", type=positive, metavar="N", default=3, help="turns that each library takes (default: 3)")
    add("--budget", type=above_zero, metavar="S", default=0.08, help="seconds a layer, format and turn (default: 0.08)")
    add("--peer", default="torch", metavar="PACKAGE", help="the library to compare with (default: torch)")
    add("--out", type=Path, metavar="DIR", help=f"for the results (default: {FOLDER}, or the next free)")
    add("--overwrite", action="store_true", help="replace the results of an earlier run in the folder")


def run(args: argparse.Namespace) -> int:
    """Measure and report; the exit status is 1 if a layer failed, or if there is nothing to measure."""
    try:
        return _bench(args)
    except BrokenPipeError:  # nobody reads on: `cli` ends without a word
        raise
    except (OSError, ValueError) as problem:
        print(f"rushlight bench: {in_words(problem)}", file=sys.stderr)
        return 1


def _bench(args: argparse.Namespace) -> int:
    from ..runtime import get_num_threads

    if args.ops:
        cases = operation_cases()
    else:
        cases = random_cases(args.random, args.seed) if args.random else load_cases(args.layers)
    cases = [case for case in cases if not args.only or args.only.search(f"{case['category']} {case['name']}")]
    if not cases:
        raise ValueError(message(f"no layer matches {args.only.pattern!r}", fix="--only 3x3, or leave it out"))
    modes = ("fwd", "train") if args.mode == "both" else (args.mode,)
    out = _folder(args, modes)
    threads = args.threads or get_num_threads()
    peer = args.peer if importlib.util.find_spec(args.peer) else None
    if peer is None:
        print(f"{args.peer} is not installed: times and shares of the machine's limit only")
    peak = measure_peak(threads)
    facts = report.machine(peak, threads)
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    failed = False
    for mode in modes:
        print(f"\n{report.heading(peer)}")
        rows = measure(
            cases, peer, mode, threads, args.rounds, args.budget,
            show=lambda row: print(report.line(row, peak), flush=True),
        )  # fmt: skip
        print("\n".join(report.totals(rows, mode)))
        failed |= any(row.error for row in rows)
        report.write_json(out / f"{mode}.json", rows, facts | {"mode": mode, "peer": peer})
        report.write_markdown(out / f"{mode}.md", rows, peak)
        if peer:
            _draw(out, rows, facts, mode)
    print(f"written to {out}")
    return int(failed)


def _folder(args: argparse.Namespace, modes: tuple[str, ...]) -> Path:
    chosen = args.out or (FOLDER if args.overwrite else None)
    if chosen is None:
        return results.next_free(FOLDER)
    return results.own(chosen, [f"{mode}.{suffix}" for mode in modes for suffix in SUFFIXES], args.overwrite)


def _draw(out: Path, rows: list, facts: dict, mode: str) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        print(f"no pictures: matplotlib is not installed\nTry: {how_to_install('matplotlib')}")
        return
    for suffix in ("png", "svg"):
        report.draw(out / f"{mode}.{suffix}", rows, facts, mode)
