"""A second user's ways to have code run, each tried by that user; and what this user keeps all the same.

The stranger is given more than a stranger has: what it plants is well formed, for the right key, and sealed with the
victim's secret, so that each way is closed by itself; the seal has tests of its own.
"""

import ctypes
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from rushlight.compiler import cache, seal
from rushlight.compiler.objects import Image
from tests.compiler.strangers import STRANGER, VICTIM, acting_as, needs_root

pytestmark = needs_root
OURS, PLANTED = Image(b"ours" * 50, {"conv": 0}), Image(b"theirs" * 50, {"conv": 4})
KEY = "a kernel"


@pytest.fixture
def arena(monkeypatch):
    """A folder open to all that keeps entries to their owners, as the temporary one does; in it the victim's home."""
    umask = os.umask(0o022)
    place = Path(tempfile.mkdtemp())
    place.chmod(0o1777)
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, VICTIM, VICTIM)
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "RUSHLIGHT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(seal, "_registered", lambda user: [] if user else [str(place / "root")])
    monkeypatch.setattr(seal, "_known", {})
    monkeypatch.setattr(cache, "_warned", set())
    monkeypatch.setattr(cache, "_saves", 0)
    yield place
    os.umask(umask)
    shutil.rmtree(place)


def secret():
    return acting_as(VICTIM, lambda: seal._kept(seal.own_folders("state")[0]))[0]


def plant(folder, user=STRANGER, name=None):
    """A file of that user's with the victim's own seal; the folder is made if it is not there."""
    content = cache._pack(KEY, PLANTED, secret())

    def act():
        os.umask(0)
        folder.mkdir(mode=0o755, exist_ok=True)
        (folder / (name or cache._name(KEY))).write_bytes(content)

    acting_as(user, act)
    (folder / (name or cache._name(KEY))).chmod(0o644)


def use(folder, user=VICTIM):
    """Load, save and load again, as a kernel's first two calls do."""

    def act():
        if folder is not None:
            os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
        return cache.load(KEY), cache.save(KEY, OURS), cache.load(KEY)

    return acting_as(user, act)


def refused(folder, user=VICTIM):
    """Nothing is read there nor written, and one warning says so."""
    before = set(os.listdir(folder)) if os.path.isdir(folder) else None
    result, caught = use(folder, user)
    assert result == (None, False, None)
    assert len(caught) == 1 and "kernels in memory only" in caught[0], caught
    assert before is None or set(os.listdir(folder)) == before
    return caught[0]


def replaced(folder):
    """What was planted counts as absent, and the folder serves."""
    result, caught = use(folder)
    assert result == (None, True, OURS) and not caught
    found = os.lstat(folder / cache._name(KEY))
    assert found.st_uid == VICTIM and stat.S_IMODE(found.st_mode) == 0o600 and stat.S_ISREG(found.st_mode)


def own(arena, mode=0o700):
    folder = arena / "home" / "kernels"
    folder.mkdir()
    os.chown(folder, VICTIM, VICTIM)
    folder.chmod(mode)
    return folder


# -------------------------------------------------------------------- folders


def test_a_folder_once_open_and_closed_again(arena):
    (arena / "home").chmod(0o755)
    folder = own(arena, 0o777)
    plant(folder)
    assert "can write there" in refused(folder)
    folder.chmod(0o700)
    replaced(folder)


def test_a_folder_of_the_strangers(arena):
    plant(arena / "kernels")
    assert f"belongs to another user (uid {STRANGER})" in refused(arena / "kernels")
    assert "belongs to another user" in refused(arena / "kernels" / "below")


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1770])
def test_a_folder_others_may_write_to(arena, mode):
    (arena / "home").chmod(0o755)
    refused(own(arena, mode))


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
@pytest.mark.parametrize("owner", [VICTIM, 0])
def test_a_private_folder_in_one_where_others_rename(arena, mode, owner):
    outer, inner = arena / "outer", arena / "outer" / "kernels"
    inner.mkdir(parents=True)
    os.chown(outer, owner, owner)
    os.chown(inner, VICTIM, VICTIM)
    inner.chmod(0o700)
    outer.chmod(mode)
    assert str(outer) in refused(inner)
    outer.chmod(0o755)
    replaced(inner)


def test_a_private_folder_below_one_of_the_strangers(arena):
    outer, inner = arena / "theirs", arena / "theirs" / "kernels"
    inner.mkdir(parents=True)
    os.chown(outer, STRANGER, STRANGER)
    os.chown(inner, VICTIM, VICTIM)
    inner.chmod(0o700)
    refused(inner)


def test_a_new_folder_in_one_open_to_all_that_keeps_entries(arena):
    folder = arena / "kernels"
    replaced(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("leads", ["kernels", "../home/kernels", "outside"])
def test_a_link_of_the_strangers(arena, leads):
    """Even to the victim's own folder: it may lead elsewhere the next time."""
    own(arena)
    plant(arena / "outside")
    acting_as(STRANGER, os.symlink, str(arena / leads), str(arena / "link"))
    refused(arena / "link")
    refused(arena / "link" / "below")


def test_a_link_of_ones_own_leads_to_what_is_judged(arena):
    folder = own(arena)
    acting_as(VICTIM, os.symlink, "kernels", str(arena / "home" / "link"))
    replaced(arena / "home" / "link")
    assert (folder / cache._name(KEY)).exists()
    plant(arena / "outside")
    acting_as(VICTIM, os.symlink, "../outside", str(arena / "home" / "bad"))
    refused(arena / "home" / "bad")
    acting_as(VICTIM, os.symlink, "round", str(arena / "home" / "round"))
    assert use(arena / "home" / "round") == ((None, False, None), [])


def test_what_is_swapped_all_the_time(arena):
    """A name that is by turns a link, the stranger's folder and nothing never serves what the stranger put there."""
    plant(arena / "theirs")
    name, other = arena / "kernels", arena / "other"

    def swap():
        while True:
            try:
                os.symlink(arena / "theirs", name)
                os.unlink(name)
                os.rename(arena / "theirs", name)
                os.rename(name, arena / "theirs")
            except FileExistsError:  # the victim was faster, and keeps it
                return
            except OSError:
                os.path.lexists(other)

    def serve():
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(name)
        seen = []
        for _ in range(400):
            seen.append(cache.load(KEY))
            if cache.save(KEY, OURS):
                seen.append(cache.load(KEY))
        return [image for image in seen if image not in (None, OURS)]

    stranger = os.fork()
    if stranger == 0:
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        swap()
        os._exit(0)
    try:
        wrong, caught = acting_as(VICTIM, serve)
    finally:
        os.kill(stranger, 9)
        os.waitpid(stranger, 0)
    assert not wrong and len(caught) <= 1


def test_a_relative_path_stays_where_it_was_first(arena):
    plant(arena / "kernels")
    acting_as(STRANGER, os.mkdir, str(arena / "theirs"))
    plant(arena / "theirs" / "kernels")

    def act():
        os.environ["RUSHLIGHT_CACHE_DIR"] = "kernels"
        os.chdir(os.environ["HOME"])
        saved, where = cache.save(KEY, OURS), cache.folder()
        os.chdir(arena / "theirs")
        return saved, cache.load(KEY), cache.folder() == where == str(arena / "home" / "kernels")

    assert acting_as(VICTIM, act) == ((True, OURS, True), [])
    (_, _, loaded), caught = acting_as(VICTIM, lambda: (os.chdir(arena / "theirs"), *use_relative()))
    assert loaded is None and len(caught) == 1


def use_relative():
    os.environ["RUSHLIGHT_CACHE_DIR"] = "kernels"
    return cache.save(KEY, OURS), cache.load(KEY)


@pytest.mark.parametrize("way", ["/proc/self/cwd/kernels", "/proc/thread-self/cwd/kernels", "/dev/fd/../cwd/kernels"])
def test_the_current_folder_by_other_names(arena, way):
    acting_as(STRANGER, os.mkdir, str(arena / "theirs"))
    plant(arena / "theirs" / "kernels")

    def act():
        os.environ["RUSHLIGHT_CACHE_DIR"] = way
        os.chdir(arena / "theirs")
        return cache.load(KEY), cache.save(KEY, OURS)

    result, _ = acting_as(VICTIM, act)
    assert result == (None, False)


def test_a_home_by_its_short_name(arena):
    def act():
        os.environ["RUSHLIGHT_CACHE_DIR"] = "~/kernels"
        os.chdir(arena)
        return cache.save(KEY, OURS), cache.folder()

    assert acting_as(VICTIM, act) == ((True, str(arena / "home" / "kernels")), [])
    assert sorted(os.listdir(arena)) == ["home"]
    assert "no such user" in refused("~nobody-has-this-name/kernels")


def test_a_strangers_own_code_is_compiled_again(arena, monkeypatch):
    """The whole way: what a stranger's program left in a folder once open is not what the victim's program runs."""
    pytest.importorskip("llvmlite")
    from tests.compiler.test_jit import HOST, answer, constant, jit

    monkeypatch.setattr(jit, "_is_ours", lambda build: True)  # their keys are alike, whatever they build
    (arena / "home").chmod(0o755)
    folder, key = own(arena, 0o777), "a constant"
    assert answer(jit.kernel("something to load LLVM", lambda: constant(1.0), HOST)) == 1

    def stranger():
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(arena / "theirs")
        code = jit.kernel(key, lambda: constant(7.0), HOST)
        for path in (arena / "theirs").glob("*.kernel"):
            shutil.copyfile(path, folder / path.name)
        return answer(code)

    def victim():
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
        first = answer(jit.kernel(key, lambda: constant(3.0), HOST))
        jit.forget()
        return first, answer(jit.kernel(key, lambda: constant(5.0), HOST))

    assert acting_as(STRANGER, stranger)[0] == 7
    planted = [path for path in folder.iterdir() if path.suffix == ".kernel"]
    assert [path.stat().st_uid for path in planted] == [STRANGER]
    folder.chmod(0o700)
    assert acting_as(VICTIM, victim) == ((3, 3), [])
    assert planted[0].stat().st_uid == VICTIM, "replaced, under the same name"


# -------------------------------------------------------------------- other users' homes


def test_root_with_a_users_home(arena):
    """As under `sudo -E`."""
    (arena / "root").mkdir(mode=0o700)
    plant_in_home = arena / "home" / ".cache" / "rushlight"
    acting_as(VICTIM, lambda: cache.save(KEY, PLANTED))
    assert (plant_in_home / cache._name(KEY)).exists()
    before = {path for path, _, _ in os.walk(arena / "home")}
    assert use(None, user=0) == ((None, True, OURS), [])
    assert (arena / "root" / ".cache" / "rushlight" / cache._name(KEY)).exists()
    assert {path for path, _, _ in os.walk(arena / "home")} == before
    assert f"uid {VICTIM}" in refused(plant_in_home, user=0)
    assert f"uid {VICTIM}" in refused("~/kernels", user=0)


def test_root_without_a_home_of_its_own(arena, monkeypatch):
    monkeypatch.setattr(seal, "_registered", lambda user: [])
    acting_as(VICTIM, lambda: cache.save(KEY, PLANTED))
    result, caught = use(None, user=0)
    assert result == (None, False, None) and len(caught) == 1


def test_rights_given_up_take_the_folder_along(arena):
    def act():
        os.environ["HOME"] = str(arena / "root")
        assert cache.save(KEY, PLANTED) and cache.load(KEY) == PLANTED
        os.environ["HOME"] = str(arena / "home")
        os.setegid(VICTIM)
        os.seteuid(VICTIM)
        return cache.load(KEY), cache.save(KEY, OURS), cache.load(KEY)

    (arena / "root").mkdir(mode=0o700)
    assert acting_as(0, act) == ((None, True, OURS), [])


def test_a_folder_of_roots_serves_all(arena):
    folder = arena / "shared"
    result, caught = use(folder, user=0)
    assert result == (None, True, OURS) and not caught
    folder.chmod(0o755)
    (folder / cache._name(KEY)).chmod(0o644)
    before = sorted(os.listdir(folder))
    assert use(folder) == ((OURS, False, OURS), [])
    assert sorted(os.listdir(folder)) == before
    assert "only read" in acting_as(VICTIM, described, folder)[0]
    os.chown(folder / cache._name(KEY), STRANGER, STRANGER)
    assert use(folder) == ((None, False, None), [])
    for owner, mode in ((0, 0o664), (0, 0o646), (VICTIM, 0o644)):
        os.chown(folder / cache._name(KEY), owner, STRANGER)
        (folder / cache._name(KEY)).chmod(mode)
        assert use(folder) == ((None, False, None), [])
    folder.chmod(0o1777)
    refused(folder)


def test_a_folder_of_roots_that_is_closed(arena):
    """As `sudo` once left it in a user's home; said, since nothing is kept until it is given back."""
    (arena / "closed").mkdir(mode=0o700)
    assert "root's and closed to you" in acting_as(VICTIM, use_quietly, arena / "closed")[1][0]
    (arena / "closed").chmod(0o750)
    assert "root's and closed to you" in acting_as(VICTIM, described, arena / "closed")[0]


def use_quietly(folder):
    os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
    assert cache.load(KEY) is None and not cache.save(KEY, OURS)


def test_a_namespace_where_all_look_alike(arena):
    """Users that a namespace does not know are shown as one, which may be this one."""
    plant(arena / "theirs")
    libc = ctypes.CDLL(None)

    def act():
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(arena / "theirs")
        if libc.unshare(0x10000000) or os.geteuid() == VICTIM:
            return None
        return cache.load(KEY), cache.save(KEY, OURS)

    result, caught = acting_as(VICTIM, act)
    if result is None:
        pytest.skip("no user namespaces here")
    assert result == (None, False) and "look like this user" in caught[0]


def described(folder):
    os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
    return cache.described()


# -------------------------------------------------------------------- files


def linked(path, arena):
    plant(arena / "theirs")
    os.symlink(arena / "theirs" / path.name, path)
    os.lchown(path, VICTIM, VICTIM)


def twice(path, arena):
    path.write_bytes(cache._pack(KEY, PLANTED, secret()))
    os.chown(path, VICTIM, VICTIM)
    path.chmod(0o600)
    os.link(path, path.with_name("second"))


def handed(mode):
    def make(path, arena):
        path.write_bytes(cache._pack(KEY, PLANTED, secret()))
        os.chown(path, VICTIM, VICTIM)
        path.chmod(mode)

    return make


def pipe(path, arena):
    os.mkfifo(path, 0o600)
    os.chown(path, VICTIM, VICTIM)


def listener(path, arena):
    with socket.socket(socket.AF_UNIX) as end:
        before = os.getcwd()
        os.chdir(path.parent)
        try:
            end.bind(path.name)
        finally:
            os.chdir(before)


def device(path, arena):
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    os.chown(path, VICTIM, VICTIM)


def of_root(path, arena):
    path.write_bytes(cache._pack(KEY, PLANTED, secret()))


WAYS = {
    "link": linked,
    "two names": twice,
    "open to its group": handed(0o660),
    "open to all": handed(0o606),
    "pipe": pipe,
    "socket": listener,
    "device": device,
    "root's": of_root,
}


@pytest.mark.parametrize("way", WAYS)
def test_files_that_do_not_count(arena, way):
    folder = own(arena)
    WAYS[way](folder / cache._name(KEY), arena)
    replaced(folder)


def test_the_way_of_planting_would_work(arena):
    """Else the tests above showed nothing."""
    folder = own(arena)
    handed(0o600)(folder / cache._name(KEY), arena)
    assert use(folder)[0][0] == PLANTED


def test_a_strangers_folder_in_a_files_place(arena):
    folder = own(arena)
    for below in (".", "a/b"):
        shutil.rmtree(folder)
        own(arena)
        (folder / cache._name(KEY) / below).mkdir(parents=True, exist_ok=True)
        os.chown(folder / cache._name(KEY), STRANGER, STRANGER)
        replaced(folder)


def test_a_file_exchanged_while_it_is_read(arena):
    """What is checked is what is used: the file that was opened, in this process's memory."""
    folder = own(arena)
    assert use(folder)[0] == (None, True, OURS)
    path, read = folder / cache._name(KEY), os.read

    def act():
        def exchange(descriptor, size):
            content = read(descriptor, size)
            if len(content) > 100:
                os.unlink(path)
                path.write_bytes(b"theirs" * 100)
            return content

        os.read = exchange
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
        return cache.load(KEY), cache.load(KEY)

    assert acting_as(VICTIM, act)[0] == (OURS, None)


def test_strange_kernels_go_at_the_first_save(arena):
    folder = own(arena)
    for name in ("0" * 40 + ".kernel", "1" * 40 + ".kernel"):
        (folder / name).write_bytes(b"x" * 1000)
        os.chown(folder / name, STRANGER, STRANGER)
    replaced(folder)
    assert os.listdir(folder) == [cache._name(KEY)]


@pytest.mark.parametrize("umask", [0, 0o777])
def test_modes_are_private_whatever_the_umask(arena, umask):
    folder = arena / "home" / "a" / "b"

    def act():
        os.umask(umask)
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
        return cache.save(KEY, OURS), cache.load(KEY)

    assert acting_as(VICTIM, act) == ((True, OURS), [])
    for path, _, files in os.walk(arena / "home"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
        assert all(stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) == 0o600 for name in files)
    assert (arena / "home" / ".local" / "state" / "rushlight" / "kernel-secret").exists()


# -------------------------------------------------------------------- the seal


def test_a_folder_handed_over_with_all_that_is_in_it(arena):
    """`chown -R`: the stranger's secret beside the kernels comes along, and serves nothing."""
    folder = arena / "kernels"

    def act():
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
        os.environ["HOME"] = "/nonexistent"
        return cache.save(KEY, PLANTED)

    assert acting_as(STRANGER, act)[0]
    assert {"kernel-secret", cache._name(KEY)} <= set(os.listdir(folder)), "for want of a state folder"
    for path in (folder, *folder.iterdir()):
        os.chown(path, VICTIM, VICTIM)
    replaced(folder)


def secrets(arena):
    return arena / "home" / ".local" / "state" / "rushlight" / "kernel-secret"


def test_a_secret_that_others_could_know_is_drawn_anew(arena):
    first, path = secret(), secrets(arena)
    assert secret() == first, "it is kept"
    for spoil in (
        lambda: path.chmod(0o640),
        lambda: path.chmod(0o604),
        lambda: os.chown(path, STRANGER, STRANGER),
        lambda: os.chown(path, 0, 0),
        lambda: os.link(path, path.with_name("second")),
        lambda: (path.rename(path.with_name("third")), path.symlink_to("third")),
        lambda: path.write_bytes(b"x" * 1000),
        lambda: path.write_bytes(b"rushlight secret\1\n short"),
        lambda: path.write_bytes(b""),
        lambda: (path.unlink(), os.mkfifo(path), os.chown(path, VICTIM, VICTIM)),
    ):
        spoil()
        again = secret()
        assert again not in (None, first) and len(again) == 32
        assert secret() == again
        found = os.lstat(path)
        assert (found.st_uid, stat.S_IMODE(found.st_mode), found.st_nlink) == (VICTIM, 0o600, 1)
        first = again


def test_an_open_state_folder_is_not_used(arena):
    secret()
    secrets(arena).parent.chmod(0o777)
    folder = own(arena)
    replaced(folder)
    assert (folder / "kernel-secret").exists()


def test_no_place_for_a_secret_no_cache(arena):
    folder = own(arena)
    handed(0o600)(folder / cache._name(KEY), arena)
    shutil.rmtree(arena / "home" / ".local")
    (arena / "home" / ".local").write_text("")
    folder.chmod(0o500)
    assert use(folder) == ((None, False, None), [])


# -------------------------------------------------------------------- a bind


def test_a_home_that_is_another_users_folder(arena):
    """A mount puts a stranger's folder where the victim's was; in a namespace of its own, so that it goes again."""
    plant(arena / "theirs")
    folder, libc = own(arena), ctypes.CDLL(None)

    def act():
        if libc.unshare(0x20000) or libc.mount(None, b"/", None, 0x44000, None):  # private mounts from here on
            return None
        if libc.mount(bytes(arena / "theirs"), bytes(folder), None, 0x1000, None):
            return None
        os.environ["RUSHLIGHT_CACHE_DIR"] = str(folder)
        os.setgid(VICTIM)
        os.setuid(VICTIM)
        return cache.load(KEY), cache.save(KEY, OURS)

    result, caught = acting_as(0, act)
    if result is None:
        pytest.skip("no mounts here")
    assert result == (None, False) and len(caught) == 1
