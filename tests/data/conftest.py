"""Small downloads: archives with what is wanted, and with what an attacker would add."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

COUNTS = {"dev": 997, "devtest": 1012}


def flores_files(*codes: str, **counts: int) -> dict[str, bytes]:
    """FLORES files of languages that FLORES-200 has not, so that no published checksum stands against them."""
    return {
        f"flores200_dataset/{split}/{code}.{split}": "".join(
            f"{split} sentence {number} in {code}\n" for number in range(counts.get(split, count))
        ).encode()
        for code in codes
        for split, count in COUNTS.items()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tar archive, packed as its name says: `archive({"dev/x": b"..."}, *further_members)`."""

    def write(files: Mapping[str, bytes], *others: tarfile.TarInfo, name: str = "flores.tar.gz") -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as stream:
            for member_name, content in files.items():
                member = tarfile.TarInfo(member_name)
                member.size = len(content)
                stream.addfile(member, io.BytesIO(content))
            for member in others:
                stream.addfile(member)
        return path

    return write


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link as a member of an archive."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member
