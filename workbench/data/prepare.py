"""From a downloaded archive, file or folder, or from the hub, to a folder in the layout that the tasks read.

Every file is compared with the published one where its SHA-256 is known (`published.tsv`: computed from the files
themselves; those of the two archives as many public projects report them). The others' are recorded in
`checksums.json`, by which later use notices a change. The splits of paper A (Sia, Mueller and Duh 2024, and its
official code) are written down in `splits.json`. The folder appears whole or not at all.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from workbench.data import flores
from workbench.data.archives import read_file
from workbench.data.records import HUMANEVAL, MBPP, Records
from workbench.errors import UserError
from workbench.runs import files as whole
from workbench.tasks import hub
from workbench.tasks.checksums import CHECKSUMS, MADE_BY, sha256
from workbench.tasks.flores import TRAINING_LINES

SPLITS = "splits.json"
Standing = Literal["published", "revised", "unknown"]
"""A file is the published one; differs from it, as files of the hub may; or there is no published sum to compare."""


@dataclass(frozen=True)
class Source:
    """A data set and the ways to get at it."""

    folder: str
    """What its folder is called by default."""
    local: Callable[[Path, Sequence[str]], Iterator[tuple[str, bytes]]]
    """Names and contents of the files in an archive, file or folder."""
    remote: Callable[[Sequence[str], str | None], Iterator[tuple[str, bytes]]]
    """The same from the hub, or from a folder that the hub's repository was downloaded to."""
    checked: Callable[[str, bytes, str], int]
    """How many lines a file has; refuses one that is not as published."""
    complete: Callable[[Sequence[str], Sequence[str], str], None]
    """Refuses a set of files that lacks some."""
    splits: dict[str, dict[str, Any]]
    """Which lines, counted from 1 and both ends included, are used for what."""
    has_languages: bool = False


@dataclass(frozen=True)
class Prepared:
    """What was written."""

    folder: Path
    files: dict[str, dict[str, Any]]
    """By name: `sha256`, `lines`, and `standing`."""
    archive: dict[str, Any]
    """Name, and for a file `sha256` and `standing`, of what it was made from."""

    @property
    def standings(self) -> Counter[str]:
        """How many files are published, revised, unknown."""
        return Counter(facts["standing"] for facts in self.files.values())


def prepare(
    dataset: str, out: Path | None = None, given: Path | None = None, languages: Sequence[str] = ()
) -> Prepared:
    """Write a data set's folder.

    Args:
        dataset: "flores", "mbpp" or "humaneval".
        out: the folder to write; by default `data/` and the data set's own name.
        given: the downloaded archive, file or folder (also of the hub's own repository); None for the hub.
        languages: FLORES codes; for all of an archive's, none.

    Raises:
        UserError: the data set is not what was published, is not there, or cannot be written.
    """
    source = SOURCES[dataset]
    out = Path("data") / source.folder if out is None else out
    if languages and not source.has_languages:
        raise UserError(f"{dataset} has no languages; leave --languages away.")
    if given is not None and not given.exists():
        raise UserError(f"There is no file or folder {given}; give what was downloaded with --from, or ask the hub.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already: give another --out, or `workbench data verify {out}` to check it.")
    if given is None or _from_the_hub(given):
        files = source.remote(languages, None if given is None else str(given))
    else:
        files = source.local(given, languages)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, so that giving it its name is one step; whatever happens, nothing half-done stays.
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as parts:
            part = Path(parts) / out.name
            part.mkdir()
            prepared = _write(dataset, part, files, given, languages)
            if out.exists():
                out.rmdir()
            part.rename(out)
    except OSError as error:
        raise UserError(f"Cannot write {out} ({error.strerror or error}): give another --out.") from error
    return replace(prepared, folder=out)


def _write(
    dataset: str, folder: Path, files: Iterator[tuple[str, bytes]], given: Path | None, languages: Sequence[str]
) -> Prepared:
    source, place = SOURCES[dataset], "the hub" if given is None else str(given)
    written: dict[str, dict[str, Any]] = {}
    for name, content in files:
        if name in written:
            raise UserError(f"{place} holds {name} twice; download it again.")
        lines = source.checked(name, content, place)
        standing = _standing(dataset, name, content)
        if standing == "revised" and given is not None and not _from_the_hub(given):
            raise UserError(
                f"{name} of {place} is not the published file (sha256 {sha256(content)[:12]}, published "
                f"{published(dataset)[name][:12]}); download it again."
            )
        written[name] = {"sha256": sha256(content), "lines": lines, "standing": standing}
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    source.complete(list(written), languages, place)
    archive = _archive(dataset, given)
    record = {"made_by": MADE_BY, "dataset": dataset, "from": archive, "files": written}
    for name, content_of in ((CHECKSUMS, record), (SPLITS, source.splits)):
        whole.write_json(folder / name, content_of)
    return Prepared(folder, written, archive)


def published(dataset: str) -> dict[str, str]:
    """SHA-256 of the published files of a data set, as far as known, by their names."""
    table = resources.files("workbench.data").joinpath("published.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines(), delimiter="\t")
    return {row["file"]: row["sha256"] for row in rows if row["dataset"] == dataset}


def _standing(dataset: str, name: str, content: bytes) -> Standing:
    known = published(dataset).get(name)
    return "unknown" if known is None else "published" if known == sha256(content) else "revised"


def _archive(dataset: str, given: Path | None) -> dict[str, Any]:
    if given is None or given.is_dir():
        return {"name": "the hub" if given is None else str(given)}
    found = whole.sha256(given)
    # An archive packed anew has another sum and the same files, so that it is told, not refused.
    standing = "published" if found in published(dataset).values() else "unknown"
    return {"name": given.name, "sha256": found, "standing": standing}


def _from_the_hub(given: Path) -> bool:
    """Whether a folder is a repository of the hub: these hold their data as parquet."""
    return given.is_dir() and next(given.rglob("*.parquet"), None) is not None


def _local_records(records: Records, given: Path, languages: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    if given.is_dir():
        paths = [given / f"{records.file}{ending}" for ending in ("", ".gz")]
        found = next((path for path in paths if path.is_file()), None)
        if found is None:
            raise UserError(f"{given} holds no file {records.file}; give the file itself with --from.")
        given = found
    yield records.file, read_file(given)


def _remote_records(
    records: Records, languages: Sequence[str], folder: str | None = None
) -> Iterator[tuple[str, bytes]]:
    instead = f"or give a downloaded {records.file} with --from PATH"
    repository = folder or records.repository
    try:
        splits = [hub.load(repository, records.configuration, split, instead=instead) for split in records.splits]
    except ValueError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{repository} is not laid out as {records.repository} ({reason}): {instead[3:]}.") from error
    yield records.file, records.written(row for split in splits for row in split)


def _records(records: Records, folder: str, splits: dict[str, dict[str, Any]]) -> Source:
    return Source(
        folder=folder,
        local=partial(_local_records, records),
        remote=partial(_remote_records, records),
        checked=lambda name, content, place: records.checked(content, Path(place)),
        complete=lambda names, languages, place: None,
        splits=splits,
    )


SOURCES = {
    "flores": Source(
        folder="flores200",
        local=flores.from_local,
        remote=flores.from_hub,
        checked=flores.checked,
        complete=flores.refuse_incomplete,
        splits={
            "training": {"files": "dev", "lines": [1, TRAINING_LINES]},
            "pool": {"files": "dev", "lines": [TRAINING_LINES + 1, flores.COUNTS["dev"]]},
            "test": {"files": "devtest", "lines": [1, flores.COUNTS["devtest"]]},
        },
        has_languages=True,
    ),
    "mbpp": _records(
        MBPP,
        "mbpp",
        {
            "training": {"files": MBPP.file, "lines": [1, TRAINING_LINES]},
            "pool": {"files": MBPP.file, "lines": [TRAINING_LINES + 1, len(MBPP.ids)]},
        },
    ),
    "humaneval": _records(
        HUMANEVAL, "human-eval", {"test": {"files": HUMANEVAL.file, "lines": [1, len(HUMANEVAL.ids)]}}
    ),
}
