"""`workbench data prepare|verify`: data sets in the layout that the tasks read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from workbench.cli.catalogue import suggestion
from workbench.errors import UserError

ACTIONS = {
    "prepare": "FLORES-200, MBPP or HumanEval, from what was downloaded or from the hub",
    "verify": "compare a prepared folder with its checksums",
}
_PREPARE = (
    "Write a data set in the layout that the tasks read. Files, line counts and checksums are compared with what was "
    "published; splits.json says which lines are for training, for examples and for tests."
)
_VERIFY = "Compare a prepared folder with its checksums."


@dataclass(frozen=True)
class Preparation:
    """What to prepare."""

    dataset: Annotated[Literal["flores", "mbpp", "humaneval"], tyro.conf.Positional]
    """The data set."""
    given: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Downloaded: FLORES-200's archive or the folder it was unpacked to, mbpp.jsonl, HumanEval.jsonl or
    HumanEval.jsonl.gz, or the folder that the hub's own repository was downloaded to. Without it the hub is asked."""
    out: Path | None = None
    """Folder to write, which must not be there yet; by default data/flores200, data/mbpp or data/human-eval."""
    languages: tuple[str, ...] = ()
    """FLORES codes, such as eng_Latn fra_Latn; by default all that the archive has."""


@dataclass(frozen=True)
class Verification:
    """What to verify."""

    folder: Annotated[Path, tyro.conf.Positional]
    """A folder that `workbench data prepare` wrote."""


def main(arguments: Sequence[str]) -> int:
    """Prepare or verify a data set."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: workbench data prepare|verify ...\n\nactions:")
        print("\n".join(f"  {name:<7}  {what}" for name, what in ACTIONS.items()))
        return 0 if arguments else 2
    action, *rest = arguments
    if action not in ACTIONS:
        raise UserError(f"There is no action {action!r}; {suggestion(action, list(ACTIONS), 'workbench data --help')}")
    return _prepare(rest) if action == "prepare" else _verify(rest)


def _prepare(arguments: Sequence[str]) -> int:
    asked: Any = tyro.cli(Preparation, prog="workbench data prepare", description=_PREPARE, args=arguments)
    from workbench.data.prepare import SPLITS, prepare

    prepared = prepare(asked.dataset, asked.out, asked.given, asked.languages)
    archive = prepared.archive
    if "sha256" in archive:
        known = ": the published one" if archive["standing"] == "published" else ""
        print(f"{archive['name']}: sha256 {archive['sha256']}{known}")
    told = {
        "published": "equal to the published ones",
        "revised": "differ from the published ones, as the hub has revised them",
        "unknown": "whose published checksum is not known here: recorded for later use",
    }
    print(f"files: {len(prepared.files)}, lines: {sum(facts['lines'] for facts in prepared.files.values())}")
    for standing, words in told.items():
        if prepared.standings[standing]:
            print(f"  {prepared.standings[standing]} {words}")
    print(f"{prepared.folder / SPLITS}\n{prepared.folder}")
    return 0


def _verify(arguments: Sequence[str]) -> int:
    asked: Any = tyro.cli(Verification, prog="workbench data verify", description=_VERIFY, args=arguments)
    from workbench.tasks.checksums import verify_folder

    print(f"files: {verify_folder(asked.folder)}, all as they were prepared")
    return 0
