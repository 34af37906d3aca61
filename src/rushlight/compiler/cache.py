"""Images on disk, so that a kernel is compiled once a machine.

In: a key (text that says everything the code depends on) and an `objects.Image`. Out: the same image, in this
process or another, or None. Files are written under another name and renamed, so that readers see all or nothing.

What lies there will be run, so nothing counts that another user could have written: the folder, those above it and
each file must be this user's own (`core.private_folder`), and each file carries its key and a seal made with a secret
of this user (`seal.py`), looked at before anything else in it. Whatever is damaged, cut short or foreign counts as
absent and is replaced. A folder that belongs to root and that root alone can write to is read and left as it is; its
seals are not looked at, since only root could have written it. The oldest files go when there are more than 256 MB.

RUSHLIGHT_CACHE_DIR names the folder: `~` and `~user` are expanded, and a relative path means one below the folder that
was current when it was first used. Without it, it is the user's cache folder; where that is another user's, as for root
under `sudo -E`, the one in the home of this user's entry among the system's users.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import struct
import time
import warnings

from ..core.environment import value_of
from ..core.private_folder import Folder, Unsafe, open_folder
from . import seal
from .objects import Image

LIMIT = 256 << 20
_MAGIC = b"rushlight kernel\2\n"
_KERNEL = re.compile(r"[0-9a-f]{40}\.kernel")
_UNFINISHED = re.compile(r"\.([0-9a-f]{40}\.)?[0-9a-f]{16}\.partial")
_LENGTHS = struct.Struct("<IQ")
_DAY = 86400


def folder() -> str | None:
    """Where kernels are kept: RUSHLIGHT_CACHE_DIR, else the user's cache folder; None where none is safe to use."""
    where = _open()
    if where is None:
        return None
    with where:
        return where.path


def described() -> str:
    """The same in words, with what speaks against it, for reports."""
    try:
        where = _first(_candidates())
    except OSError as problem:
        return f"in memory only ({_reason(problem)})"
    with where:
        return where.path if where.ours else f"{where.path} (root's, only read)"


def _candidates() -> list[str]:
    given = value_of("RUSHLIGHT_CACHE_DIR")
    return [_absolute(given)] if given else seal.own_folders("cache")


def _absolute(given: str) -> str:
    path = os.path.expanduser(given)
    if path.startswith("~"):
        raise Unsafe(0, "no such user", given)
    return path if os.path.isabs(path) else _fixed(path)


@functools.lru_cache(maxsize=64)
def _fixed(path: str) -> str:
    """A relative path keeps the meaning that it had when it was first used."""
    return os.path.abspath(path)


def _open() -> Folder | None:
    """The folder, open; None, with one warning if others could put code there, where there is none."""
    try:
        return _first(_candidates())
    except Unsafe as problem:
        _warn(value_of("RUSHLIGHT_CACHE_DIR"), problem)
    except OSError:
        pass
    return None


def _first(paths: list[str]) -> Folder:
    """The first that can be opened, or the error of the first."""
    problems: list[OSError] = []
    for path in paths:
        try:
            return open_folder(path)
        except OSError as problem:
            problems.append(problem)
    raise next(iter(problems), OSError("no home folder"))


_warned: set[str] = set()


def _warn(setting: str, problem: Unsafe) -> None:
    if setting not in _warned:
        _warned.add(setting)
        warnings.warn(
            f"rushlight keeps kernels in memory only: {_reason(problem)}. Set RUSHLIGHT_CACHE_DIR to a folder of your "
            "own, or see that it and those above it are yours or root's and closed to others' writing (chmod go-w).",
            stacklevel=2,
        )


def _reason(problem: OSError) -> str:
    return f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem)


def load(key: str) -> Image | None:
    """The image kept under a key."""
    where = _open()
    if where is None:
        return None
    with where:
        try:
            data = where.read(_name(key), LIMIT, refresh=_DAY)  # recently used, as seen by `_evict`
        except OSError:
            return None
        secret = seal.secret(where) if where.ours else None
    return _unpack(data, key, secret) if secret or not where.ours else None


def save(key: str, image: Image) -> bool:
    """Keep an image; False where that is not possible, which harms nothing but the next start."""
    where = _open()
    if where is None:
        return False
    with where:
        secret = seal.secret(where) if where.ours else None
        if secret is None:
            return False
        try:
            where.write(_name(key), _pack(key, image, secret))
        except OSError:
            return False
        _count_save(where)
    return True


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40] + ".kernel"


def _pack(key: str, image: Image, secret: bytes) -> bytes:
    """magic, SHA-256 of the rest, seal, lengths of text and code, text (the key, then a line an entry), code."""
    text = "\n".join([key.encode().hex(), *(f"{at} {name}" for name, at in image.entries.items())]).encode()
    rest = _LENGTHS.pack(len(text), len(image.code)) + text + image.code
    head = _MAGIC + hashlib.sha256(rest).digest()
    return head + seal.made(head, secret) + rest


def _unpack(data: bytes, key: str, secret: bytes | None) -> Image | None:
    """What `_pack` wrote, if it is whole and sealed with this secret; without one, if it is whole."""
    end = len(_MAGIC) + hashlib.sha256().digest_size
    start = end + seal.SIZE
    head, rest = data[:end], memoryview(data)[start:]
    if not data.startswith(_MAGIC) or len(rest) < _LENGTHS.size:
        return None
    if secret is not None and not seal.holds(head, data[end:start], secret):
        return None
    if hashlib.sha256(rest).digest() != head[len(_MAGIC) :]:
        return None
    text_length, code_length = _LENGTHS.unpack_from(rest)
    text = bytes(rest[_LENGTHS.size : _LENGTHS.size + text_length])
    code = bytes(rest[_LENGTHS.size + text_length :])
    try:
        written, *lines = text.decode().split("\n")
        entries = {name: int(at) for at, name in (line.split(" ", 1) for line in lines)}
    except ValueError:
        return None
    image = Image(code, entries)
    return image if written == key.encode().hex() and len(code) == code_length and image.is_sound() else None


# -------------------------------------------------------------------- size

_saves = 0


def _count_save(where: Folder) -> None:
    """Look at the folder's size at a process's first save, then at every 64th."""
    global _saves
    if _saves % 64 == 0:
        _evict(where, LIMIT)
    _saves += 1


def _evict(where: Folder, limit: int) -> None:
    """Down to three quarters of the limit, least recently used first; and what a killed writer or a stranger left."""
    files = []
    try:
        for name, found, counts in where.files():
            ours = _KERNEL.fullmatch(name)  # the folder may hold other things
            if ours and counts:
                files.append((found.st_mtime, found.st_size, name))
            elif ours or (_UNFINISHED.fullmatch(name) and time.time() - found.st_mtime > _DAY):
                _remove(where, name)
    except OSError:
        return
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, name in sorted(files):
        if total <= limit * 3 // 4:
            break
        _remove(where, name)
        total -= size


def _remove(where: Folder, name: str) -> None:
    with contextlib.suppress(OSError):
        where.remove(name)
