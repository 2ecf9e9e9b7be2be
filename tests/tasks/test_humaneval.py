from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.execution import execute
from workbench.formats import FORMATS, find_format
from workbench.scoring.pass_at_1 import program
from workbench.tasks.humaneval import FULL_PROMPT, docstring
from workbench.tasks.registry import find_task
from workbench.tasks.task import Item, Task

BOTH = ("humaneval", FULL_PROMPT)


def refusal(name: str, data: Path | None) -> str:
    with pytest.raises(UserError) as caught:
        find_task(name, data=data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def passed(item: Item, completion: str) -> bool:
    assert item.tests is not None
    return execute(program(completion, item.tests), item.tests.checks).passed


# --- examples and queries ---


@pytest.mark.parametrize("name", BOTH)
def test_examples_are_the_records_801_to_974(code_folder: Path, name: str) -> None:
    task = find_task(name, data=code_folder)
    assert [item.name for item in task.pool] == [f"{name}/pool/{n}" for n in range(801, 975)]
    assert task.pool[0] == Item(f"{name}/pool/801", "Write number 801.", "def number():\n\treturn 801")
    assert [item.name for item in task.test] == [f"{name}/test/0", f"{name}/test/1"]
    assert (task.kind, task.score) == ("program", "pass_at_1")


def test_the_query_is_the_docstring(code_folder: Path) -> None:
    first, second = find_task("humaneval", data=code_folder).test
    assert first.source == " Add 0 to x.\n    "
    assert second.source.startswith("import math"), "a prompt without triple double quotes is shown whole"
    assert first.target.endswith("    return helper(x)\n")


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ('def f():\n    """ one """\n', " one "),
        ('def f():\n    """ helper """\ndef g():\n    """ one """\n', " helper "),
        ("def f():\n    ''' one '''\n", "def f():\n    ''' one '''\n"),
        ('x = """open', 'x = """open'),
    ],
)
def test_the_text_between_the_first_pair(prompt: str, shown: str) -> None:
    assert docstring(prompt) == shown


def test_the_query_is_the_whole_prompt(code_folder: Path) -> None:
    first = find_task(FULL_PROMPT, data=code_folder).test[0]
    assert first.source.startswith("import math\n\ndef helper(x)")
    assert first.target == "    return helper(x)\n"


def test_the_format_of_the_official_code(code_folder: Path) -> None:
    task = find_task("humaneval", data=code_folder)
    pieces = FORMATS["instr_code_gen"].pieces(task.instruction, task.pool[:1], task.test[0].source)
    assert "".join(piece.text for piece in pieces) == (
        "Write a program for the following task:\n\nQ:Write number 801.\nA:def number():\n\treturn 801 \n"
        "Q: Add 0 to x.\n    \nA:"
    )
    assert pieces[0].path == "instructions"
    assert find_format("instr_code_gen", task.kind).name == "instr_code_gen"
    with pytest.raises(UserError, match="for tasks of kind program; this task is of kind 'translate'"):
        find_format("instr_code_gen", "translate")


def test_the_digest_follows_both_files(code_folder: Path) -> None:
    digests = {find_task("humaneval", data=code_folder).digest}
    for path in code_folder.glob("*/*.jsonl"):
        path.write_text(
            path.read_text().replace("number 820", "number eight hundred and twenty").replace("Add 1", "Ad 1")
        )
        digests.add(find_task("humaneval", data=code_folder).digest)
    assert len(digests) == 3


# --- what is wrong with the data ---


def test_without_data() -> None:
    assert "give with --data the folder that holds mbpp/mbpp.jsonl and human-eval/HumanEval.jsonl" in refusal(
        "humaneval", None
    )


@pytest.mark.parametrize("missing", ["mbpp/mbpp.jsonl", "human-eval/HumanEval.jsonl"])
def test_a_file_is_missing(code_folder: Path, missing: str) -> None:
    (code_folder / missing).unlink()
    assert refusal("humaneval", code_folder).startswith(f"There is no file {code_folder / missing} (task 'humaneval')")


def test_records_are_missing(code_folder: Path) -> None:
    path = code_folder / "mbpp" / "mbpp.jsonl"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:900]))
    assert "has 100 of the 174 records 801 to 974" in refusal("humaneval", code_folder)


def test_problems_are_missing(code_folder: Path) -> None:
    (code_folder / "human-eval" / "HumanEval.jsonl").write_text("")
    assert "is empty" in refusal("humaneval", code_folder)


@pytest.mark.parametrize("field", ["prompt", "entry_point", "canonical_solution", "test"])
def test_a_field_is_missing(code_folder: Path, field: str) -> None:
    path = code_folder / "human-eval" / "HumanEval.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[1][field]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert re.match(rf"Line 2 of .*HumanEval.jsonl has no field '{field}'", refusal(FULL_PROMPT, code_folder))


# --- programs ---


@pytest.mark.sandbox
def test_a_program_by_the_docstring_stands_alone(code_folder: Path) -> None:
    item = find_task("humaneval", data=code_folder).test[1]
    whole = "def helper(x):\n    return x + 1\ndef solve(x):\n    return helper(x)"
    assert passed(item, item.target)
    assert passed(item, f"\n  {whole}")
    assert not passed(item, "def solve(x):\n    return x + 1"), "the prompt's helper is not there"
    assert not passed(item, "    return helper(x)\n")
    assert not passed(item, "")


@pytest.mark.sandbox
def test_a_program_by_the_full_prompt_goes_on_from_it(code_folder: Path) -> None:
    item = find_task(FULL_PROMPT, data=code_folder).test[1]
    assert passed(item, item.target)
    assert passed(item, "def solve(x):\n    return math.floor(x + 1)")
    assert not passed(item, "    return x\n")
    assert not passed(item, ""), "the prompt alone returns nothing"
    assert not passed(item, "return helper(x)")
    assert not passed(item, "    return 2\ndef helper(x):\n    return 0\ndef solve(x):\n    return helper(x)")


@pytest.mark.sandbox
def test_what_the_prompt_defines_cannot_be_changed_for_the_tests(code_folder: Path) -> None:
    item = find_task(FULL_PROMPT, data=code_folder).test[1]
    assert item.tests is not None
    checks = item.tests.checks + "\nassert helper(1) == 2"
    assert execute(program("    return x + 1\ndef helper(x):\n    return 0", item.tests), checks).passed


# --- the real data ---


@pytest.fixture(scope="module")
def tasks(real_data: Path) -> dict[str, Task]:
    return {name: find_task(name, data=real_data) for name in BOTH}


@pytest.mark.real_data
def test_the_published_data(tasks: dict[str, Task]) -> None:
    for task in tasks.values():
        assert (len(task.pool), len(task.test)) == (174, 164)
        assert not any("\r" in item.target for item in task.pool)
    first = tasks["humaneval"].test[0]
    assert first.source.startswith(" Check if in given list of numbers, are any two numbers closer")
    assert first.source.endswith("True\n    ")
    whole = sum(
        left.source == right.source for left, right in zip(*(task.test for task in tasks.values()), strict=True)
    )
    assert whole == 17, "prompts without a pair of triple double quotes"


@pytest.mark.sandbox
@pytest.mark.real_data
def test_every_canonical_solution_passes(tasks: dict[str, Task]) -> None:
    items = tasks[FULL_PROMPT].test
    with ThreadPoolExecutor(2) as workers:
        results = list(workers.map(lambda item: passed(item, item.target), items))
    assert [item.name for item, right in zip(items, results, strict=True) if not right] == []


@pytest.mark.sandbox
@pytest.mark.real_data
@pytest.mark.parametrize("number", [0, 32, 38, 50, 163])
def test_real_problems_by_the_docstring(tasks: dict[str, Task], number: int) -> None:
    item = tasks["humaneval"].test[number]
    assert passed(item, item.target)
    body = tasks[FULL_PROMPT].test[number].target
    assert not passed(item, body)


@pytest.mark.sandbox
@pytest.mark.real_data
@pytest.mark.parametrize("number", range(0, 164, 20))
def test_wrong_solutions_of_real_problems_fail(tasks: dict[str, Task], number: int) -> None:
    item, other = tasks[FULL_PROMPT].test[number], tasks[FULL_PROMPT].test[(number + 1) % 164]
    assert not passed(item, other.target)
    assert not passed(item, "    return None\n")
    assert not passed(replace(item, target=""), "    pass\n")
