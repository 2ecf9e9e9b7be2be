"""Programs: HumanEval's problems (Chen et al. 2021), shown MBPP's solutions as examples, as in paper A's code experiments.

Examples are the records 801 to 974 of MBPP (Austin et al. 2021), `text` to `code`; the test set is all of HumanEval. In
`humaneval` the query is the docstring alone, as in the official code of Sia, Mueller and Duh (2024): the text between
the first pair of triple double quotes, which is a helper's in the few problems that begin with one, or the whole prompt
where there is no such pair. The model sees no signature, and its completion must be the whole program. In
`humaneval-full-prompt` the query is the whole prompt, and the completion goes on where that ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.tasks.family import Family
from workbench.tasks.rows import json_objects, read_text, with_texts
from workbench.tasks.task import Item, ProgramTests, Task

POOL_FILE, TEST_FILE = Path("mbpp") / "mbpp.jsonl", Path("human-eval") / "HumanEval.jsonl"
POOL_RECORDS = range(801, 975)
"""MBPP's `task_id`s of the examples; those before are left to training."""
FULL_PROMPT = "humaneval-full-prompt"
QUOTES = '"""'


def build(name: str, data: Path | None = None) -> Task:
    """The task `humaneval` or `humaneval-full-prompt`.

    Args:
        name: the task's name.
        data: the folder that holds mbpp/mbpp.jsonl and human-eval/HumanEval.jsonl.

    Raises:
        UserError: the folder or one of the files is missing, or a record is not as published.
    """
    if data is None:
        raise UserError(
            f"Task {name!r} reads MBPP and HumanEval; give with --data the folder that holds {POOL_FILE} and {TEST_FILE} "
            "(`workbench data prepare mbpp`, `workbench data prepare humaneval`)."
        )
    pool, problems = _records(name, data / POOL_FILE), _records(name, data / TEST_FILE)
    if not problems:
        raise UserError(f"{data / TEST_FILE} is empty; one problem a line is expected.")
    make = _from_full_prompt if name == FULL_PROMPT else _from_docstring
    items: list[Item] = []
    for number, record in problems:
        fields = with_texts(
            record, ("prompt", "entry_point", "canonical_solution", "test"), f"line {number} of {data / TEST_FILE}"
        )
        items.append(make(f"{name}/test/{len(items)}", fields))
    return Task(
        name=name,
        kind="program",
        instruction="Write a program for the following task",
        pool=_examples(name, data / POOL_FILE, pool),
        test=tuple(items),
        score="pass_at_1",
        # Nine in ten of HumanEval's own solutions are shorter with GPT-2's tokenizer, which is not thrifty with code.
        max_new_tokens=256,
        digest=hashlib.sha256(repr((pool, problems)).encode()).hexdigest(),
    )


FAMILIES = (
    Family(
        "humaneval", "program", "HumanEval's problems by their docstrings, examples from MBPP", build, ("humaneval",)
    ),
    Family(FULL_PROMPT, "program", "the same with signature and docstring", build, (FULL_PROMPT,)),
)


def _records(name: str, path: Path) -> list[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        raise UserError(
            f"There is no file {path} (task {name!r}); give with --data the folder that holds {POOL_FILE} and "
            f"{TEST_FILE}."
        )
    return list(json_objects(read_text(path, name), path, ("task_id", "...")))


def _examples(name: str, path: Path, records: Sequence[tuple[int, dict[str, Any]]]) -> tuple[Item, ...]:
    chosen = [(number, record) for number, record in records if record.get("task_id") in POOL_RECORDS]
    if len(chosen) < len(POOL_RECORDS):
        raise UserError(
            f"{path} has {len(chosen)} of the {len(POOL_RECORDS)} records {POOL_RECORDS[0]} to {POOL_RECORDS[-1]} that "
            "examples are drawn from; prepare MBPP again."
        )
    items = []
    for number, record in chosen:
        fields = with_texts(record, ("text", "code"), f"line {number} of {path}")
        items.append(Item(f"{name}/pool/{record['task_id']}", fields["text"], fields["code"].replace("\r\n", "\n")))
    return tuple(items)


def docstring(prompt: str) -> str:
    """What stands between the first two triple double quotes, its white space kept; without two, the whole prompt."""
    parts = prompt.split(QUOTES)
    return parts[1] if len(parts) > 2 else prompt


def _from_docstring(name: str, record: dict[str, str]) -> Item:
    """The completion is the program; what the prompt defines is not there unless the completion defines it too."""
    solution = record["prompt"] + record["canonical_solution"]
    checks = f"{record['test']}\ncheck({record['entry_point']})"
    return Item(name, docstring(record["prompt"]), solution, ProgramTests("", checks))


def _from_full_prompt(name: str, record: dict[str, str]) -> Item:
    """The program is the prompt and the completion. The tests have the prompt's helpers from the prompt itself, where a
    completion cannot change them."""
    prompt, entry_point = record["prompt"], record["entry_point"]
    checks = f"{prompt}\ndel {entry_point}\n{record['test']}\ncheck({entry_point})"
    return Item(name, prompt, record["canonical_solution"], ProgramTests(prompt, checks))
