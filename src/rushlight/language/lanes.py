"""What the kernel language does among the lanes of vectors: masks, shuffles, transposes, conversions.

In and out: values of `ir`. Authors reach these through the methods of `ir.Function` and `ir.Value`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .emitter import Emitter
from .types import Type, bf16, element, f16, f32, i1, i16, i32, i64, like, ptr, type_code, vec
from .values import Mask, Pointer, Value


def splat(a: Value, lanes: int) -> Value:
    """A number in every lane."""
    one = insert_first(a, lanes)
    return _shuffled(one, "poison", [0] * lanes)


def insert_first(a: Value, lanes: int) -> Value:
    """A vector whose lane 0 is a; the others are undefined."""
    type = vec(a.type, lanes)
    return a.f.emit(type, f"insertelement {type.text} poison, {a.type.text} {a.text}, i32 0")


def shuffle(a: Value, b: Value | None, lanes: Sequence[int]) -> Value:
    """Chosen lanes of a and b; −1 where any value will do."""
    return _shuffled(a, b.text if b is not None else "poison", lanes)


def _shuffled(a: Value, b: str, lanes: Sequence[int]) -> Value:
    which = "zeroinitializer" if not any(lanes) else f"<{', '.join(_lane(lane) for lane in lanes)}>"
    type = a.type.text
    result = vec(element(a.type), len(lanes))
    return a.f.emit(result, f"shufflevector {type} {a.text}, {type} {b}, <{len(lanes)} x i32> {which}")


def _lane(lane: int) -> str:
    return "i32 undef" if lane < 0 else f"i32 {lane}"


def interleave(a: Value, b: Value) -> tuple[Value, Value]:
    """a0 b0 a1 b1 … in two vectors."""
    n = a.type.lanes
    order = [lane for pair in zip(range(n), range(n, 2 * n)) for lane in pair]
    return shuffle(a, b, order[:n]), shuffle(a, b, order[n:])


def deinterleave(a: Value, b: Value) -> tuple[Value, Value]:
    """Even and odd lanes of a followed by b."""
    n = a.type.lanes
    return shuffle(a, b, range(0, 2 * n, 2)), shuffle(a, b, range(1, 2 * n, 2))


def gather(f: Emitter, where: Pointer, stride: Value | int, lanes: int, count: int) -> Value:
    """Numbers `stride` apart, loaded one by one."""
    result = f.const(vec(where.of, lanes), 0)
    for lane in range(min(lanes, count)):
        result = f.insert(result, lane, where[stride * lane].load())
    return result


def gather_at(f: Emitter, where: Pointer, index: Value) -> Value:
    """Numbers at a vector of indices, by the machine's own instruction where LLVM finds it quicker."""
    lanes = index.type.lanes
    type, pointers, bits = vec(where.of, lanes), f"<{lanes} x ptr>", f"<{lanes} x i1>"
    name = f"llvm.masked.gather.v{lanes}{type_code(where.of)}.v{lanes}p0"
    f.module.declare(f"{type.text} @{name}({pointers}, i32, {bits}, {type.text})")
    places = f.emit_text(f"getelementptr {where.of.text}, ptr {where.text}, {index.type.text} {index.text}")
    mask = f"{bits} {f.vector(i1, [True] * lanes).text}"
    align = where.of.bits // 8
    return f.emit(
        type, f"call {type.text} @{name}({pointers} {places}, i32 {align}, {mask}, {type.text} zeroinitializer)"
    )


def sum_lanes(f: Emitter, a: Value) -> Value:
    """Halves added until one lane is left."""
    while a.type.lanes > 1:
        half = a.type.lanes // 2
        a = f.part(a, 0, half) + f.part(a, half, half)
    return a[0]


def sum_each(f: Emitter, vectors: Sequence[Value]) -> list[Value]:
    """The sums over the lanes of each of several vectors, two of which are halved and added at a time."""
    lanes, sums = vectors[0].type.lanes, []
    for first in range(0, len(vectors), lanes):
        held, width = list(vectors[first : first + lanes]), lanes
        count = len(held)
        while len(held) > 1:
            held += held[-1:] * (len(held) % 2)
            low = [group + i for group in range(0, 2 * lanes, width) for i in range(width // 2)]
            high = [lane + width // 2 for lane in low]
            held = [shuffle(a, b, low) + shuffle(a, b, high) for a, b in zip(held[::2], held[1::2])]
            width //= 2
        one = held[0]
        while width > 1:
            width //= 2
            one = one + shuffle(one, None, [lane ^ width for lane in range(lanes)])
        groups = 1
        while groups < count:
            groups *= 2
        sums += [one[i * (lanes // groups)] for i in range(count)]
    return sums


def any_lane(f: Emitter, a: Value) -> Value:
    """The lanes of an i1 vector, or-ed."""
    name = f"llvm.vector.reduce.or.v{a.type.lanes}i1"
    f.module.declare(f"i1 @{name}({a.type.text})")
    return f.emit(i1, f"call i1 @{name}({a.type.text} {a.text})")


# -------------------------------------------------------------------- masks


def first(f: Emitter, count: Value | int, lanes: int, of: Type) -> Mask | None:
    """The mask of the first `count` lanes, in the form in which the target keeps it cheapest."""

    if isinstance(count, int):
        if count >= lanes:
            return None
        return Mask(f.vector(i1, [lane < count for lane in range(lanes)]))
    count = f.max(f.min(count, lanes), 0)
    if f.target.isa == "avx512" and lanes <= 32:
        bits = Type(f"i{lanes}", "i", lanes, f"i{lanes}")
        ones = (f.const(i64, 1) << count) - 1
        narrow = f.emit(bits, f"trunc i64 {ones.text} to {bits.text}")
        return Mask(f.emit(vec(i1, lanes), f"bitcast {bits.text} {narrow.text} to <{lanes} x i1>"))
    wide = i64 if of.bits == 64 else i32
    limit = count.to(wide).splat(lanes)
    below = f.iota(wide, lanes) < limit
    lanes_ = f.emit(like(below.type, wide), f"sext {below.type.text} {below.text} to {vec(wide, lanes).text}")
    return Mask(lanes_, count)


def store_first(f: Emitter, pointer: Pointer, value: Value, count: Value) -> None:
    """Writes the first `count` lanes, 0 to all, by halves: where masks are no registers of their own, writing with one
    is tens of instructions inside the machine."""
    lanes = value.type.lanes
    with f.if_(count >= lanes):
        pointer.store(value)
    with f.else_():
        here = f.var(ptr(pointer.of), pointer)
        while lanes > 1:
            lanes //= 2
            low = f.part(value, 0, lanes) if lanes > 1 else value[0]
            some = (count & lanes) != 0
            with f.if_(some):
                here.value.store(low)
                here.value = here.value[lanes]
            value = f.select(some, f.part(value, lanes, lanes), low) if lanes > 1 else low


def load_first(f: Emitter, pointer: Pointer, lanes: int, count: Value) -> Value:
    """The first `count` numbers, 0 to all, and zeros: for sizes that the target cannot load with a mask, which LLVM
    would load lane by lane.

    rest of 2·s lanes = s numbers and the rest of s lanes, where count has the bit s; else that rest and zeros
    """
    loaded = f.var(vec(pointer.of, lanes), 0)
    with f.if_(count >= lanes):
        loaded.value = pointer.load(lanes)
    with f.else_():
        rest, size = f.var(vec(pointer.of, 2), 0), 1
        with f.if_((count & 1) != 0):
            rest.value = f.insert(rest.value, 0, pointer[count & -2].load())
        while 2 * (size := 2 * size) <= lanes:
            short, rest = rest.value, f.var(vec(pointer.of, 2 * size))
            rest.value = f.concat(short, f.const(short.type, 0))
            with f.if_((count & size) != 0):
                rest.value = f.concat(pointer[count & (-2 * size)].load(size), short)
        loaded.value = rest.value
    return loaded.value


# -------------------------------------------------------------------- transposes


def transpose(f: Emitter, rows: Sequence[Value]) -> list[Value]:
    """A tile of registers transposed, by the shuffles that machines have.

    First tiles within 128-bit lanes (unpack of 1, 2, … numbers), then whole 128-bit lanes (their even and odd
    ones). What lies where is followed in Python, which also puts the results in order.
    """
    type = rows[0].type
    n, of = type.lanes, element(type)
    if n & (n - 1) or len(rows) > n:
        raise ValueError(f"transpose takes at most n rows of n lanes, n a power of two: got {len(rows)} of {n}")
    junk = f.const(type, 0)
    held = [(row, [(r, lane) for lane in range(n)]) for r, row in enumerate(rows)]
    held += [(junk, [(r, lane) for lane in range(n)]) for r in range(len(rows), n)]
    unit = min(n, 128 // of.bits)
    width = 1
    while width < unit:
        held = _pairs(held, width, [_unpack(n, unit, width, high) for high in (0, 1)])
        width *= 2
    while width < n:
        held = _pairs(held, width, [_alternate(n, unit, odd) for odd in (0, 1)])
        width *= 2
    columns: list[Value | None] = [None] * n
    for value, origin in held:
        column = origin[0][1]
        if origin != [(r, column) for r in range(n)]:
            raise AssertionError(f"transpose of {type} lost its way: {origin}")
        columns[column] = value
    return columns


def _pairs(held: list, distance: int, orders: list[list[int]]) -> list:
    """Replace rows r and r + distance by two shuffles of them."""
    result = list(held)
    for r in range(len(held)):
        if r & distance:
            continue
        (a, from_a), (b, from_b) = held[r], held[r + distance]
        both = from_a + from_b
        for pointer, order in zip((r, r + distance), orders):
            result[pointer] = shuffle(a, b, order), [both[lane] for lane in order]
    return result


def _unpack(n: int, unit: int, width: int, high: int) -> list[int]:
    """Within each unit: `width` numbers of a, as many of b, alternating, from its lower or upper half."""
    order = []
    for start in range(0, n, unit):
        for block in range(0, unit // 2, width):
            at = start + high * (unit // 2) + block
            order += [*range(at, at + width), *range(n + at, n + at + width)]
    return order


def _alternate(n: int, unit: int, odd: int) -> list[int]:
    """Every second unit of a, then of b."""
    return [lane for start in range(odd * unit, 2 * n, 2 * unit) for lane in range(start, start + unit)]


# -------------------------------------------------------------------- conversions


def convert(a: Value, of: Type) -> Value:
    """a as numbers of type `of`."""
    source, target = element(a.type), element(of)
    if source == target:
        return a
    if source.kind == "h":
        return convert(_from_bf16(a) if source.name == "bf16" else _from_f16(a), target)
    if target.kind == "h":
        a = convert(a, f32)
        return _to_bf16(a) if target.name == "bf16" else _to_f16(a)
    kinds = source.kind + target.kind
    narrows = target.bits < source.bits
    verb = {
        "ff": "fptrunc" if narrows else "fpext",
        "ii": "trunc" if narrows else "zext" if source.bits == 1 else "sext",
        "if": "uitofp" if source.bits == 1 else "sitofp",
        "fi": "fptosi",
    }[kinds]
    return _cast(a, verb, target)


def _cast(a: Value, verb: str, of: Type) -> Value:
    type = like(a.type, of)
    return a.f.emit(type, f"{verb} {a.type.text} {a.text} to {type.text}")


def _renamed(a: Value, of: Type) -> Value:
    """The same register under another type of equal spelling: halves are i16 to LLVM."""

    return Value(a.f, a.text, like(a.type, of))


def _from_bf16(a: Value) -> Value:
    wide = _cast(_renamed(a, i16), "zext", i32)
    return (wide << 16).bits(f32)


def _to_bf16(a: Value) -> Value:
    """Round to nearest even on the bits: add half a unit, less one where the last kept bit is 0."""

    f, bits = a.f, a.bits(i32)
    rounded = bits.wrapping("+", ((bits >> 16) & 1) + 0x7FFF)
    chosen = f.select(_is_nan(a), bits | 0x400000, rounded)
    return _renamed(_cast(chosen >> 16, "trunc", i16), bf16)


def _is_nan(a: Value) -> Value:
    return a != a


_HALF = Type("half", "f", 16, "half")


def _from_f16(a: Value) -> Value:
    f = a.f
    if f.target.half:
        return _cast(_cast(_renamed(a, i16), "bitcast", _HALF), "fpext", f32)
    wide = _cast(_renamed(a, i16), "zext", i32)
    sign, size = (wide & 0x8000) << 16, wide & 0x7FFF
    # Exponents are 112 apart; infinity and NaN need another 112; what is subnormal here is exact as an integer.
    normal = (size << 13) + (112 << 23)
    special = normal + (112 << 23)
    small = (size.to(f32) * 2.0**-24).bits(i32)
    chosen = f.select(size < 0x400, small, f.select(size >= 0x7C00, special, normal))
    return (chosen | sign).bits(f32)


def _to_f16(a: Value) -> Value:

    f = a.f
    if f.target.half:
        return _renamed(_cast(_cast(a, "fptrunc", _HALF), "bitcast", i16), f16)
    bits = a.bits(i32)
    sign, size = (bits >> 16) & 0x8000, bits & 0x7FFFFFFF
    # Below 2⁻¹⁴ the sum with 0.5 has its last bit where the half's last bit is, so the adder rounds.
    small = (size.bits(f32) + 0.5).bits(i32) - 0x3F000000
    rounded = (size - (112 << 23) + 0xFFF + ((size >> 13) & 1)) >> 13
    special = f.select(size > 0x7F800000, f.const(size.type, 0x7E00), 0x7C00)
    chosen = f.select(size < (113 << 23), small, f.select(size >= (143 << 23), special, rounded))
    return _renamed(_cast(chosen | sign, "trunc", i16), f16)
