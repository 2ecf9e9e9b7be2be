"""The commands that make runs and their report again, and what they were made with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.runs.folder import CONFIG, RunFolder
from workbench.runs.records import read_provenance


def commands(folders: Sequence[RunFolder], report: Path | None = None) -> str:
    """A line for every run, under a comment that names the versions behind it, and one for the report over several."""
    lines: list[str] = []
    for folder in folders:
        provenance = read_provenance(folder.path)
        made_with = f"# {_made_with(provenance.get('environment') or {})}"
        if made_with not in lines and len(made_with) > len("# "):
            lines.append(made_with)
        lines.append(_command(folder, provenance))
    if report is not None:
        lines.append(
            shlex.join(["workbench", "report", *(str(folder.path) for folder in folders), "--out", str(report)])
        )
    return "\n".join(lines)


def _command(folder: RunFolder, provenance: dict[str, Any]) -> str:
    """What was typed last; a run started from Python has its settings in its folder."""
    starts = provenance.get("starts") or [{}]
    typed = [str(word) for word in starts[-1].get("command") or ()]
    name = str(folder.config()["analysis"])
    return shlex.join(typed or ["workbench", "run", name, "--config", str(folder.path / CONFIG)])


def _made_with(environment: dict[str, Any]) -> str:
    """Workbench with its revision, and Python."""
    git = environment.get("git") or {}
    words = []
    if environment.get("workbench"):
        words.append(f"Workbench {environment['workbench']}")
    if git.get("revision"):
        words.append(f"revision {str(git['revision'])[:12]}{' with changes' if git.get('changed') else ''}")
    if environment.get("python"):
        words.append(f"Python {environment['python']}")
    return ", ".join(words)
