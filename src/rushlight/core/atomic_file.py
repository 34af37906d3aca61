"""A file written as a whole or not at all: an interrupted save leaves what was there before.

The new file grows beside the old one, under a name that nobody can foresee and that must not exist yet, so that no
link planted there is followed; then one step of the file system puts it in the old one's place. Writers of the same
name do not meet: the last one wins.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

_LINKS = 40  # as many as Linux follows
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_BY_DESCRIPTOR = {os.open, os.unlink, os.rename} <= os.supports_dir_fd  # not on Windows
_SHOWN = 40  # characters of the name that the partial file shows


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike, *, dir_fd: int | None = None, mode: int | None = None, durable: bool = True
) -> Iterator[BinaryIO]:
    """Open a new binary file that takes the place of `path` when the block ends well, and vanishes when it does not.

    A link is followed, as `open` would, and what it names is replaced. Who may read the file stays as it is; a new one
    follows the umask, unless `mode` says otherwise. With `dir_fd` the path is a name in that open folder, and a link
    there is replaced. Not `durable`: the disk is not waited for. Devices and pipes are written into.

    Raises OSError where `open` would: no folder, a read-only file, no permission.
    """
    if dir_fd is not None:
        with _new_file(os.fspath(path), dir_fd, None, mode, durable) as file:
            yield file
        return
    target = _followed(os.fsdecode(path))
    found = _existing(target)
    if found is not None and not (stat.S_ISREG(found.st_mode) and _has_a_name(target)):
        with open(target, "wb") as file:  # nothing to replace, and a folder is an error here
            yield file
        return
    if not _BY_DESCRIPTOR:
        with _new_file(target, None, found, mode, durable) as file:
            yield file
        return
    folder, name = os.path.split(target)
    descriptor = _open_folder(folder or ".")
    try:
        with _new_file(name, descriptor, found, mode, durable) as file:
            yield file
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _new_file(
    name: str, folder: int | None, found: os.stat_result | None, mode: int | None, durable: bool
) -> Iterator[BinaryIO]:
    head, tail = os.path.split(name)
    partial = os.path.join(head, f".{tail[:_SHOWN]}.{os.urandom(8).hex()}.partial")
    if mode is None and found is not None:
        mode = found.st_mode & 0o777
    descriptor = os.open(partial, _FLAGS, 0o666 if mode is None else mode, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:
            if hasattr(os, "fchown") and found is not None and os.fstat(descriptor).st_uid != found.st_uid:
                with contextlib.suppress(OSError):  # only root may, and then the file stays its owner's
                    os.fchown(descriptor, found.st_uid, found.st_gid)
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            yield file
            file.flush()
            if durable:
                os.fsync(descriptor)
        os.replace(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial, dir_fd=folder)
        raise
    if durable and folder is not None:
        with contextlib.suppress(OSError):  # some file systems have no such thing
            os.fsync(folder)


def _existing(target: str) -> os.stat_result | None:
    """What lies there; PermissionError if it is a file that may not be written."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(found.st_mode) and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    return found


def _followed(path: str) -> str:
    """Where a path leads whose last part may be a link.

    A link that another user put into a folder where everybody may, such as the temporary one, is not followed.
    """
    for _ in range(_LINKS):
        try:
            link = os.lstat(path)
        except OSError:
            return path
        if not stat.S_ISLNK(link.st_mode) or not _has_a_name(path):
            return path
        folder = os.path.dirname(path)
        around = os.stat(folder or ".")
        open_to_all = around.st_mode & stat.S_ISVTX and around.st_mode & stat.S_IWOTH
        if open_to_all and link.st_uid not in (os.geteuid(), around.st_uid):
            raise PermissionError(errno.EACCES, "a link of another user in a folder open to all", path)
        path = os.path.join(folder, os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _has_a_name(path: str) -> bool:
    """False for what `/dev/stdout` leads to: an open file, wherever it lies."""
    return not path.startswith("/proc/")


def _open_folder(folder: str) -> int:
    flags = os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(folder, os.O_RDONLY | flags)
    except PermissionError:  # one may write into a folder that one may not read
        return os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | flags)
