"""The text of a layer or a call, read but never evaluated.

In comes text as it stands in a script, `"nn.Conv2d(16, 33, (3, 5), stride=(2, 1))"` or `"F.conv2d(x, w, padding=1)"`,
with shapes for the tensors that it names; out comes an `Asked` and the input's shape. Only literals are read:
numbers, strings, tuples, and calls that make a tensor of a shape. Everything else is a ValueError.
"""

from __future__ import annotations

import ast
import re

from rushlight.core.errors import message
from rushlight.rules.arguments import PADDING_MODES
from rushlight.rules.geometry import PADDING_NAMES

from .reading import Asked, Shape, function_named, known, of_class, of_function, type_named, unknown, way_of

_MAKERS = frozenset({"zeros", "ones", "empty", "rand", "randn"})  # torch.randn(20, 16, 50) stands for its shape
_DTYPES = frozenset({"float16", "bfloat16", "float32", "float64", "half", "float", "double"})
_WORDS = frozenset({*PADDING_NAMES, *PADDING_MODES})  # a printed layer has them without quotes: padding=same
_LONGEST = 10_000


def parse(text: str, shapes: tuple[Shape, ...]) -> tuple[Asked, Shape]:
    """What the text asks for, and the shape of the input; ValueError where it is not the text of a layer or call.

    >>> asked, x = parse("nn.Conv1d(16, 33, 3, stride=2)", ((20, 16, 50),))
    >>> asked.kind, asked.weight, x
    ('Conv1d', (33, 16, 3), (20, 16, 50))
    >>> asked, x = parse("F.conv1d(x, (33, 16, 3), stride=2)", ((20, 16, 50),))
    >>> asked.weight, asked.arguments["stride"]
    ((33, 16, 3), 2)
    """
    call = _call_in(text)
    name = _name_of(call.func)
    if way_of(name) is None:
        raise unknown(name)
    type_named(name) if name[0].isupper() else function_named(name)
    if any(keyword.arg is None for keyword in call.keywords):
        raise _refused("**", "arguments are written out")
    remaining = [] if name[0].isupper() else list(shapes)
    arguments = tuple(_value(node, remaining) for node in call.args)
    keywords = {keyword.arg: _value(keyword.value, remaining) for keyword in call.keywords}
    if name[0].isupper():
        if len(shapes) != 1:
            raise _shape_count(name, shapes)
        return of_class(name, arguments, keywords, _one_line(text)), shapes[0]
    layer = _layer_like(name)
    if layer and arguments and isinstance(arguments[0], int | float):
        fix = layer + _one_line(text)[_one_line(text).index("(") :]
        raise ValueError(message(f"{name}() is the function, which takes tensors; the layer is {layer}", fix=fix))
    if remaining:
        raise ValueError(message(f"more shapes than tensors in {text!r}", f"{len(remaining)} too many"))
    asked = of_function(name, arguments, keywords, _one_line(text))
    return asked, tuple(arguments[0] if arguments else keywords["input"])


def _layer_like(function: str) -> str | None:
    """The class that is written as this function, but for case and underscores."""
    names = {name.lower(): name for name in known() if name[:1].isupper()}
    return names.get(function.replace("_", ""))


def parse_shape(text: str) -> tuple[int | str, ...]:
    """A shape as it is written on a command line: `20,16,50,100`, or in parentheses; a name may stand for the batch.

    >>> parse_shape("20,16,50,100"), parse_shape("(8, 3)"), parse_shape("N,3,224,224")
    ((20, 16, 50, 100), (8, 3), ('N', 3, 224, 224))
    """
    words = [word.strip() for word in text.strip().strip("()[]").split(",") if word.strip()]
    try:
        lead = words[:1] if words and words[0].isidentifier() else []
        return (*lead, *(int(word) for word in words[len(lead) :]))
    except ValueError:
        numbers = re.findall(r"\d+", text)
        fix = ",".join(numbers) if len(numbers) > 1 else "numbers with commas, as 20,16,50,100"
        raise ValueError(message(f"not a shape: {text!r}", fix=fix)) from None


def _shape_count(name: str, shapes: tuple[Shape, ...]) -> ValueError:
    """A layer has one input; numbers apart from each other are several shapes."""
    apart = len(shapes) > 1 and all(len(shape) == 1 for shape in shapes)
    fix = ",".join(str(shape[0]) for shape in shapes) if apart else "the shape of the input, as 20,16,50,100"
    return ValueError(message(f"{name} takes one input shape, got {len(shapes)}", fix=fix))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _call_in(text: str) -> ast.Call:
    if len(text) > _LONGEST:
        raise ValueError(f"the text of a layer has at most {_LONGEST} characters")
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error)
        raise ValueError(message(f"not the text of a layer: {text!r}", reason, fix=_fixed(text))) from None
    if not isinstance(call, ast.Call):
        raise ValueError(message(f"not the text of a layer: {text!r}", fix=_EXAMPLE))
    return call


def _fixed(text: str) -> str:
    """The text as it may have been meant: with commas between arguments, parentheses closed, the signs of another
    keyboard replaced; an example where none of this makes it a call."""
    plain = text.strip().translate(_OTHER_SIGNS)
    commas = re.sub(r"(?<=[\w)\]'\"])\s+(?=[\w(\['\"-])", ", ", plain)
    once = re.sub(r",(\s*,)+", ",", commas)
    for words in (plain, commas, once):
        open_ = words.count("(") - words.count(")")
        for closed in (words, words + ")" * max(0, open_), words.rstrip(")") + ")"):
            try:
                if isinstance(ast.parse(closed, mode="eval").body, ast.Call):
                    return closed
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return _EXAMPLE


_OTHER_SIGNS = str.maketrans("，（）＝“”‘’；;", ",()=\"\"'',,")


_EXAMPLE = '"Conv2d(16, 33, 3, stride=2)" or "F.conv2d(x, w, stride=2)"'


def _name_of(node: ast.expr) -> str:
    """The last part of a dotted name: `Conv2d` of torch.nn.Conv2d."""
    part = node
    while isinstance(part, ast.Attribute):
        part = part.value
    if not isinstance(part, ast.Name):
        raise _refused(ast.unparse(node), "the layer is called by its name")
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _value(node: ast.expr, shapes: list[Shape]) -> object:
    """A literal; a name stands for a tensor and takes the next shape."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool | None):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(entry, shapes) for entry in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _is_number(node.operand):
        return -node.operand.value
    if isinstance(node, ast.Attribute) and node.attr in _DTYPES:
        return {"half": "float16", "float": "float32", "double": "float64"}.get(node.attr, node.attr)
    if isinstance(node, ast.Call) and _name_of(node.func) in _MAKERS:
        return _made_shape(node, shapes)
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return node.id
    if isinstance(node, ast.Name | ast.Attribute):
        return _next_shape(node, shapes)
    raise _refused(ast.unparse(node), "numbers, strings, tuples and names of tensors are read")


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _made_shape(node: ast.Call, shapes: list[Shape]) -> Shape:
    sizes = tuple(_value(entry, shapes) for entry in node.args)
    return sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple) else sizes


def _next_shape(node: ast.expr, shapes: list[Shape]) -> Shape:
    if not shapes:
        raise ValueError(
            message(
                f"what is {ast.unparse(node)!r}? There is no shape for it",
                fix="one shape for each tensor, in their order, or numbers in the place of names",
            )
        )
    return shapes.pop(0)


def _refused(part: str, rule: str) -> ValueError:
    return ValueError(message(f"not read: {part}", f"{rule}; nothing is evaluated"))
