"""Which instruction sets tests go through.

`python -m tests.instruction_sets` prints those below this machine's own and those that it imitates, for `make targets`.
"""

from __future__ import annotations

import os

from rushlight.plan.target import Target

NATIVE = ("avx512", "avx2", "x86-64", "neon")
IMITATED = {"avx512": "avx512-on-avx2", "neon": "neon-on-avx2"}
"""Plans and kernels of the one, made of another's instructions where the one does not run."""


def native() -> list[str]:
    """Those that run here, the widest first."""
    return [isa for isa in NATIVE if Target.named(isa).runs_here()]


def every() -> list[str]:
    """Those, and what is imitated because it does not run here."""
    imitated = [other for isa, other in IMITATED.items() if isa not in native()]
    return native() + [isa for isa in imitated if Target.named(isa).runs_here()]


def asked() -> list[str]:
    """What tests of each instruction set go through: those that run here, or the one that RUSHLIGHT_TARGET forces."""
    forced = os.environ.get("RUSHLIGHT_TARGET")
    return [forced] if forced else native()


def lower() -> list[str]:
    """All that the tests do not use by themselves."""
    return every()[1:]


if __name__ == "__main__":
    print(*lower())
