from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from workbench import tasks
from workbench.errors import UserError
from workbench.tasks import word_pairs
from workbench.tasks.grammar import tasks as grammar
from workbench.tasks.grammar.tasks import names
from workbench.tasks.registry import families, find_task, list_tasks, nearest


def test_every_task_of_the_grammar_is_found_by_its_name() -> None:
    owned = [name for family in families() for name in family.names]
    assert len(owned) == len(set(owned))
    assert {*names(), *word_pairs.names()} <= set(owned)


def test_a_found_task_bears_its_name() -> None:
    for name in ("translate-de-it", "past-fr-fr", "future-en-pt"):
        assert find_task(name).name == name


def test_a_family_names_the_kind_of_its_tasks() -> None:
    for module in (grammar, word_pairs):
        for family in module.FAMILIES:
            assert {module.describe(name).kind for name in family.names} == {family.kind}


def test_a_file_becomes_a_task(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("source\ttarget\na\tb\nc\td\n")
    assert find_task(f"tsv:{path}").test[0].target == "d"


def test_flores_gets_the_folder(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    assert find_task("flores:eng_Latn-fra_Latn", data=folder).instruction == "Translate English to French"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("translte-en-fr", "translate-en-fr"),
        ("Translate-EN-FR", "translate-en-fr"),
        ("translate-en-ja", "translate-en-"),
        ("first-nuon-de", "first-noun-de"),
        ("random-words-es", "random-word-es"),
        ("flore:eng_Latn-fra_Latn", "flores:eng_Latn-fra_Latn"),
        ("json:data.jsonl", "jsonl:data.jsonl"),
        ("flores", "flores:SOURCE-TARGET"),
    ],
)
def test_an_unknown_task_is_refused_with_the_nearest_names(name: str, near: str) -> None:
    with pytest.raises(UserError, match=f"^Unknown task '{name}'; did you mean .*{near}"):
        find_task(name)


def test_a_name_like_no_other() -> None:
    assert nearest("qqqqqq") == []
    with pytest.raises(UserError, match="Unknown task 'qqqqqq'; `workbench tasks` lists those there are"):
        find_task("qqqqqq")


def test_the_list_has_one_line_for_each_family() -> None:
    listed = list_tasks()
    assert len(listed) == len(families()) == len({pattern for pattern, _, _ in listed})
    assert ("flores:SOURCE-TARGET", "translate") in {(pattern, kind) for pattern, kind, _ in listed}
    assert all(description and "\n" not in description for _, _, description in listed)


def test_no_name_has_two_owners() -> None:
    for first, second in combinations(families(), 2):
        assert not set(first.names) & set(second.names)
        assert not (first.prefix and any(name.startswith(first.prefix) for name in second.names))
        assert not first.prefix or first.prefix != second.prefix


def test_a_new_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brand_new_family.py").write_text(
        "from workbench.tasks.family import Family\n"
        "from workbench.tasks.task import Task\n"
        "def build(name, data): return Task(name, 'new', '', (), ())\n"
        "FAMILIES = (Family('echo', 'new', 'A new one', build, ('echo',)),)\n"
    )
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    families.cache_clear()
    try:
        assert find_task("echo").kind == "new"
    finally:
        families.cache_clear()
        sys.modules.pop("workbench.tasks.brand_new_family", None)


def test_the_list_needs_neither_torch_nor_datasets() -> None:
    code = "import sys; from workbench.tasks.registry import list_tasks; list_tasks(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "datasets", "transformers", "pandas"} & set(run.stdout.split())
