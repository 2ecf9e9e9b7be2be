"""Functions as Python expressions: written from templates, read with `ast`, and never run."""

from __future__ import annotations

import ast
import re

from workbench.tasks.functions.expression import Call, Expression, UnreadableError
from workbench.tasks.functions.operators import OPERATORS

# Anything else, such as a quotation mark, a dot or a digit glued to a word, never reaches Python's parser.
_SAFE = re.compile(r"(?:[a-z()\[\],:+*%<> -]|\d(?![a-z]))+")
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Mod: "mod", ast.Gt: ">", ast.Lt: "<",
}  # fmt: skip
_FUNCTIONS = {"abs": "abs", "len": "length", "sum": "sum", "sorted": "sort", "max": "maximum", "min": "minimum"}
_FUNCTIONS_OF_TWO = {"max": "max", "min": "min"}
_SUBSCRIPTS = {"0": "first", "-1": "last", "::-1": "reverse"}


def write_python(expression: Expression) -> str:
    """The function as a Python expression."""
    if not isinstance(expression, Call):
        return str(expression)
    operator = OPERATORS[expression.operator]
    written = [
        _parenthesized(argument) if operator.infix else write_python(argument) for argument in _parts(expression)
    ]
    if len(written) > len(expression.arguments):
        return "[ {} for item in {} if {} ]".format(*written)
    return operator.python.format(*written)


def _parts(expression: Call) -> tuple[Expression, ...]:
    """The arguments. Doing something to each item of a filtered list is one comprehension of three parts."""
    body, *rest = expression.arguments
    if expression.operator == "map" and isinstance(rest[0], Call) and rest[0].operator == "filter":
        condition, items = rest[0].arguments
        return body, items, condition
    return expression.arguments


def _parenthesized(expression: Expression) -> str:
    infix = isinstance(expression, Call) and OPERATORS[expression.operator].infix
    return f"( {write_python(expression)} )" if infix else write_python(expression)


def read_python(text: str) -> Expression:
    """The function that a Python expression stands for.

    Covered: x, y, items, item; whole numbers; + - * % unary -, `** 2`; one > or <; abs, len, sum, sorted, max and min
    by position; `[0]`, `[-1]`, `[::-1]`; comprehensions over one list with at most one condition. Nothing else.

    Raises:
        UnreadableError: the text is anything else.
    """
    if not _SAFE.fullmatch(text):
        raise UnreadableError("This has a sign that no function needs.")
    try:
        parsed = ast.parse(text, mode="eval")
    except (SyntaxError, MemoryError) as error:
        raise UnreadableError("This is no Python expression.") from error
    return _read(parsed.body)


def _read(node: ast.AST) -> Expression:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Call("negate", (_read(operand),))
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=2)):
            return Call("square", (_read(base),))
        case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]):
            return Call(_BINARY.get(type(sign), ""), (_read(left), _read(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _read_call(name, arguments)
        case ast.Subscript(value=items, slice=place):
            return Call(_SUBSCRIPTS.get(ast.unparse(place), ""), (_read(items),))
        case ast.ListComp():
            return _read_comprehension(node)
    raise UnreadableError("This goes beyond what a function needs.")


def _read_call(name: str, arguments: list[ast.expr]) -> Call:
    functions = _FUNCTIONS_OF_TWO if len(arguments) > 1 else _FUNCTIONS
    # These take a comprehension without brackets; `len` does not.
    bare = name in ("sum", "sorted", "max", "min") and len(arguments) == 1
    read = (
        _read_comprehension(argument) if bare and isinstance(argument, ast.GeneratorExp) else _read(argument)
        for argument in arguments
    )
    return Call(functions.get(name, ""), tuple(read))


def _read_comprehension(node: ast.ListComp | ast.GeneratorExp) -> Expression:
    match node.generators:
        case [ast.comprehension(target=ast.Name(id="item"), iter=source, ifs=conditions, is_async=0)]:
            items = _read(source)
            if len(conditions) > 1:
                raise UnreadableError("There are several conditions.")
            for condition in conditions:
                items = Call("filter", (_read(condition), items))
            body = _read(node.elt)
            return items if conditions and body == "item" else Call("map", (body, items))
    raise UnreadableError("This comprehension goes beyond what a function needs.")
