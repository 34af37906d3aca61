"""The command `rushlight`: words of the command line come in, one subcommand runs, an exit code goes out.

A subcommand is a module with `add_arguments(parser)` and `run(args) -> int | None`. It is imported when it is
called, not before, so that `rushlight --help` answers at once; one whose file is not there is not listed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from rushlight import __version__
from rushlight.core.environment import VARIABLES, SettingError
from rushlight.core.errors import in_words

# name: (module below this package, what the list of commands says)
COMMANDS = {
    "train": ("training.command", "train a small convolutional network on images and report on it"),
    "explain": ("explain.command", "show how a layer call computes: shapes, taps, padding, the likely fix"),
    "summary": ("explain.summary_command", "list the layers of a model with shapes, parameters and work"),
    "bench": ("bench.command", "measure layers on this machine"),
    "profile": ("profiler.command", "run a script and tell where its time went, operation by operation"),
    "info": ("info", "this machine, the engine and the versions"),
}
FAILED = 1
INTERRUPTED, UNREAD = 128 + 2, 128 + 13  # what shells expect of a program that Ctrl-C, or a closed pipe, ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where a reader that is gone and a full disk can be dealt with
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `| head`, has had enough
        _write_no_more()
        return UNREAD
    except SettingError as problem:
        print(f"rushlight: {problem}", file=sys.stderr)
        return FAILED
    except OSError as problem:
        _write_no_more()
        print(f"rushlight: {in_words(problem)}", file=sys.stderr)
        return FAILED


def _run(argv: list[str]) -> int:
    parser, command = _parsers(chosen=next((word for word in argv if word in COMMANDS), None))
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        (command if args.command else parser).refuse(unknown)
    if args.version:
        return _print_version()
    if args.command is None:
        parser.print_help()
        return 0
    return args.run(args) or 0


def _write_no_more() -> None:
    """What is left in the buffer of standard output goes nowhere: at exit the interpreter would try it again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Parser(argparse.ArgumentParser):
    """Options are written out, and what is unknown is answered with what it may have been."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, allow_abbrev=False, **keywords)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with the words that are no arguments."""
        options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        known = self._option_string_actions
        meant = "".join(_meant(option, known) for option in options)
        self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            raise argparse.ArgumentError(action, error.message + _meant(str(value), action.choices)) from None


def _meant(word: str, known: Iterable[str]) -> str:
    """A line that suggests the known word which is nearest."""
    from difflib import get_close_matches

    longer = [other for other in known if len(word) > 3 and other.startswith(word)]
    close = longer or get_close_matches(word, known, 1, 0.6)
    return f"\ndid you mean {close[0]}?" if close else ""


def _parsers(chosen: str | None) -> tuple[_Parser, _Parser | None]:
    """The command's parser, and the chosen subcommand's."""
    parser = _Parser(
        "rushlight",
        description="PyTorch's convolution-layer family without PyTorch.",
        epilog="\n".join(["environment variables:", *(f"  {name:<22}{text}" for name, text in VARIABLES.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(command=None)
    commands, found = parser.add_subparsers(dest="command", metavar="command"), None
    for name, (module, purpose) in COMMANDS.items():
        if _is_there(module):
            command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
            if name == chosen:
                implementation, found = import_module(f"rushlight.{module}"), command
                implementation.add_arguments(command)
                command.set_defaults(run=implementation.run)
    return parser, found


def _is_there(module: str) -> bool:
    return (Path(__file__).parent / f"{module.replace('.', '/')}.py").is_file()


def _print_version() -> int:
    print(f"rushlight {__version__}")
    return 0


def exit_main() -> NoReturn:
    """The entry of `python -m rushlight`."""
    raise SystemExit(main())
