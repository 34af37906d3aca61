"""The zip archive that checkpoints are: a source comes in, records by name come out.

Written for files from anywhere: every number of the directory is compared with the file before it is used, records may
not overlap, and nothing is unpacked. PyTorch stores everything but TorchScript's code as it is.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np

from rushlight.checkpoint.source import Source
from rushlight.checkpoint.storages import CheckpointError, Damaged

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ZIP64, _SHORT, _WORD = 1, 0xFFFF, 0xFFFFFFFF  # the extra field of large numbers, and what stands in their place
_VERSION = 63  # tenths; the last version of the format
_LONGEST_COMMENT = 0xFFFF
_ENCRYPTED = 1


class _Record(NamedTuple):
    name: bytes
    flags: int
    method: int
    crc: int
    packed: int  # bytes in the file
    size: int  # bytes of the content
    header: int  # where its own header begins
    limit: int  # where what comes behind begins


class ZipFile:
    """Records of a source that is a zip archive; Damaged where it is none, or not whole."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._memory: np.ndarray | None = None
        try:
            self._records = self._directory()
        except (struct.error, UnicodeDecodeError):
            raise Damaged("its directory cannot be read") from None

    def __contains__(self, name: str) -> bool:
        return name in self._records

    def names(self) -> list[str]:
        """The names of all records."""
        return list(self._records)

    def size(self, name: str) -> int:
        """How many bytes a record has; CheckpointError for what no checkpoint has."""
        record = self._records.get(name)
        if record is None:
            raise CheckpointError(f"damaged: the record {name} is missing")
        if record.method or record.size != record.packed:
            raise CheckpointError(f"the record {name} is compressed, which no checkpoint is")
        if record.flags & _ENCRYPTED:
            raise CheckpointError(f"the record {name} is encrypted, which no checkpoint is")
        return record.size

    def bytes(self, name: str) -> bytes:
        """The content of a record."""
        content = bytearray(self.size(name))
        self.fill(name, memoryview(content))
        return bytes(content)

    def fill(self, name: str, memory: memoryview) -> None:
        """Fill `memory`, which has the record's size, with its content."""
        self._source.fill(self.start(name), memory)
        if zlib.crc32(memory) != self._records[name].crc:
            raise Damaged(f"Bad CRC-32 for the record {name}")

    def mapped(self, name: str) -> np.ndarray:
        """The content where it lies in the file, mapped into memory; it is not compared with its checksum."""
        if self._memory is None:
            self._memory = np.frombuffer(self._source.mapped(), np.uint8)
        start = self.start(name)
        return self._memory[start : start + self.size(name)]

    def start(self, name: str) -> int:
        """Where the content begins."""
        size, record = self.size(name), self._records[name]
        header = self._source.read(record.header, _LOCAL.size + len(record.name))
        if len(header) != _LOCAL.size + len(record.name):
            raise Damaged("it ends too early")
        signature, *_, name_length, extra_length = _LOCAL.unpack_from(header)
        if signature != b"PK\3\4" or header[_LOCAL.size :] != record.name or name_length != len(record.name):
            raise Damaged(f"the record {name} is not where the directory says")
        start = record.header + len(header) + extra_length
        if start + size > record.limit:
            raise Damaged(f"the record {name} reaches into the next")
        return start

    def _directory(self) -> dict[str, _Record]:
        count, size, start = self._end()
        if start + size > self._source.size:
            raise Damaged("its directory is not there")
        content, at, entries = self._source.read(start, size), 0, []
        for _ in range(count):
            entry, at = _entry(content, at)
            entries.append(entry)
        if at != size:
            raise Damaged("its directory has another length than it says")
        entries.sort(key=lambda entry: entry.header)
        limits = [*(entry.header for entry in entries[1:]), start]
        found: dict[str, _Record] = {}
        for entry, limit in zip(entries, limits):
            name = entry.name.decode()
            if name in found:
                raise Damaged(f"two records are called {name}")
            if entry.header + _LOCAL.size + len(entry.name) + entry.packed > limit:
                raise Damaged(f"the record {name} reaches into the next")
            found[name] = entry._replace(limit=limit)
        return found

    def _end(self) -> tuple[int, int, int]:
        """How many records there are, and the size and the start of the directory."""
        size = self._source.size
        base = max(0, size - _END.size - _LONGEST_COMMENT)
        tail = self._source.read(base, size - base)
        at = tail.rfind(b"PK\5\6")
        while at >= 0 and (at + _END.size > len(tail) or at + _END.size + _END.unpack_from(tail, at)[-1] != len(tail)):
            at = tail.rfind(b"PK\5\6", 0, at)
        if at < 0:
            raise Damaged("failed finding central directory")
        _, disk, first, here, count, length, start, _ = _END.unpack_from(tail, at)
        locator = self._source.read(base + at - _LOCATOR.size, _LOCATOR.size) if base + at >= _LOCATOR.size else b""
        if locator.startswith(b"PK\6\7"):
            _, _, where, _ = _LOCATOR.unpack(locator)
            record = _END64.unpack(self._source.read(where, _END64.size))
            if record[0] != b"PK\6\6":
                raise Damaged("its directory is not there")
            _, _, _, _, disk, first, here, count, length, start = record
        if disk or first or here != count:
            raise Damaged("it is one of several parts")
        return count, length, start


def _entry(content: bytes, at: int) -> tuple[_Record, int]:
    """The record that the directory describes at `at`, and where the next one stands."""
    fields = _ENTRY.unpack_from(content, at)
    signature, _, version, flags, method, _, _, crc, packed, size = fields[:10]
    name_length, extra_length, comment_length, disk, _, _, header = fields[10:]
    start = at + _ENTRY.size
    middle = start + name_length
    end = middle + extra_length + comment_length
    if signature != b"PK\1\2" or end > len(content) or disk not in (0, _SHORT):
        raise Damaged("its directory cannot be read")
    if version & 0xFF > _VERSION:
        raise Damaged(f"it needs version {(version & 0xFF) / 10} of the zip format")
    size, packed, header = _large(content[middle : middle + extra_length], [size, packed, header])
    return _Record(content[start:middle], flags, method, crc, packed, size, header, 0), end


def _large(extra: bytes, numbers: list[int]) -> list[int]:
    """Numbers that do not fit into 32 bits stand in an extra field of their own."""
    at = 0
    while _WORD in numbers and at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            values = iter(struct.unpack_from(f"<{length // 8}Q", extra, at + 4))
            return [next(values, number) if number == _WORD else number for number in numbers]
        at += 4 + length
    return numbers
