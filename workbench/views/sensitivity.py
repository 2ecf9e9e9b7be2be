"""The recognition layer by every way of reading it, beside the curves that it was read off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.sensitivity import BOS_HIDDEN, BOS_VISIBLE, PAPER, ZEROED, Readings, same_variants
from workbench.views import theme
from workbench.views.comparison import Compared
from workbench.views.curves import file_name, layer_ticks, subtitle
from workbench.views.hover import recognition_text
from workbench.views.layer_marks import layer_marks, layer_numbers
from workbench.views.many_curves import Level, as_share, many_curves_figure
from workbench.views.report import Picture, Table
from workbench.views.series import Series, series_of
from workbench.views.tables import pooled_rows, recognition_table, without_constants
from workbench.views.text import escape, layer_interval, layer_word, missing, score_label, score_name

VARIANTS = {
    PAPER: "as in the paper",
    BOS_HIDDEN: "BOS hidden too",
    BOS_VISIBLE: "BOS visible",
    ZEROED: "zeroed, not renormalised",
}
_COLOURS = {PAPER: theme.BLUE, BOS_HIDDEN: theme.VERMILLION, BOS_VISIBLE: theme.VERMILLION, ZEROED: theme.GREEN}
_SYMBOLS = {PAPER: "circle", BOS_HIDDEN: "square", BOS_VISIBLE: "square", ZEROED: "diamond"}
_DEFAULT = 0.95
_ROW, _BLOCK = 1.0, 1.25
"""Heights of a row, and of a block's heading."""


@dataclass(frozen=True)
class _Study:
    """One model and task."""

    model: str
    task: str
    curves: pd.DataFrame
    recognition: pd.DataFrame
    """Over all seeds."""

    @property
    def scores(self) -> list[str]:
        """The task's own score first."""
        return [str(score) for score in dict.fromkeys(self.curves["score"])]

    @property
    def main(self) -> list[str]:
        """The scores that thresholds and variants are shown by: the task's own and the smooth one."""
        return [score for score in self.scores if score in (self.scores[0], "log_probability")]

    def found(self, score: str, variant: str = PAPER, fraction: float = _DEFAULT, of: str = "rise") -> pd.Series | None:
        """One reading; None if there is none."""
        rows = self.recognition
        rows = rows[(rows["score"] == score) & (rows["variant"] == variant) & (rows["relative_to"] == of)]
        rows = rows[rows["fraction"] == fraction]
        return rows.iloc[0] if len(rows) else None

    def series(self, score: str, variant: str = PAPER) -> Series:
        """One curve with its recognition layer."""
        rows = self.curves[(self.curves["score"] == score) & (self.curves["variant"] == variant)]
        found = self.found(score, variant)
        return replace(series_of(rows, None)[0], recognition=found)


def pictures(readings: Readings) -> list[Picture]:
    """Three pictures for every model and task."""
    drawn = []
    several = readings.curves["model"].nunique() > 1
    for study in _studies(readings):
        head = f"{study.model}.{study.task}" if several else study.task
        drawn += [
            Picture(file_name(f"{head}.readings"), readings_figure(study), _READINGS, study.task),
            Picture(file_name(f"{head}.scores"), scores_figure(study), _SCORES, study.task),
            *(
                Picture(file_name(f"{head}.variants.{score}"), variants_figure(study, score), _CURVES, study.task)
                for score in study.main
            ),
        ]
    return drawn


_READINGS = "The recognition layer by each way of reading it, with its 95 % interval; the shade is the first row's."
_SCORES = "The same completions by every score, each as a share of its own way from floor to ceiling."
_CURVES = "The same prompts with the BOS visible and hidden, and with attention zeroed instead of renormalised."


def _studies(readings: Readings) -> Iterator[_Study]:
    pooled = readings.recognition[readings.recognition["seed"].astype(str) == "all"]
    for (model, task), curves in readings.curves.groupby(["model", "task"], sort=False):
        rows = pooled[(pooled["model"] == model) & (pooled["task"] == task)]
        yield _Study(str(model), str(task), curves, rows)


def scores_figure(study: _Study) -> go.Figure:
    """The curve by every score that rises with the context, on one scale."""
    drawn = []
    for place, score in enumerate(study.scores):
        series = study.series(score)
        if not Compared(study.task, "", score, series).rises:
            continue
        named = replace(series, name=escape(score_name(score)), colour=theme.CYCLE[place], dash="solid")
        drawn.append(as_share(replace(named, symbol=theme.SYMBOLS[place])))
    every = drawn or [study.series(score) for score in study.scores[:1]]
    return many_curves_figure(
        every,
        title=f"{study.task}: one curve by every score",
        subtitle=subtitle(every),
        score="share of the way",
        value_title="share of the way from floor to ceiling",
        levels=[Level(_percent(fraction), fraction) for fraction in _fractions(study)] if drawn else (),
        percent=True,
    )


def variants_figure(study: _Study, score: str) -> go.Figure:
    """The curve of every variant by one score."""
    drawn = []
    for variant in dict.fromkeys(study.curves["variant"]):
        series = study.series(score, variant)
        drawn.append(replace(series, name=VARIANTS[variant], colour=_COLOURS[variant], symbol=_SYMBOLS[variant]))
    return many_curves_figure(
        drawn,
        title=f"{study.task}: ways of hiding",
        subtitle=subtitle(drawn),
        score=score,
        value_title=score_label(score),
        levels=[Level("nothing hidden", drawn[0].ceiling)],
    )


def _fractions(study: _Study) -> list[float]:
    return sorted(dict.fromkeys(study.recognition["fraction"]))


def _blocks(study: _Study) -> list[tuple[str, list[tuple[str, str, pd.Series]]]]:
    """Heading and rows (name, score, reading) of every block of the figure."""
    blocks: list[tuple[str, list[tuple[str, str, pd.Series | None]]]] = [
        ("score", [(score_name(score), score, study.found(score)) for score in study.scores]),
    ]
    thresholds, ways = [], []
    for score in study.main:
        by = f", by {score_name(score)}"
        thresholds += [
            (f"{_percent(fraction)} of the rise{by}", score, study.found(score, fraction=fraction))
            for fraction in _fractions(study)
        ]
        thresholds.append((f"{_percent(_DEFAULT)} of the ceiling{by}", score, study.found(score, of="ceiling")))
        ways += [
            (f"{VARIANTS[variant]}{by}", score, study.found(score, variant))
            for variant in dict.fromkeys(study.curves["variant"])
        ]
    blocks += [("threshold", thresholds), ("hiding", ways)]
    return [(name, [(label, score, row) for label, score, row in rows if row is not None]) for name, rows in blocks]


def readings_figure(study: _Study) -> go.Figure:
    """The layers by every reading: a row each, in blocks of what varies."""
    figure = go.Figure()
    first = study.found(study.scores[0])
    n_layers = int(study.curves["n_layers"].iloc[0])
    height = 0.0
    ticks: dict[float, str] = {}
    for heading, rows in _blocks(study):
        height -= _BLOCK if ticks else 0.0
        figure.add_annotation(
            text=f"<b>{heading}</b>", **_beside(height, "right", 0.0), xshift=-10, font={"color": theme.INK}
        )
        for label, score, row in rows:
            height -= _ROW
            ticks[height] = escape(label)
            figure.add_traces(_reading(study, label, score, row, height))
            _number(figure, row, height, score)
    if first is not None and not missing(first["low"]):
        figure.add_vrect(
            **{"x0": float(first["low"]) - 0.08, "x1": float(first["high"]) + 0.08},
            **{"fillcolor": theme.GREY, "opacity": 0.12, "line_width": 0, "layer": "below"},
        )
    _lay_out(figure, study, n_layers, height, ticks)
    return figure


def _colour(score: str) -> str:
    return theme.INDIGO if score == "log_probability" else theme.BLUE


def _beside(height: float, side: str, x: float) -> dict[str, object]:
    return {"x": x, "xref": "paper", "xanchor": side, "y": height, "yref": "y"}


def _reading(study: _Study, label: str, score: str, row: pd.Series, height: float) -> list[go.Scatter]:
    series = replace(study.series(score), recognition=row, name=escape(label))
    return layer_marks(
        row["layer"],
        row["low"],
        row["high"],
        int(row["n_layers"]),
        height=height,
        colour=_colour(score),
        symbol="diamond" if score == "log_probability" else "circle",
        hover=recognition_text(series, score_name(score)),
        name=label,
    )


def _number(figure: go.Figure, row: pd.Series, height: float, score: str) -> None:
    text = layer_numbers(row["layer"], row["low"], row["high"], int(row["n_layers"]))
    figure.add_annotation(text=text, **_beside(height, "left", 1.0), xshift=10, font={"color": _colour(score)})


def _lay_out(figure: go.Figure, study: _Study, n_layers: int, lowest: float, ticks: dict[float, str]) -> None:
    top, bottom = 92, 64
    layers = layer_ticks(n_layers)
    figure.update_layout(
        template="workbench",
        title={
            "text": escape(f"{study.task}: one layer, read in many ways"),
            "subtitle": {"text": subtitle([study.series(study.scores[0])]).replace("band: ", "bar: ")},
        },
        height=top + bottom + round(22 * (1.2 - lowest)),
        margin={"t": top, "b": bottom, "l": 250, "r": 92},
        xaxis={
            "title": {"text": f"task-recognition layer (from 0; {n_layers} = none)"},
            "range": [-0.04 * n_layers, 1.04 * n_layers],
            "tickmode": "array",
            "tickvals": layers,
            "ticktext": [str(layer) for layer in layers],
        },
        yaxis={
            "range": [lowest - 0.7, 0.7],
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "ticks": "",
            "showgrid": False,
            "fixedrange": True,
        },
    )


def findings(readings: Readings, table: pd.DataFrame) -> list[str]:
    """For every task how far the layer moves, and what moves it."""
    said = []
    for study in _studies(readings):
        base = study.found(study.scores[0])
        if base is None:
            continue
        n_layers = int(base["n_layers"])
        parts = [
            f"{heading} {', '.join(sorted({layer_word(row['layer'], n_layers) for _, _, row in rows}, key=_by_number))}"
            for heading, rows in _blocks(study)
        ]
        said.append(
            f"{study.task} on {study.model}: layer {layer_word(base['layer'], n_layers)} "
            f"{layer_interval(base['low'], base['high'], n_layers)} by {score_name(study.scores[0])} at 95 % of the rise; "
            f"layers found when one thing varies: {'; '.join(parts)}."
        )
    for variant in same_variants(table):
        said.append(f"The prompts have no beginning-of-sequence token: {VARIANTS[variant]} is as in the paper.")
    return said


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _by_number(word: str) -> float:
    return float(word) if word.isdecimal() else float("inf")


def readings_tables(readings: Readings) -> list[Table]:
    """The readings in which one thing varies, then all of them, over all seeds."""
    short = [
        {"Task": study.task, "Varies": heading, "Reading": label, "Recognition layer": layer}
        | {"95 % interval": layer_interval(row["low"], row["high"], int(row["n_layers"])), "n": int(row["n"])}
        for study in _studies(readings)
        for heading, rows in _blocks(study)
        for label, _, row in rows
        for layer in [layer_word(row["layer"], int(row["n_layers"]))]
    ]
    rows = pooled_rows(readings.recognition)
    every = recognition_table(rows)
    every.insert(list(every).index("Score"), "Hiding", [VARIANTS[variant] for variant in rows["variant"]])
    of = [
        f"{_percent(fraction)} of the {of}" for fraction, of in zip(rows["fraction"], rows["relative_to"], strict=True)
    ]
    every.insert(list(every).index("Recognition layer"), "At", of)
    plain, said = without_constants(every)
    return [Table("One thing varied", pd.DataFrame(short)), Table("Every reading", plain, f"Over all seeds: {said}.")]
