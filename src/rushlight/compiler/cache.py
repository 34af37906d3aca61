"""Images on disk, so that a kernel is compiled once a machine.

In: a key (text that says everything the code depends on) and an `objects.Image`. Out: the same image, in this
process or another, or None. Files are written under another name and renamed, so that readers see all or nothing;
each carries a checksum and its key, and whatever is damaged, cut short or foreign counts as absent. A folder that
others may write to is refused: it holds code. The oldest files go when there are more than 256 MB.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import struct
import sys
import time
import warnings

from .objects import Image

LIMIT = 256 << 20
_MAGIC = b"rushlight kernel\1\n"
_SUFFIX = ".kernel"
_LENGTHS = struct.Struct("<IQ")
_DAY = 86400


def folder() -> str | None:
    """Where kernels are kept: RUSHLIGHT_CACHE_DIR, else the user's cache folder; None where none is safe to use."""
    return _checked(os.environ.get("RUSHLIGHT_CACHE_DIR") or _default_folder())


def _default_folder() -> str:
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.expanduser("~"), "rushlight", "cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/rushlight")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "rushlight")


@functools.lru_cache(maxsize=8)
def _checked(path: str) -> str | None:
    """The folder, made if need be; None if it cannot be or if others could put code there."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.stat(path)
    except OSError:
        return None
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        warnings.warn(
            f"rushlight does not keep kernels in {path}: other users can write there. "
            "Set RUSHLIGHT_CACHE_DIR to a folder of your own, or chmod 700 this one.",
            stacklevel=2,
        )
        return None
    return path


def load(key: str) -> Image | None:
    """The image kept under a key."""
    where = folder()
    if where is None:
        return None
    path = _path(where, key)
    try:
        with open(path, "rb") as file:
            data = file.read()
        if time.time() - os.stat(path).st_mtime > _DAY:
            os.utime(path)  # recently used, as seen by `_evict`
    except OSError:
        return None
    return _unpack(data, key)


def save(key: str, image: Image) -> bool:
    """Keep an image; False where that is not possible, which harms nothing but the next start."""
    where = folder()
    if where is None:
        return False
    path = _path(where, key)
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.new"
    try:
        with open(temporary, "xb") as file:
            file.write(_pack(key, image))
        os.replace(temporary, path)
    except OSError:
        _remove(temporary)
        return False
    _count_save(where)
    return True


def _path(where: str, key: str) -> str:
    return os.path.join(where, hashlib.sha256(key.encode()).hexdigest()[:40] + _SUFFIX)


def _pack(key: str, image: Image) -> bytes:
    """magic, SHA-256 of the rest, lengths of text and code, text (the key, then a line an entry), code."""
    text = "\n".join([key.encode().hex(), *(f"{at} {name}" for name, at in image.entries.items())]).encode()
    rest = _LENGTHS.pack(len(text), len(image.code)) + text + image.code
    return _MAGIC + hashlib.sha256(rest).digest() + rest


def _unpack(data: bytes, key: str) -> Image | None:
    head = len(_MAGIC) + 32
    if len(data) < head + _LENGTHS.size or not data.startswith(_MAGIC):
        return None
    rest = memoryview(data)[head:]
    if hashlib.sha256(rest).digest() != data[len(_MAGIC) : head]:
        return None
    text_length, code_length = _LENGTHS.unpack_from(rest)
    start = _LENGTHS.size
    written, *lines = bytes(rest[start : start + text_length]).decode().split("\n")
    code = bytes(rest[start + text_length :])
    if written != key.encode().hex() or len(code) != code_length:
        return None
    entries = (line.split(" ", 1) for line in lines)
    return Image(code, {name: int(at) for at, name in entries})


# -------------------------------------------------------------------- size

_saves = 0


def _count_save(where: str) -> None:
    """Look at the folder's size at a process's first save, then at every 64th."""
    global _saves
    if _saves % 64 == 0:
        _evict(where, LIMIT)
    _saves += 1


def _evict(where: str, limit: int) -> None:
    """Down to three quarters of the limit, least recently used first; and what a killed writer left behind."""
    files = []
    try:
        with os.scandir(where) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_SUFFIX):
                    files.append((found.st_mtime, found.st_size, entry.path))
                elif entry.name.endswith(".new") and time.time() - found.st_mtime > _DAY:
                    _remove(entry.path)
    except OSError:
        return
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        if total <= limit * 3 // 4:
            break
        _remove(path)
        total -= size


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)
