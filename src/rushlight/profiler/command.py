"""The command `rushlight profile`: a script runs as it does without, and a table of its operations is printed behind.

In: the script and its arguments. Out: the table on standard output; the exit status is the script's.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from pathlib import Path

SORTS = {
    "self": "self_cpu_time_total", "total": "cpu_time_total", "calls": "count", "average": "cpu_time",
    "kernels": "kernel_time_total", "bytes": "bytes", "memory": "self_cpu_memory_usage",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command; what stands behind the script belongs to the script."""
    add = parser.add_argument
    add("--sort", choices=SORTS, default="self", help="what comes first: self time (default), total time, …")
    add("--rows", type=int, default=30, metavar="N", help="rows of the table (default: 30; -1: all)")
    add("--shapes", action="store_true", help="a row for each shape of the inputs")
    add("--memory", action="store_true", help="memory taken by each operation, and the peak")
    add("--modules", action="store_true", help="modules as rows, with their names in the model")
    add("--trace", type=Path, metavar="FILE", help="write all events for ui.perfetto.dev, too")
    add("--as-torch", action="store_true", help="`import torch` in the script means Rushlight")
    add("script", type=Path, metavar="SCRIPT.py", help="what to run")
    add("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")


def run(args: argparse.Namespace) -> int:
    """Run the script and print the table, whether it ended well or not."""
    from rushlight import alias
    from rushlight.profiler.sessions import Session

    if not args.script.is_file():
        print(f"rushlight profile: no such file: {args.script}", file=sys.stderr)
        return 2
    if args.as_torch:
        alias.as_torch()
    session = Session(args.shapes, args.memory, False, args.modules, False)
    session.start()
    if args.trace is None:
        session.forget(args.shapes)
    try:
        status = _run_script(args.script, args.arguments)
    finally:
        events = session.stop()
    if args.trace is not None:
        events.export_chrome_trace(args.trace)
    sys.stdout.flush()
    sort = SORTS[args.sort]
    table = events.key_averages(group_by_input_shapes=args.shapes).table(sort_by=sort, row_limit=args.rows)
    print(table or "no operation of Rushlight's ran in this thread", end="" if table else "\n")
    return status


def _run_script(script: Path, arguments: list[str]) -> int:
    """Run a file as the main program; gives its exit status. Its errors are shown as Python shows them."""
    before, sys.argv = sys.argv, [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads on: `cli` ends without a word
        raise
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.argv = before
        sys.path.pop(0)
    return 0
