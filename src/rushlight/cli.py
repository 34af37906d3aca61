"""The command `rushlight`: words of the command line come in, one subcommand runs, an exit code goes out.

A subcommand is a module with `add_arguments(parser)` and `run(args) -> int | None`. It is imported when it is
called, not before, so that `rushlight --help` answers at once; one whose file is not there is not listed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# name: (module below this package, what the list of commands says)
COMMANDS = {
    "train": ("training.command", "train a small convolutional network on images and report on it"),
    "explain": ("explain.command", "show how a layer call computes: shapes, taps, padding, the likely mend"),
    "summary": ("explain.summary_command", "list the layers of a model with shapes, parameters and work"),
    "bench": ("bench.command", "measure layers on this machine"),
    "info": ("info", "this machine, the engine and the versions"),
}
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _parser(chosen=next((word for word in argv if word in COMMANDS), None)).parse_args(argv)
    if args.version:
        return _print_version()
    if args.command is None:
        _parser(None).print_help()
        return 0
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        return args.run(args) or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `| head`, has had enough
        sys.stderr.close()
        return 1


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("rushlight", description="PyTorch's convolution-layer family without PyTorch.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(dest="command", metavar="command")
    for name, (module, purpose) in COMMANDS.items():
        if _is_there(module):
            command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
            if name == chosen:
                implementation = import_module(f"rushlight.{module}")
                implementation.add_arguments(command)
                command.set_defaults(run=implementation.run)
    return parser


def _is_there(module: str) -> bool:
    return (Path(__file__).parent / f"{module.replace('.', '/')}.py").is_file()


def _print_version() -> int:
    import rushlight

    print(f"rushlight {rushlight.__version__}")
    return 0


def exit_main() -> NoReturn:
    """The entry of `python -m rushlight`."""
    raise SystemExit(main())
