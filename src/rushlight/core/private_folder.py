"""A folder with nothing in it that another user could have written, and its files.

A name can be made to mean another file between two looks at it; an open file stays what it is. So a folder is reached
from the root one part at a time, each opened in the one before, and everything is judged once open: whoever may
write into a folder on the way could put another in its place. A file of this folder counts only if it is a plain one,
its owner's alone, and under no second name. What this user may not read or make is an OSError, what others could have
written `Unsafe`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
import time
from collections.abc import Iterator

from .atomic_file import replacing

_LINKS = 40  # as many as Linux follows
_GIVEN = "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"
_FILE = sum(getattr(os, name, 0) for name in _GIVEN)
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _FILE
_NOT_OURS = errno.ELOOP, errno.ENXIO, errno.EWOULDBLOCK, errno.EACCES  # a link, a socket, lent by its owner, closed
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_CALLS = {os.open, os.stat, os.mkdir, os.chmod, os.readlink, os.unlink, os.rmdir, os.rename}
_BY_DESCRIPTOR = os.supports_dir_fd >= _CALLS  # not on Windows


class Unsafe(OSError):
    """Another user could have written what lies there; the text says where and why."""


class Folder:
    """A folder that was found safe, open until the `with` ends. `ours` is False where it is root's, to be read only."""

    __slots__ = ("_descriptor", "_owner", "ours", "path")

    def __init__(self, path: str, descriptor: int | None, owner: int) -> None:
        self.path, self._descriptor, self._owner = path, descriptor, owner
        self.ours = descriptor is None or owner == os.geteuid()

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def read(self, name: str, limit: int, *, secret: bool = False, refresh: float | None = None) -> bytes:
        """What a file holds. A `secret` one must be readable by nobody else; `refresh` marks it as just used if its
        time is older than so many seconds."""
        try:
            descriptor = os.open(self._at(name), os.O_RDONLY | _FILE, dir_fd=self._descriptor)
        except OSError as problem:
            if problem.errno in _NOT_OURS:
                raise Unsafe(problem.errno, "not a plain file that can be read", name) from None
            raise
        try:
            found = os.fstat(descriptor)
            reason = self._against(found, secret) or ("too large" if found.st_size > limit else None)
            if reason:
                raise Unsafe(errno.EPERM, reason, name)
            content = os.read(descriptor, found.st_size)
            if refresh is not None and self.ours and time.time() - found.st_mtime > refresh:
                with contextlib.suppress(OSError):
                    os.utime(descriptor if os.utime in os.supports_fd else self._at(name))
        finally:
            os.close(descriptor)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put a file in the place of whatever has the name, for its owner only."""
        for last in (False, True):
            try:
                with replacing(self._at(name), dir_fd=self._descriptor, mode=0o600, durable=False) as file:
                    file.write(content)
                return
            except IsADirectoryError:
                if last:
                    raise
                self.remove(name)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time, where the system has such a thing; nobody waits for long."""
        if self._descriptor is None:
            yield
            return
        import fcntl

        here = self._listing()
        try:
            for _ in range(200):
                try:
                    fcntl.flock(here, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.005)
                except OSError:  # not on this file system
                    break
            yield
        finally:
            os.close(here)

    def remove(self, name: str) -> None:
        """Take away what has the name; a folder that cannot be emptied gets another one."""
        try:
            os.unlink(self._at(name), dir_fd=self._descriptor)
        except (IsADirectoryError, PermissionError):  # what systems say of a folder
            try:
                os.rmdir(self._at(name), dir_fd=self._descriptor)
            except OSError:
                aside = self._at(f".{os.urandom(8).hex()}.partial")
                os.rename(self._at(name), aside, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def files(self) -> Iterator[tuple[str, os.stat_result, bool]]:
        """Each name in the folder, what it names, and whether that counts."""
        listed = self.path if self._descriptor is None else self._listing()
        try:
            with os.scandir(listed) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat(follow_symlinks=False)
                        yield entry.name, found, self._against(found) is None
        finally:
            if isinstance(listed, int):
                os.close(listed)

    def _listing(self) -> int:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self.path, name)

    def _against(self, found: os.stat_result, secret: bool = False) -> str | None:
        """What speaks against a file; a name that went in the meantime (no links) does not."""
        if not stat.S_ISREG(found.st_mode):
            return "not a plain file"
        if self._descriptor is None:
            return None
        if found.st_uid != self._owner:
            return f"belongs to another user (uid {found.st_uid})"
        if found.st_mode & (_OTHERS if secret else _OTHERS_WRITE):
            return "open to other users"
        return "has a second name" if found.st_nlink > 1 else None


def open_folder(path: str) -> Folder:
    """Open the folder of an absolute path, made for this user alone where it is missing.

    It must be this user's, or root's, and writable by nobody else, and so every folder above it; in one open to all
    that keeps entries to their owners, such as the temporary one, the next must be this user's or root's. Links are
    followed if these two made them, and where they lead is judged alike.

    Raises `Unsafe`; another OSError where it cannot be opened or made.
    """
    if not os.path.isabs(path):
        raise ValueError(f"not an absolute path: {path!r}")
    if not _BY_DESCRIPTOR:
        os.makedirs(path, mode=0o700, exist_ok=True)
        return Folder(path, None, 0)
    for _ in range(_LINKS):
        reached = _walk(os.path.normpath(path))
        if isinstance(reached, Folder):
            return reached
        path = reached
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _walk(path: str) -> Folder | str:
    """The folder, or the path that a link on the way makes of this one."""
    parts = [part for part in path.split("/") if part]
    here = os.open("/", _STEP)
    try:
        found = _judged(here, "/", last=not parts)
        for depth, part in enumerate(parts):
            above, name = "/" + "/".join(parts[:depth]), "/" + "/".join(parts[: depth + 1])
            try:
                below = _enter(here, part)
            except OSError as problem:
                if problem.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):  # what systems say of a link
                    raise
                return os.path.join(above, _link(here, part, name), *parts[depth + 1 :])
            here, _ = below, os.close(here)
            found = _judged(here, name, last=depth == len(parts) - 1)
        folder = Folder(path, os.dup(here), found.st_uid)
        if not folder.ours and not _may_enter(here):
            folder.__exit__()
            raise Unsafe(errno.EACCES, "it is root's and closed to you", path)
        return folder
    finally:
        os.close(here)


def _enter(above: int, name: str) -> int:
    """Open a folder in one that was judged, made if missing."""
    try:
        return os.open(name, _STEP, dir_fd=above)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.mkdir(name, 0o700, dir_fd=above)
            os.chmod(name, 0o700, dir_fd=above)  # whatever the umask; nobody else can have put another there
        return os.open(name, _STEP, dir_fd=above)


def _link(above: int, name: str, path: str) -> str:
    found = os.stat(name, dir_fd=above, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    _judge_owner(found, path)
    return os.readlink(name, dir_fd=above)


@functools.lru_cache(maxsize=8)
def _is_anybody(user: int) -> bool:
    """Whether Linux shows every user that this namespace does not know as this one."""
    try:
        with open("/proc/sys/kernel/overflowuid") as stand_in, open("/proc/self/uid_map") as known:
            return int(stand_in.read()) == user and known.read().split()[2:] != ["4294967295"]
    except OSError:
        return False


def _judged(descriptor: int, path: str, last: bool) -> os.stat_result:
    found = os.fstat(descriptor)
    _judge_owner(found, path)
    if found.st_mode & _OTHERS_WRITE and (last or not found.st_mode & stat.S_ISVTX):
        raise Unsafe(errno.EPERM, "other users can write there", path)
    return found


def _may_enter(descriptor: int) -> bool:
    try:
        os.close(os.open("..", _STEP, dir_fd=descriptor))
    except PermissionError:
        return False
    return True


def _judge_owner(found: os.stat_result, path: str) -> None:
    if os.geteuid() and _is_anybody(os.geteuid()):
        raise Unsafe(errno.EPERM, "strangers look like this user in this namespace", path)
    if found.st_uid not in (0, os.geteuid()):
        raise Unsafe(errno.EPERM, f"it belongs to another user (uid {found.st_uid})", path)
