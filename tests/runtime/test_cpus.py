"""How many threads: wishes, affinity, quotas."""

import os
import subprocess
import sys

import pytest

from rushlight.core import cgroups
from rushlight.runtime import cpus
from tests.core.test_cgroups import groups


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Nobody has asked for a number yet, whatever ran before on this process."""
    monkeypatch.setattr(cpus, "_asked", None)
    cpus.refresh()
    yield
    cpus._asked = None
    cpus.refresh()


def test_a_new_quota_is_seen(tmp_path, monkeypatch):
    """Of a group further up, and set while the process runs."""
    monkeypatch.setattr(cgroups, "ROOT", str(tmp_path))
    monkeypatch.setattr(cpus, "_affinity", lambda: set(range(64)))
    monkeypatch.setattr(cpus, "_cores", len)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    groups(tmp_path, {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "900000 100000"})
    for text, expected in [("300000 100000", 3), ("max 100000", 9), ("150000 100000", 2)]:
        groups(tmp_path, {"sys/fs/cgroup/a/cpu.max": text})
        cpus.refresh()
        assert cpus.team_size() == cpus.get_num_threads() == cpus.available() == expected


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
