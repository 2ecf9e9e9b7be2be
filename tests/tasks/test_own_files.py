from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import UserError
from workbench.tasks.files import build
from workbench.tasks.registry import find_task


@pytest.fixture
def tsv(tmp_path: Path):
    def write(*lines: str, name: str = "mine.tsv") -> str:
        (tmp_path / name).write_bytes("\n".join(lines).encode())
        return f"tsv:{tmp_path / name}"

    return write


@pytest.fixture
def jsonl(tmp_path: Path):
    def write(*rows: Any) -> str:
        lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
        (tmp_path / "mine.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return f"jsonl:{tmp_path / 'mine.jsonl'}"

    return write


def pairs(items) -> list[tuple[str, str]]:
    return [(item.source, item.target) for item in items]


def refusal(name: str) -> str:
    with pytest.raises(UserError) as caught:
        build(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


ROWS = [{"source": f"s{n}", "target": f"t{n}"} for n in range(12)]


def test_the_first_fifth_is_the_pool(tsv, jsonl) -> None:
    for name in (tsv("source\ttarget", *(f"s{n}\tt{n}" for n in range(12))), jsonl(*ROWS)):
        task = build(name)
        assert pairs(task.pool) == [("s0", "t0"), ("s1", "t1")]
        assert pairs(task.test) == [(f"s{n}", f"t{n}") for n in range(2, 12)]
        assert task.test[3].name == f"{name}/test/3"
        assert (task.name, task.kind, task.score, task.instruction) == (name, "own", "exact_match", "")


def test_a_pool_of_one_from_two_rows(tsv) -> None:
    task = build(tsv("source\ttarget", "a\tb", "c\td"))
    assert (pairs(task.pool), pairs(task.test)) == ([("a", "b")], [("c", "d")])


def test_the_column_split_decides(tsv, jsonl) -> None:
    rows = [("a", "1", "test"), ("b", "2", "pool"), ("c", "3", "test")]
    as_json = [dict(zip(("source", "target", "split"), row, strict=True)) for row in rows]
    for name in (tsv("split\ttarget\tsource", *("\t".join(row[::-1]) for row in rows)), jsonl(*as_json)):
        task = build(name)
        assert (pairs(task.pool), pairs(task.test)) == ([("b", "2")], [("a", "1"), ("c", "3")])


def test_what_it_says_of_itself(tsv) -> None:
    task = build(
        tsv("source\ttarget\tinstruction\tkind\tscore", "a\tb\tSpell it\tspell\tchrf", "c\td\tSpell it\tspell\tchrf")
    )
    assert (task.instruction, task.kind, task.score) == ("Spell it", "spell", "chrf")


def test_other_columns_do_no_harm(tsv, jsonl) -> None:
    assert pairs(build(tsv("id\tsource\ttarget", "1\ta\tb", "2\tc\td")).test) == [("c", "d")]
    extra = [{**row, "id": n, "tags": ["x"], "note": None} for n, row in enumerate(ROWS)]
    assert pairs(build(jsonl(*extra)).test) == pairs(build(jsonl(*ROWS)).test)


def test_quotes_spaces_and_scripts_are_kept(tsv) -> None:
    task = build(tsv("source\ttarget", "\"quoted\" and 'not'\t 猫 ", "बिल्ली\u2028x\tالقطة", ""))
    assert pairs((*task.pool, *task.test)) == [("\"quoted\" and 'not'", " 猫 "), ("बिल्ली\u2028x", "القطة")]


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "windows.tsv"
    path.write_bytes("\ufeffsource\ttarget\r\na\tb\r\nc\td\r\n".encode())
    assert pairs(build(f"tsv:{path}").test) == [("c", "d")]


def test_answers_of_several_lines_are_not_cut_at_the_first(jsonl) -> None:
    assert build(jsonl(*ROWS)).stop == ("\n",)
    assert build(jsonl(*ROWS, {"source": "x", "target": "def f():\n    return 1"})).stop == ()


def test_the_digest_follows_the_content(tsv) -> None:
    one = build(tsv("source\ttarget", "a\tb", "c\td"))
    assert build(tsv("source\ttarget", "a\tb", "c\td", name="copy.tsv")).digest == one.digest
    assert build(tsv("source\ttarget", "a\tb", "c\te", name="other.tsv")).digest != one.digest


def moved(scheme: str, content: str, tmp_path: Path) -> list[list[Any]]:
    """What examples the same file shows by four seeds, in two folders."""
    shown = []
    for folder in ("here", "there"):
        path = tmp_path / folder / "data"
        path.parent.mkdir(parents=True)
        path.write_text(content)
        task = find_task(f"{scheme}:{path}")
        shown.append([pairs(task.examples(3, seed)) for seed in range(4)])
    return shown


def test_a_file_that_was_moved_shows_the_same_examples(tmp_path: Path) -> None:
    here, there = moved("tsv", "source\ttarget\n" + "".join(f"a{n}\tb{n}\n" for n in range(40)), tmp_path / "tsv")
    assert here == there
    assert len({str(each) for each in here}) > 1
    listed = json.dumps([{"input": f"a{n}", "output": f"b{n}"} for n in range(40)])
    here, there = moved("pairs", listed, tmp_path / "pairs")
    assert here == there
    assert len({str(each) for each in here}) > 1


def test_no_such_file(tmp_path: Path) -> None:
    assert refusal(f"tsv:{tmp_path}/none.tsv").startswith(f"There is no file {tmp_path}/none.tsv (task ")
    assert refusal("jsonl:").startswith("There is no file ")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "is empty; its first line should name the columns: source, target."),
        (["source\ttarget"], "has no rows; each row gives a source and a target."),
        (["source\tanswer", "a\tb"], "has no column target; its first line names source, answer."),
        (["a\tb", "c\td"], "has no column source and no column target; its first line names a, b."),
        (["source target", "a b"], "Columns stand apart by tabs."),
        (["source\ttarget", "a\tb", "", "c"], "Line 4 of {path} has 1 cells; the first line names 2."),
        (["source\ttarget", "a\tb\tc"], "Line 2 of {path} has 3 cells"),
        (["source\ttarget", "a\tb", "c\t "], "The target in line 3 of {path} is ' '; expected some text."),
        (["source\ttarget", "a\tb"], "has one row; at least one to draw examples from"),
        (["source\ttarget\tsplit", "a\tb\ttrain"], "The split in line 2 of {path} is 'train'; expected 'pool'"),
        (["source\ttarget\tsplit", "a\tb\ttest"], "has no row with the split 'pool'"),
        (["source\ttarget\tsplit", "a\tb\tpool"], "has no row with the split 'test'"),
        (["source\ttarget", "a\tb", "a\tc"], "The source in line 3 of {path} is tested, but line 2 offers it"),
        (["source\ttarget\tkind", "a\tb\tx", "c\td\ty"], "The kind in line 3 of {path} differs from that in line 2"),
    ],
)
def test_bad_tsv(lines: list[str], message: str, tsv) -> None:
    name = tsv(*lines)
    assert message.format(path=name.removeprefix("tsv:")) in refusal(name)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no rows"),
        ([ROWS[0], "{not json}"], "Line 2 of {path} is not JSON: Expecting property name enclosed in double quotes"),
        ([ROWS[0], ["a", "b"]], "Line 2 of {path} is not an object with the fields source and target."),
        ([ROWS[0], {"source": "a"}], "Line 2 of {path} has no field 'target'; it has source."),
        ([{}], "Line 1 of {path} has no field 'source'; it has none."),
        ([ROWS[0], "", {"source": "a", "target": 3}], "The target in line 3 of {path} is 3; expected some text."),
        ([{**ROWS[0], "split": "pool"}, ROWS[1]], "The split in line 2 of {path} is None; expected 'pool' or 'test'."),
        ([ROWS[0], {**ROWS[1], "instruction": "Do"}], "The instruction in line 2 of {path} differs"),
    ],
)
def test_bad_jsonl(rows: list[Any], message: str, jsonl) -> None:
    name = jsonl(*rows)
    path = name.removeprefix("jsonl:")
    assert message.replace("{path}", path) in refusal(name)


def test_text_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.tsv"
    path.write_bytes("source\ttarget\nété\tsummer\n".encode("latin-1"))
    assert "is not UTF-8 text (byte 14); save it as UTF-8." in refusal(f"tsv:{path}")
