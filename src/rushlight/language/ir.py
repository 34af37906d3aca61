"""The small language in which kernels are written: Python that emits LLVM IR as text.

In: a `Target`, and Python functions (the kernel authors') that call the methods below. Out: `Module.text()`, which
`jit` compiles. Nothing here loads LLVM; everything is tested as text, too.

A kernel that doubles an array, with a masked tail, in dynamic chunks of 1024 for all threads of a team:

    from rushlight.language.ir import Module, Params, f32, i64, ptr

    PARAMS = Params(x=ptr(f32), y=ptr(f32), n=i64)

    k = Module(target)
    lanes = k.lanes(f32)
    with k.kernel("double", PARAMS) as (f, p):
        with f.dynamic_loop(p.next, f.ceil_div(p.n, 1024)) as block:
            start = block * 1024
            stop = f.min(start + 1024, p.n)
            with f.loop(start, stop, lanes) as i:
                mask = f.mask(stop - i, lanes)
                p.y[i].store(p.x[i].load(lanes, mask=mask) * 2.0, mask=mask)

Rules of the language
* Python's integers, floats and bools are its constants, and whatever can be computed from constants alone is
  computed in Python: `x * 0` is the int 0, `f.if_(True)` emits no branch, a loop of one iteration is no loop. So an
  author writes one text for known and unknown sizes. Unrolling is Python's own `for`.
* Operators: `+ - * // % << >> & | ^`, comparisons, on numbers and vectors of one type; Python numbers adapt.
  Integers are signed and must not overflow (but in `a.wrapping("+", b)`); `//` and `%` need operands ≥ 0 (and cost
  20 cycles: keep counters).
* Floating point is computed as written: nothing is reassociated, and only `f.fma` fuses (where the target can;
  elsewhere it multiplies and adds). So bits do not depend on the optimiser.
* A value belongs to the function in which it was made. Mutable variables (`f.var`) become registers.
* Halves (f16, bf16) are loaded, stored and shuffled as they are, and computed with after `.to(f32)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from . import lanes as _lanes
from .params import (
    BEHIND,
    Array,
    Axes,
    AxisTables,
    F,
    Fields,
    Params,
    Real,
    Table,
    Word,
    index_of,
    size_of,
    word_group,
)
from .types import (
    BY_NAME,
    Type,
    bf16,
    element,
    f16,
    f32,
    f64,
    i1,
    i8,
    i16,
    i32,
    i64,
    i128,
    like,
    literal,
    ptr,
    type_code,
    vec,
)
from .values import Mask, Pointer, Value, Variable

if TYPE_CHECKING:
    from ..plan.target import Target

__all__ = [
    "BY_NAME",
    "Array",
    "Axes",
    "AxisTables",
    "Fields",
    "Function",
    "Mask",
    "Module",
    "Params",
    "Pointer",
    "Real",
    "Table",
    "Value",
    "Variable",
    "Word",
    "bf16",
    "element",
    "f16",
    "f32",
    "f64",
    "i1",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "index_of",
    "like",
    "ptr",
    "size_of",
    "vec",
    "word_group",
]  # fmt: skip

Operand = Value | Pointer | int | float  # what an operation takes; Python numbers are constants


class Function:
    """The body under construction, and the verbs of the language."""

    def __init__(self, module: Module, name: str, head: str, returns: Type | None = None) -> None:
        self.module, self.name, self._head, self.returns = module, name, head, returns
        self.target = module.target
        self._reserved: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"
        self._after_if: tuple[int, str, bool | None] = (-1, "", None)
        self.behind: Value | None = None  # of a kernel: whether this thread takes items from the back

    # ---------------------------------------------------------------- text

    def line(self, text: str) -> None:
        """Append an instruction without a result."""
        self._lines.append("  " + text)

    def emit_text(self, text: str) -> str:
        """Append an instruction; gives the name of its result."""
        self._count = count = self._count + 1
        self._lines.append(f"  %v{count} = {text}")
        return f"%v{count}"

    def emit(self, type: Type, text: str) -> Value:
        """Append an instruction whose result has `type`."""
        self._count = count = self._count + 1
        self._lines.append(f"  %v{count} = {text}")
        return Value(self, f"%v{count}", type)

    def intrinsic(self, type: Type, name: str, *arguments: Value) -> Value:
        """Call LLVM's `llvm.<name>.<type>`, all of whose arguments and result have `type`."""
        full = f"llvm.{name}.{f'v{type.lanes}' if type.lanes else ''}{type_code(type)}"
        self.module.declare(f"{type.text} @{full}({', '.join([type.text] * len(arguments))})")
        texts = ", ".join(f"{type.text} {self.operand(argument, type)}" for argument in arguments)
        return self.emit(type, f"call {type.text} @{full}({texts})")

    def operand(self, value: Value | Pointer | int | float, type: Type) -> str:
        """A value, pointer or Python number as an operand of `type`."""
        if not isinstance(value, Value | Pointer):
            return literal(type, value)
        if value.type.text != type.text:
            raise TypeError(f"{value.type} where {type} is needed")
        return value.text

    def reserve(self, type: Type, count: int = 1, align: int = 0) -> str:
        """An allocation on the stack, made once at entry; gives its address."""
        name = f"%s{len(self._reserved)}"
        self._reserved.append(f"  {name} = alloca {type.text}, i32 {count}" + (f", align {align}" if align else ""))
        return name

    def _label(self, name: str) -> str:
        self._count += 1
        return f"{name}{self._count}"

    def _goto(self, label: str) -> None:
        self._lines.append(f"  br label %{label}")

    def _begin_block(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._block = label

    def text(self) -> str:
        """The finished function."""
        end = "  ret void" if self.returns is None else "  unreachable"
        return "\n".join([f"{self._head} {{", "entry:", *self._reserved, *self._lines, end, "}"])

    # ---------------------------------------------------------------- values

    def const(self, type: Type, number: int | float) -> Value:
        """A Python number as a value of `type`; every lane of a vector holds it."""
        return Value(self, literal(type, number), type)

    def vector(self, of: Type, numbers: Sequence[int | float]) -> Value:
        """A constant vector."""
        text = ", ".join(f"{of.text} {literal(of, number)}" for number in numbers)
        return Value(self, f"<{text}>", vec(of, len(numbers)))

    def var(self, type: Type, initial: Value | Pointer | int | float | None = None) -> Variable:
        """A mutable variable, read and written through its `.value`."""
        return Variable(self, type, initial)

    def local(self, of: Type, count: int, align: int = 64) -> Pointer:
        """`count` numbers on the stack, uninitialised."""
        return Pointer(self, self.reserve(of, count, align), of)

    # ---------------------------------------------------------------- arithmetic

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a·b + c in one rounding where the target has it, else in two. Numbers and vectors of floats."""
        if not self.target.fma:
            return a * b + c
        return self.intrinsic(next(v.type for v in (a, b, c) if isinstance(v, Value)), "fma", a, b, c)

    def sqrt(self, a: Value) -> Value:
        """The square root, correctly rounded."""
        return self.intrinsic(a.type, "sqrt", a)

    def abs(self, a: Value) -> Value:
        """The absolute value of a float."""
        return self.intrinsic(a.type, "fabs", a)

    def max(self, a: Value | int | float, b: Value | int | float) -> Value | int | float:
        """The greater one. Of floats `a if a > b else b`, so that a NaN in b passes: relu is f.max(0.0, x)."""
        return self._extreme(a, b, ">", "smax", max)

    def min(self, a: Value | int | float, b: Value | int | float) -> Value | int | float:
        """The smaller one. Of floats `a if a < b else b`, so that a NaN in b passes."""
        return self._extreme(a, b, "<", "smin", min)

    def _extreme(self, a: Operand, b: Operand, op: str, name: str, plain: Callable) -> Operand:
        known = next((v for v in (a, b) if isinstance(v, Value)), None)
        if known is None:
            return plain(a, b)
        if known.type.kind == "i":
            return self.intrinsic(known.type, name, a, b)
        a = a if isinstance(a, Value) else self.const(known.type, a)
        return self.select(a.compare(op, b), a, b)

    def select(self, condition: Value | bool, a: Operand, b: Operand) -> Operand:
        """a where the condition holds, else b; lane by lane for vectors. Both are computed."""
        if not isinstance(condition, Value):
            return a if condition else b
        type = next((v.type for v in (a, b) if not isinstance(v, int | float)), i64)
        chosen = f"{type.text} {self.operand(a, type)}, {type.text} {self.operand(b, type)}"
        text = self.emit_text(f"select {condition.type.text} {condition.text}, {chosen}")
        return Pointer(self, text, type.of) if type.kind == "p" else Value(self, text, type)

    def ceil_div(self, a: Value | int, b: Value | int) -> Value | int:
        """⌈a / b⌉ for a ≥ 0 and b > 0."""
        return (a + (b - 1)) // b

    def both(self, a: Value | bool, b: Value | bool) -> Value | bool:
        """Whether both conditions hold."""
        if isinstance(a, bool):
            return b if a else False
        if isinstance(b, bool):
            return a if b else False
        return a & b

    # ---------------------------------------------------------------- vectors (defined in lanes.py)

    def iota(self, of: Type, lanes: int) -> Value:
        """0, 1, 2, … in the lanes."""
        return self.vector(of, range(lanes))

    def mask(self, count: Value | int, lanes: int, of: Type = f32) -> Mask | None:
        """The first `count` of `lanes` numbers of type `of`; None (no mask needed) for a constant count ≥ lanes.

        Any count will do: below 0 it means none, above `lanes` all. Build it once, outside the loop."""
        return _lanes.first(self, count, lanes, of)

    def splat(self, a: Value, lanes: int) -> Value:
        """A number in every lane."""
        return _lanes.splat(a, lanes)

    def converted(self, a: Value, of: Type) -> Value:
        """Numbers as those of another type (`Value.to`)."""
        return _lanes.convert(a, of)

    def load_first(self, pointer: Pointer, lanes: int, count: Value) -> Value:
        """The first `count` lanes, and zeros."""
        return _lanes.load_first(self, pointer, lanes, count)

    def store_first(self, pointer: Pointer, value: Value, count: Value) -> None:
        """Write the first `count` lanes."""
        _lanes.store_first(self, pointer, value, count)

    def shuffle(self, a: Value, b: Value | None, lanes: Sequence[int]) -> Value:
        """A vector of chosen lanes of a (0 …) and b (a's lanes …)."""
        return _lanes.shuffle(a, b, lanes)

    def interleave(self, a: Value, b: Value) -> tuple[Value, Value]:
        """a0 b0 a1 b1 …, in two vectors."""
        return _lanes.interleave(a, b)

    def deinterleave(self, a: Value, b: Value) -> tuple[Value, Value]:
        """The even lanes and the odd lanes of a followed by b."""
        return _lanes.deinterleave(a, b)

    def concat(self, a: Value, b: Value) -> Value:
        """a's lanes, then b's."""
        return _lanes.shuffle(a, b, range(2 * a.type.lanes))

    def part(self, a: Value, start: int, lanes: int) -> Value:
        """`lanes` lanes of a from `start` on."""
        return _lanes.shuffle(a, None, range(start, start + lanes))

    def insert(self, a: Value, lane: int, number: Value) -> Value:
        """a with one lane replaced."""
        scalar = f"{number.type.text} {number.text}"
        return self.emit(a.type, f"insertelement {a.type.text} {a.text}, {scalar}, i32 {lane}")

    def lane(self, a: Value, lane: int) -> Value:
        """One lane of a in every lane."""
        return _lanes.shuffle(a, None, [lane] * a.type.lanes)

    def transpose(self, rows: Sequence[Value]) -> list[Value]:
        """Rows of n lanes → n vectors: result j holds lane j of every row. At most n rows; lanes beyond are junk."""
        return _lanes.transpose(self, rows)

    def gather(self, where: Pointer, stride: Value | int, lanes: int, count: int | None = None) -> Value:
        """Numbers `stride` apart, loaded one by one; lanes from `count` on are 0."""
        return _lanes.gather(self, where, stride, lanes, lanes if count is None else count)

    def gather_at(self, where: Pointer, index: Value) -> Value:
        """The numbers that lie at a vector of indices (each is read)."""
        return _lanes.gather_at(self, where, index)

    def sum_lanes(self, a: Value) -> Value:
        """The sum over the lanes, halves added pairwise, always in the same order."""
        return _lanes.sum_lanes(self, a)

    def sum_each(self, vectors: Sequence[Value]) -> list[Value]:
        """The sums over the lanes of each of several vectors: fewer instructions than `sum_lanes` of each."""
        return _lanes.sum_each(self, vectors)

    def any_lane(self, a: Value) -> Value:
        """Whether an i1 vector holds anywhere."""
        return _lanes.any_lane(self, a)

    # ---------------------------------------------------------------- control flow

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: Value | int = 1, sure: bool = False) -> Iterator:
        """For start, start + step, … below stop; step > 0. `sure`: at least one iteration, no test before the first."""
        constant = isinstance(start, int) and isinstance(stop, int) and isinstance(step, int)
        if constant and start >= stop:
            with self.if_(False):
                yield start
            return
        if constant and start + step >= stop:
            yield start
            return
        with self.if_(True if sure or constant else start < stop):
            before, head, latch = self._block, self._label("loop"), self._label("latch")
            self._goto(head)
            self._begin_block(head)
            counter, following = f"%i{self._count}", f"%n{self._count}"
            first = self.operand(start, i64)
            self.line(f"{counter} = phi i64 [{first}, %{before}], [{following}, %{latch}]")
            yield Value(self, counter, i64)
            self._goto(latch)
            self._begin_block(latch)
            self.line(f"{following} = add nsw i64 {counter}, {self.operand(step, i64)}")
            again = Value(self, following, i64) < stop
            done = self._label("done")
            self.line(f"br i1 {again.text}, label %{head}, label %{done}")
            self._begin_block(done)

    @contextmanager
    def dynamic_loop(self, counter: Pointer, total: Value | int, chunk: int = 1) -> Iterator:
        """Each item 0 … total−1 once among all threads: whoever is free takes the next `chunk` of them.

        Threads take from the front or, where a kernel is called from `behind`, from the back: so the same thread reads
        the same part of the memory in each launch, and finds it in its core's own caches. The counter holds how many
        were taken on either side."""
        head, body, done = self._label("next"), self._label("item"), self._label("done")
        total = total if isinstance(total, Value) else self.const(i64, total)
        few = behind = self.const(i1, 0)
        if self.behind is not None:  # of more items than half of the counter counts, all are taken from the front
            few = total < 1 << _HALF - 1
            behind = self.both(self.behind, few)
        step = self.select(behind, self.const(i64, chunk << _HALF), self.const(i64, chunk))
        self._goto(head)
        self._begin_block(head)
        taken = counter.fetch_add(step)
        front = self.select(few, taken & (1 << _HALF) - 1, taken)
        back = self.select(few, taken >> _HALF, self.const(i64, 0))
        left = total - front - back
        self.line(f"br i1 {(left > 0).text}, label %{body}, label %{done}")
        self._begin_block(body)
        count = self.min(left, chunk)
        first = self.select(behind, total - back - count, front)
        if chunk == 1:
            yield first
        else:
            with self.loop(first, first + count, sure=True) as item:
                yield item
        self._goto(head)
        self._begin_block(done)

    @contextmanager
    def while_(self, variable: Variable) -> Iterator[Value]:
        """Again and again while an integer variable is above 0, which the block must see to; gives its value."""
        head, body, done = self._label("while"), self._label("body"), self._label("done")
        self._goto(head)
        self._begin_block(head)
        value = variable.value
        self.line(f"br i1 {(value > 0).text}, label %{body}, label %{done}")
        self._begin_block(body)
        yield value
        self._goto(head)
        self._begin_block(done)

    @contextmanager
    def if_(self, condition: Value | bool) -> Iterator[None]:
        """Run the block where the condition holds; `with f.else_():` may follow at once."""
        if not isinstance(condition, Value):
            condition = bool(condition)
        if condition is True:
            yield
            self._after_if = (len(self._lines), "", True)
            return
        body, end = self._label("then"), self._label("end")
        test = "false" if condition is False else condition.text
        self.line(f"br i1 {test}, label %{body}, label %{end}")
        branch = len(self._lines) - 1
        self._begin_block(body)
        yield
        self._goto(end)
        self._begin_block(end)
        self._after_if = (len(self._lines), end, branch)

    @contextmanager
    def else_(self) -> Iterator[None]:
        """What to do where the condition of the `if_` just ended did not hold."""
        length, end, branch = self._after_if
        if length != len(self._lines):
            raise SyntaxError("else_ must follow its if_ at once")
        if branch is True:
            with self.if_(False):
                yield
            return
        otherwise = self._label("else")
        self._lines.pop()  # the label `end`, which moves behind the other branch
        self._lines[branch] = self._lines[branch].replace(f"label %{end}", f"label %{otherwise}")
        self._begin_block(otherwise)
        yield
        self._goto(end)
        self._begin_block(end)

    def call(self, function: Function, *arguments: Value | Pointer | int) -> Value | None:
        """Call another function of the module."""
        types = function.parameters
        if len(types) != len(arguments):
            raise TypeError(f"{function.name} takes {len(types)} arguments, not {len(arguments)}")
        pairs = [f"{type.text} {self.operand(value, type)}" for type, value in zip(types, arguments)]
        text = f"call {function.returns.text if function.returns else 'void'} @{function.name}({', '.join(pairs)})"
        if function.returns is None:
            self.line(text)
            return None
        return self.emit(function.returns, text)

    def call_address(self, address: Value, *arguments: Value | Pointer, returns: Type | None = None) -> Value | None:
        """Call a function of another module, or of the C library, by its address."""
        pointer = self.emit_text(f"inttoptr i64 {address.text} to ptr")
        given = ", ".join(f"{'ptr' if value.type.kind == 'p' else value.type.text} {value.text}" for value in arguments)
        if returns is not None:
            return self.emit(returns, f"call {returns.text} {pointer}({given})")
        self.line(f"call void {pointer}({given})")
        return None

    def ret(self, value: Value | int | float | None = None) -> None:
        """Return from the function."""
        given = "void" if value is None else f"{self.returns.text} {self.operand(value, self.returns)}"
        self.line(f"ret {given}")
        self._begin_block(self._label("dead"))

    # ---------------------------------------------------------------- subnormals

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """Inside, subnormals are zero and rounding is to nearest even; the caller's mode is restored after."""
        before = self._mode()
        self._set_mode(self.const(before.type, _PLAIN[self.target.arch] | _FLUSH[self.target.arch]))
        yield
        self._set_mode(before)

    @contextmanager
    def in_mode(self, word: Value) -> Iterator[None]:
        """Inside, the floating-point mode of `mode_word` of another thread; that of this one where the word is 0."""
        before, given = self._mode(), word != 0
        with self.if_(given):
            self._set_mode(word.to(before.type))
        yield
        with self.if_(given):
            self._set_mode(before)

    def mode_word(self) -> Value:
        """This thread's floating-point mode, as an i64 that is never 0."""
        return self._mode().to(i64) | 1 << 48

    def set_flushed(self, condition: Value) -> None:
        """Whether subnormals are zero in what this thread does from now on."""
        arch, mode = self.target.arch, self._mode()
        others = mode & ~_FLUSH[arch] % (1 << mode.type.bits)
        self._set_mode(others | self.select(condition, self.const(mode.type, _FLUSH[arch]), self.const(mode.type, 0)))

    def _mode(self) -> Value:
        """The thread's floating-point mode."""
        if self.target.arch == "aarch64":
            self.module.declare("i64 @llvm.aarch64.get.fpcr()")
            return self.emit(i64, "call i64 @llvm.aarch64.get.fpcr()")
        self.module.declare("void @llvm.x86.sse.stmxcsr(ptr)")
        pointer = Pointer(self, self.reserve(i32), i32)
        self.line(f"call void @llvm.x86.sse.stmxcsr(ptr {pointer.text})")
        return pointer.load()

    def _set_mode(self, mode: Value) -> None:
        if self.target.arch == "aarch64":
            self.module.declare("void @llvm.aarch64.set.fpcr(i64)")
            self.line(f"call void @llvm.aarch64.set.fpcr(i64 {mode.text})")
            return
        self.module.declare("void @llvm.x86.sse.ldmxcsr(ptr)")
        pointer = Pointer(self, self.reserve(i32), i32)
        pointer.store(mode)
        self.line(f"call void @llvm.x86.sse.ldmxcsr(ptr {pointer.text})")


# The mode with all exceptions masked and rounding to nearest, and what flushes results and operands.
_HALF = 31
"""Bits of a kernel's counter that count the items taken from the front; those above count the others."""

_PLAIN = {"x86-64": 0x1F80, "aarch64": 0}
_FLUSH = {"x86-64": 0x8000 | 0x0040, "aarch64": 1 << 24}


class Module:
    """A set of functions for one target, compiled together."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.exports: list[str] = []
        self._functions: list[Function] = []
        self._declared: dict[str, None] = {}
        self._globals: list[str] = []

    def lanes(self, of: Type) -> int:
        """How many numbers of type `of` a register holds."""
        return self.target.vector_bytes // of.bytes

    def declare(self, signature: str) -> None:
        """Make an intrinsic known."""
        self._declared[signature] = None

    @contextmanager
    def function(
        self,
        name: str,
        parameters: Sequence[tuple[str, Type]],
        returns: Type | None = None,
        inline: bool | None = None,
        export: bool = False,
        distinct: bool = True,
    ) -> Iterator[tuple]:
        """Define a function: `with k.function("tile", [("x", ptr(f32)), ("n", i64)]) as (f, x, n):`.

        `distinct` promises that its pointers do not overlap where one of them is written, by anybody. `inline`:
        always, never, or as LLVM likes."""
        given = ", ".join(f"{_attribute(type, distinct)} %{label}" for label, type in parameters)
        hint = {True: " alwaysinline", False: " noinline", None: ""}[inline]
        linkage = "" if export else "internal "
        head = f"define {linkage}{returns.text if returns else 'void'} @{name}({given}) #0{hint}"
        f = Function(self, name, head, returns)
        f.parameters = [type for _, type in parameters]
        yield (
            f,
            *(
                Pointer(f, f"%{label}", type.of) if type.kind == "p" else Value(f, f"%{label}", type)
                for label, type in parameters
            ),
        )
        self._functions.append(f)
        if export:
            self.exports.append(name)

    @contextmanager
    def kernel(self, name: str, params: Params[F], flushed: bool = True) -> Iterator[tuple[Function, F]]:
        """Define an exported kernel `void name(words)`: any number of threads call it at once, and share the work;
        those that add `BEHIND` to the address take it from the back.

        Subnormals are zero inside, unless not `flushed`."""
        # Not distinct: other threads count in the same words meanwhile.
        with self.function(name, [("words", ptr(i64))], export=True, distinct=False) as (f, given):
            tag = given.address() & BEHIND
            f.behind, words = tag != 0, given.bytes(-tag)
            with f.flushed() if flushed else nullcontext():
                yield f, params.read(f, words)

    def shared(self, name: str, define: Callable[[Module, str], Function]) -> Function:
        """The function of a name, defined by the first that asks for it: what several parts of a module call."""
        known = next((function for function in self._functions if function.name == name), None)
        return known or define(self, name)

    def table(self, f: Function, of: Type, numbers: Sequence[int | float]) -> Pointer:
        """A constant array, for use in `f`."""
        name = f"@table{len(self._globals)}"
        items = ", ".join(f"{of.text} {literal(of, number)}" for number in numbers)
        kind = f"[{len(numbers)} x {of.text}]"
        self._globals.append(f"{name} = internal unnamed_addr constant {kind} [{items}], align 64")
        return Pointer(f, name, of)

    def text(self) -> str:
        """The module as LLVM IR."""
        declarations = [f"declare {signature}" for signature in self._declared]
        bodies = [function.text() for function in self._functions]
        width = self.target.vector_bytes * 8
        attributes = f'attributes #0 = {{ nounwind "no-builtins" "min-legal-vector-width"="{width}" }}'
        head = f'target triple = "{self.target.triple}"'
        return "\n".join([head, *self._globals, *declarations, *bodies, attributes]) + "\n"


def _attribute(type: Type, distinct: bool) -> str:
    return "ptr noalias" if type.kind == "p" and distinct else type.text
