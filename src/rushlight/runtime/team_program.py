"""The thread team's own code: how workers wait for a kernel, join it, and how its caller knows that they are done.

In: the host's `Target`. Out: a `jit.Code` with four functions for `runtime.team`, which makes the threads:

    launch(team, kernel, words, others)   run kernel(words) here, and on up to `others` workers that come in time
    behind(team), before(team)            a worker's life: wait, join, wait, …; never returns
    rest(turns)                           pause that many times (to find out how long a pause is)

It is LLVM's own text, as memory order is what it is about, and `ir` has none of it. The protocol:

* One word, `state`, holds the tickets of the launch (high half) and how many workers are inside (low half). A worker
  enters by taking a ticket, in one compare-and-swap. The caller works too; when it finds no more work, it takes the
  remaining tickets away and waits only for those inside. So a worker that the system has not woken yet, or has put
  aside, delays nobody.
* `generation` counts launches. Workers watch it for a while, then sleep on it (futex); the caller wakes them only if
  there are sleepers. The system compares `generation` once more before it lets a worker sleep.
* A caller that finds the team taken by another thread's launch works alone: its work is done either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..language.params import BEHIND

if TYPE_CHECKING:
    from ..compiler.jit import Code

# Offsets in the team's memory; what different threads write lies on different cache lines.
TAKEN, GENERATION, STATE, SLEEPERS, KERNEL, WORDS, SYSCALL, TURNS = 0, 64, 128, 192, 256, 264, 320, 328
SIZE = 384
WORKERS = "behind", "before"
"""What workers run, by turns: those that take a kernel's items from the back, and those from the front, as callers."""

# sched_yield and futex in Linux's tables of system calls.
_CALLS = {"x86-64": (24, 202), "aarch64": (124, 98)}
_PAUSE = {
    "x86-64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}

_TEXT = """
target triple = "{triple}"
{declare_pause}

define void @launch(ptr %team, ptr %kernel, ptr %words, i64 %others) nounwind {{
  %taken = getelementptr i8, ptr %team, i64 {TAKEN}
  %take = cmpxchg ptr %taken, i32 0, i32 1 acquire monotonic
  %mine = extractvalue {{ i32, i1 }} %take, 1
  br i1 %mine, label %open, label %alone

alone:
  call void %kernel(ptr %words)
  ret void

open:
  %generation = getelementptr i8, ptr %team, i64 {GENERATION}
  %state = getelementptr i8, ptr %team, i64 {STATE}
  %sleepers = getelementptr i8, ptr %team, i64 {SLEEPERS}
  %its_kernel = getelementptr i8, ptr %team, i64 {KERNEL}
  %its_words = getelementptr i8, ptr %team, i64 {WORDS}
  store ptr %kernel, ptr %its_kernel
  store ptr %words, ptr %its_words
  %tickets = shl i64 %others, 32
  store atomic i64 %tickets, ptr %state release, align 8
  %launches = atomicrmw add ptr %generation, i32 1 seq_cst
  %asleep = load atomic i32, ptr %sleepers seq_cst, align 4
  %any = icmp ne i32 %asleep, 0
  br i1 %any, label %wake, label %run

wake:
  %at = getelementptr i8, ptr %team, i64 {SYSCALL}
  %syscall = load ptr, ptr %at
  %woken = call i64 (i64, ...) %syscall(i64 {FUTEX}, ptr %generation, i32 129, i64 %others, ptr null)
  br label %run

run:
  call void %kernel(ptr %words)
  %last = atomicrmw and ptr %state, i64 4294967295 acq_rel
  %inside = and i64 %last, 4294967295
  %done = icmp eq i64 %inside, 0
  br i1 %done, label %close, label %wait

wait:
  %turn = phi i64 [0, %run], [%turns, %again]
  {pause}
  %now = load atomic i64, ptr %state acquire, align 8
  %empty = icmp eq i64 %now, 0
  br i1 %empty, label %close, label %still

still:
  %turns = add i64 %turn, 1
  %long = icmp ugt i64 %turn, 2000
  br i1 %long, label %yield, label %again

yield:
  %at2 = getelementptr i8, ptr %team, i64 {SYSCALL}
  %syscall2 = load ptr, ptr %at2
  %yielded = call i64 (i64, ...) %syscall2(i64 {YIELD})
  br label %again

again:
  br label %wait

close:
  store atomic i32 0, ptr %taken release, align 4
  ret void
}}

define void @rest(i64 %count) nounwind {{
  br label %loop

loop:
  %turn = phi i64 [0, %0], [%turns, %loop]
  {pause}
  %turns = add i64 %turn, 1
  %more = icmp ult i64 %turns, %count
  br i1 %more, label %loop, label %done

done:
  ret void
}}
"""

_WORKER = """
define void @{name}(ptr %team) nounwind {{
  %generation = getelementptr i8, ptr %team, i64 {GENERATION}
  %state = getelementptr i8, ptr %team, i64 {STATE}
  %sleepers = getelementptr i8, ptr %team, i64 {SLEEPERS}
  %its_kernel = getelementptr i8, ptr %team, i64 {KERNEL}
  %its_words = getelementptr i8, ptr %team, i64 {WORDS}
  %at = getelementptr i8, ptr %team, i64 {SYSCALL}
  %syscall = load ptr, ptr %at
  %limit_at = getelementptr i8, ptr %team, i64 {TURNS}
  %limit = load i64, ptr %limit_at
  br label %look

; Whatever has happened before counts as not seen, so that a worker that starts late may still join.
look:
  %seen = phi i32 [-1, %0], [%new, %late], [%new, %leave]
  br label %watch

watch:
  %turn = phi i64 [0, %look], [%turns, %pause]
  %now = load atomic i32, ptr %generation acquire, align 4
  %same = icmp eq i32 %now, %seen
  br i1 %same, label %pause, label %try

pause:
  {pause}
  %turns = add i64 %turn, 1
  %more = icmp ult i64 %turns, %limit
  br i1 %more, label %watch, label %sleep

sleep:
  %one_more = atomicrmw add ptr %sleepers, i32 1 seq_cst
  %slept = call i64 (i64, ...) %syscall(i64 {FUTEX}, ptr %generation, i32 128, i32 %seen, ptr null)
  %one_less = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  %awake = load atomic i32, ptr %generation acquire, align 4
  %nothing = icmp eq i32 %awake, %seen
  br i1 %nothing, label %sleep, label %try

try:
  %new = phi i32 [%now, %watch], [%awake, %sleep]
  %first = load atomic i64, ptr %state acquire, align 8
  br label %ticket

ticket:
  %found = phi i64 [%first, %try], [%other, %take]
  %left = lshr i64 %found, 32
  %none = icmp eq i64 %left, 0
  br i1 %none, label %late, label %take

late:
  br label %look

take:
  %entered = add i64 %found, -4294967295
  %swap = cmpxchg ptr %state, i64 %found, i64 %entered acq_rel acquire
  %other = extractvalue {{ i64, i1 }} %swap, 0
  %inside = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %inside, label %leave, label %ticket

leave:
  %kernel = load ptr, ptr %its_kernel
  %words = load ptr, ptr %its_words
  %side = getelementptr i8, ptr %words, i64 {side}
  call void %kernel(ptr %side)
  %out = atomicrmw sub ptr %state, i64 1 release
  br label %look
}}
"""


class _Text:
    """What `jit` needs of a module."""

    exports = ("launch", "rest", *WORKERS)

    def __init__(self, triple: str, arch: str) -> None:
        declare_pause, pause = _PAUSE[arch]
        sched_yield, futex = _CALLS[arch]
        names = {name: value for name, value in globals().items() if isinstance(value, int)}
        names |= {"YIELD": sched_yield, "FUTEX": futex, "pause": pause}
        workers = [_WORKER.format(name=name, side=side, **names) for name, side in zip(WORKERS, (BEHIND, 0))]
        self._text = "\n".join([_TEXT.format(triple=triple, declare_pause=declare_pause, **names), *workers])

    def text(self) -> str:
        return self._text


def team_code() -> Code:
    """The functions above, for the machine at hand."""
    from ..compiler import jit
    from ..plan.target import Target

    target = Target.host()
    return jit.kernel("thread team", lambda: _Text(target.triple, target.arch), target)
