"""Limits of control groups, read from folders made up as Linux has them."""

import os

import pytest

from rushlight.core import cgroups, memory

MOUNT_2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "ROOT", str(tmp_path))
    memory.total.cache_clear()
    yield tmp_path
    memory.total.cache_clear()


def groups(root, files):
    """Files under the folder `root`."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


def mount_1(controllers, shown="/", point=None):
    point = point or f"/sys/fs/cgroup/{controllers}"
    return f"35 31 0:32 {shown} {point} rw,relatime - cgroup cgroup rw,{controllers}\n"


def limits():
    return cgroups.memory_limit(), cgroups.cpu_quota()


def test_version_2(root):
    groups(root, {"proc/self/cgroup": "0::/a/b", "proc/self/mountinfo": MOUNT_2})
    assert limits() == (None, None)
    groups(root, {"sys/fs/cgroup/a/b/memory.max": "max", "sys/fs/cgroup/a/b/cpu.max": "max 100000"})
    assert limits() == (None, None)
    groups(root, {"sys/fs/cgroup/a/memory.max": "5000", "sys/fs/cgroup/a/cpu.max": "150000 100000"})
    assert limits() == (5000, 2)  # of the group above, read again
    groups(root, {"sys/fs/cgroup/a/b/memory.max": "7000", "sys/fs/cgroup/a/b/cpu.max": "50000 100000"})
    assert limits() == (5000, 1)  # the least counts, wherever it is
    groups(root, {"sys/fs/cgroup/memory.max": "3000"})
    assert limits() == (3000, 1)


def test_version_1(root):
    mounts = mount_1("memory") + mount_1("cpu,cpuacct") + mount_1("pids")
    groups(root, {"proc/self/cgroup": "9:pids:/z\n4:memory:/a/b\n3:cpu,cpuacct:/c", "proc/self/mountinfo": mounts})
    none = "9223372036854771712"
    groups(root, {f"sys/fs/cgroup/memory/a{up}/memory.limit_in_bytes": none for up in ("", "/b")})
    assert limits() == (int(none), None)
    groups(root, {"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "6000"})
    place = "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_"
    groups(root, {f"{place}quota_us": "-1", f"{place}period_us": "100000"})
    assert limits() == (6000, None)
    groups(root, {f"{place}quota_us": "250000"})
    assert limits() == (6000, 3)


def test_both_versions_at_once(root):
    mounts = MOUNT_2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ") + mount_1("memory")
    groups(root, {"proc/self/cgroup": "4:memory:/a\n0::/u", "proc/self/mountinfo": mounts})
    groups(root, {"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "6000"})
    groups(root, {"sys/fs/cgroup/unified/u/cpu.max": "100000 100000"})
    assert limits() == (6000, 1)


@pytest.mark.parametrize(
    "own, shown, there",
    [
        ("/docker/c1", "/docker/c1", ""),  # the tree that is mounted begins with the container's own group
        ("/docker/c1/job", "/docker/c1", "/job"),
        ("/docker/c1/job/step", "/docker/c1", "/job"),
        ("/docker/c10", "/docker/c1", ""),  # another's name that begins alike: only the root is known
        ("/kubepods/pod", "/", ""),
        ("/", "/", ""),
        ("/../other", "/", ""),
        ("/a b", "/", "/a b"),
    ],
)
def test_containers_see_a_part_of_the_tree(root, own, shown, there):
    groups(root, {"proc/self/cgroup": f"4:memory:{own}", "proc/self/mountinfo": mount_1("memory", shown, "/my\\040cg")})
    groups(root, {f"my cg{there}/memory.limit_in_bytes": "4000"})
    assert cgroups.memory_limit() == 4000


def test_places_by_custom_where_mounts_are_not_told(root):
    groups(root, {"proc/self/cgroup": "4:memory:/a\n0::/u", "sys/fs/cgroup/memory/memory.limit_in_bytes": "6000"})
    groups(root, {"sys/fs/cgroup/u/cpu.max": "100000 100000"})
    assert limits() == (6000, 1)


@pytest.mark.parametrize("text", ["max 100000", "junk", "-1 100000", "", "100000 0", "100000"])
def test_no_quota(root, text):
    groups(root, {"proc/self/cgroup": "0::/", "proc/self/mountinfo": MOUNT_2, "sys/fs/cgroup/cpu.max": text})
    assert cgroups.cpu_quota() is None


def test_no_groups(root):
    assert limits() == (None, None)
    groups(root, {"proc/self/cgroup": "\nx\n0:\n4:memory", "proc/self/mountinfo": "\nx - \n - cgroup\na b - cgroup2"})
    assert limits() == (None, None)


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the machine's memory is not told")
def test_what_cannot_fit_the_container_is_refused(root):
    groups(root, {"proc/self/cgroup": "0::/a/b", "proc/self/mountinfo": MOUNT_2})
    memory.check((300 << 20,), 1)
    groups(root, {"sys/fs/cgroup/a/memory.max": str(280 << 20)})  # set while the process runs
    with pytest.raises(RuntimeError, match=r"you tried to allocate 314572800 bytes\.\n.*280\.0 MiB in all"):
        memory.check((300 << 20,), 1)
    groups(root, {"sys/fs/cgroup/a/memory.max": "max"})
    memory.check((300 << 20,), 1)
