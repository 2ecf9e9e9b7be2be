from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.tasks.flores import build, language_name

NAME = "flores:eng_Latn-fra_Latn"


def refusal(name: str, data: Path) -> str:
    with pytest.raises(UserError) as caught:
        build(name, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_splits_are_paper_a_s(flores_folder) -> None:
    task = build(NAME, flores_folder("eng_Latn", "fra_Latn", dev=997, devtest=30))
    assert (len(task.pool), len(task.test)) == (197, 30)
    assert task.pool[0].source == "dev sentence 801 in eng_Latn"
    assert task.pool[-1].target == "dev sentence 997 in fra_Latn"
    assert task.test[17].name == "flores:eng_Latn-fra_Latn/test/17"
    assert task.test[17].source == "devtest sentence 18 in eng_Latn"
    assert task.test[17].target == "devtest sentence 18 in fra_Latn"
    assert len({item.name for item in (*task.pool, *task.test)}) == 227


def test_what_it_says_of_itself(flores_folder) -> None:
    task = build(NAME, flores_folder("eng_Latn", "fra_Latn"))
    assert (task.name, task.kind, task.score, task.max_new_tokens) == (NAME, "translate", "bleu", 50)
    assert task.instruction == "Translate English to French"
    assert task.target_language == "fra_Latn"
    assert task.stop == ()


def test_the_folder_above_will_do(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    assert build(NAME, folder) == build(NAME, folder.parent)


def test_the_digest_follows_every_file(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn", "deu_Latn")
    before = build(NAME, folder).digest
    digests = {before}
    for path in sorted(folder.glob("*/*_Latn.*")):
        text = path.read_text()
        path.write_text(text.replace("sentence 3 ", "sentence three ", 1))
        digests.add(build(NAME, folder).digest)
        path.write_text(text)
    # The German files are not used, so four changes count.
    assert len(digests) == 5
    assert build(NAME, folder).digest == before
    assert len(before) == len(hashlib.sha256().hexdigest())


def test_a_language_without_a_name_goes_by_its_code(flores_folder) -> None:
    task = build("flores:eng_Latn-qqq_Latn", flores_folder("eng_Latn", "qqq_Latn"))
    assert task.instruction == "Translate English to qqq_Latn"


def test_lines_end_at_newlines_only(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    path = folder / "devtest" / "eng_Latn.devtest"
    odd = "one\u2028line\x85with\x0bodd\x1cends"
    path.write_bytes(path.read_bytes().replace(b"devtest sentence 2 in eng_Latn\n", f"{odd}\r\n".encode()))
    task = build(NAME, folder)
    assert task.test[1].source == odd
    assert task.test[2].source == "devtest sentence 3 in eng_Latn"


def test_a_last_line_without_its_newline_counts(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    path = folder / "devtest" / "fra_Latn.devtest"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(build(NAME, folder).test) == 20


@pytest.mark.parametrize(
    "name", ["flores:", "flores:eng_Latn", "flores:-fra_Latn", "flores:a-b-c", "flores:../x-fra_Latn"]
)
def test_a_name_of_another_form(name: str, flores_folder) -> None:
    assert "should look like 'flores:eng_Latn-fra_Latn'" in refusal(name, flores_folder("eng_Latn"))


def test_a_language_into_itself(flores_folder) -> None:
    assert "into itself" in refusal("flores:eng_Latn-eng_Latn", flores_folder("eng_Latn"))


def test_no_such_folder(tmp_path: Path) -> None:
    assert refusal(NAME, tmp_path / "nowhere").startswith(
        f"There is no folder {tmp_path / 'nowhere'}; give with --data"
    )


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    assert "holds neither the folders dev and devtest nor a folder flores200" in refusal(NAME, tmp_path)


@pytest.mark.parametrize(("gone", "there"), [("dev", "devtest"), ("devtest", "dev")])
def test_half_a_folder(gone: str, there: str, flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    (folder / gone).rename(folder / "elsewhere")
    assert f"holds {there} but no folder {gone}" in refusal(NAME, folder)


def test_a_language_that_is_not_there_is_refused_with_those_that_are(flores_folder) -> None:
    message = refusal("flores:eng_Latn-fre_Latn", flores_folder("eng_Latn", "fra_Latn", "deu_Latn"))
    assert "has no language 'fre_Latn'; did you mean fra_Latn" in message
    assert message.endswith("There are deu_Latn, eng_Latn, fra_Latn.")


def test_many_languages_are_not_all_listed(flores_folder) -> None:
    codes = [f"l{chr(97 + n // 26)}{chr(97 + n % 26)}_Latn" for n in range(30)]
    message = refusal("flores:eng_Latn-fra_Latn", flores_folder(*codes))
    assert message.endswith("and 10 more.")


def test_a_language_in_one_split_only(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    (folder / "devtest" / "fra_Latn.devtest").unlink()
    assert "fra_Latn.devtest is missing, though dev has fra_Latn" in refusal(NAME, folder)


def test_empty_folders(flores_folder) -> None:
    assert "holds no file named like eng_Latn.dev" in refusal(NAME, flores_folder())


def test_files_of_unequal_length(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    path = folder / "devtest" / "fra_Latn.devtest"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    message = refusal(NAME, folder)
    assert re.search(r"eng_Latn\.devtest has 20 lines and .*fra_Latn\.devtest has 19;", message)


def test_an_empty_file(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    (folder / "dev" / "eng_Latn.dev").write_text("")
    assert "eng_Latn.dev is empty" in refusal(NAME, folder)


def test_a_blank_line(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    path = folder / "dev" / "fra_Latn.dev"
    path.write_text(path.read_text().replace("dev sentence 7 in fra_Latn", " "))
    assert re.search(r"Line 7 of .*fra_Latn\.dev is blank", refusal(NAME, folder))


def test_too_few_lines_to_leave_any_to_the_pool(flores_folder) -> None:
    assert "has 800 lines in dev; more than 800 are expected" in refusal(
        NAME, flores_folder("eng_Latn", "fra_Latn", dev=800)
    )


def test_text_in_another_encoding(flores_folder) -> None:
    folder = flores_folder("eng_Latn", "fra_Latn")
    (folder / "dev" / "fra_Latn.dev").write_bytes("été\n".encode("latin-1") * 830)
    assert "is not UTF-8 text (byte 0)" in refusal(NAME, folder)


@pytest.mark.real_data
def test_the_real_thing(real_data: Path) -> None:
    task = build(NAME, real_data)
    assert (len(task.pool), len(task.test)) == (197, 1012)
    assert task.test[0].source.startswith('"We now have 4-month-old mice')
    assert task.test[0].target.startswith("«")
    assert not {item.source for item in task.pool} & {item.source for item in task.test}


@pytest.mark.real_data
def test_every_language_of_the_real_folder_has_a_name(real_data: Path) -> None:
    codes = sorted(path.stem for path in (real_data / "flores200" / "dev").iterdir())
    assert len(codes) == 16
    for code in codes:
        assert language_name(code) != code
        other = "fra_Latn" if code == "eng_Latn" else "eng_Latn"
        assert len(build(f"flores:{other}-{code}", real_data / "flores200").test) == 1012


def test_names_of_languages() -> None:
    expected = {"deu_Latn": "German", "zho_Hans": "Chinese", "swh_Latn": "Swahili", "arb_Arab": "Arabic"}
    expected |= {"tzm_Tfng": "Central Atlas Tamazight", "taq_Tfng": "Tamasheq (Tifinagh script)"}
    assert {code: language_name(code) for code in expected} == expected
