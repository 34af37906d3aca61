"""Folders that others cannot write into, for any user; with a second user in tests/compiler/test_strangers.py."""

import os
import stat
import threading
import time

import pytest

from rushlight.core import private_folder
from rushlight.core.private_folder import Unsafe, open_folder

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder"


def test_made_written_read_removed(path):
    with open_folder(str(path)) as folder:
        assert folder.ours and folder.path == str(path)
        folder.write("a", b"one")
        folder.write("a", b"two")
        assert folder.read("a", 3) == b"two"
        folder.write("b", b"three")
        assert sorted(name for name, _, counts in folder.files() if counts) == ["a", "b"]
        folder.remove("a")
        with pytest.raises(FileNotFoundError):
            folder.read("a", 3)
        with pytest.raises(Unsafe, match="too large"):
            folder.read("b", 4)


def test_only_absolute_paths(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    for relative in ("folder", "./folder", ""):
        with pytest.raises(ValueError, match="not an absolute path"):
            open_folder(relative)


@posix
@pytest.mark.parametrize("mode", [0o770, 0o720, 0o707, 0o777, 0o1777])
def test_closed_to_others(path, mode):
    path.mkdir(mode=0o700)
    path.chmod(mode)
    with pytest.raises(Unsafe, match="other users can write there"):
        open_folder(str(path))


@posix
@pytest.mark.parametrize(
    ("mode", "safe"), [(0o770, False), (0o707, False), (0o1777, True), (0o1770, True), (0o755, True)]
)
def test_what_is_above_is_closed_or_keeps_entries_to_their_owners(path, mode, safe):
    (path / "below").mkdir(parents=True, mode=0o700)
    path.chmod(mode)
    if safe:
        with open_folder(str(path / "below")) as folder:
            assert folder.ours
    else:
        with pytest.raises(Unsafe, match="other users can write there") as caught:
            open_folder(str(path / "below"))
        assert caught.value.filename == str(path)


@posix
def test_an_owner_that_is_neither_this_user_nor_root(path, monkeypatch):
    path.mkdir(mode=0o700)
    real = os.fstat
    owners = {}

    def owned(descriptor):
        found = real(descriptor)
        return os.stat_result([*found[:4], owners.get(found.st_ino, found.st_uid), *found[5:]])

    monkeypatch.setattr(os, "fstat", owned)
    owners[path.stat().st_ino] = 4242
    with pytest.raises(Unsafe, match=r"belongs to another user \(uid 4242\)"):
        open_folder(str(path))
    owners[path.stat().st_ino] = 0
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    owners |= {above.stat().st_ino: 0 for above in path.parents}
    with open_folder(str(path)) as folder:
        assert not folder.ours, "root's is read only"


@posix
def test_files_that_do_not_count(path):
    with open_folder(str(path)) as folder:
        folder.write("file", b"x")
        os.symlink("file", path / "link")
        os.mkfifo(path / "pipe")
        (path / "folder").mkdir()
        for name in ("link", "pipe", "folder"):
            with pytest.raises(Unsafe):
                folder.read(name, 10)
        for mode in (0o620, 0o602):
            (path / "file").chmod(mode)
            with pytest.raises(Unsafe, match="open to other users"):
                folder.read("file", 10)
        (path / "file").chmod(0o644)
        assert folder.read("file", 10) == b"x"
        with pytest.raises(Unsafe, match="open to other users"):
            folder.read("file", 10, secret=True)
        os.link(path / "file", path / "second")
        with pytest.raises(Unsafe, match="second name"):
            folder.read("file", 10)
        assert [name for name, _, counts in folder.files() if counts] == []
        for name in ("link", "pipe", "folder", "second", "file"):
            folder.write(name, b"new")
            assert folder.read(name, 10, secret=True) == b"new"


@posix
def test_links_are_judged_where_they_lead(path):
    path.mkdir(mode=0o700)
    (path / "good").mkdir(mode=0o700)
    (path / "bad").mkdir()
    (path / "bad").chmod(0o777)
    for name, target in (("a", "good"), ("b", str(path / "a")), ("c", "bad"), ("d", "../folder/./b"), ("e", "e")):
        os.symlink(target, path / name)
    for name in ("a", "b", "d", "d/../b"):
        with open_folder(str(path / name)) as folder:
            assert folder.path == str(path / "good")
    with pytest.raises(Unsafe, match="other users can write there"):
        open_folder(str(path / "c" / "new"))
    with pytest.raises(OSError, match=r"[Tt]oo many"):
        open_folder(str(path / "e"))
    (path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        open_folder(str(path / "file" / "below"))


@posix
def test_modes_whatever_the_umask(path):
    before = os.umask(0)
    try:
        with open_folder(str(path / "a" / "b")) as folder:
            folder.write("file", b"")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(found.stat().st_mode) for found in (path, path / "a", path / "a" / "b")} == {0o700}
    assert {stat.S_IMODE(found.st_mode) for found in (path / "a" / "b").iterdir() for found in [found.stat()]} == {
        0o600
    }


@posix
def test_no_descriptor_is_left(path):
    def count():
        return len(os.listdir("/dev/fd"))

    path.mkdir(mode=0o700)
    (path / "closed").mkdir()
    (path / "closed").chmod(0o777)
    os.symlink("ok", path / "link")
    before = count()
    for _ in range(3):
        for name in ("ok", "closed", "link", "closed/below"):
            try:
                with open_folder(str(path / name)) as folder:
                    list(folder.files())
                    folder.write("folder", b"")
                    folder.read("folder", 0)
                    os.mkdir(path / name / "sub")
                    folder.read("sub", 1)
            except OSError:
                pass
    assert count() == before


def test_many_threads_make_one_folder(path):
    problems = []

    def work(number):
        try:
            with open_folder(str(path / "a" / "b" / "c")) as folder:
                folder.write(str(number), b"x")
        except OSError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems and len(list((path / "a" / "b" / "c").iterdir())) == 8


@posix
def test_one_at_a_time(path):
    inside = []

    def work():
        with open_folder(str(path)) as folder, folder.locked():
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not inside


def test_without_descriptors_the_path_serves(path, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(private_folder, "_BY_DESCRIPTOR", False)
    with open_folder(str(path)) as folder:
        folder.write("a", b"one")
        with folder.locked():
            folder.write("b", b"two")
        assert folder.ours and folder.read("a", 3, secret=True, refresh=0) == b"one"
        assert sorted(name for name, _, counts in folder.files() if counts) == ["a", "b"]
        folder.remove("a")
