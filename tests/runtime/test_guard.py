"""Guarded arrays catch what leaves them."""

import ctypes
import os
import signal

import numpy as np
import pytest

from rushlight import runtime
from rushlight.runtime import guard

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
WORDS = np.arange(10, dtype=np.float32)


def dies(touch):
    """Whether a child that runs `touch` ends with a segmentation fault."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        touch()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSEGV


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("side, inside, outside", [("end", 39, 40), ("start", 0, -1)])
def test_the_byte_beyond_is_fatal(side, inside, outside):
    copy = guard.guarded_copy(WORDS, side)
    address = runtime.address(copy)
    np.testing.assert_array_equal(copy, WORDS)
    assert not dies(lambda: ctypes.string_at(address + inside, 1))
    assert dies(lambda: ctypes.string_at(address + outside, 1))
    assert dies(lambda: ctypes.memset(address + outside, 0, 1))


def test_results_are_guarded_and_unset():
    with guard.guarding():
        array = runtime.empty((3, 5), np.dtype("f4"))
        assert np.isnan(array).all() and runtime.address(array) % 64 == 0
    assert not np.shares_memory(array, runtime.empty((3, 5), np.dtype("f4")))


STRAYS = [("end", 60, "0 bytes after"), ("start", 64, "4 bytes after"), ("end", -3, "3 bytes before")]


@pytest.mark.parametrize("side, at, says", STRAYS)
def test_a_stray_write_between_array_and_guard_is_found(side, at, says):
    with pytest.raises(guard.StrayWrite, match=says), guard.guarding(side):
        array = runtime.empty((3, 5), np.dtype("f4"))
        ctypes.memset(runtime.address(array) + at, 0, 1)


def test_pages_come_back():
    def mapped():
        with open("/proc/self/maps") as maps:
            return len(maps.readlines())

    before = mapped()
    for _ in range(200):
        view = guard.guarded_copy(WORDS)[2:]
    with guard.guarding():
        for _ in range(50):
            view = runtime.empty((5000,), np.dtype("f4"))
    del view
    assert mapped() <= before + 8


def test_a_side_is_start_or_end():
    with pytest.raises(ValueError, match="side must be"):
        guard.guarded_copy(WORDS, "left")
