"""A run's figures and report, drawn from its finished tables through the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import pandas as pd

from workbench.runs.folder import RunFolder
from workbench.runs.records import read_provenance
from workbench.runs.reproduce import commands
from workbench.views.report import Picture, Table, write_report
from workbench.views.samples import sample_completions

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


def model_names(table: pd.DataFrame) -> str:
    """The models of a table in words."""
    return " and ".join(dict.fromkeys(table["model"]))


def draw(folder: RunFolder, analysis: ModuleType) -> Page:
    """Draw the figures and the report of a finished run anew."""
    provenance = read_provenance(folder.path)
    table, completions = folder.table(), folder.completions()
    page = page_of(table, completions, analysis)
    write_report(
        folder.path,
        title=page.title,
        pictures=page.pictures,
        tables=page.tables,
        recognition=page.recognition,
        completions=completions if has_layers(completions) else None,
        summary=page.summary,
        models=list(dict.fromkeys(table["model"])) if "model" in table else (),
        # The settings have a place of their own, and the cells' records fill pages.
        provenance={name: what for name, what in provenance.items() if name not in ("settings", "cells")},
        config=folder.config(),
        command=commands([folder]),
    )
    return page


def page_of(table: pd.DataFrame, completions: pd.DataFrame, analysis: ModuleType) -> Page:
    """What the analysis says of a table, and some completions where the report cannot show them by layer."""
    page: Page = analysis.page(table, completions) if hasattr(analysis, "page") else _page(table, analysis)
    shown = any("completion" in shown.frame for shown in page.tables)
    if completions.empty or has_layers(completions) or shown:
        return page
    rows, caption = sample_completions(completions)
    return replace(page, tables=[*page.tables, Table("Sample completions", rows, caption)])


def _page(table: pd.DataFrame, analysis: ModuleType) -> Page:
    """The page of an analysis that has none: its question and its figures."""
    question = (analysis.__doc__ or analysis.__name__).strip().partition("\n")[0]
    pictures = [Picture(name, figure) for name, figure in analysis.figures(table).items()]
    return Page(question, pictures)


def has_layers(completions: pd.DataFrame) -> bool:
    """Whether completions can be shown side by side by layer."""
    needed = {"model", "n_layers", "task", "format", "examples", "seed", "prompt", "mask", "from_layer"}
    return needed <= set(completions.columns)
