"""Data sets prepared from small downloads, from a hub that has everything, and from the real files."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from tests.data.conftest import flores_files, link
from workbench.data.prepare import SOURCES, prepare, published
from workbench.data.records import HUMANEVAL, MBPP, Records
from workbench.errors import UserError
from workbench.tasks.checksums import sha256, verify_folder
from workbench.tasks.flores import build


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        prepare(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def records(kind: Records) -> list[dict[str, Any]]:
    """As many records as published, with the published ids and contents of our own."""
    values = {str: "x", list: ["assert f() == 1"], int: 0}
    return [{name: values[type_] for name, type_ in kind.fields} | {"task_id": task_id} for task_id in kind.ids]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[Any, ...]]]:
    """A hub whose splits are given by their names, and a record of what it was asked."""

    def offer(splits: dict[str, list[dict[str, Any]]]) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def load_dataset(*arguments: Any, **options: Any) -> datasets.Dataset:
            asked.append((*arguments, *options.items()))
            return datasets.Dataset.from_list(splits[options["split"]])

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return asked

    return offer


def test_flores_from_an_archive(archive, tmp_path: Path) -> None:
    path = archive(flores_files("aaa_Latn", "bbb_Latn"), link("flores200_dataset/dev/ccc_Latn.dev", "/etc/passwd"))
    prepared = prepare("flores", tmp_path / "out" / "flores200", path)
    folder = prepared.folder
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "checksums.json",
        "dev/aaa_Latn.dev",
        "dev/bbb_Latn.dev",
        "devtest/aaa_Latn.devtest",
        "devtest/bbb_Latn.devtest",
        "splits.json",
    ]
    assert prepared.standings == {"unknown": 4}
    assert [path.name for path in folder.parent.iterdir()] == ["flores200"]
    task = build("flores:aaa_Latn-bbb_Latn", folder.parent)
    assert (len(task.pool), len(task.test)) == (197, 1012)
    assert task.pool[0].target == "dev sentence 800 in bbb_Latn"


def test_the_splits_are_written_down(archive, tmp_path: Path) -> None:
    folder = prepare("flores", tmp_path / "out", archive(flores_files("aaa_Latn"))).folder
    assert json.loads((folder / "splits.json").read_text()) == {
        "training": {"files": "dev", "lines": [1, 800]},
        "pool": {"files": "dev", "lines": [801, 997]},
        "test": {"files": "devtest", "lines": [1, 1012]},
    }
    assert SOURCES["mbpp"].splits["pool"] == {"files": "mbpp.jsonl", "lines": [801, 974]}
    assert SOURCES["humaneval"].splits == {"test": {"files": "HumanEval.jsonl", "lines": [1, 164]}}


def test_flores_from_a_folder_and_some_languages_of_it(archive, tmp_path: Path) -> None:
    path = archive(flores_files("aaa_Latn", "bbb_Latn"))
    whole = prepare("flores", tmp_path / "whole", path)
    some = prepare("flores", tmp_path / "some", whole.folder, ["bbb_Latn"])
    assert some.files == {name: facts for name, facts in whole.files.items() if "bbb" in name}
    assert some.archive == {"name": str(whole.folder)}
    assert refusal("flores", tmp_path / "x", path, ["bbb_Latn", "fra_Latn"]) == (
        f"{path} has no language fra_Latn; codes look like fra_Latn."
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (flores_files("aaa_Latn", dev=996), "dev/aaa_Latn.dev of {path} has 996 lines, FLORES-200 has 997: its lines"),
        (flores_files("aaa_Latn") | flores_files("bbb_Latn", devtest=1013), "has 1013 lines, FLORES-200 has 1012"),
        (dict(list(flores_files("aaa_Latn").items())[:1]), "{path} has aaa_Latn without its devtest; both files"),
        ({"mbpp.jsonl": b"{}"}, "{path} holds no file of FLORES-200 (dev/eng_Latn.dev, devtest/"),
        (
            flores_files("aaa_Latn") | {"x/dev/aaa_Latn.dev": flores_files("aaa_Latn").popitem()[1][:0] + b"a\n" * 997},
            "{path} holds dev/aaa_Latn.dev twice; download it again.",
        ),
        ({"dev/aaa_Latn.dev": b"a\n" * 996 + b" \n"}, "Line 997 of dev/aaa_Latn.dev of {path} is blank"),
        ({"dev/aaa_Latn.dev": b"\xff\n" * 997}, "dev/aaa_Latn.dev of {path} is not UTF-8 text (byte 0)"),
        ({"dev/eng_Latn.dev": b"a\n" * 997}, "dev/eng_Latn.dev of {path} is not the published file (sha256 "),
    ],
)
def test_archives_that_are_not_flores(archive, tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    path = archive(files)
    assert message.format(path=path) in refusal("flores", tmp_path / "new" / "out", path)
    assert list((tmp_path / "new").iterdir()) == [], "something half-done was left"


def test_a_folder_that_is_there_is_never_touched(archive, tmp_path: Path) -> None:
    path = archive(flores_files("aaa_Latn"))
    (tmp_path / "mine").mkdir()
    prepare("flores", tmp_path / "mine", path)
    before = {file: file.read_bytes() for file in (tmp_path / "mine").rglob("*") if file.is_file()}
    assert refusal("flores", tmp_path / "mine", path).startswith(f"{tmp_path / 'mine'} is there already: give another")
    assert {file: file.read_bytes() for file in (tmp_path / "mine").rglob("*") if file.is_file()} == before
    assert "is there already" in refusal("flores", path, path)


def test_what_cannot_be(tmp_path: Path, archive) -> None:
    assert refusal("mbpp", tmp_path / "x", tmp_path / "none").startswith(f"There is no file or folder {tmp_path}/none;")
    assert refusal("mbpp", tmp_path / "x", tmp_path, ["eng_Latn"]) == "mbpp has no languages; leave --languages away."
    assert f"{tmp_path} holds no file mbpp.jsonl;" in refusal("mbpp", tmp_path / "x", tmp_path)
    assert refusal("flores", tmp_path / "x").startswith("Name the languages to fetch from the hub")
    (tmp_path / "file").touch()
    path = archive(flores_files("aaa_Latn"))
    assert refusal("flores", tmp_path / "file" / "x", path).startswith(f"Cannot write {tmp_path}/file/x (")


@pytest.mark.parametrize(("name", "kind"), [("mbpp", MBPP), ("humaneval", HUMANEVAL)])
def test_records_from_the_hub_are_put_in_the_published_order(hub, tmp_path: Path, name: str, kind: Records) -> None:
    rows = records(kind)[::-1]
    share = len(rows) // len(kind.splits) + 1
    asked = hub({split: rows[place * share :][:share] for place, split in enumerate(kind.splits)})
    prepared = prepare(name, tmp_path / "out")
    lines = (tmp_path / "out" / kind.file).read_text().splitlines()
    assert [json.loads(line)["task_id"] for line in lines] == list(kind.ids)
    assert list(json.loads(lines[0])) == [field for field, _ in kind.fields]
    # The hub may have revised a record: told, not refused.
    assert (prepared.standings, prepared.archive) == ({"revised": 1}, {"name": "the hub"})
    assert asked == [(kind.repository, kind.configuration, ("split", split)) for split in kind.splits]


def test_a_hub_that_lacks_a_record_or_a_field(hub, tmp_path: Path) -> None:
    rows = records(HUMANEVAL)
    hub({"test": rows[:-1]})
    assert (
        "has 163 records; HumanEval.jsonl as published has 164, with the ids HumanEval/0 to HumanEval/163"
        in refusal("humaneval", tmp_path / "out")
    )
    hub({"test": [{key: value for key, value in row.items() if key != "test"} for row in rows]})
    assert refusal("humaneval", tmp_path / "out").startswith("The field 'test' in line 1 of the hub is None; HumanEval")


def test_flores_from_the_hub(hub, tmp_path: Path) -> None:
    hub({split: [{"id": n, "text": f"{split} {n}"} for n in range(count)] for split, count in COUNTS.items()})
    prepared = prepare("flores", tmp_path / "out", languages=["eng_Latn", "aaa_Latn"])
    assert prepared.standings == {"revised": 2, "unknown": 2}
    assert (tmp_path / "out" / "dev" / "eng_Latn.dev").read_text().startswith("dev 0\ndev 1\n")


COUNTS = {"dev": 997, "devtest": 1012}


def repository(folder: Path, configurations: dict[str, dict[str, list[dict[str, Any]]]]) -> Path:
    """A repository of the hub as `hf download` brings it: parquet files, and a README.md that says which are what."""
    lines = ["---", "configs:"]
    for name, splits in configurations.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, rows in splits.items():
            path = folder / name / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_parquet(path)
            lines += [f"  - split: {split}", f"    path: {name}/{split}-*"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))
    return folder


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.mark.usefixtures("own_cache")
def test_a_downloaded_repository_of_the_hub(tmp_path: Path) -> None:
    rows = records(HUMANEVAL)
    given = repository(tmp_path / "given", {"openai_humaneval": {"test": rows[::-1]}})
    prepared = prepare("humaneval", tmp_path / "out", given)
    lines = (tmp_path / "out" / HUMANEVAL.file).read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert (prepared.standings, prepared.archive) == ({"revised": 1}, {"name": str(given)})
    message = refusal("mbpp", tmp_path / "mbpp", given)
    assert message.startswith(f"{given} is not laid out as google-research-datasets/mbpp (")
    assert message.endswith(": give a downloaded mbpp.jsonl with --from PATH.")


@pytest.mark.usefixtures("own_cache")
def test_a_downloaded_repository_of_flores(tmp_path: Path) -> None:
    splits = {split: [{"id": n, "text": f"{split} {n}"} for n in range(count)] for split, count in COUNTS.items()}
    given = repository(tmp_path / "given", {"aaa_Latn": splits})
    prepare("flores", tmp_path / "out", given, ["aaa_Latn"])
    assert (tmp_path / "out" / "devtest" / "aaa_Latn.devtest").read_text().startswith("devtest 0\ndevtest 1\n")
    assert refusal("flores", tmp_path / "other", given, ["bbb_Latn"]).startswith(f"{given} has no language 'bbb_Latn'")


def test_records_that_are_not_the_published_ones(tmp_path: Path) -> None:
    path = tmp_path / "mbpp.jsonl"
    rows = records(MBPP)

    def write(rows: list[Any]) -> str:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return refusal("mbpp", tmp_path / "out", path)

    assert write(rows).startswith(f"mbpp.jsonl of {path} is not the published file (sha256 ")
    assert f"{path} has 973 records; mbpp.jsonl as published has 974" in write(rows[1:])
    assert "with the ids 1 to 974 in order" in write(rows[::-1])
    assert f"in line 2 of {path} is 7; mbpp.jsonl has a text there" in write([rows[0], rows[1] | {"code": 7}])
    assert f"Line 1 of {path} is not an object with the fields text, code" in write([["a"]])
    path.write_text("{no json")
    assert f"Line 1 of {path} is not JSON" in refusal("mbpp", tmp_path / "out", path)
    path.write_bytes(b"\xff")
    assert "is not UTF-8 text (byte 0)" in refusal("mbpp", tmp_path / "out", path)
    assert not (tmp_path / "out").exists()


def test_the_published_checksums_have_the_form_of_checksums() -> None:
    for name in SOURCES:
        assert published(name)
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in published(name).values())


@pytest.mark.real_data
def test_the_published_files(real_data: Path, tmp_path: Path) -> None:
    flores = prepare("flores", tmp_path / "flores200", real_data / "flores200")
    assert (len(flores.files), flores.standings) == (32, {"published": 32})
    for name in flores.files:
        assert (tmp_path / "flores200" / name).read_bytes() == (real_data / "flores200" / name).read_bytes()
    shutil.copy(real_data / "human-eval" / "HumanEval.jsonl", tmp_path)
    packed = tmp_path / "HumanEval.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "HumanEval.jsonl").read_bytes()))
    for number, given in enumerate((packed, tmp_path / "HumanEval.jsonl", tmp_path)):
        assert prepare("humaneval", tmp_path / str(number), given).standings == {"published": 1}
    mbpp = prepare("mbpp", tmp_path / "mbpp", real_data / "mbpp")
    assert (mbpp.standings, mbpp.files["mbpp.jsonl"]["lines"]) == ({"published": 1}, 974)
    assert verify_folder(tmp_path / "flores200") == 32


@pytest.mark.real_data
@pytest.mark.parametrize(("path", "kind"), [("mbpp/mbpp.jsonl", MBPP), ("human-eval/HumanEval.jsonl", HUMANEVAL)])
def test_records_are_written_byte_for_byte_as_published(real_data: Path, path: str, kind: Records) -> None:
    content = (real_data / path).read_bytes()
    rows = [json.loads(line) for line in content.decode().splitlines()]
    assert sha256(kind.written(rows[::-1])) == sha256(content)


@pytest.mark.real_data
def test_one_changed_letter_is_noticed(real_data: Path, tmp_path: Path) -> None:
    content = (real_data / "mbpp" / "mbpp.jsonl").read_bytes()
    path = tmp_path / "mbpp.jsonl"
    path.write_bytes(content.replace(b"minimum", b"maximum", 1))
    assert "is not the published file" in refusal("mbpp", tmp_path / "out", path)
