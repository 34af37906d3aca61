"""Values on their way from process to process: pickled, the numbers of large arrays in shared memory.

In: a label, a value and a connection. Out: both, in the process at the other end.

The shared memory is a file without a name (`memfd`), whose descriptor goes through the connection's socket. So there is
nothing that could be left behind: the system frees it with the last descriptor or mapping, however the processes end,
and the size of /dev/shm does not matter. Where there is none, or none is to be had, numbers go through the connection.
The receiver maps the file as its own: what it writes, or what a process writes that it forks, no other process sees.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
from collections.abc import Callable
from functools import partial
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from rushlight.core import pages
from rushlight.core.errors import message
from rushlight.runtime.allocation import allocate
from rushlight.tensor.core import Tensor
from rushlight.tensor.interchange import reduced

_LARGE = 1 << 15  # bytes; making, sending and mapping a file takes 25 µs more than so many bytes in a socket
_ALIGNMENT = 64
_POPULATE = 0x8000  # Linux, as every memfd
_NO_EXECUTION = 0x8  # MFD_NOEXEC_SEAL, which some systems insist on and older ones do not know

CAN_SHARE = hasattr(os, "memfd_create") and reduction.HAVE_SEND_HANDLE


class Parcel(NamedTuple):
    """A value as bytes: `content` for the connection, and the file that holds its arrays, or None."""

    content: bytes
    file: int | None = None


class Received(NamedTuple):
    """What came: the sender's label, and a function that makes the value."""

    label: Any
    value: Callable[[], Any]


def pack(label: Any, value: Any = None, share: bool = False) -> Parcel:
    """A value ready to be sent; what becomes of it afterwards does not matter. With `share`, large arrays are put into
    a file, which the parcel owns: it must be sent. Raises what pickling raises."""
    stream, buffers = io.BytesIO(), []
    _Pickler(stream, 5, buffer_callback=buffers.append).dump(value)
    raw = [buffer.raw() for buffer in buffers]
    if share and CAN_SHARE and sum(part.nbytes for part in raw) >= _LARGE:
        file = _file_of(raw)
        if file is not None:
            return Parcel(pickle.dumps((label, stream.getvalue(), None, [part.nbytes for part in raw])), file)
    return Parcel(pickle.dumps((label, stream.getvalue(), [bytearray(part) for part in raw], None)))


def send(connection: Connection, parcel: Parcel) -> None:
    """Write a parcel, and let go of its file; OSError where nobody reads any more."""
    try:
        connection.send_bytes(parcel.content)
        if parcel.file is not None:
            reduction.send_handle(connection, parcel.file, None)
    finally:
        if parcel.file is not None:
            os.close(parcel.file)


def receive(connection: Connection) -> Received:
    """Read a parcel; EOFError or OSError where the sender is gone."""
    label, data, buffers, sizes = pickle.loads(connection.recv_bytes())
    if sizes is not None:
        buffers = _arrays_of(_descriptor(connection), sizes)
    return Received(label, partial(pickle.loads, data, buffers=buffers))


def _descriptor(connection: Connection) -> int:
    try:
        return reduction.recv_handle(connection)
    except RuntimeError as error:  # the system has dropped it: this process has no number left for it
        raise RuntimeError(
            message(
                "Too many open files. Communication with the workers is no longer possible.",
                fix="a higher limit, by `ulimit -n` in the shell",
            )
        ) from error


class _Pickler(pickle.Pickler):
    """Arrays keep the order in which they lie, and tensors are not copied first."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is Tensor:
            return reduced(value, value._array)
        if type(value) is np.ndarray and not value.flags.forc and value.dtype != object:
            return _reduced_as_it_lies(value)
        return NotImplemented


def _reduced_as_it_lies(array: np.ndarray) -> tuple:
    """An array whose axes lie in another order (channels-last) as a contiguous one and that order."""
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return _transposed, (np.ascontiguousarray(array.transpose(order)), tuple(np.argsort(order).tolist()))


def _transposed(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return array.transpose(order)


# -------------------------------------------------------------------- files without a name


def _file_of(parts: list[memoryview]) -> int | None:
    """A new file that holds the parts, each at a multiple of the alignment; None where the system grants none."""
    try:
        file = _new_file()
    except OSError:
        return None
    try:
        for part, (start, stop) in zip(parts, _offsets([part.nbytes for part in parts])):
            while start < stop:  # a write takes up to 2 GB
                start += os.pwrite(file, part[part.nbytes - (stop - start) :], start)
        return file
    except OSError:
        os.close(file)
        return None


def _new_file() -> int:
    try:
        return os.memfd_create("rushlight-batch", os.MFD_CLOEXEC | _NO_EXECUTION)
    except OSError:
        return os.memfd_create("rushlight-batch", os.MFD_CLOEXEC)


def _offsets(sizes: list[int]) -> list[tuple[int, int]]:
    offsets, at = [], 0
    for size in sizes:
        offsets.append((at, at + size))
        at += -(-size // _ALIGNMENT) * _ALIGNMENT
    return offsets


def _arrays_of(file: int, sizes: list[int]) -> list[np.ndarray]:
    """The parts of a file, which is closed: mapped, or read where no more can be mapped."""
    offsets = _offsets(sizes)
    total = max(stop for _, stop in offsets)
    try:
        try:
            memory = _mapped(file, total)
        except OSError:
            memory = allocate((total,), np.dtype(np.uint8))
            with open(file, "rb", buffering=0, closefd=False) as stream:
                stream.seek(0)
                at = 0
                while at < total:
                    at += stream.readinto(memory[at:])
    finally:
        os.close(file)
    return [memory[start:stop] for start, stop in offsets]


def _mapped(file: int, size: int) -> np.ndarray:
    """The bytes of a file in memory until no array looks at them. OSError where no more can be mapped.

    `mmap.mmap(file)` would keep a descriptor, so that few batches could be kept. Here it maps nothing, and the file
    goes to where that is. (A finalizer that unmaps could lose a Ctrl-C: Python ignores what is raised in one.)"""
    memory = np.frombuffer(mmap.mmap(-1, size, flags=pages.PRIVATE | pages.ANONYMOUS), np.uint8)
    address = memory.ctypes.data
    # Mapped for reading at once, since that copies nothing, and only then open for writing.
    pages.map_memory(size, pages.READ, pages.PRIVATE | pages.FIXED | _POPULATE, file, address)
    pages.protect(address, size, pages.READ | pages.WRITE)
    return memory
