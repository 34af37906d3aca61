"""From keys to code: what is built when, and what stays in memory."""

import gc
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from rushlight.compiler import cache, compiler, debug, jit
from rushlight.compiler.objects import Unlinkable
from rushlight.language.ir import Module, Params, f32, ptr
from rushlight.plan.target import Target

PARAMS = Params(y=ptr(f32))
HOST = Target.host()
IS_OURS = jit._is_ours


def constant(value):
    """A kernel that stores a number."""
    k = Module(HOST)
    with k.kernel("store", PARAMS) as (_f, p):
        p.y.store(value)
    return k


def answer(code):
    y = np.zeros(1, np.float32)
    words = PARAMS.pack(y=y)
    code["store"].call(words.buffer_info()[0])
    return y[0]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(jit, "_is_ours", lambda build: True)
    jit.forget()
    yield
    jit.forget()


def test_a_changed_kernel_of_ones_own_runs_its_new_code(monkeypatch):
    monkeypatch.undo()
    assert [answer(jit.kernel("mine", lambda value=value: constant(value), HOST)) for value in (1.0, 2.0, 1.0)] == [
        1,
        2,
        1,
    ]
    code = jit.kernel("mine", lambda: constant(3.0), HOST)
    assert code is jit.kernel("mine", lambda: constant(3.0), HOST), "the same text is compiled once"


def test_built_once_then_found_in_memory_then_on_disk():
    built = []

    def build():
        built.append(1)
        return constant(3.0)

    code = jit.kernel("three", build, HOST)
    assert answer(code) == 3 and list(code) == ["store"]
    assert jit.kernel("three", build, HOST) is code
    jit.forget()
    again = jit.kernel("three", build, HOST)
    assert again is not code and answer(again) == 3
    assert len(built) == 1


def test_a_damaged_file_is_built_again(tmp_path):
    jit.kernel("four", lambda: constant(4.0), HOST)
    (file,) = (tmp_path / "kernels").iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-9], whole[:200] + b"\xcc" + whole[201:], b""):
        file.write_bytes(damaged)
        jit.forget()
        assert answer(jit.kernel("four", lambda: constant(4.0), HOST)) == 4
        assert file.read_bytes() == whole


def test_targets_do_not_share_code():
    lower = Target.named("x86-64" if HOST.arch == "x86-64" else "neon", l1=1)
    assert jit.kernel("five", lambda: constant(5.0), HOST) is not jit.kernel("five", lambda: constant(5.0), lower)


def test_a_warm_start_loads_no_llvm(tmp_path):
    script = """if True:
        import sys
        from rushlight.compiler import jit
        from rushlight.plan.target import Target
        target = Target.host()
        def build():
            from rushlight.language.ir import Module, Params
            k = Module(target)
            with k.kernel("nothing", Params()) as (f, p):
                pass
            return k
        build.__module__ = "rushlight"
        code = jit.kernel("nothing", build, target)
        from array import array
        words = array("q", (0, 0))
        code["nothing"].call(words.buffer_info()[0])
        print("llvmlite.binding" in sys.modules, "rushlight.language.ir" in sys.modules)
    """
    cold, warm = (subprocess.run([sys.executable, "-c", script], capture_output=True, text=True) for _ in range(2))
    assert (cold.stdout, cold.stderr) == ("True True\n", "")
    assert (warm.stdout, warm.stderr) == ("False False\n", "")


def test_two_processes_build_the_same_kernel(tmp_path):
    script = """if True:
        from rushlight.compiler import jit
        from rushlight.language.ir import Module, Params
        from rushlight.plan.target import Target
        target = Target.host()
        for i in range(10):
            def build():
                k = Module(target)
                with k.kernel("nothing", Params()) as (f, p):
                    pass
                return k
            jit.kernel(f"nothing {i}", build, target)
    """
    both = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        assert process.wait() == 0, process.stderr.read()
        process.stderr.close()
    assert len(list((tmp_path / "kernels").iterdir())) == 10


def test_eight_threads_build_once():
    built, codes = [], []

    def build():
        built.append(1)
        time.sleep(0.05)
        return constant(6.0)

    threads = [threading.Thread(target=lambda: codes.append(jit.kernel("six", build, HOST))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1 and len(set(map(id, codes))) == 1 and len(codes) == 8


def test_a_failed_build_is_tried_again():
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jit.kernel("seven", fail, HOST)
    assert answer(jit.kernel("seven", lambda: constant(7.0), HOST)) == 7


def test_memory_is_bounded_and_code_in_use_stays(monkeypatch):
    monkeypatch.setattr(jit, "_IN_MEMORY", 3)
    first = jit.kernel("k 0", lambda: constant(0.5), HOST)
    call, entry = first["store"].call, first["store"]
    for index in range(1, 12):
        jit.kernel(f"k {index}", lambda index=index: constant(float(index)), HOST)
    assert len(jit._loaded) == 3
    y = np.zeros(1, np.float32)
    words = PARAMS.pack(y=y)
    del first, entry
    gc.collect()
    call(words.buffer_info()[0])
    assert y[0] == 0.5


def test_without_a_folder_kernels_live_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "file" / "x"))
    assert answer(jit.kernel("eight", lambda: constant(8.0), HOST)) == 8


def test_an_object_that_cannot_be_linked_goes_to_llvm(monkeypatch):
    def refuse(*_):
        raise Unlinkable("as on a system nobody has seen")

    monkeypatch.setattr(jit, "link", refuse)
    assert answer(jit.kernel("nine", lambda: constant(9.0), HOST)) == 9
    assert cache.folder() is not None


def test_without_llvmlite_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    compiler._llvm.cache_clear()
    compiler._machine.cache_clear()
    with pytest.raises(jit.CompilerMissing, match="pip install llvmlite"):
        jit.kernel("ten", lambda: constant(10.0), HOST)
    compiler._llvm.cache_clear()


def test_debug_shows_ir_and_assembly():
    seen = []
    debug.set_debug(lambda kind, name, text: seen.append((kind, name, text)), kinds="ir|asm")
    try:
        jit.kernel("eleven", lambda: constant(11.0), HOST)
    finally:
        debug.set_debug(None)
    assert [(kind, name) for kind, name, _ in seen] == [("ir", "eleven"), ("asm", "eleven")]
    assert "define void @store" in seen[0][2] and "store:" in seen[1][2]


def test_debug_on_standard_error(capsys):
    debug.set_debug("plan")
    debug.show("plan", "a layer", "direct")
    debug.show("ir", "a layer", "hidden")
    debug.set_debug(None)
    assert capsys.readouterr().err == "; rushlight plan: a layer\ndirect\n"
    with pytest.raises(ValueError, match="unknown kind of debug output 'everything'"):
        debug.set_debug("everything")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_code_that_nobody_uses_is_unmapped():
    def executable():
        with open("/proc/self/maps") as maps:
            return sum(" r-xp " in line for line in maps)

    before = executable()
    for index in range(300):
        jit.kernel(f"m {index % 4}", lambda index=index: constant(float(index % 4)), HOST)
        jit.forget()
    gc.collect()
    assert executable() <= before + 2
