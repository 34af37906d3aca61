"""The cache on disk: damage, strangers, races and size."""

import os
import stat
import subprocess
import sys
import time
import types
import warnings

import pytest

from rushlight.compiler import cache, seal
from rushlight.compiler.objects import Image

IMAGE = Image(bytes(range(256)) * 20, {"conv": 0, "tail of it": 128})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    where = tmp_path / "kernels"
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(where))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(cache, "_warned", set())
    return where


def only_file(folder):
    (file,) = folder.iterdir()
    return file


def path_of(folder, key):
    return folder / cache._name(key)


def evict(limit):
    with cache._open() as where:
        cache._evict(where, limit)


def test_what_was_saved_is_loaded(folder):
    assert cache.load("key") is None
    assert cache.save("key", IMAGE)
    assert cache.load("key") == IMAGE
    assert cache.load("another key") is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_every_truncation_is_ignored(folder):
    cache.save("key", IMAGE)
    file = only_file(folder)
    whole = file.read_bytes()
    for length in [*range(0, 100, 7), len(whole) // 2, len(whole) - 1]:
        file.write_bytes(whole[:length])
        assert cache.load("key") is None
    file.write_bytes(whole + b"\0")
    assert cache.load("key") is None


def test_every_flipped_bit_is_noticed(folder):
    cache.save("key", IMAGE)
    file = only_file(folder)
    whole = file.read_bytes()
    for at in range(0, len(whole), 37):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        file.write_bytes(damaged)
        assert cache.load("key") is None, f"byte {at}"


def test_an_entry_under_anothers_name_is_foreign(folder):
    cache.save("key", IMAGE)
    os.rename(only_file(folder), path_of(folder, "another"))
    assert cache.load("another") is None


def test_an_entry_sealed_by_another_is_foreign(folder):
    cache.save("key", IMAGE)
    for secret in (b"", bytes(32)):
        only_file(folder).write_bytes(cache._pack("key", IMAGE, secret))
        assert cache.load("key") is None
    assert cache.save("key", IMAGE) and cache.load("key") == IMAGE


def test_nothing_is_parsed_before_the_seal_holds(folder, monkeypatch):
    cache.save("key", IMAGE)
    only_file(folder).write_bytes(cache._pack("key", IMAGE, bytes(32)))
    monkeypatch.setattr(cache, "_LENGTHS", types.SimpleNamespace(size=cache._LENGTHS.size))
    with pytest.raises(AttributeError):
        cache._unpack(only_file(folder).read_bytes(), "key", bytes(32))
    assert cache.load("key") is None


@pytest.mark.parametrize("entries", [{}, {"conv": -1}, {"conv": len(IMAGE.code)}, {"conv": 0, "tail": 1 << 64}])
def test_entries_outside_the_code_do_not_count(folder, entries):
    cache.save("key", Image(IMAGE.code, entries))
    assert cache.load("key") is None


def test_a_text_that_is_none_is_damage(folder):
    with cache._open() as where:
        secret = seal.secret(where)
    for text in (b"", b"6b6579", b"6b6579\n0", b"6b6579\nx conv", b"6b6579\n0x0 conv", b"\xff\xfe", b"6b6579\n\n"):
        rest = cache._LENGTHS.pack(len(text), len(IMAGE.code)) + text + IMAGE.code
        head = cache._MAGIC + cache.hashlib.sha256(rest).digest()
        assert cache._unpack(head + seal.made(head, secret) + rest, "key", secret) is None, text
    for lengths in ((1 << 31, 5), (0, 1 << 63), (6, len(IMAGE.code) + 1)):
        rest = cache._LENGTHS.pack(*lengths) + b"6b6579" + IMAGE.code
        head = cache._MAGIC + cache.hashlib.sha256(rest).digest()
        assert cache._unpack(head + seal.made(head, secret) + rest, "key", secret) is None, lengths


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_layer_works_whatever_lies_in_the_folder(folder, tmp_path):
    """In a process of its own, so that a pipe would stop it and a warning show."""
    program = "import rushlight as t; print(t.nn.functional.linear(t.ones(2, 3), t.ones(4, 3)).sum().item())"

    def run(where):
        environment = os.environ | {"RUSHLIGHT_CACHE_DIR": where, "RUSHLIGHT_ENGINE": "auto"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, cwd=tmp_path
        )
        assert (done.returncode, done.stdout) == (0, "24.0\n"), done.stderr
        return done.stderr

    pytest.importorskip("llvmlite")
    assert run(str(folder)) == ""
    for file in folder.iterdir():
        file.unlink()
        os.mkfifo(file)
    assert run(str(folder)) == "" and all(file.is_file() for file in folder.iterdir())
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    assert run(str(folder / "open" / "below")).count("rushlight keeps kernels in memory only") == 1
    assert run("/dev/null") == ""
    assert run("relative") == "" and list((tmp_path / "relative").iterdir())


def test_a_damaged_entry_is_replaced(folder):
    cache.save("key", IMAGE)
    only_file(folder).write_bytes(b"junk")
    assert cache.load("key") is None
    assert cache.save("key", IMAGE) and cache.load("key") == IMAGE


def test_a_folder_open_to_others_is_refused(folder):
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)
    with pytest.warns(UserWarning, match="other users can write there"):
        assert cache.folder() is None
    assert not cache.save("key", IMAGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache.load("key") is None, "it is said once"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(folder):
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.warns(UserWarning, match="belongs to another user"):
        assert cache.folder() is None


def test_no_folder_no_cache(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for where in (str(tmp_path / "file"), str(tmp_path / "file" / "below"), "/dev/null", "/" + "x" * 300, "x" * 5000):
        monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", where)
        assert cache.folder() is None and not cache.save("key", IMAGE) and cache.load("key") is None
        assert cache.described().startswith("in memory only (")


def test_default_folders(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/x/cache")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    monkeypatch.setenv("HOME", "/home/me")
    expected = {
        "linux": ["/x/cache/rushlight", "/home/me/.cache/rushlight"],
        "win32": ["/local/rushlight/cache", "/home/me/rushlight/cache"],
        "darwin": ["/home/me/Library/Caches/rushlight"],
    }
    for platform, folders in expected.items():
        monkeypatch.setattr(seal.sys, "platform", platform)
        assert seal.own_folders("cache")[: len(folders)] == folders


def test_a_relative_folder_of_the_environment_counts_as_none(monkeypatch):
    """So says its specification; what is current may be anybody's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", "home")
    assert all(os.path.isabs(path) and "home/.cache" not in path for path in seal.own_folders("cache"))


def test_the_oldest_go_first(folder):
    for index in range(10):
        cache.save(f"key {index}", IMAGE)
        os.utime(path_of(folder, f"key {index}"), (index, index))
    size = os.path.getsize(path_of(folder, "key 0"))
    evict(size * 8)
    assert [index for index in range(10) if cache.load(f"key {index}")] == [4, 5, 6, 7, 8, 9]


def test_leftovers_of_killed_writers_go(folder):
    cache.save("key", IMAGE)
    left, strange = folder / f".{'0' * 40}.{'1' * 16}.partial", folder / "a download.partial"
    strange.write_bytes(b"of another program")
    os.utime(strange, (0, 0))
    left.write_bytes(b"half")
    evict(cache.LIMIT)
    assert left.exists(), "another process may be writing it"
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    evict(cache.LIMIT)
    assert not left.exists() and strange.exists()


def test_reading_marks_an_entry_as_used(folder):
    cache.save("key", IMAGE)
    os.utime(only_file(folder), (0, 0))
    cache.load("key")
    assert only_file(folder).stat().st_mtime > 0


@pytest.mark.parametrize("secret", [None, b"rushlight secret"])
def test_many_processes_save_at_once(folder, tmp_path, secret):
    """With no secret yet, or what a writer without a lock left: they agree on one."""
    if secret is not None:
        (tmp_path / "state" / "rushlight").mkdir(parents=True, mode=0o700)
        (tmp_path / "state").chmod(0o700)
        (tmp_path / "state" / "rushlight" / "kernel-secret").write_bytes(secret)
    script = (
        "from rushlight.compiler import cache; from rushlight.compiler.objects import Image\n"
        "for i in range(200):\n"
        "    image = Image(bytes(5000), {'conv': i % 3})\n"
        "    assert cache.save(f'key {i % 3}', image); assert cache.load(f'key {i % 3}') == image"
    )
    running = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        assert process.wait() == 0, process.stderr.read()
        process.stderr.close()
    assert len(list(folder.iterdir())) == 3
