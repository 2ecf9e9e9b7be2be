from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import UserError
from workbench.tasks.pairs import build
from workbench.tasks.registry import find_task

ROWS = [{"input": f"big{n}", "output": f"small{n}"} for n in range(10)]


@pytest.fixture
def pairs(tmp_path: Path):
    def write(content: Any, name: str = "antonym.json") -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
        return f"pairs:{path}"

    return write


def test_seven_tenths_are_the_pool(pairs) -> None:
    task = find_task(pairs(ROWS))
    assert (len(task.pool), len(task.test)) == (7, 3)
    every = {item.source: item.target for item in (*task.pool, *task.test)}
    assert every == {row["input"]: row["output"] for row in ROWS}
    assert (task.kind, task.score, task.stop, task.instruction) == ("word-pair", "exact_match", ("\n",), "")


def test_the_division_is_always_the_same(pairs) -> None:
    one, other = build(pairs(ROWS)), build(pairs(ROWS, "copy.json"))
    assert [item.source for item in one.test] == [item.source for item in other.test]
    assert one.digest == other.digest
    assert build(pairs(ROWS[::-1], "turned.json")).digest != one.digest


def test_two_pairs_are_enough(pairs) -> None:
    task = build(pairs(ROWS[:2]))
    assert (len(task.pool), len(task.test)) == (1, 1)


def test_an_input_that_stands_twice_counts_once(pairs) -> None:
    task = build(pairs([*ROWS, {"input": "big0", "output": "other"}, ROWS[1]]))
    every = [*task.pool, *task.test]
    assert len(every) == 10
    assert {item.source: item.target for item in every}["big0"] == "small0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{no json", "{path} is not JSON: Expecting property name enclosed in double quotes in line 1, column 2."),
        ({"input": "a", "output": "b"}, "{path} is not a list of objects with the fields input and output."),
        ([["a", "b"]], "{path} is not a list of objects"),
        ([ROWS[0], {"input": "a", "target": "b"}], "Pair 2 of {path} has no field 'output'; it has input, target."),
        ([ROWS[0], {"input": "a", "output": ["b"]}], "The output in pair 2 of {path} is ['b']; expected some text."),
        ([], "{path} has 0 pairs; two or more are needed"),
        ([ROWS[0], ROWS[0]], "{path} has 1 pairs; two or more are needed"),
    ],
)
def test_bad_files(pairs, content: Any, message: str) -> None:
    name = pairs(content)
    with pytest.raises(UserError) as caught:
        build(name)
    assert message.format(path=name.removeprefix("pairs:")) in str(caught.value)


def test_no_file() -> None:
    with pytest.raises(UserError, match=r"^There is no file none\.json \(task 'pairs:none\.json'\)"):
        build("pairs:none.json")


@pytest.mark.real_data
def test_the_published_lists(real_data: Path) -> None:
    folder = real_data / "function_vectors"
    tasks = {name: build(f"pairs:{folder / name}.json") for name in ("antonym", "landmark-country", "country-capital")}
    counts = {name: len(task.pool) + len(task.test) for name, task in tasks.items()}
    # Of landmark-country's 836 pairs two have one input.
    assert counts == {"antonym": 2398, "landmark-country": 835, "country-capital": 197}
    capitals = tasks["country-capital"]
    assert {item.source: item.target for item in (*capitals.pool, *capitals.test)}["Ghana"] == "Accra"
    assert (len(capitals.pool), len(capitals.test)) == (138, 59)
