"""One page for one run or several: findings, figures, tables, completions by layer, settings, provenance, the command.

The page opens from disk and asks the network for nothing. A folder shares one `plotly.min.js` and has a page, a CSV and a
parquet file for every figure; `inline=True` puts all of it into `index.html`, which is then a single file to send. The same input
gives the same bytes: no time, no random identifier, one JSON encoder. Every text from data or a model is escaped: by the template
in HTML, by `script_json` inside script elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.errors import UserError
from workbench.views.assets import environment, mask_class, plotly_inline, shared
from workbench.views.curves import file_name
from workbench.views.data import csv_text, parquet_bytes
from workbench.views.embedding import shown_figure, shown_table
from workbench.views.findings import Finding, findings
from workbench.views.tables import Card, completion_cards

PLOTLY_FILE = "plotly.min.js"


@dataclass(frozen=True)
class Picture:
    """A figure of the report. Its name becomes `figures/NAME.html`; pictures of one section stand together."""

    name: str
    figure: go.Figure
    caption: str = ""
    section: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the report."""

    name: str
    frame: pd.DataFrame
    caption: str = ""


def write_report(
    folder: Path,
    *,
    title: str,
    pictures: Sequence[Picture] = (),
    tables: Sequence[Table] = (),
    recognition: pd.DataFrame | None = None,
    completions: pd.DataFrame | None = None,
    summary: Sequence[str] = (),
    models: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    command: str = "",
    inline: bool = False,
    prompts: int = 3,
) -> Path:
    """Write `index.html`, `figures/NAME.html`, `.csv` and `.parquet`, and `plotly.min.js` into `folder`.

    Returns the path of `index.html`.

    Args:
        folder: made if it is not there.
        title: the page's heading.
        pictures: figures with captions, in the order of the page.
        tables: tables, in the order of the page.
        recognition: the recognition table; gives a finding per task and marks the layers among the completions.
        completions: the completions table; gives the completions by layer.
        summary: sentences above the findings.
        models: names that stand under the title; by default those of `recognition` and `completions`.
        provenance: shown as it is, nested mappings too; for several runs, one entry per run.
        config: the settings, shown likewise.
        command: what reproduces the run.
        inline: one self-contained `index.html` and no other file.
        prompts: how many prompts of each task are shown by layer.

    Raises:
        UserError: two pictures with the same file name, or a folder that cannot be written.
    """
    _refuse_equal_names(pictures)
    shown = [shown_figure(file_name(picture.name), picture.figure, picture.caption, inline) for picture in pictures]
    page = environment().get_template("report.html")
    html = page.render(
        title=title,
        models=list(models) or _models(recognition, completions),
        summary=list(summary),
        findings=_grouped_findings(recognition),
        pictures=_by_section(pictures, shown),
        tables=[
            shown_table(f"table-{place}-{file_name(table.name)}", table.name, table.frame, table.caption)
            for place, table in enumerate(tables, 1)
        ],
        cards=_grouped_cards(completions, recognition, prompts),
        provenance=_plain(provenance or {}),
        config=_plain(config or {}),
        command=command,
        sections=_sections(recognition, summary, pictures, tables, completions),
        plotly_inline=plotly_inline() if inline else None,
        plotly_href=PLOTLY_FILE,
        **shared(),
    )
    files: dict[str, str | bytes] = {"index.html": html}
    if not inline:
        alone = environment().get_template("figure.html")
        files[PLOTLY_FILE] = get_plotlyjs()
        for picture in shown:
            files[f"figures/{picture['name']}.html"] = alone.render(
                title=title, picture=picture, plotly_href=f"../{PLOTLY_FILE}", **shared()
            )
            files[f"figures/{picture['name']}.csv"] = csv_text(picture["table"])
            files[f"figures/{picture['name']}.parquet"] = parquet_bytes(picture["table"])
    return _written(Path(folder), files)


def _written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"cannot write the report into {folder}: {reason}; give a folder that can be written"
        ) from error
    return folder / "index.html"


def _refuse_equal_names(pictures: Sequence[Picture]) -> None:
    seen: dict[str, str] = {}
    for picture in pictures:
        name = file_name(picture.name)
        if name in seen:
            raise UserError(
                f"figures {seen[name]!r} and {picture.name!r} would both be figures/{name}.html; rename one"
            )
        seen[name] = picture.name


def _by_section(pictures: Sequence[Picture], shown: Sequence[dict]) -> list[tuple[str, list[dict]]]:
    groups: dict[str, list[dict]] = {}
    for picture, entry in zip(pictures, shown, strict=True):
        groups.setdefault(picture.section, []).append(entry)
    return list(groups.items())


def _models(*frames: pd.DataFrame | None) -> list[str]:
    names = [str(name) for frame in frames if frame is not None and "model" in frame for name in frame["model"]]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class _ShownFinding(Finding):
    @property
    def mask_class(self) -> str:
        return mask_class(self.mask)


def _grouped_findings(recognition: pd.DataFrame | None) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[_ShownFinding]] = {}
    for finding in [] if recognition is None else findings(recognition):
        groups.setdefault((finding.task, finding.model), []).append(_ShownFinding(**vars(finding)))
    return [{"task": task, "model": model, "entries": entries} for (task, model), entries in groups.items()]


def _grouped_cards(
    completions: pd.DataFrame | None, recognition: pd.DataFrame | None, prompts: int
) -> list[tuple[str, list[Card]]]:
    groups: dict[str, list[Card]] = {}
    if completions is not None and not completions.empty:
        for card in completion_cards(completions, recognition, prompts=prompts):
            groups.setdefault(card.task, []).append(card)
    return list(groups.items())


def _plain(value: Any) -> Any:
    """Mappings and sequences as the template shows them, everything else as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not any(isinstance(item, Mapping) for item in value):
        return [str(item) for item in value]
    if isinstance(value, list | tuple):
        return {str(place): _plain(item) for place, item in enumerate(value)}
    return None if value is None else str(value)


def _sections(
    recognition: pd.DataFrame | None,
    summary: Sequence[str],
    pictures: Sequence[Picture],
    tables: Sequence[Table],
    completions: pd.DataFrame | None,
) -> list[tuple[str, str]]:
    there = {
        ("findings", "Findings"): bool(summary) or (recognition is not None and not recognition.empty),
        ("figures", "Figures"): bool(pictures),
        ("tables", "Tables"): bool(tables),
        ("completions", "Completions by layer"): completions is not None and not completions.empty,
        ("making", "How this was made"): True,
    }
    return [section for section, shown in there.items() if shown]
