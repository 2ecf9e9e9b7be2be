"""A run's figures and report, drawn from its finished tables through the analysis."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from workbench.runs.folder import RunFolder
from workbench.runs.records import read_provenance
from workbench.views.report import Picture, Table, write_report

INDEX = "index.html"


@dataclass(frozen=True)
class Page:
    """What an analysis says of a table: the part of the report that is its own."""

    title: str
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    """The first one is also printed on the terminal."""
    summary: Sequence[str] = ()
    """Sentences, above everything else and on the terminal."""
    recognition: pd.DataFrame | None = None
    """The recognition table, where there is one: gives the findings."""


def draw(folder: RunFolder, analysis: ModuleType) -> Page:
    """Draw the figures and the report of a finished run anew."""
    provenance = read_provenance(folder.path)
    starts = provenance.get("starts", [])
    return draw_tables(
        folder.table(),
        folder.completions(),
        folder.path,
        analysis,
        # The settings have a place of their own, and the cells' records fill pages.
        provenance={name: what for name, what in provenance.items() if name not in ("settings", "cells")},
        config=folder.config(),
        command=shlex.join(starts[-1]["command"]) if starts else "",
    )


def draw_tables(
    table: pd.DataFrame,
    completions: pd.DataFrame,
    out: Path,
    analysis: ModuleType,
    *,
    provenance: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    command: str = "",
) -> Page:
    """Figures and report of any table of the analysis, for instance that of several runs together."""
    page: Page = analysis.page(table, completions) if hasattr(analysis, "page") else _page(table, analysis)
    write_report(
        out,
        title=page.title,
        pictures=page.pictures,
        tables=page.tables,
        recognition=page.recognition,
        completions=completions if _has_layers(completions) else None,
        summary=page.summary,
        models=list(dict.fromkeys(table["model"])) if "model" in table else (),
        provenance=provenance,
        config=config,
        command=command,
    )
    return page


def _page(table: pd.DataFrame, analysis: ModuleType) -> Page:
    """The page of an analysis that has none: its question and its figures."""
    question = (analysis.__doc__ or analysis.__name__).strip().partition("\n")[0]
    pictures = [Picture(name, figure) for name, figure in analysis.figures(table).items()]
    return Page(question, pictures)


def _has_layers(completions: pd.DataFrame) -> bool:
    """Whether completions can be shown side by side by layer."""
    needed = {"model", "n_layers", "task", "format", "examples", "seed", "prompt", "mask", "from_layer"}
    return needed <= set(completions.columns)
