"""Write the stubs (`.pyi`) that type checkers and editors read, from the package as it is when it runs.

In: the imported package, whose names are loaded when they are asked for, and the table of a tensor's methods, neither
of which a checker follows. Out: a stub beside `rushlight/__init__.py`, `autograd/engine.py`, `tensor/core.py`,
`nn/functional.py` and each package that shows what its files define. Annotations are those of the source;
`overloads.pyi` beside this file says more where the result depends on the call.

    python tools/make_stubs.py          # writes
    python tools/make_stubs.py --check  # says what is not up to date, and fails
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import importlib
import inspect
import pkgutil
import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import rushlight
from rushlight.autograd.value import Value
from rushlight.core import dtypes
from rushlight.explain.explanation import Explanation
from rushlight.random import Generator
from rushlight.tensor.core import Tensor
from rushlight.tensor.layout import MemoryFormat
from rushlight.tensor.methods import METHODS
from rushlight.tensor.missing import Missing
from rushlight.tensor.output import TAKES_OUT
from rushlight.tensor.size import Size, device

HERE = Path(__file__).resolve().parent
ROOT = Path(rushlight.__file__).resolve().parent
PACKAGES = ("autograd", "datasets", "nn", "nn.utils", "optim", "profiler", "random", "utils", "utils.data")
PAIR = "ValuesAndIndices"
HEAD = "# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.\n"
WORDS = {"Tensor": Tensor, "Size": Size, "dtype": dtypes.dtype, "device": device, "Generator": Generator}
WORDS |= {"MemoryFormat": MemoryFormat, "Explanation": Explanation}


class Stub:
    """The text of one stub, and the imports that its annotations need."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module
        self.imports: set[str] = set()
        self.lines: list[str] = []
        self.needs_pair = False

    def text(self) -> str:
        """The stub as a file's contents."""
        pair = f"class {PAIR}(_NamedTuple):\n    values: Tensor\n    indices: Tensor\n\n" if self.needs_pair else ""
        if pair:
            self.imports.add("from typing import NamedTuple as _NamedTuple")
        return f"{HEAD}\n" + "\n".join(sorted(self.imports)) + "\n\n" + pair + "\n".join(self.lines) + "\n"

    # -- names

    def name(self, identifier: str, home: types.ModuleType | None) -> str:
        """What the stub calls what `identifier` means in the module `home` (None: in overloads.pyi)."""
        if identifier == PAIR:
            return self._pair()
        value = WORDS.get(identifier, _MISSING) if home is None else _looked_up(identifier, home)
        if value is _MISSING and hasattr(builtins, identifier):
            self.imports.add("import builtins as _b")
            return f"_b.{identifier}"
        for library in (collections.abc, typing):
            if hasattr(library, identifier) and (value is _MISSING or value is getattr(library, identifier)):
                return self._imported(library.__name__, identifier)
        if inspect.ismodule(value):
            self.imports.add(f"import {value.__name__} as _{identifier}")
            return f"_{identifier}"
        if inspect.isclass(value):
            return self.of_class(value)
        return self.annotation(*_alias(identifier, home))

    def of_class(self, value: type) -> str:
        """A class, by its own name where it is the stub's."""
        value = Tensor if value is Value else value  # to users every value is a tensor
        if value.__module__ == self.module.__name__:
            return value.__name__
        if value.__module__ == "builtins":
            self.imports.add("import builtins as _b")
            return f"_b.{value.__name__}"
        return self._imported(value.__module__, value.__name__)

    def _pair(self) -> str:
        if self.module.__name__ == "rushlight.tensor.core":
            self.needs_pair = True
            return PAIR
        return self._imported("rushlight.tensor.core", PAIR)

    def _imported(self, module: str, name: str) -> str:
        self.imports.add(f"from {module} import {name} as _{name.lstrip('_')}")
        return f"_{name.lstrip('_')}"

    def annotation(self, text: str | type | None, home: types.ModuleType | None) -> str:
        """An annotation of the source in the stub's names."""
        if not isinstance(text, str):
            return self._evaluated(text)
        stub = self

        class Renaming(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                return ast.parse(stub.name(node.id, home), mode="eval").body

        tree = ast.parse(text, mode="eval")
        return ast.unparse(Renaming().visit(tree))

    def _evaluated(self, value: object) -> str:
        """An annotation of a file that evaluates them."""
        if value in (None, type(None)):
            return "None"
        if value is Ellipsis:
            return "..."
        if isinstance(value, types.UnionType) or typing.get_origin(value) is typing.Union:
            return " | ".join(map(self._evaluated, typing.get_args(value)))
        if isinstance(value, list):
            return f"[{', '.join(map(self._evaluated, value))}]"
        if typing.get_origin(value) is not None:
            inner = ", ".join(map(self._evaluated, typing.get_args(value)))
            return f"{self._evaluated(typing.get_origin(value))}[{inner}]"
        if inspect.isclass(value):
            return self.of_class(value)
        return self.name(getattr(value, "__name__", None) or repr(value).rpartition(".")[2], None)

    # -- definitions

    def function(self, name: str, function: Callable, indent: str = "", out: bool = False) -> Iterator[str]:
        """`def name(…) -> …: ...` of a function, with the first line of what it says of itself."""
        raw = inspect.unwrap(function)
        home = sys.modules[raw.__module__]
        parts, starred = [], False
        signature = inspect.signature(raw)
        parameters = list(signature.parameters.values())
        returns = signature.return_annotation
        result = "" if returns is signature.empty else f" -> {self.annotation(returns, home)}"
        for at, parameter in enumerate(parameters):
            if parameter.kind is parameter.KEYWORD_ONLY and not starred:
                parts.append("*")
                starred = True
            starred = starred or parameter.kind is parameter.VAR_POSITIONAL
            if parameter.kind is parameter.VAR_KEYWORD and out:
                parts += ([] if starred else ["*"]) + [self._out(result)]
                out = False
            parts.append(self._parameter(parameter, home, first=indent != "" and at == 0))
        if out:
            parts += ([] if starred else ["*"]) + [self._out(result)]
        if indent and result == " -> Tensor" and _is_in_place(name):
            result = f" -> {self._imported('typing', 'Self')}"  # a parameter stays one
        kept = [*_split(parameters, parts)]
        yield from self._definition(name, ", ".join(kept), result, raw.__doc__, indent)

    def _out(self, result: str) -> str:
        self.imports.add("import builtins as _b")
        tensor = self.of_class(Tensor)
        return f"out: {f'_b.tuple[{tensor}, ...]' if 'tuple' in result else tensor} | None = None"

    def _parameter(self, parameter: inspect.Parameter, home: types.ModuleType, first: bool) -> str:
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        name = "self" if first and not stars else parameter.name
        text = stars + name
        if parameter.annotation is not parameter.empty and name not in ("self", "cls"):
            text += f": {self.annotation(parameter.annotation, home)}"
        if parameter.default is not parameter.empty:
            plain = parameter.default is None or type(parameter.default) in (bool, int, float, str)
            shown = repr(parameter.default) if plain and repr(parameter.default) not in ("inf", "nan") else "..."
            text += f" = {shown}" if ":" in text else f"={shown}"
        return text

    def _definition(self, name: str, parameters: str, result: str, doc: str | None, indent: str) -> Iterator[str]:
        ignored = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
        said = (doc or "").strip().split("\n")[0].replace("\\", "\\\\").replace('"""', "'''")
        if not said or ignored:
            yield f"{indent}def {name}({parameters}){result}: ...{ignored}"
            return
        yield f"{indent}def {name}({parameters}){result}:"
        yield f'{indent}    """{said}{" " if said.endswith(chr(34)) else ""}"""'

    def written(self, nodes: list[ast.FunctionDef], doc: str | None, indent: str = "") -> Iterator[str]:
        """Functions of overloads.pyi, in the stub's names."""
        for node in nodes:
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            for argument in every:
                if argument is not None and argument.annotation is not None:
                    text = self.annotation(ast.unparse(argument.annotation), None)
                    argument.annotation = ast.parse(text, mode="eval").body
            if node.decorator_list:
                yield f"{indent}@{self._imported('typing', 'overload')}"
            result = f" -> {self.annotation(ast.unparse(node.returns), None)}"
            yield from self._definition(node.name, ast.unparse(arguments), result, doc, indent)

    def class_(self, cls: type) -> Iterator[str]:
        """A class with all that it has when the package is loaded."""
        base = f"({self._imported(Value.__module__, Value.__name__)})" if cls is Tensor else ""
        yield f"class {cls.__name__}{base}:"
        yield f'    """{(cls.__doc__ or cls.__name__).strip().splitlines()[0]}"""'
        yield ""
        overloads = _overloads().get(cls.__name__, {})
        members = vars(cls)
        if cls is Tensor:
            own = {name: value for name, value in members.items() if name not in METHODS}
            members = {name: value for name, value in vars(Value).items() if name not in METHODS} | own | METHODS
        for name, value in members.items():
            if isinstance(value, Missing) or name in _PLUMBING or (name.startswith("_") and not name.startswith("__")):
                continue
            if name in overloads:
                yield from self.written(overloads[name], inspect.unwrap(value).__doc__, "    ")
            elif isinstance(value, property):
                yield from self._property(name, value)
            elif inspect.isfunction(value):
                yield from self.function(name, value, "    ")
            elif type(value) in (bool, int, str):
                self.imports.add("import builtins as _b")
                yield f"    {name}: _b.{type(value).__name__}"
        yield ""

    def _property(self, name: str, value: property) -> Iterator[str]:
        home = sys.modules[value.fget.__module__]
        returns = value.fget.__annotations__.get("return")
        kind = self.of_class(Tensor) if returns is None else self.annotation(returns, home)
        yield "    @property"
        yield from self._definition(name, "self", f" -> {kind}", value.__doc__, "    ")
        if value.fset is not None:
            yield f"    @{name}.setter"
            yield f"    def {name}(self, value: {kind}) -> None: ..."
        if value.fdel is not None:
            yield f"    @{name}.deleter"
            yield f"    def {name}(self) -> None: ..."


_MISSING = object()
_IN_PLACE = {f"__i{name}__" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")}
_PLUMBING = {
    "__dir__",
    "__getattr__",  # which makes errors: a checker would take it for leave to ask for anything
    "__module__",
    "__doc__",
    "__dict__",
    "__weakref__",
    "__slots__",
    "__firstlineno__",
    "__static_attributes__",
}


def _is_in_place(method: str) -> bool:
    return method in _IN_PLACE if method.endswith("__") else method.endswith("_")


def _split(parameters: list[inspect.Parameter], parts: list[str]) -> Iterator[str]:
    """The parts, with `/` behind arguments that go by position alone."""
    last = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    for part in parts:
        yield part
        if last and part.split(":")[0].split("=")[0] == last[-1]:
            yield "/"


def _looked_up(identifier: str, home: types.ModuleType) -> object:
    """What a name means in a module, in its imports for checkers too."""
    if identifier in vars(home):
        return vars(home)[identifier]
    source = _imported_from(identifier, home)
    return _MISSING if source is None else getattr(*source)


def _alias(identifier: str, home: types.ModuleType) -> tuple[str, types.ModuleType]:
    """The right side of `identifier = …`, and the module where it is written."""
    for node in ast.parse(Path(home.__file__).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == identifier:
            return ast.unparse(node.value), home
    source = _imported_from(identifier, home)
    if source is None:
        raise LookupError(f"{identifier} is no alias of {home.__name__}")
    return _alias(source[1], source[0])


def _imported_from(identifier: str, home: types.ModuleType) -> tuple[types.ModuleType, str] | None:
    """The module that a file imports a name from, for checkers alone perhaps, and its name there."""
    for node in ast.walk(ast.parse(Path(home.__file__).read_text())):
        for found in node.names if isinstance(node, ast.ImportFrom) else ():
            if (found.asname or found.name) == identifier:
                name = "." * node.level + (node.module or "")
                return importlib.import_module(name, home.__spec__.parent), found.name
    return None


def _overloads() -> dict[str, dict[str, list[ast.FunctionDef]]]:
    tree = ast.parse((HERE / "overloads.pyi").read_text())
    found: dict[str, dict[str, list[ast.FunctionDef]]] = {}
    for cls in tree.body:
        for node in cls.body:
            found.setdefault(cls.name, {}).setdefault(node.name, []).append(node)
    return found


# -- the stubs


def of_top() -> Stub:
    """`rushlight` itself."""
    stub, overloads = Stub(rushlight), _overloads()["rushlight"]
    stub.lines.append("__version__: str")
    for name in sorted(rushlight._SUBMODULES - overloads.keys()):
        stub.imports.add(f"from rushlight import {name} as {name}")
    names = {*rushlight._WHERE, "tensor", "explain", "inf", "nan", "pi", "e", "newaxis"}
    for name in sorted(names):
        value = getattr(rushlight, name)
        if name in overloads:
            stub.lines += stub.written(overloads[name], (value.__call__ if inspect.ismodule(value) else value).__doc__)
        elif inspect.isclass(value):
            stub.imports.add(f"from {value.__module__} import {value.__name__} as {name}")
        elif inspect.isfunction(value):
            stub.lines += stub.function(name, value, out=name in TAKES_OUT)
        else:
            stub.lines.append(f"{name}: {'None' if value is None else stub.of_class(type(value))}")
    return stub


def of_file(name: str) -> Stub:
    """A file whose functions or classes get what the source does not say."""
    module = importlib.import_module(f"rushlight.{name}")
    stub = Stub(module)
    overloads = _overloads().get(name.rpartition(".")[2], {})
    for key, value in vars(module).items():
        if key.startswith("_") or inspect.ismodule(value):
            continue
        if getattr(value, "__module__", None) == module.__name__ and inspect.isclass(value):
            stub.lines += stub.class_(value)
        elif key in overloads:
            stub.lines += stub.written(overloads[key], value.__doc__)
        elif inspect.isfunction(value) and (
            value.__module__ == module.__name__ or key in getattr(module, "__all__", ())
        ):
            stub.lines += stub.function(key, value)
    return stub


def of_package(name: str) -> Stub:
    """A package that shows what its files define."""
    module = importlib.import_module(f"rushlight.{name}")
    stub = Stub(module)
    files = {found.name for found in pkgutil.iter_modules(module.__path__)}  # whether or not they are loaded
    for key in sorted({*dir(module), *files}):
        value = getattr(module, key, None)
        home = getattr(value, "__module__", None)
        if key.startswith("_"):
            continue
        if key in files and (value is None or inspect.ismodule(value)):
            stub.imports.add(f"from {module.__name__} import {key} as {key}")
        elif home == module.__name__:
            if not inspect.isfunction(value):
                raise LookupError(f"{name}.{key} is defined in a package that shows what others define")
            stub.lines += _decorated(stub, key, value)
        elif (
            home is not None and home.startswith("rushlight") and (inspect.isclass(value) or inspect.isfunction(value))
        ):
            stub.imports.add(f"from {home} import {value.__name__} as {key}")
        elif isinstance(value, Generator):
            stub.lines.append(f"{key}: {stub.of_class(Generator)}")
    return stub


def _decorated(stub: Stub, name: str, value: Callable) -> Iterator[str]:
    """A function, which may be a context manager."""
    lines = list(stub.function(name, value))
    if hasattr(value, "__wrapped__") and "Iterator[None]" in lines[0]:
        stub.imports.add("from contextlib import AbstractContextManager as _Context")
        lines[0] = lines[0].replace("_Iterator[None]", "_Context[None]")
    yield from lines


def stubs() -> dict[Path, str]:
    """All stubs by their paths."""
    found = {ROOT / "__init__.pyi": of_top()}
    for name in ("autograd.engine", "tensor.core", "nn.functional"):
        found[ROOT / f"{name.replace('.', '/')}.pyi"] = of_file(name)
    for name in PACKAGES:
        found[ROOT / name.replace(".", "/") / "__init__.pyi"] = of_package(name)
    return {path: stub.text() for path, stub in found.items()}


def main() -> int:
    """Write the stubs, or say which are not up to date."""
    wanted = stubs()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(path.relative_to(ROOT.parent))
        if "--check" not in sys.argv:
            path.write_text(wanted[path])
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
