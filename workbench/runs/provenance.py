"""What a run's numbers were made with, written beside them."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.runs.source import PACKAGE, analysis_digest, instrument_digest

NUMERICAL = ("numpy", "peft", "sacrebleu", "tokenizers", "torch", "transformer-lens", "transformers")
"""Libraries whose version can change a number."""
RECORDED = (*NUMERICAL, "datasets", "pandas", "plotly", "pyarrow")


def versions(analysis_file: Path) -> dict[str, str]:
    """Everything about the code that can change a number: part of every cell's key."""
    return {
        "workbench": __version__,
        "instrument": instrument_digest(),
        "analysis": analysis_digest(analysis_file),
        **libraries(),
    }


def libraries() -> dict[str, str]:
    """Versions of the libraries that can change a number."""
    return {name: _version(name) for name in NUMERICAL}


def environment() -> dict[str, Any]:
    """The machine and the software."""
    return {
        "workbench": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "accelerators": _accelerators(),
        "git": git_revision(PACKAGE.parent),
        "versions": {name: _version(name) for name in RECORDED},
    }


def git_revision(folder: Path) -> dict[str, Any] | None:
    """Commit of the working copy and whether it was changed since; None outside of one, or without git."""
    # An installed copy may lie inside somebody's own repository, whose revision says nothing about it.
    revision = _git(folder, "rev-parse", "HEAD") if (folder / ".git").exists() else ""
    if not revision:
        return None
    return {"revision": revision, "changed": bool(_git(folder, "status", "--porcelain", "-uno"))}


def model_facts(model: Any) -> dict[str, Any]:
    """What is known of a loaded model."""
    names = ("source", "digest", "n_layers", "n_heads", "window", "bos")
    facts = {name: getattr(model, name) for name in names if hasattr(model, name)}
    config = getattr(getattr(model, "hooked", None), "cfg", None)
    if config is not None:
        facts |= {"dtype": str(config.dtype).removeprefix("torch."), "device": str(config.device)}
    return facts


def metric_signatures(columns: Iterable[str]) -> dict[str, str]:
    """How each measured score was made, in the words of the library that defines it."""
    from workbench.scoring import SCORE_NAMES, score_named

    return {name: score_named(name).signature or name for name in columns if name in SCORE_NAMES}


def settings_of_note(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a reader looks for first."""
    return {name: settings[name] for name in ("seed", "seeds", "dtype", "device") if name in settings}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _accelerators() -> list[str]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _git(folder: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
