from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.tasks.checksums import CHECKSUMS, MADE_BY, sha256, verify, verify_folder
from workbench.tasks.registry import find_task


@pytest.fixture
def prepared(flores_folder) -> Path:
    folder = flores_folder("eng_Latn", "fra_Latn")
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256(path.read_bytes())} for path in folder.rglob("*.dev*")
    }
    (folder / CHECKSUMS).write_text(json.dumps({"made_by": MADE_BY, "files": files}))
    return folder


def test_a_known_sum() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_that_changed_is_refused_when_a_task_reads_it(prepared: Path) -> None:
    find_task("flores:eng_Latn-fra_Latn", data=prepared)
    assert verify_folder(prepared) == 4
    path = prepared / "devtest" / "fra_Latn.devtest"
    path.write_text(path.read_text().replace("sentence 7 ", "sentence 8 "))
    for use in (lambda: find_task("flores:eng_Latn-fra_Latn", data=prepared), lambda: verify_folder(prepared)):
        with pytest.raises(UserError, match=f"^{path} has changed since it was prepared .*; prepare the data again.$"):
            use()


def test_text_files_of_tasks_are_compared_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("source\ttarget\na\tb\nc\td\n")
    record = {"made_by": MADE_BY, "files": {"mine.tsv": {"sha256": "0" * 64}}}
    (tmp_path / CHECKSUMS).write_text(json.dumps(record))
    with pytest.raises(UserError, match="has changed since it was prepared"):
        find_task(f"tsv:{path}")


def test_a_missing_file(prepared: Path) -> None:
    (prepared / "dev" / "eng_Latn.dev").unlink()
    with pytest.raises(UserError, match=r"eng_Latn.dev is missing, though .* lists it"):
        verify_folder(prepared)


def test_folders_without_a_record_and_other_programs_records_pass(tmp_path: Path) -> None:
    path = tmp_path / "file"
    verify(path, b"anything")
    for other in ([], {"file": "0" * 64}, {"files": {"file": {"sha256": "0" * 64}}}):
        (tmp_path / CHECKSUMS).write_text(json.dumps(other))
        verify(path, b"anything")
        with pytest.raises(UserError, match=r"holds no checksums\.json of `workbench data prepare`"):
            verify_folder(tmp_path)
    (tmp_path / CHECKSUMS).write_text("{damaged")
    with pytest.raises(UserError, match=r"checksums\.json cannot be read"):
        verify(path, b"anything")
