"""The limits of the control groups that this process is in, as containers have them.

In: what Linux says in /proc/self/cgroup, /proc/self/mountinfo and the groups' own files, of versions 1 and 2. Out: the
least limit on the way from the process's own group up to the root; none on other systems. Nothing is kept: limits
change while a process runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rushlight.core.system import text_of

ROOT = ""
"""What stands before each path; another folder in tests."""


def memory_limit() -> int | None:
    """Bytes of memory that the groups allow; None where they say nothing."""
    limits = []
    for version, folder in _folders("memory"):
        text = text_of(f"{folder}/{'memory.max' if version == 2 else 'memory.limit_in_bytes'}").strip()
        if text.isdigit():  # "max" is none
            limits.append(int(text))
    return min(limits, default=None)


def cpu_quota() -> int | None:
    """CPUs that the groups allow at once, rounded up; None where they say nothing."""
    quotas = []
    for version, folder in _folders("cpu"):
        if version == 2:
            quota, _, period = text_of(f"{folder}/cpu.max").strip().partition(" ")
        else:
            quota, period = (text_of(f"{folder}/cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(period):  # "max" and -1 are none
            quotas.append(max(1, -(-int(quota) // int(period))))
    return min(quotas, default=None)


def _folders(controller: str) -> Iterator[tuple[int, str]]:
    """(version, folder) of each group that this process is in for a controller, its own first."""
    own = list(_own(controller))
    mounts = list(_mounts(controller)) if own else []
    for version, path in own:
        for kind, shown, point in mounts:
            if kind == version:
                yield from ((version, f"{ROOT}{point}{up}") for up in _ancestors(_below(path, shown)))


def _own(controller: str) -> Iterator[tuple[int, str]]:
    """(version, path) of the process's own groups."""
    for line in text_of(f"{ROOT}/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if path and not controllers:
            yield 2, path
        elif path and controller in controllers.split(","):
            yield 1, path


def _mounts(controller: str) -> Iterator[tuple[int, str, str]]:
    """(version, the group that is shown there, where) of the mounted trees."""
    found = False
    for line in text_of(f"{ROOT}/proc/self/mountinfo").splitlines():
        mount, _, system = line.partition(" - ")
        fields, (kind, *options) = mount.split(), system.split() or [""]
        if len(fields) < 5:
            continue
        if kind == "cgroup2" or (kind == "cgroup" and options and controller in options[-1].split(",")):
            found = True
            yield 2 if kind == "cgroup2" else 1, *map(_unescaped, fields[3:5])
    if not found:  # where they are by custom
        yield from ((2, "/", "/sys/fs/cgroup"), (1, "/", f"/sys/fs/cgroup/{controller}"))


def _below(path: str, shown: str) -> str:
    """A group's path in a tree that shows the group `shown`; its root where the group is not to be seen there."""
    shown = shown.rstrip("/")
    if ".." in path.split("/") or not f"{path}/".startswith(f"{shown}/"):
        return ""
    return path[len(shown) :]


def _ancestors(path: str) -> list[str]:
    """/a/b → /a/b, /a and the root: inside a container, only the root may be there to see."""
    parts = [part for part in path.split("/") if part]
    return ["".join(f"/{part}" for part in parts[:count]) for count in range(len(parts), -1, -1)]


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
