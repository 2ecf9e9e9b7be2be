"""A run's figures and report, drawn from its finished tables through the analysis."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from workbench.runs.files import write_text
from workbench.runs.folder import RunFolder
from workbench.runs.records import read_provenance

INDEX = "index.html"


def draw(folder: RunFolder, analysis: ModuleType) -> Path:
    """Draw the figures and the report of a finished run anew; returns the report's path."""
    return draw_tables(
        folder.table(), folder.completions(), folder.path, analysis, read_provenance(folder.path)
    )


def draw_tables(
    table: pd.DataFrame,
    completions: pd.DataFrame,
    out: Path,
    analysis: ModuleType,
    provenance: Mapping[str, Any],
) -> Path:
    """Figures and report of any table of the analysis, for instance that of several runs together."""
    if hasattr(analysis, "page"):
        from workbench.views.report import write_report

        return write_report(analysis.page(table, completions), out, provenance=provenance)
    return _plain_report(analysis.figures(table), out, analysis.__name__)


def _plain_report(figures: Mapping[str, Any], out: Path, title: str) -> Path:
    """Figures and links to them: what an analysis without a page of its own gets."""
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.write_html(folder / f"{name}.html", include_plotlyjs="directory")
    links = "".join(f'<li><a href="figures/{html.escape(name)}.html">{name}</a></li>' for name in figures)
    page = f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><ul>{links}</ul>\n"
    write_text(out / INDEX, page)
    return out / INDEX
