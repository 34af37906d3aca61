"""Object code as a flat, position-independent image.

In: an ELF object from `compiler`. Out: an `Image`, bytes that run wherever they are placed at a page boundary, and
where in them the exported functions begin. `cache` keeps images on disk, `executable` maps them; neither needs LLVM.

Kernels are closed: no libraries, no writable data. So linking is a few relocations between the code and its
constants; an object that wants anything else raises `Unlinkable`, and LLVM's own loader takes it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple


class Unlinkable(ValueError):
    """The object needs more than this file knows."""


class Image(NamedTuple):
    """Code and constants in one piece, and the offsets of its entries."""

    code: bytes
    entries: dict[str, int]

    def is_sound(self) -> bool:
        """Whether it has entries, all of them inside."""
        return bool(self.entries) and all(0 <= at < len(self.code) for at in self.entries.values())


class _Section(NamedTuple):
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


class _Symbol(NamedTuple):
    name: str
    section: int
    value: int


_ALLOCATED, _WRITABLE = 2, 1
_RELA, _NOBITS = 4, 8
_X86_64, _AARCH64 = 62, 183


def link(object_code: bytes, exports: list[str]) -> Image:
    """Lay out the sections that are loaded, resolve the references between them, find the exports."""
    machine, sections = _sections(object_code)
    offsets, image = _layout(object_code, sections)
    symbols = _symbols(object_code, sections)
    relocate = {_X86_64: _relocate_x86_64, _AARCH64: _relocate_aarch64}[machine]
    for table in sections:
        if table.type == _RELA and table.info in offsets:
            for at, kind, symbol, addend in _relocations(object_code, table):
                where = offsets[table.info] + at
                relocate(image, where, kind, _address(symbols[symbol], offsets) + addend)
    found = {symbol.name: _address(symbol, offsets) for symbol in symbols if symbol.name in exports}
    missing = [name for name in exports if name not in found]
    if missing:
        raise Unlinkable(f"no function {missing[0]!r} in the object")
    linked = Image(bytes(image), found)
    if exports and not linked.is_sound():
        raise Unlinkable("a function lies outside the object's code")
    return linked


def _sections(data: bytes) -> tuple[int, list[_Section]]:
    if data[:6] != b"\x7fELF\x02\x01":
        raise Unlinkable("not a 64-bit little-endian ELF object")
    (machine,) = struct.unpack_from("<H", data, 18)
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    if machine not in (_X86_64, _AARCH64):
        raise Unlinkable(f"ELF machine {machine}")
    raw = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * index) for index in range(count)]
    strings = raw[names][4]
    return machine, [
        _Section(_string(data, strings + name), type, flags, offset, length, link, info, align)
        for name, type, flags, _, offset, length, link, info, align, _ in raw
    ]


def _string(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()


def _layout(data: bytes, sections: list[_Section]) -> tuple[dict[int, int], bytearray]:
    """Loaded sections one after another, aligned; and the offset of each by its index."""
    offsets, image = {}, bytearray()
    for index, section in enumerate(sections):
        if not section.flags & _ALLOCATED or not section.size:
            continue
        if section.flags & _WRITABLE or section.type == _NOBITS:
            raise Unlinkable(f"writable section {section.name}")
        image += bytes(-len(image) % max(section.align, 1))
        offsets[index] = len(image)
        image += data[section.offset : section.offset + section.size]
    return offsets, image


def _symbols(data: bytes, sections: list[_Section]) -> list[_Symbol]:
    table = next((section for section in sections if section.type == 2), None)
    if table is None:
        return []
    strings = sections[table.link].offset
    entries = struct.iter_unpack("<IBBHQQ", data[table.offset : table.offset + table.size])
    return [_Symbol(_string(data, strings + name), section, value) for name, _, _, section, value, _ in entries]


def _relocations(data: bytes, table: _Section) -> list[tuple[int, int, int, int]]:
    """(offset, kind, symbol, addend) of each entry."""
    entries = struct.iter_unpack("<QQq", data[table.offset : table.offset + table.size])
    return [(at, info & 0xFFFFFFFF, info >> 32, addend) for at, info, addend in entries]


def _address(symbol: _Symbol, offsets: dict[int, int]) -> int:
    if symbol.section not in offsets:
        raise Unlinkable(f"symbol {symbol.name!r} lies outside the object")
    return offsets[symbol.section] + symbol.value


def _relocate_x86_64(image: bytearray, at: int, kind: int, target: int) -> None:
    if kind in (2, 4):  # PC32, PLT32: a function or constant, relative to here
        struct.pack_into("<i", image, at, target - at)
    elif kind == 24:  # PC64
        struct.pack_into("<q", image, at, target - at)
    else:
        raise Unlinkable(f"x86-64 relocation {kind}")


# Which low bits of an address LDST8, 16, 32, 64 and 128 leave out, by relocation.
_SCALES = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}


def _relocate_aarch64(image: bytearray, at: int, kind: int, target: int) -> None:
    if kind == 261:  # PREL32
        struct.pack_into("<i", image, at, target - at)
        return
    if kind == 260:  # PREL64
        struct.pack_into("<q", image, at, target - at)
        return
    (word,) = struct.unpack_from("<I", image, at)
    if kind in (282, 283):  # JUMP26, CALL26
        word |= (target - at >> 2) & 0x3FFFFFF
    elif kind == 275:  # ADR_PREL_PG_HI21: pages between here and there; images begin at a page
        pages = (target >> 12) - (at >> 12)
        word |= (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5
    elif kind in _SCALES:  # ADD_ABS_LO12_NC, LDST*_ABS_LO12_NC
        word |= (target & 0xFFF) >> _SCALES[kind] << 10
    else:
        raise Unlinkable(f"aarch64 relocation {kind}")
    struct.pack_into("<I", image, at, word)
