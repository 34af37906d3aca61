"""How many threads: wishes, affinity, quotas."""

import os
import subprocess
import sys

import pytest

from rushlight.runtime import cpus


@pytest.fixture(autouse=True)
def restored():
    yield
    cpus._asked = None
    cpus.refresh()


def cgroup(tmp_path, listing, **files):
    (tmp_path / "listing").write_text(listing)
    cpus._read.cache_clear()
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_max", ".max").replace("_cfs", ".cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cpus._quota(str(tmp_path), str(tmp_path / "listing"))


def test_quota_of_version_2(tmp_path):
    assert cgroup(tmp_path, "0::/a/b\n", a__b__cpu_max="max 100000\n", a__cpu_max="150000 100000\n") == 2


def test_quota_of_version_1(tmp_path):
    files = {"cpu,cpuacct__a__cpu_cfs_quota_us": "50000\n", "cpu,cpuacct__a__cpu_cfs_period_us": "100000\n"}
    assert cgroup(tmp_path, "4:memory:/a\n3:cpu,cpuacct:/a\n", **files) == 1


@pytest.mark.parametrize("text", ["max 100000\n", "junk", "-1 100000", ""])
def test_no_quota(tmp_path, text):
    assert cgroup(tmp_path, "0::/\n", cpu_max=text) == sys.maxsize


def test_a_container_sees_only_the_root(tmp_path):
    assert cgroup(tmp_path, "0::/kubepods/pod1\n", cpu_max="300000 100000\n") == 3


def test_a_wish_beyond_the_machine_is_kept_but_not_run(monkeypatch):
    monkeypatch.setattr(cpus, "_quota", lambda: 2)
    monkeypatch.setattr(cpus, "_affinity", lambda: set(range(64)))
    cpus.set_num_threads(16)
    assert cpus.get_num_threads() == 16 and cpus.team_size() == 2
    cpus.set_num_threads(1)
    assert cpus.team_size() == 1


def test_hyper_threads_are_not_taken_unasked(monkeypatch):
    monkeypatch.setattr(cpus, "_quota", lambda: sys.maxsize)
    monkeypatch.setattr(cpus, "_affinity", lambda: {0, 1, 2, 3})
    monkeypatch.setattr(cpus, "_read", lambda path: "0,2" if "cpu0" in path or "cpu2" in path else "1,3")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cpus.team_size() == 2
    cpus.set_num_threads(4)
    assert cpus.team_size() == 4


@pytest.mark.parametrize("value, expected", [("3", 3), ("2,4", 2), ("", 0), ("many", 0), ("-1", 0)])
def test_omp_num_threads(monkeypatch, value, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cpus._from_environment() == expected


@pytest.mark.parametrize("count, error", [(0, RuntimeError), (-1, RuntimeError), (1.5, TypeError), ("2", TypeError)])
def test_what_is_no_number_of_threads(count, error):
    with pytest.raises(error, match="set_num_threads expects"):
        cpus.set_num_threads(count)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_affinity_of_a_process():
    script = "import os; os.sched_setaffinity(0, {0}); from rushlight import runtime; print(runtime.team_size())"
    environment = {**os.environ, "OMP_NUM_THREADS": "8"}
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment).stdout == "1\n"
    )
