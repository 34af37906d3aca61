"""A seal that only this user can make, for what will be run; and the folders that are this user's own.

In: bytes. Out: the seal to write beside them, or whether one holds. It is a digest keyed with 32 random bytes, which
are drawn once and kept where nobody else reads: in the user's state folder, so that a folder of kernels handed over
with all that is in it brings no secret along; where there is no such folder, beside the kernels.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import sys

from ..core.private_folder import Folder, Unsafe, open_folder

SIZE = 32
_NAME = "kernel-secret"
_MAGIC = b"rushlight secret\1\n"
_WHOLE = len(_MAGIC) + 32
_FOLDERS = {  # what the environment may name instead, and where it is below the home folder
    "linux": {"cache": ("XDG_CACHE_HOME", ".cache"), "state": ("XDG_STATE_HOME", ".local/state")},
    "darwin": {"cache": ("", "Library/Caches"), "state": ("", "Library/Application Support")},
    "win32": {"cache": ("LOCALAPPDATA", ""), "state": ("LOCALAPPDATA", "")},
}


def made(data: bytes, secret: bytes) -> bytes:
    """The seal of some bytes."""
    return hashlib.blake2b(data, digest_size=SIZE, key=secret).digest()


def holds(data: bytes, seal: bytes, secret: bytes) -> bool:
    """Whether it is theirs."""
    return hmac.compare_digest(seal, made(data, secret))


def own_folders(kind: str) -> list[str]:
    """Where this user's "cache" or "state" of rushlight may lie, the likeliest first."""
    system = sys.platform if sys.platform in _FOLDERS else "linux"
    variable, below = _FOLDERS[system][kind]
    roots = [os.environ.get(variable, ""), *(os.path.join(home, below) for home in _homes())]
    ending = os.path.join("rushlight", kind) if system == "win32" else "rushlight"
    return list(dict.fromkeys(os.path.join(root, ending) for root in roots if os.path.isabs(root)))


def _homes() -> list[str]:
    """What the environment says, which `sudo -E` hands from one user to another, then what the system knows."""
    homes = [os.path.expanduser("~")]
    return [*homes, *_registered(os.geteuid())] if os.name == "posix" else homes


@functools.lru_cache(maxsize=8)
def _registered(user: int) -> list[str]:
    import pwd

    try:
        return [pwd.getpwuid(user).pw_dir]
    except KeyError:
        return []


_known: dict[tuple[object, ...], bytes] = {}


def secret(beside: Folder) -> bytes | None:
    """This user's secret, drawn at its first use; `beside` is where it goes for want of a state folder. None if there
    is no place for it."""
    user = os.geteuid() if hasattr(os, "geteuid") else None
    asked = (user, os.environ.get("XDG_STATE_HOME"), os.environ.get("HOME"), beside.path)
    found = _known.get(asked)
    if found is None:
        found = next(filter(None, map(_kept, [*own_folders("state"), beside.path])), None)
        if found is not None:
            _known[asked] = found
    return found


def _kept(path: str) -> bytes | None:
    """The secret in a folder of this user's, drawn if there is none."""
    try:
        with open_folder(path) as where:
            return _read_or_drawn(where) if where.ours else None
    except OSError:
        return None


def _read_or_drawn(where: Folder) -> bytes:
    found = _read(where)
    if found is None:
        with where.locked():
            found = _read(where)
            if found is None:
                drawn = os.urandom(32)
                where.write(_NAME, _MAGIC + drawn)
                found = _read(where) or drawn
    return found


def _read(where: Folder) -> bytes | None:
    """The secret that lies there, unless others could know it or it is damaged."""
    try:
        found = where.read(_NAME, _WHOLE, secret=True)
    except (FileNotFoundError, Unsafe):
        return None
    return found[len(_MAGIC) :] if len(found) == _WHOLE and found.startswith(_MAGIC) else None
