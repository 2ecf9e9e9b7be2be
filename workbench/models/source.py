"""What a person types for a model, and the checkpoint folder it leads to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UserError
from workbench.models import registry
from workbench.models.hub import fetch, suggestion

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Source:
    """Where a model comes from."""

    name: str
    """The name it goes by in tables and pictures; with the revision, where one was asked for."""
    folder: Path
    described: str
    """The folder, or hub id and commit, for the provenance."""


def locate(name_or_folder: str, revision: str | None = None) -> Source:
    """The checkpoint folder that a name, hub id or path leads to, fetched from the hub where it is one.

    The order: `mini`, an existing folder, a name of the registry, a hub id.

    Raises:
        UserError: nothing is called that, or what is called that cannot be had.
    """
    path = Path(name_or_folder).expanduser()
    if name_or_folder == "mini":
        return _embedded(revision)
    if path.is_dir():
        _refuse_revision(name_or_folder, revision)
        return Source(path.resolve().name, path, str(path.resolve()))
    if path.is_file():
        raise UserError(f"{name_or_folder} is a file: give the checkpoint folder that it lies in, {path.parent}.")
    entry = registry.find(name_or_folder)
    hub_id = entry.hub if entry is not None else name_or_folder
    if hub_id is None:
        return _embedded(revision)
    if not _HUB_ID.fullmatch(hub_id) or name_or_folder.startswith("."):
        raise UserError(_unknown(name_or_folder))
    folder = fetch(hub_id, revision)
    name = entry.name if entry else hub_id
    # Checkpoints of one training must not be taken for one another.
    return Source(f"{name}@{revision}" if revision else name, folder, f"{hub_id}@{folder.name}")


def _embedded(revision: str | None) -> Source:
    if not registry.MINI.is_dir():
        raise UserError(
            f"The embedded model is missing ({registry.MINI}): train it with `workbench train mini`, or "
            "name another model."
        )
    if revision is None:
        return Source("mini", registry.MINI, "mini (embedded)")
    known = registry.mini_revisions()
    if revision not in known:
        raise UserError(f"mini has no revision {revision!r}: its training was saved at {', '.join(known)}.")
    return Source(f"mini@{revision}", registry.MINI / "checkpoints" / revision, f"mini (embedded), {revision}")


def _refuse_revision(name: str, revision: str | None) -> None:
    if revision is not None:
        raise UserError(f"A revision ({revision!r}) was given, but {name} is not from the hub: leave it out.")


def _unknown(name: str) -> str:
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        return f"There is no folder {name}: expected a checkpoint folder, a hub id, or a name from `workbench models`."
    return (
        f"Unknown model {name!r}{suggestion(name)}: expected a name from `workbench models`, a checkpoint "
        "folder, or a hub id like EleutherAI/gpt-neo-125m."
    )
