"""Targets: what is found on this machine, what a name means, what is refused."""

import subprocess
import sys

import pytest

from rushlight.plan import target as target_module
from rushlight.plan.target import KB, MB, Target


def test_host_is_complete():
    host = Target.host()
    assert host.runs_here() and host.arch in ("x86-64", "aarch64")
    assert 8 * KB <= host.l1 <= host.l2 <= 512 * MB and host.cores >= 1
    assert Target.host() is host


def test_detection_loads_no_llvm():
    script = "import sys, rushlight.plan.target as t; t.Target.host(); print('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    "isa, lanes, registers, fma",
    [("x86-64", 4, 16, False), ("avx2", 8, 16, True), ("avx512", 16, 32, True), ("neon", 4, 32, True)],
)
def test_named(isa, lanes, registers, fma):
    target = Target.named(isa, l2=3 * MB)
    assert (target.lanes(4), target.registers, target.fma, target.l2) == (lanes, registers, fma, 3 * MB)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="unknown target 'avx3': choose one of x86-64, avx2, avx512, neon"):
        Target.named("avx3")


def test_forced_by_the_environment(monkeypatch):
    lowest = "neon" if Target.host().arch == "aarch64" else "x86-64"
    monkeypatch.setenv("RUSHLIGHT_TARGET", lowest)
    assert Target.host().isa == lowest
    other = "x86-64" if lowest == "neon" else "neon"
    monkeypatch.setenv("RUSHLIGHT_TARGET", other)
    with pytest.raises(ValueError, match=f"RUSHLIGHT_TARGET={other}: this machine runs"):
        Target.host()


def test_an_imitated_target_plans_as_the_one_and_runs_as_the_other(monkeypatch):
    for isa, lanes in (("avx512", 16), ("neon", 4)):
        imitated, there = Target.named(f"{isa}-on-avx2"), Target.named(isa)
        assert (imitated.isa, imitated.lanes(4), imitated.registers) == (isa, lanes, there.registers)
        assert imitated.runs_here() == Target.named("avx2").runs_here() and imitated.triple.startswith("x86_64")
        assert imitated.machine not in (Target.named("avx2").machine, there.machine), "kernels of others are not taken"


def test_flags_decide_the_level(monkeypatch):
    avx2 = "avx2 fma f16c bmi1 bmi2 movbe abm"
    cases = {
        "sse sse2": "x86-64",
        "avx2 fma": "x86-64",
        avx2: "avx2",
        f"{avx2} avx512f": "avx2",
        f"{avx2} avx512f avx512dq avx512bw avx512vl avx512cd": "avx512",
    }
    monkeypatch.setattr(target_module, "_machine", lambda: "x86-64")
    monkeypatch.setattr(target_module.sys, "platform", "linux")
    for flags, isa in cases.items():
        monkeypatch.setattr(target_module, "text_of", lambda path, flags=flags: f"processor : 0\nflags\t\t: {flags}\n")
        target_module._detected_isa.cache_clear()
        assert target_module._detected_isa() == isa
    target_module._detected_isa.cache_clear()


def test_an_unknown_machine_is_named(monkeypatch):
    monkeypatch.setattr(target_module, "_machine", lambda: "riscv64")
    target_module._detected_isa.cache_clear()
    with pytest.raises(ValueError, match="no kernels for riscv64"):
        target_module._host.__wrapped__("")
    target_module._detected_isa.cache_clear()


def test_caches_from_sysfs(tmp_path):
    for index, (kind, level, size) in enumerate([("Data", 1, "48K"), ("Instruction", 1, "32K"), ("Unified", 2, "2M")]):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in (("type", kind), ("level", level), ("size", size)):
            (folder / name).write_text(f"{value}\n")
    assert target_module._sysfs_caches(str(tmp_path)) == {"l1": 48 * KB, "l2": 2 * MB}


def test_code_depends_on_abi_and_features():
    windows = Target.named("avx2", abi="windows")
    assert windows.triple == "x86_64-pc-windows-msvc-elf" and windows.machine != Target.named("avx2").machine
    assert Target.named("avx2", l1=1).machine == Target.named("avx2").machine, "sizes are the planner's"
