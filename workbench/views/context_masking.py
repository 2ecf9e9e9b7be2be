"""All masks of a task in one picture: what is hidden from which layer on, of prompts with and without an instruction."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.curves import Summary
from workbench.views import theme
from workbench.views.curves import file_name, subtitle
from workbench.views.layer_profiles import masking_profile
from workbench.views.many_curves import Level, many_curves_figure
from workbench.views.report import Picture, Table
from workbench.views.series import Series, main_rows, series_of
from workbench.views.tables import recognition_table, without_constants
from workbench.views.text import MASK_WORDS, number, score_label

NOTHING = "FFF"
"""The mask of the prompts that are a baseline: nothing of them is hidden."""
WITH_INSTRUCTION = {
    "TTF": "instruction and examples hidden",
    "FTF": "examples hidden, instruction visible",
    "TFF": "instruction hidden, examples visible",
    "FFT": "query hidden",
    "TTT": "instruction, examples and query hidden",
    "mask_all": "everything hidden: each position sees itself alone",
}
_CAPTION = (
    "Score when a part of the prompt is hidden from each layer on. Below, the layer from which on it can be hidden without "
    "harm, with its 95 % interval; a hollow mark means that there is none."
)


def masked(recognition: pd.DataFrame) -> pd.DataFrame:
    """The rows of curves under which something is hidden."""
    return recognition[recognition["mask"] != NOTHING]


def pictures(
    summary: Summary, texts: pd.DataFrame | None = None, published: pd.DataFrame | None = None
) -> list[Picture]:
    """A picture for every model, task and score; each task's own score first.

    `published` (BLEU) is drawn behind the score `bleu` of every task.
    """
    found = []
    several = summary.curves["model"].nunique() > 1
    for (model, task, score), rows in summary.curves.groupby(["model", "task", "score"], sort=False):
        recognition = summary.recognition
        recognition = recognition[
            (recognition["model"] == model) & (recognition["task"] == task) & (recognition["score"] == score)
        ]
        behind = published if score == "bleu" else None
        own = None if texts is None else texts[(texts["model"] == model) & (texts["task"] == task)]
        head = f"{model}.{task}" if several else str(task)
        main = score == summary.curves.loc[summary.curves["task"] == task, "score"].iloc[0]
        figure = masks_figure(rows, recognition, own, behind)
        section = "All masks" if main else "Other scores"
        found.append(Picture(file_name(f"{head}.{score}"), figure, _CAPTION, section))
    return sorted(found, key=lambda picture: picture.section)


def masks_figure(
    curves: pd.DataFrame,
    recognition: pd.DataFrame,
    texts: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
) -> go.Figure:
    """The curves of one model, task and score under every mask, as in paper A's main figure."""
    instructed = _instructed_format(curves)
    everything = series_of(curves, recognition)
    drawn = [_named(series, instructed) for series in everything if series.mask != NOTHING]
    task, score = str(curves["task"].iloc[0]), str(curves["score"].iloc[0])
    figure = many_curves_figure(
        drawn,
        title=task,
        subtitle=subtitle(drawn),
        score=score,
        value_title=score_label(score),
        levels=_levels(everything, instructed),
        texts=texts,
        published=published,
    )
    words = figure.layout.xaxis.title.text.replace("the context is hidden", "what is named is hidden")
    return figure.update_layout(xaxis={"title": {"text": words}})


def recognition_tables(summary: Summary) -> list[Table]:
    """Recognition layers by each task's own score, then of every score and seed."""
    rows = masked(summary.recognition)
    short, said = without_constants(recognition_table(main_rows(rows)))
    every, _ = without_constants(recognition_table(rows, seeds=True))
    return [
        Table("Recognition layers", short, f"By each task's own score: {said}."),
        Table("Every score and seed", every),
    ]


def profile(summary: Summary) -> pd.DataFrame:
    """The curves as layer profiles; those of prompts without an instruction say so."""
    curves = summary.curves[summary.curves["mask"] != NOTHING]
    parts = []
    for format_, rows in curves.groupby("format", sort=False):
        recognition = summary.recognition[summary.recognition["format"] == format_]
        part = masking_profile(rows, recognition)
        if format_ != _instructed_format(summary.curves):
            part = part.assign(quantity=part["quantity"].str.replace("score, ", "score, no instruction, ", n=1))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _instructed_format(curves: pd.DataFrame) -> str:
    """The format with an instruction: the baseline's, which is nothing but one."""
    baseline = curves.loc[curves["mask"] == NOTHING, "format"]
    return str(baseline.iloc[0]) if len(baseline) else str(curves["format"].iloc[0])


def _named(series: Series, instructed: str) -> Series:
    if series.format == instructed:
        return replace(series, name=WITH_INSTRUCTION.get(series.mask, MASK_WORDS.get(series.mask, series.mask)))
    hidden = MASK_WORDS.get(series.mask, series.mask)
    # The colour of the same mask with an instruction would hide which is which where the curves cross.
    return replace(
        series, name=f"prompt without instruction: {hidden}", colour=theme.SKY, symbol="pentagon", dash="6px,3px"
    )


def _levels(everything: list[Series], instructed: str) -> list[Level]:
    """The score with nothing hidden, of each kind of prompt."""
    found: dict[str, Level] = {}
    for series in everything:
        if series.mask == NOTHING:
            found.setdefault("baseline", Level("instruction alone", series.ceiling, theme.FAINT, "2px,4px"))
        elif series.format == instructed:
            found.setdefault("ceiling", Level("nothing hidden", series.ceiling))
        else:
            found.setdefault("plain", Level("no instruction", series.ceiling, theme.SKY))
    # Two lines that read the same are one.
    kept: dict[str, Level] = {}
    for level in sorted(found.values(), key=lambda each: each.name != "nothing hidden"):
        kept.setdefault(number(level.value), level)
    return list(kept.values())
