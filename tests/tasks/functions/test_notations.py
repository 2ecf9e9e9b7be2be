"""The three notations: what is written, that it is read back, and that nothing else is read at all."""

from __future__ import annotations

import ast
import time

import pytest

from workbench.tasks.functions.expression import Call, value
from workbench.tasks.functions.notations import LONGEST, NOTATIONS

MORE_THAN_3 = Call("filter", (Call(">", ("item", 3)), "items"))
DOUBLED = Call("map", (Call("*", ("item", 2)), MORE_THAN_3))
GIVEN = {"x": -7, "y": 4, "items": [5, -2, 3, 9, 4]}

WRITTEN = [
    (Call("+", ("x", 3)), "x + 3", "( + x 3 )", "x 3 +"),
    (Call("*", (Call("+", ("x", "y")), 2)), "( x + y ) * 2", "( * ( + x y ) 2 )", "x y + 2 *"),
    (Call("-", (3, Call("-", ("x", 2)))), "3 - ( x - 2 )", "( - 3 ( - x 2 ) )", "3 x 2 - -"),
    (Call("square", (Call("negate", ("x",)),)), "( - x ) ** 2", "( square ( negate x ) )", "x negate square"),
    (Call("negate", (Call("square", ("x",)),)), "- ( x ** 2 )", "( negate ( square x ) )", "x square negate"),
    (Call("max", ("x", Call("mod", ("y", 3)))), "max ( x , y % 3 )", "( max x ( mod y 3 ) )", "x y 3 mod max"),
    (Call(">", (Call("last", ("items",)), 2)), "items [ - 1 ] > 2", "( > ( last items ) 2 )", "items last 2 >"),
    (Call("reverse", ("items",)), "items [ : : - 1 ]", "( reverse items )", "items reverse"),
    (
        Call("sum", (MORE_THAN_3,)),
        "sum ( [ item for item in items if item > 3 ] )",
        "( sum ( filter ( > item 3 ) items ) )",
        "items [ item 3 > ] filter sum",
    ),
    (
        DOUBLED,
        "[ item * 2 for item in items if item > 3 ]",
        "( map ( * item 2 ) ( filter ( > item 3 ) items ) )",
        "items [ item 3 > ] filter [ item 2 * ] map",
    ),
]


@pytest.mark.parametrize(("function", "python", "lisp", "postfix"), WRITTEN)
def test_what_is_written(function: Call, python: str, lisp: str, postfix: str) -> None:
    assert [notation.write(function) for notation in NOTATIONS.values()] == [python, lisp, postfix]


@pytest.mark.parametrize("name", NOTATIONS)
def test_what_is_written_is_read_back_and_in_no_other_notation(name: str, functions) -> None:
    others = [notation for other, notation in NOTATIONS.items() if other != name]
    for function in functions:
        written = NOTATIONS[name].write(function)
        assert NOTATIONS[name].read(written) == function
        assert all(notation.read(written) is None for notation in others)


def test_python_is_python(functions) -> None:
    for function in functions:
        assert isinstance(ast.parse(NOTATIONS["python"].write(function), mode="eval"), ast.Expression)


def test_every_symbol_is_a_token_apart(functions) -> None:
    for notation in NOTATIONS.values():
        for function in functions:
            symbols = notation.write(function).split(" ")
            assert all(symbol.isalpha() or symbol in {*"+-*%><()[]:,", "**", *"0123456789"} for symbol in symbols)
            assert len(symbols) <= 24


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sum(item*2 for item in items if item>3)", 36),
        ("sorted(items)[::-1][0]", 9),
        ("-x**2 + (x % 3) - 10", -57),
        ("len([item for item in [item + y for item in items] if item > 3])", 4),
        ("max(min(x, y), abs(x))", 7),
        ("[-item for item in items]", [-5, 2, -3, -9, -4]),
    ],
)
def test_python_in_other_words(text: str, wanted: object) -> None:
    read = NOTATIONS["python"].read(f" {text}\n")
    assert read is not None
    assert value(read, GIVEN) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "().__class__", "items.sort()", "lambda : x", "( lambda : x ) ( )",
        "9 ** 9 ** 9", "x ** y", "x ** 3", "( x := 3 )", "f'{x}'", "'x'", "x if y else 2", "not x", "x and y",
        "[ item for item in range ( 10 ** 9 ) ]", "[ i for i in items ]", "print ( x )", "open ( x )", "sum ( )",
        "sum ( x )", "len ( item for item in items )", "max ( x , y , 2 )", "sorted ( items , reverse = x )",
        "sum ( * items )", "items [ x ]", "items [ 1 ]", "items [ : 2 ]", "0x10", "1e9", "3and 2", "x / y", "x // 2",
        "x @ y", "x << 2", "~ x", "True", "None", "...", "1.5", "1_000", "x < y < 3", "x == y", "x ; y", "x , y",
        "[ x ]", "{ x }", "item", "z", "[ item for item in items if item > 2 if item < 5 ]", "await x", "yield",
        "[ item for item in items for item in items ]", "[ item async for item in items ]", "x\ny", "x\0", "",
        "[ sum ( [ item for item in items ] ) for item in items ]", "( " * 140 + "x" + " )" * 140, "-" * 290 + "x",
        "[ item for item in " * 15 + "items" + " ]", "( items ) ( x )", "sum ( items ) ( )", "items [ ( : ) ]",
    ],
)  # fmt: skip
def test_python_beyond_the_subset_is_refused(text: str) -> None:
    assert NOTATIONS["python"].read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "( )", "(", ")", "( + x", "( + x y ) )", "( + x y ) x", "( + x )", "( + x items )", "( eval x )", "x y",
        "( ( + x y ) )", "( + x z )", "( map ( + item 2 ) )", "( map items items )", "( filter ( + item 2 ) items )",
        "( + item 2 )", "( + x 1.5 )", "( + x 99999999999 )", "( " * 149, "( negate " * 30 + "x" + " )" * 30,
        "( map ( sum ( map ( + item 2 ) items ) ) items )", "(x)", "( - x )",
    ],
)  # fmt: skip
def test_lisp_that_is_no_function_is_refused(text: str) -> None:
    assert NOTATIONS["lisp"].read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "+", "x +", "x y", "x y + +", "x y z +", "items x +", "x eval", "[ x ]", "items [ item 2 + map",
        "items item 2 + ] map", "items map", "items [ item 2 + ] sum", "items [ item 2 + ] [ item 2 + ] map map",
        "[ item 2 + ] map", "items [ ] map", "items [ item 2 + ] filter", "items [ item items sum + ] map", "item 2 +",
        "items [ item 2 + ]", "x 1.5 +", "[ " * 149, "x" + " negate" * 30, "x dup *", "x ] ]", "x y + ]",
    ],
)  # fmt: skip
def test_postfix_that_is_no_function_is_refused(text: str) -> None:
    assert NOTATIONS["postfix"].read(text) is None


@pytest.mark.parametrize(("name", "text"), [("python", "x + 3"), ("lisp", "( + x 3 )"), ("postfix", "x 3 +")])
def test_long_texts_are_not_read(name: str, text: str) -> None:
    assert NOTATIONS[name].read(text.replace(" ", " " * 20)) is not None
    assert NOTATIONS[name].read(text.replace(" ", " " * LONGEST)) is None


def test_nothing_takes_long() -> None:
    started = time.process_time()
    for text in ("9 ** 2" + " ** 2" * 50, "( " * 9 + "9" + " ** 2 )" * 9, "(" * 300, "[" * 300, "- " * 150, "x " * 150):
        for notation in NOTATIONS.values():
            notation.read(text)
    assert time.process_time() - started < 2
