from __future__ import annotations

import gzip
import os
import re
import tarfile
from pathlib import Path

import pytest

from workbench.data.archives import read_file, read_members
from workbench.errors import UserError

WANTED = re.compile(r"(?:.*/)?(?P<name>data/\w+\.txt)")
FILES = {"top/data/a.txt": b"first\n", "top/other.txt": b"no\n", "data/b.txt": b"second\n"}


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar", "unnamed"])
def test_only_what_is_wanted_is_read_whatever_the_file_is_called(archive, name: str) -> None:
    assert list(read_members(archive(FILES, name=name), WANTED)) == [
        ("data/a.txt", b"first\n"),
        ("data/b.txt", b"second\n"),
    ]


def test_names_that_lead_out_of_a_folder_name_nothing(archive) -> None:
    evil = {"../../evil.txt": b"x", "/etc/evil.txt": b"x", "data/../../evil.txt": b"x", "../data/c.txt": b"inside\n"}
    # What is kept of a name is the group alone, so that nothing before it can lead anywhere.
    assert list(read_members(archive(evil), WANTED)) == [("data/c.txt", b"inside\n")]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_passed_over(archive, tmp_path: Path, kind: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    member = tarfile.TarInfo("data/link.txt")
    member.type, member.linkname = kind, str(secret)
    device = tarfile.TarInfo("data/device.txt")
    device.type = tarfile.FIFOTYPE
    assert [name for name, _ in read_members(archive(FILES, member, device), WANTED)] == ["data/a.txt", "data/b.txt"]


@pytest.mark.parametrize("wanted", [True, False], ids=["wanted", "passed over"])
def test_what_unpacks_to_too_much_is_refused(archive, wanted: bool) -> None:
    # Zeros pack to a thousandth.
    path = archive({f"data/zeros.{'txt' if wanted else 'bin'}": bytes(1 << 22)})
    assert path.stat().st_size < 1 << 14
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} unpacks to more than 2 MiB, far more than"):
        list(read_members(path, WANTED, archive_limit=1 << 21))


def test_one_file_may_not_be_too_large_either(archive) -> None:
    path = archive({"data/zeros.txt": bytes(1 << 22)})
    assert [len(content) for _, content in read_members(path, WANTED)] == [1 << 22]
    with pytest.raises(UserError, match="unpacks to more than 1 MiB"):
        list(read_members(path, WANTED, file_limit=1 << 20))


def test_a_header_of_endless_length_is_refused(archive) -> None:
    # A pax header is read into memory before any member is seen.
    path = archive({}, name="pax.tar.gz")
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as stream:
        stream.addfile(tarfile.TarInfo("a" * (1 << 22)))
    with pytest.raises(UserError, match="unpacks to more than 1 MiB"):
        list(read_members(path, WANTED, archive_limit=1 << 20))


def test_damaged_archives(archive, tmp_path: Path) -> None:
    whole = archive({"data/a.txt": os.urandom(10_000)}).read_bytes()
    for name, content in (("cut", whole[:5_000]), ("text", b"no archive at all\n" * 100), ("empty", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(
            UserError, match=f"^{re.escape(str(path))} is damaged or no archive .*; download it again.$"
        ):
            list(read_members(path, WANTED))


def test_a_file_is_unpacked_if_it_is_packed(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"text")
    (tmp_path / "packed").write_bytes(gzip.compress(b"text"))
    assert read_file(tmp_path / "plain") == read_file(tmp_path / "packed") == b"text"
    assert read_file(tmp_path / "packed", limit=4) == b"text"
    for name in ("plain", "packed"):
        with pytest.raises(UserError, match="unpacks to more than"):
            read_file(tmp_path / name, limit=3)
    (tmp_path / "cut").write_bytes(gzip.compress(os.urandom(1000))[:500])
    with pytest.raises(UserError, match="is damaged or no archive"):
        read_file(tmp_path / "cut")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_file(tmp_path)
