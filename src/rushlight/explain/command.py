"""`rushlight explain`: the text of a layer and shapes come in, an explanation is printed and saved.

The text is read, never evaluated (see `parse`), so that it may come from anywhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rushlight.core.errors import in_words

from .words import LANGUAGES, terminal_is_ascii

REFUSED, UNREAD = 1, 2  # exit codes: the call is an error; the question could not be read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("layer", help='as in a script: "Conv2d(16, 33, 3, stride=2)" or "F.conv2d(x, w, padding=1)"')
    add("shapes", nargs="*", metavar="shape", help="of the input (and of each tensor that a call names): 20,16,50,100")
    add("--save", type=Path, action="append", default=[], metavar="FILE", help="write .svg, .html or .txt")
    add_language(parser)


def add_language(parser: argparse.ArgumentParser) -> None:
    """Options that `explain` and `summary` share."""
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the text (default: en)")
    parser.add_argument("--ascii", action="store_true", help="without Unicode (found out, if the terminal says so)")


def run(args: argparse.Namespace) -> int:
    """Explain; 1 where the call would be an error, 2 where the question cannot be read."""
    from . import explain
    from .parse import parse_shape

    ascii = args.ascii or terminal_is_ascii()
    try:
        found = explain(args.layer, *map(parse_shape, args.shapes))
        print(found.text(args.language, ascii and args.language == "en"))
        for path in args.save:
            print(f"\nwritten to {found.save(path, args.language)}")
    except BrokenPipeError:  # nobody reads on: `cli` ends without a word
        raise
    except (ValueError, TypeError, RuntimeError, OSError) as problem:
        print(f"rushlight explain: {said(problem, ascii)}", file=sys.stderr)
        return UNREAD
    return REFUSED if found.error else 0


def said(problem: Exception, ascii: bool) -> str:
    """An error's text for this terminal."""
    from .words import Words

    return Words(ascii=ascii).plain(in_words(problem))
