"""The machine that kernels are made for, as a value.

In: /proc/cpuinfo and sysfs, sysctl, or a name. Out: a `Target`, from which the planner takes register and
cache blocks and the compiler its instruction set. Nothing here needs LLVM, so a warm start never loads it.

    >>> Target.named("avx2").lanes(4)
    8
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from typing import NamedTuple

from rushlight.core.environment import SettingError, refusal, value_of
from rushlight.core.system import text_of

KB, MB = 1 << 10, 1 << 20


class Target(NamedTuple):
    """A CPU as the compiler sees it; sizes are bytes, `l3` is shared by all cores."""

    isa: str  # x86-64, avx2, avx512 or neon
    arch: str  # x86-64 or aarch64
    vector_bytes: int
    registers: int  # vector registers
    fma: bool
    half: bool  # converts float16 in hardware
    cpu: str  # LLVM's name
    features: str  # LLVM's feature string
    l1: int = 32 * KB
    l2: int = 512 * KB
    l3: int = 8 * MB
    cores: int = 1
    abi: str = "sysv"  # sysv, windows or darwin: registers that a kernel must leave alone

    @classmethod
    def named(cls, isa: str, **changes: int | str | bool) -> Target:
        """The synthetic target `isa`, with conservative caches; `changes` replace single fields."""
        if isa not in _LEVELS:
            raise ValueError(f"unknown target {isa!r}: choose one of {', '.join(_LEVELS)}")
        return _LEVELS[isa]._replace(**changes)

    @classmethod
    def host(cls) -> Target:
        """The machine at hand; the environment variable RUSHLIGHT_TARGET names a lower instruction set, or one whose
        plans and kernels are tried on another: `avx512-on-avx2` has 16 lanes and 32 registers, made of AVX2's."""
        return _host(value_of("RUSHLIGHT_TARGET"))

    def lanes(self, itemsize: int) -> int:
        """How many numbers of `itemsize` bytes a vector register holds."""
        return self.vector_bytes // itemsize

    @property
    def triple(self) -> str:
        """LLVM's triple. Always ELF, because this package loads its own objects, whatever the system's format."""
        machine = "aarch64" if self.arch == "aarch64" else "x86_64"
        return f"{machine}-pc-windows-msvc-elf" if self.abi == "windows" else f"{machine}-unknown-linux-gnu"

    @property
    def machine(self) -> str:
        """What generated code depends on, as text: part of every cache key."""
        return f"{self.triple},{self.cpu},{self.features},{self.isa}"

    def runs_here(self) -> bool:
        """Whether the machine at hand can execute code for this target."""
        return self.cpu in _RUNS.get(_detected_isa(), ())


_LEVELS = {
    "x86-64": Target("x86-64", "x86-64", 16, 16, False, False, "x86-64", ""),
    "avx2": Target("avx2", "x86-64", 32, 16, True, True, "x86-64-v3", ""),
    "avx512": Target("avx512", "x86-64", 64, 32, True, True, "x86-64-v4", "-prefer-256-bit", l2=1 * MB),
    "neon": Target("neon", "aarch64", 16, 32, True, True, "generic", "+neon", l1=64 * KB),
}
# Slow, but what is computed is the same: so that one machine tries what others will run.
_LEVELS["avx512-on-avx2"] = _LEVELS["avx512"]._replace(cpu="x86-64-v3", features="")
_LEVELS["neon-on-avx2"] = _LEVELS["neon"]._replace(arch="x86-64", cpu="x86-64-v3", features="")
_RUNS = {
    "x86-64": ("x86-64",),
    "avx2": ("x86-64", "x86-64-v3"),
    "avx512": ("x86-64", "x86-64-v3", "x86-64-v4"),
    "neon": ("generic",),
}
"""LLVM's names of the CPUs whose code a machine runs."""
_AVX2 = {"avx2", "fma", "f16c", "bmi1", "bmi2", "movbe", "abm"}
_AVX512 = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"}


class NoKernels(ValueError):
    """The machine has an instruction set that nothing is emitted for."""


@functools.lru_cache(maxsize=8)
def _host(forced: str) -> Target:
    isa = forced or _detected_isa()
    if not isa:
        raise NoKernels(f"there are no kernels for {_machine() or 'this machine'}: x86-64 and aarch64 only, in 64 bits")
    if isa not in _LEVELS:
        raise refusal("RUSHLIGHT_TARGET", forced, f"one of {_here()}")
    target = Target.named(isa, abi=_abi(), **_caches())
    if target.abi == "darwin" and target.arch == "aarch64":
        target = target._replace(features=target.features + ",+reserve-x18")
    if not target.runs_here():
        raise SettingError(f"RUSHLIGHT_TARGET={forced}: this machine runs {_here()} only")
    return target


def _here() -> str:
    return ", ".join(name for name, level in _LEVELS.items() if level.runs_here())


def _abi() -> str:
    return {"win32": "windows", "darwin": "darwin"}.get(sys.platform, "sysv")


def _machine() -> str:
    name = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return {"amd64": "x86-64", "x86_64": "x86-64", "arm64": "aarch64", "aarch64": "aarch64"}.get(name.lower(), name)


@functools.lru_cache(maxsize=1)
def _detected_isa() -> str:
    """The widest instruction set that machine and operating system offer; '' where none is known."""
    machine = _machine()
    if machine == "aarch64":
        return "neon"
    if machine != "x86-64" or sys.maxsize < 2**32:
        return ""
    flags = _x86_flags()
    if flags >= _AVX512 | _AVX2:
        return "avx512"
    return "avx2" if flags >= _AVX2 else "x86-64"


def _x86_flags() -> set[str]:
    if sys.platform == "darwin":
        avx512 = all(_sysctl(f"hw.optional.{flag}") for flag in _AVX512)
        return (_AVX2 | _AVX512 if avx512 else _AVX2) if _sysctl("hw.optional.avx2_0") else set()
    if sys.platform == "win32":
        # 40 and 41 are PF_AVX2_ and PF_AVX512F_INSTRUCTIONS_AVAILABLE; AVX-512 alone leaves its parts open.
        return set(_AVX2) if ctypes.windll.kernel32.IsProcessorFeaturePresent(40) else set()
    for line in text_of("/proc/cpuinfo").splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def _caches() -> dict[str, int]:
    """Cache sizes and the number of cores; whatever cannot be found keeps the target's default."""
    if sys.platform == "darwin":
        found = {
            "l1": _sysctl("hw.perflevel0.l1dcachesize") or _sysctl("hw.l1dcachesize"),
            "l2": _sysctl("hw.perflevel0.l2cachesize") or _sysctl("hw.l2cachesize"),
            "l3": _sysctl("hw.l3cachesize"),
        }
    else:
        found = _sysfs_caches("/sys/devices/system/cpu/cpu0/cache")
    found["cores"] = os.cpu_count() or 1
    return {name: size for name, size in found.items() if size}


def _sysfs_caches(folder: str) -> dict[str, int]:
    found = {}
    for index in range(5):
        kind, level, size = (text_of(f"{folder}/index{index}/{name}").strip() for name in ("type", "level", "size"))
        if kind in ("Data", "Unified") and size:
            unit = {"K": KB, "M": MB}.get(size[-1], 1)
            found[f"l{level}"] = int(size.rstrip("KM")) * unit
    return {name: size for name, size in found.items() if name in ("l1", "l2", "l3")}


def _sysctl(name: str) -> int:
    """A number from macOS's sysctl, 0 where it has no such entry."""
    value, size = ctypes.c_int64(0), ctypes.c_size_t(8)
    failed = ctypes.CDLL(None).sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    return 0 if failed else value.value
