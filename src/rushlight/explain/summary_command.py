"""`rushlight summary FILE.py:model shape …`: a model out of a file, as a table.

The file is the user's own and is run, as `python FILE.py` would run it (but not as `__main__`); the model is an
object in it, or a class or function without arguments that makes one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from rushlight.core.errors import message

from .command import REFUSED, UNREAD, add_language, said
from .words import terminal_is_ascii


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("model", metavar="FILE.py:model", help="a model, or what makes one, in a file of yours")
    parser.add_argument("shapes", nargs="+", metavar="shape", help="of each input: 1,3,224,224 or N,3,224,224")
    add_language(parser)
    parser.add_argument("--width", type=int, help="columns to use (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 where a layer does not fit, 2 where there is no such model."""
    from .parse import parse_shape
    from .summary import summary

    ascii = args.ascii or terminal_is_ascii()
    try:
        found = summary(load(args.model), *map(parse_shape, args.shapes))
    except BrokenPipeError:  # what the file prints, nobody reads on
        raise
    except (ValueError, TypeError, RuntimeError, OSError, AttributeError, ImportError, SyntaxError) as problem:
        print(f"rushlight summary: {said(problem, ascii)}", file=sys.stderr)
        return UNREAD
    width = args.width or max(60, shutil.get_terminal_size().columns)
    print(found.text(args.language, ascii and args.language == "en", width))
    return REFUSED if found.stop else 0


def load(text: str) -> object:
    """The model that `FILE.py:name` names."""
    file, _, name = text.rpartition(":")
    if not file or not name:
        fix = f"{text}:net, with the name that the model has in it" if text.endswith(".py") else "model.py:net"
        raise ValueError(message(f"not FILE.py:model: {text!r}", fix=fix))
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {file}")
    found = module = _module(path)
    for part in name.split("."):
        if not hasattr(found, part):
            models = [key for key, value in vars(module).items() if _is_model(value, module.__name__)]
            fix = f"{file}:{models[0]}" if models else "the name of a model, or of a class or function that makes one"
            raise AttributeError(message(f"there is no {name} in {file}", fix=fix))
        found = getattr(found, part)
    return found() if isinstance(found, type) or not hasattr(found, "parameters") else found


def _is_model(value: object, home: str) -> bool:
    """Whether something in a file is a layer, or a class of layers that is written there."""
    from rushlight.nn import Module

    own = isinstance(value, type) and issubclass(value, Module) and value.__module__ == home
    return own or isinstance(value, Module)


def _module(path: Path) -> object:
    """The file as a module; what lies beside it can be imported, as when it is run."""
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module
