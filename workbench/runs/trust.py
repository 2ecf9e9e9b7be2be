"""Whether a run may trust its model: measured when it is loaded, and what `workbench check` found of it before.

What the loaded model shows by itself is measured at the start of every run. The comparison with Hugging Face's own model
needs both in memory, so a run takes it from the last `workbench check` of the same weights, in the same number format, on
the same kind of device, by the same code and libraries. Where there was none, the run checks a small model itself, and
says of a larger one that it was not compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.runs.files import write_json
from workbench.runs.provenance import libraries
from workbench.runs.source import instrument_digest

CACHE = "WORKBENCH_CACHE"
"""Environment variable with the folder of what is remembered between runs; by default `workbench` in the user's cache."""
CHECKED_AT_ONCE = 1 << 28
"""Bytes of weights up to which a run makes the full check itself: about two seconds, and room for the model twice."""


def trusted(model: Any, name: str, config: Any) -> dict[str, Any]:
    """What the provenance says of a loaded model's soundness; nothing for what is no model of the workbench.

    Args:
        model: the model.
        name: what was asked for.
        config: the settings that it was loaded by.

    Raises:
        UserError: a measurement fails, now or when the model was last checked.
    """
    if not hasattr(model, "hooked"):
        return {}
    from workbench.models.check import self_check

    records = [result.record() for result in self_check(model, brief=True)]
    command = _check_command(name, config)
    _refuse_failed(name, records, "when it was loaded", command)
    remembered = recall(model) or _checked(model, name, config)
    if remembered is None:
        comparison: Any = f"not compared with Hugging Face; run `{command}`"
    else:
        _refuse_failed(name, remembered["results"], f"in `workbench check` on {remembered['checked']}", command)
        comparison = {"checked": remembered["checked"], **_listed(remembered["results"])}
    return {"self_check": _listed(records), "check": comparison}


def remember(model: Any, records: Sequence[Mapping[str, Any]]) -> Path:
    """Keep the results of a full check for later runs; returns the file.

    Raises:
        OSError: the folder cannot be written.
    """
    path = _path(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    made_by = {"model": model.name, **_identity(model)}
    write_json(path, {**made_by, "checked": _today(), "results": list(records)})
    return path


def recall(model: Any) -> dict[str, Any] | None:
    """The last full check of this model, as it is loaded, by this code; None if there is none that can be read."""
    try:
        content = json.loads(_path(model).read_text(encoding="utf-8"))
        return content if content["checked"] and content["results"] else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _checked(model: Any, name: str, config: Any) -> dict[str, Any] | None:
    """The full check of a small model, made now and remembered where it can be; None where it is large or has no files."""
    from workbench.models.check import check
    from workbench.models.digest import digest
    from workbench.models.files import checkpoint_files
    from workbench.models.source import locate

    if sum(weights.nbytes for weights in model.hooked.parameters()) > CHECKED_AT_ONCE:
        return None
    try:
        folder = locate(name, getattr(config, "revision", None)).folder
        if digest(checkpoint_files(folder).all) != model.digest:
            return None
    except UserError:
        # An analysis may bring models of its own, under names that lead nowhere.
        return None
    records = [result.record() for result in check(model, folder)]
    with contextlib.suppress(OSError):
        remember(model, records)
    return {"checked": _today(), "results": records}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def cache_folder() -> Path:
    """Where things are remembered between runs."""
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workbench"


def _path(model: Any) -> Path:
    content = json.dumps(_identity(model), sort_keys=True)
    return cache_folder() / "checks" / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"


def _identity(model: Any) -> dict[str, Any]:
    """Everything that the results of a check can depend on."""
    return {
        "digest": model.digest,
        "dtype": str(model.hooked.cfg.dtype).removeprefix("torch."),
        "device": model.hooked.W_E.device.type,
        "instrument": instrument_digest(),
        "libraries": libraries(),
    }


def _listed(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Each measurement's value and the rule that it passes by."""
    return {str(record["check"]): [record["value"], record["passes"]] for record in records}


def _check_command(name: str, config: Any) -> str:
    """What checks the model as these settings load it."""
    defaults = {"revision": None, "dtype": "float32", "device": "cpu"}
    chosen = {option: getattr(config, option, default) for option, default in defaults.items()}
    options = [
        word
        for option, default in defaults.items()
        if chosen[option] != default
        for word in (f"--{option}", str(chosen[option]))
    ]
    return shlex.join(["workbench", "check", name, *options])


def _refuse_failed(name: str, records: Sequence[Mapping[str, Any]], when: str, command: str) -> None:
    failed = [record for record in records if not record["passed"]]
    if failed:
        first = failed[0]
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise UserError(
            f"Model {name} failed a measurement {when}: {first['check']} is {first['value']}, which must be "
            f"{first['passes']}{more}, so its numbers could not be trusted; `{command}` shows all."
        )
