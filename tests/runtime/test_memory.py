"""Recycled arrays: never two at one address, memory bounded, addresses right."""

import gc
import os
import pickle
import random
import threading
import types
import weakref

import numpy as np
import pytest

from rushlight import runtime
from rushlight.core import cgroups
from rushlight.core import memory as core_memory
from rushlight.runtime import memory
from tests.core.test_cgroups import groups

F32 = np.dtype("f4")


@pytest.fixture
def pool(monkeypatch):
    """A pool of its own for the test, of 4 MB."""
    runtime.release_cached()
    monkeypatch.setattr(memory._pool, "limit", 4 << 20)
    yield memory._pool
    runtime.release_cached()


@pytest.mark.parametrize("shape", [(), (0,), (3,), (7, 5), (1000,), (1023,), (1025, 3), (64, 56, 56)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "f2"])
def test_arrays_are_aligned_and_whole(shape, dtype):
    array = runtime.empty(shape, np.dtype(dtype))
    assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous and array.flags.writeable
    assert runtime.address(array) % (64 if array.nbytes >= 4096 else array.itemsize) == 0
    array[...] = 1
    assert array.sum(dtype=np.float64) == array.size


def test_memory_comes_back(pool):
    array = runtime.empty((100, 100), F32)
    address = runtime.address(array)
    del array
    assert runtime.address(again := runtime.empty((100, 101), F32)) == address
    assert again.shape == (100, 101)


@pytest.mark.parametrize("look", [
    lambda a: a[3:], lambda a: a.T, lambda a: a.reshape(-1), lambda a: a.view("u4"), lambda a: memoryview(a),
    lambda a: np.asarray(a)[::2].T[1:], lambda a: a.flat, lambda a: np.from_dlpack(a), lambda a: a.ctypes,
    lambda a: np.lib.stride_tricks.as_strided(a, (2,), (4,)), lambda a: np.broadcast_to(a, (2, *a.shape)),
    lambda a: np.frombuffer(a, "u1"), lambda a: a.view(np.recarray),
])  # fmt: skip
def test_memory_that_is_looked_at_stays(look, pool):
    array = runtime.empty((100, 100), F32)
    address, view = runtime.address(array), look(array)
    del array
    gc.collect()
    others = [runtime.empty((100, 100), F32) for _ in range(5)]
    assert address not in [runtime.address(other) for other in others]
    del view
    gc.collect()
    others += [runtime.empty((100, 100), F32) for _ in range(5)]
    assert address in [runtime.address(other) for other in others]


def test_arrays_in_cycles_come_back(pool):
    for _ in range(50):
        cycle = [runtime.empty((512, 512), F32)]
        cycle.append(cycle)
        del cycle
    gc.collect()
    assert 1 << 20 <= pool.idle <= pool.limit


def test_no_two_arrays_share_memory(pool):
    rng, held = random.Random(0), []
    for step in range(2000):
        array = runtime.empty((rng.randint(1, 40), rng.randint(100, 2000)), F32)
        array.fill(step)
        held.append((array[rng.randint(0, len(array) - 1) :], step))
        if len(held) > 20:
            held.pop(rng.randrange(20))
        view, value = rng.choice(held)
        assert (view == value).all()


def test_idle_memory_is_bounded_over_many_shapes(pool):
    for size in range(200):
        arrays = [runtime.empty((1000 + 317 * size,), F32) for _ in range(3)]
        arrays[0].fill(0)
        del arrays
        idle = sum(len(free_list) * free_list.size for free_list in pool._by_size.values())
        assert idle <= pool.limit
    ended = sum(block() is None for block in memory._blocks.values())
    assert ended == sum(map(len, pool._by_size.values()))
    # The latest shape found room, at the cost of those before.
    address = runtime.address(last := runtime.empty((1000 + 317 * 199,), F32))
    del last
    assert runtime.address(runtime.empty((1000 + 317 * 199,), F32)) == address


def test_larger_than_the_limit_is_not_kept(pool):
    array = runtime.empty((3 << 20,), F32)
    del array
    assert runtime.release_cached() == 0


def test_no_ctrl_c_is_lost_when_an_array_dies(pool):
    """What runs then is C's: an exception from a handler that Python called there would be printed and forgotten."""
    array = runtime.empty((8000,), F32)
    (block,) = (reference for reference in weakref.getweakrefs(array) if type(reference) is memory._Block)
    assert isinstance(block.__callback__, types.BuiltinMethodType)


def test_eight_threads(pool):
    failures = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(500):
            array = runtime.empty((rng.randint(2000, 9000),), F32)
            array.fill(seed)
            other = runtime.empty((rng.randint(2000, 9000),), F32)
            other.fill(-1)
            if not (array == seed).all():
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_blocks_waste_at_most_an_eighth():
    for size in [4096, 4097, 10_000, 65_537, 1 << 20, (1 << 20) + 1, 25_690_112, 10**9 + 7]:
        block = memory._rounded(size)
        assert size <= block and block % 4096 == 0
        assert block - size <= max(4096, size / 8)


def test_too_much_is_an_error_not_a_crash():
    with pytest.raises(RuntimeError, match=r"can.t allocate memory: you tried to allocate \d+ bytes"):
        runtime.empty((1 << 46,), F32)


def test_many_sizes_are_not_remembered_for_ever():
    for size in range(memory._REMEMBERED + 100):
        memory._pool.free_list(5000 + size)
    assert len(memory._free_lists) <= memory._REMEMBERED + 1


def test_arrays_pickle_as_any_other():
    array = runtime.empty((50, 50), F32)
    array.fill(2)
    assert (pickle.loads(pickle.dumps(array)) == array).all()


@pytest.mark.parametrize("array", [
    np.arange(10.0), np.arange(10.0)[3:], np.arange(10.0)[::-1], np.zeros((3, 4), "f2").T, np.empty((0, 5)),
    np.broadcast_to(np.float32(1), (4, 4)), np.arange(6).view(np.recarray), np.frombuffer(b"12345678", "f4"),
])  # fmt: skip
def test_addresses(array):
    assert runtime.address(array) == array.ctypes.data


@pytest.mark.parametrize("limit, kept", [(64 << 20, 8 << 20), (1 << 40, 1 << 30)])
def test_the_pool_is_as_small_as_the_container(tmp_path, monkeypatch, limit, kept):
    monkeypatch.setattr(cgroups, "ROOT", str(tmp_path))
    monkeypatch.setattr(os, "sysconf", lambda name: 1 << 21)  # pages of 2 MiB, 4 TiB of memory
    groups(tmp_path, {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/memory.max": str(limit)})
    core_memory.total.cache_clear()
    try:
        pool = memory.Pool()
        pool.make(pool.free_list(8192))
        assert pool.limit == kept
    finally:
        core_memory.total.cache_clear()
