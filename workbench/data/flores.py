"""FLORES-200's files: where they come from, and what every one of them must be."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from workbench.data.archives import read_file, read_members
from workbench.errors import UserError
from workbench.tasks import flores_hub
from workbench.tasks.flores import SPLITS, find_folder, sentences

COUNTS = {"dev": 997, "devtest": 1012}
"""Lines of every language's file."""
_NAME = re.compile(r"(?:.*/)?(?P<name>(?P<split>dev|devtest)/(?P<code>[a-z]{3}_[A-Z][a-z]{3})\.(?P=split))")


def from_local(source: Path, languages: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in the published archive, or in a folder that it was unpacked to.

    Args:
        source: the archive or the folder.
        languages: FLORES codes of those wanted; all of them if empty.

    Raises:
        UserError: the archive or the folder cannot be used.
    """
    for name, content in _folder(source) if source.is_dir() else read_members(source, _NAME):
        if not languages or Path(name).stem in languages:
            yield name, content


def from_hub(languages: Sequence[str], folder: str | None = None) -> Iterator[tuple[str, bytes]]:
    """The same of FLORES+, which goes on where FLORES-200 ended: some of its languages have been revised.

    Args:
        languages: FLORES codes.
        folder: where the hub's repository was downloaded to; None for the hub.

    Raises:
        UserError: no languages are named, or the hub cannot be used.
    """
    if not languages:
        raise UserError("Name the languages to fetch from the hub, such as --languages eng_Latn fra_Latn.")
    for code in languages:
        for split in SPLITS:
            instead = "or give the published archive with --from PATH"
            lines = flores_hub.read(code, split, instead, repository=folder or flores_hub.REPOSITORY)
            yield f"{split}/{code}.{split}", "".join(f"{line}\n" for line in lines).encode()


def checked(name: str, content: bytes, source: str) -> int:
    """How many lines a file has.

    Raises:
        UserError: not as many as published, so that languages would not be aligned; a blank line; no UTF-8.
    """
    try:
        lines = sentences(content)
    except UnicodeDecodeError as error:
        raise UserError(f"{name} of {source} is not UTF-8 text (byte {error.start}); download it again.") from error
    expected = COUNTS[name.partition("/")[0]]
    if len(lines) != expected:
        raise UserError(
            f"{name} of {source} has {len(lines)} lines, FLORES-200 has {expected}: its lines are not those of the "
            "other languages; download it again."
        )
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise UserError(f"Line {number} of {name} of {source} is blank; download it again.")
    return len(lines)


def refuse_incomplete(names: Collection[str], languages: Sequence[str], source: str) -> None:
    """Every language has both files, and every language asked for is there.

    Raises:
        UserError: otherwise.
    """
    there: dict[str, set[str]] = defaultdict(set)
    for name in names:
        there[Path(name).stem].add(name.partition("/")[0])
    missing = [code for code in languages if code not in there]
    if missing:
        raise UserError(f"{source} has no language {', '.join(missing)}; codes look like fra_Latn.")
    if not there:
        raise UserError(
            f"{source} holds no file of FLORES-200 (dev/eng_Latn.dev, devtest/eng_Latn.devtest, ...); give the "
            "published archive or the folder it was unpacked to."
        )
    for code, splits in there.items():
        lacking = [split for split in SPLITS if split not in splits]
        if lacking:
            raise UserError(f"{source} has {code} without its {lacking[0]}; both files are needed: download it again.")


def _folder(source: Path) -> Iterator[tuple[str, bytes]]:
    folder = find_folder(source)
    for split in SPLITS:
        for path in sorted((folder / split).glob(f"*.{split}")):
            match = _NAME.fullmatch(f"{split}/{path.name}")
            if match is not None:
                yield match["name"], read_file(path)
