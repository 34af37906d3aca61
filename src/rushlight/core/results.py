"""Folders for results: no run writes over what an earlier one left, unless it is told to.

In comes the folder that a command would use; out goes the one that it may use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from rushlight.core.errors import message


def next_free(base: Path) -> Path:
    """Make `base`, or the first of base-2, base-3, … that is not there yet."""
    base.parent.mkdir(parents=True, exist_ok=True)
    for folder in _numbered(base):
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")


def latest(base: Path, name: str) -> Path:
    """That of base, base-2, base-3, … whose file `name` was written last; `base` where none has one."""
    numbered = [
        folder for folder in base.parent.glob(f"{base.name}-*") if folder.name[len(base.name) + 1 :].isdecimal()
    ]
    found = [folder for folder in (base, *numbered) if (folder / name).is_file()]
    return max(found, key=partial(_written, name), default=base)


def _written(name: str, folder: Path) -> int:
    return (folder / name).stat().st_mtime_ns


def own(folder: Path, names: Iterable[str], overwrite: bool, others: str = "") -> Path:
    """Make a folder that was asked for; ValueError where it holds any of the files `names`, if they are to stay.

    `others` says in the error what else than --overwrite there is to do."""
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise ValueError(
            message(
                f"{folder} holds the results of an earlier run: {', '.join(there)}",
                fix=f"another --out, {others}or --overwrite, which replaces them",
            )
        )
    if folder.is_file():
        raise ValueError(message(f"{folder} is a file, results need a folder", fix="another --out"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in there:
        (folder / name).unlink()
    return folder


def _numbered(base: Path) -> Iterator[Path]:
    yield base
    for number in count(2):
        yield base.with_name(f"{base.name}-{number}")
