"""Files that are whole or not there: for many writers, through links, with the rights they had, and against plots."""

import multiprocessing
import os
import stat
import subprocess
import sys
import threading

import pytest

from rushlight.core import atomic_file
from rushlight.core.atomic_file import replacing

posix = pytest.mark.skipif(os.name != "posix", reason="links and rights are POSIX's")


def write(path, content=b"new", **options):
    with replacing(path, **options) as file:
        file.write(content)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def writers(path, content):
    for _ in range(60):
        write(path, content, durable=False)


def test_four_threads_save_one_path(tmp_path):
    problems, path = [], tmp_path / "model.pt"

    def work(number):
        try:
            writers(path, bytes([number]) * 10_000)
        except OSError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_bytes()
    assert not problems and names(tmp_path) == ["model.pt"]
    assert len(content) == 10_000 and len(set(content)) == 1


@posix
def test_processes_save_one_path(tmp_path):
    path = tmp_path / "model.pt"
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=writers, args=(path, bytes([number]) * 10_000)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(set(path.read_bytes())) == 1 and names(tmp_path) == ["model.pt"]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    for problem in (OSError, KeyboardInterrupt):
        with pytest.raises(problem), replacing(path) as file:
            file.write(b"half")
            raise problem
    assert path.read_bytes() == b"old" and names(tmp_path) == ["model.pt"]


@posix
@pytest.mark.parametrize("there", [True, False])
def test_links_are_followed(tmp_path, there):
    (tmp_path / "runs").mkdir()
    target = tmp_path / "runs" / "run5.pt"
    if there:
        target.write_bytes(b"old")
    (tmp_path / "inner.pt").symlink_to("runs/run5.pt")
    (tmp_path / "latest.pt").symlink_to("inner.pt")
    write(tmp_path / "latest.pt")
    assert target.read_bytes() == b"new" and (tmp_path / "latest.pt").is_symlink()
    assert names(tmp_path) == ["inner.pt", "latest.pt", "runs"] and names(tmp_path / "runs") == ["run5.pt"]


@posix
def test_links_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "a")


@posix
def test_a_path_is_relative_to_the_folder_of_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("here.pt")
    with replacing("kept.pt") as file:
        os.chdir("/")
        file.write(b"new")
    assert names(tmp_path) == ["here.pt", "kept.pt"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_who_may_read_it_stays(tmp_path, mode):
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    path.chmod(mode)
    with replacing(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode, "nor while it is written"
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_new_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "model.pt")
        write(tmp_path / "shared", mode=0o666)
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("model.pt", "shared")]
    assert modes == [0o640, 0o666]


@posix
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root meets files of others that it may write")
def test_root_leaves_files_to_their_owner(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    os.chown(path, 12345, 12345)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


@posix
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs files of another user")
def test_a_link_that_another_user_left_in_a_shared_folder(tmp_path):
    victim, shared = tmp_path / "victim", tmp_path / "shared"
    victim.write_bytes(b"old")
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "model.pt").symlink_to(victim)
    os.chown(shared / "model.pt", 12345, 12345, follow_symlinks=False)
    with pytest.raises(PermissionError, match="link of another user"):
        write(shared / "model.pt")
    assert victim.read_bytes() == b"old"


@posix
def test_a_planted_name_is_not_followed(tmp_path, monkeypatch):
    """Even if the name could be foreseen."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"old")
    monkeypatch.setattr(atomic_file.os, "urandom", bytes)
    (tmp_path / f".model.pt.{'00' * 8}.partial").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write(tmp_path / "model.pt")
    assert victim.read_bytes() == b"old"


def test_the_name_cannot_be_foreseen(tmp_path):
    seen = set()
    for _ in range(5):
        with replacing(tmp_path / "model.pt", durable=False):
            seen |= set(names(tmp_path)) - {"model.pt"}
    assert len(seen) == 5 and not any(str(os.getpid()) in name for name in seen)


@posix
def test_a_file_of_a_folder_that_is_open(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"old")
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "entry").symlink_to(victim)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        folder.rename(tmp_path / "moved")
        write("entry", dir_fd=descriptor, mode=0o600, durable=False)
    finally:
        os.close(descriptor)
    entry = tmp_path / "moved" / "entry"
    assert not entry.is_symlink() and entry.read_bytes() == b"new" and victim.read_bytes() == b"old"
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


@posix
def test_file_and_folder_reach_the_disk(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        atomic_file.os, "fsync", lambda one: (synced.append(stat.S_ISDIR(os.fstat(one).st_mode)), real(one))
    )
    write(tmp_path / "model.pt")
    assert synced == [False, True]


def test_what_open_refuses(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere" / "model.pt")
    with pytest.raises((IsADirectoryError, PermissionError)):
        write(tmp_path)
    assert names(tmp_path) == []


@posix
def test_long_names(tmp_path):
    write(tmp_path / ("ü" * 127))
    assert names(tmp_path) == ["ü" * 127]


@posix
def test_devices_stay(tmp_path):
    write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    program = "from rushlight.core.atomic_file import replacing\nwith replacing('/dev/stdout') as f: f.write(b'x')"
    with open(tmp_path / "out", "wb") as output:
        subprocess.run([sys.executable, "-c", program], stdout=output, check=True)
    piped = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert piped.stdout == (tmp_path / "out").read_bytes() == b"x"


@posix
@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_only_be_read_stays(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        write(path)
    assert path.read_bytes() == b"old"
