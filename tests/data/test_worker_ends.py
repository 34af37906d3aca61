"""However a program with workers ends, nothing of it stays: no process, no segment, no noise, no hanging."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")

# A loader of two workers whose samples are large enough for shared memory; `slow` samples take a minute.
PROGRAM = """
import os, signal, sys, time
import rushlight as torch
from rushlight.utils.data import DataLoader, Dataset, get_worker_info

class Samples(Dataset):
    def __init__(self, slow=()): self.slow = slow
    def __len__(self): return 40
    def __getitem__(self, index):
        if index in self.slow: time.sleep(60)
        return torch.full((200, 200), float(index))

def announce(worker):
    os.write(1, f"{os.getpid()}\\n".encode())

def loader(method, slow=(), **options):
    options |= dict(num_workers=2, worker_init_fn=announce, multiprocessing_context=method)
    return DataLoader(Samples(slow), 2, **options)

if __name__ == "__main__":
    method = sys.argv[1]
"""


def start(tmp_path, body, method, **options):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM + textwrap.indent(textwrap.dedent(body), "    "))
    return subprocess.Popen(
        [sys.executable, str(script), method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def lives(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def gone(pids, seconds=5.0):
    """Whether all of them have ended by then."""
    limit = time.monotonic() + seconds
    while any(lives(pid) for pid in pids) and time.monotonic() < limit:
        time.sleep(0.02)
    return not any(lives(pid) for pid in pids)


def workers_of(process):
    return [int(process.stdout.readline()) for _ in range(2)]


def segments():
    return set(os.listdir("/dev/shm")) if Path("/dev/shm").is_dir() else set()


ENDS = {
    "the end of the program": "batches = iter(loader(method)); next(batches)",
    "the end, persistent": "l = loader(method, persistent_workers=True); [b for b in l]; next(iter(l))",
    "the end, busy": "batches = iter(loader(method, slow=(6,))); next(batches)",
    "sys.exit": "for batch in loader(method): sys.exit(0)",
    "an early end": "for batch in loader(method, persistent_workers=True): break",
}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_a_program_that_ends(tmp_path, body, method):
    before = segments()
    process = start(tmp_path, body, method)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert gone(map(int, out.split())) and segments() <= before


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("slow", [(), (2,)], ids=["idle", "busy"])
def test_ctrl_c_at_the_terminal(tmp_path, method, slow):
    """It reaches the whole group. The main process says so once, the workers say nothing."""
    body = f"""
    batches = iter(loader(method, slow={slow}))
    first = next(batches)
    os.write(1, b"ready\\n")
    [b for b in batches]
    while True: time.sleep(1)
    """
    before = segments()
    process = start(tmp_path, body, method)
    lines = [process.stdout.readline() for _ in range(3)]
    pids = [int(line) for line in lines if line.strip().isdigit()]
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    assert len(pids) == 2, lines
    assert gone(pids) and segments() <= before


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("slow", [(), (2, 0)], ids=["idle", "busy"])
def test_workers_end_when_the_main_process_is_killed(tmp_path, method, slow):
    """Those that are busy for a minute, too (on Linux)."""
    before = segments()
    process = start(tmp_path, f"[b for b in loader(method, slow={slow})]; time.sleep(60)", method)
    pids = workers_of(process)
    if slow:
        time.sleep(0.2)
    process.kill()
    process.wait()
    assert gone(pids) and segments() <= before
    process.stdout.close()
    process.stderr.close()


def test_a_script_that_is_not_guarded_is_told_so(tmp_path):
    script = tmp_path / "bare.py"
    script.write_text(
        "from rushlight.utils.data import DataLoader\n"
        "list(DataLoader(range(4), num_workers=1, multiprocessing_context='spawn'))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=20)
    assert 'Try: if __name__ == "__main__": around what the script does' in done.stderr


def test_kept_batches_need_no_descriptors(tmp_path):
    """An epoch of 500 batches in shared memory, kept in a list, under a limit of 50 open files."""
    body = """
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
    data = DataLoader(Samples(), batch_sampler=[[index % 40] for index in range(500)], num_workers=2)
    print(sum(int(batch[0, 0, 0]) for batch in list(data)))
    """
    out, errors = start(tmp_path, body, "fork").communicate(timeout=20)
    assert (int(out), errors) == (sum(index % 40 for index in range(500)), "")
