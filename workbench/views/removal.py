"""Scores when one layer's attention is removed: curves, critical layers, baselines, and where the masking curve is steep.

Rows are those of `analyses.attention_removal`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from workbench.scoring import score_named
from workbench.statistics.effects import effects
from workbench.statistics.layer_choices import RankCorrelation, overlap, rises, score_by_choice, statistics_of
from workbench.views import theme
from workbench.views.ablation import PROFILED, SIGNIFICANT
from workbench.views.curves import LEGEND_ROW, file_name, layer_ticks
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.report import Picture, Table
from workbench.views.text import escape, number, score_label, score_name

WORDS = {
    "both": "instruction and examples",
    "examples": "examples, no instruction",
    "instruction": "instruction, no examples",
    "neither": "neither",
}
_COLOURS = {"both": theme.BLUE, "examples": theme.VERMILLION, "instruction": theme.GREEN, "neither": theme.GREY}
_SYMBOLS = {"both": "circle", "examples": "square", "instruction": "diamond", "neither": "cross"}
_CAPTION = (
    "Solid: score with one layer's attention removed. Dashed: the masking curve, with the context hidden from the layer on. "
    "Dotted lines, and the points above `none`: nothing removed."
)


@dataclass(frozen=True)
class Removal:
    """What was measured."""

    table: pd.DataFrame
    effects: pd.DataFrame
    """What each removal takes away: see `workbench.statistics.effects`, with "layer" and "shows"."""

    def hidden(self, model: str, task: str, shows: str) -> pd.DataFrame | None:
        """Rows of the masking curve, the clean run standing at `n_layers`; None if it was not measured."""
        rows = self.of(model, task, shows)
        rows = rows[rows["layer"] < 0]
        if not (rows["from_layer"] >= 0).any():
            return None
        return rows.assign(from_layer=rows["from_layer"].where(rows["from_layer"] >= 0, rows["n_layers"]))

    def of(self, model: str, task: str, shows: str) -> pd.DataFrame:
        """The rows of one kind of prompt."""
        table = self.table
        return table[(table["model"] == model) & (table["task"] == task) & (table["shows"] == shows)]


def removal_of(table: pd.DataFrame) -> Removal:
    """The table with the effects of the removals."""
    removed = set(table.loc[table["layer"] >= 0, "shows"])
    rows = table[(table["from_layer"] < 0) & table["shows"].isin(removed)]
    return Removal(table, effects(rows, ["layer", "shows"]))


def pictures(removal: Removal) -> list[Picture]:
    """A picture for every task and score, a curve for each kind of prompt."""
    drawn = []
    for (model, task, score), rows in removal.effects.groupby(["model", "task", "score"], sort=False):
        figure = removal_figure(removal, rows, str(model), str(task), str(score))
        drawn.append(Picture(file_name(f"{task}.attention-removal.{score}"), figure, _CAPTION, str(task)))
    return drawn


def removal_figure(removal: Removal, rows: pd.DataFrame, model: str, task: str, score: str) -> go.Figure:
    """The score by the layer whose attention is removed, the masking curves, and as dotted lines the baselines."""
    shown = list(dict.fromkeys(rows["shows"]))
    n_layers = int(rows["n_layers"].iloc[0])
    removed = [_removal_curve(rows[rows["shows"] == prompt], prompt) for prompt in shown]
    hidden = [curve for prompt in shown if (curve := _masking_curve(removal, model, task, prompt, score))]
    figure = layer_figure(
        [*removed, *hidden],
        title=f"{task}: attention removed from one layer",
        subtitle=escape(f"{model} · bands: 95 % interval of the difference from nothing removed, n = {_counts(rows)}"),
        layers=n_layers,
        layer_title="layer, from 0: attention removed there, or context hidden from there on",
        value_title=score_label(score),
    )
    figure.add_traces([_clean_point(rows[rows["shows"] == prompt], prompt) for prompt in shown])
    baselines = list(_baselines(removal, model, task, score, n_layers))
    figure.add_traces(baselines)
    room = LEGEND_ROW * len(baselines)
    figure.update_layout(height=figure.layout.height + room, margin_b=figure.layout.margin.b + room)
    ticks = [tick for tick in layer_ticks(n_layers) if tick < n_layers]
    figure.update_xaxes(tickvals=[*ticks, n_layers], ticktext=[*map(str, ticks), "none"])
    return figure


def _counts(rows: pd.DataFrame) -> str:
    """Prompts behind a curve: those without examples are run for one seed only."""
    return " or ".join(str(n) for n in sorted(set(rows["n"])))


def _removal_curve(rows: pd.DataFrame, prompt: str) -> LayerCurve:
    """The interval is that of the difference from the clean run, drawn around the score."""
    around = {end: rows["clean"] + rows[end] for end in ("low", "high")}
    return LayerCurve(f"removed: {WORDS[prompt]}", rows.assign(**around), _COLOURS[prompt], _SYMBOLS[prompt])


def _masking_curve(removal: Removal, model: str, task: str, prompt: str, score: str) -> LayerCurve | None:
    rows = removal.hidden(model, task, prompt)
    if rows is None:
        return None
    curve = score_by_choice(rows, "from_layer", score_named(score), model, task, prompt)
    curve = curve.rename(columns={"from_layer": "layer"})
    name = f"context hidden from here on: {WORDS[prompt]}"
    return LayerCurve(name, curve, _COLOURS[prompt], f"{_SYMBOLS[prompt]}-open", "6px,3px")


def _clean_point(rows: pd.DataFrame, prompt: str) -> go.Scatter:
    """The score with nothing removed, above `none`."""
    clean = float(rows["clean"].iloc[0])
    return go.Scatter(
        x=[int(rows["n_layers"].iloc[0])],
        y=[clean],
        mode="markers",
        marker={"color": _COLOURS[prompt], "size": 8, "symbol": _SYMBOLS[prompt]},
        hovertemplate=f"<b>nothing removed</b><br>{WORDS[prompt]}<br><b>{number(clean)}</b><extra></extra>",
        showlegend=False,
        meta={"role": "clean"},
    )


def _baselines(removal: Removal, model: str, task: str, score: str, n_layers: int) -> Iterator[go.Scatter]:
    """Dotted lines: what kinds of prompt reach with nothing removed."""
    table = removal.table
    clean = table[(table["layer"] < 0) & (table["from_layer"] < 0) & table["baseline"]]
    clean = clean[(clean["model"] == model) & (clean["task"] == task) & clean[score].notna()]
    if clean.empty:
        return
    for row in score_by_choice(clean, "shows", score_named(score), model, task).to_dict("records"):
        words = f"nothing removed: {WORDS[row['shows']]}"
        yield go.Scatter(
            x=[0, n_layers],
            y=[row["value"]] * 2,
            mode="lines",
            name=words,
            line={"color": _COLOURS[row["shows"]], "width": 1.6, "dash": "dot"},
            hovertemplate=f"{words}<br><b>{number(row['value'])}</b><extra></extra>",
            meta={"role": "baseline"},
        )


def critical_layers(effects: pd.DataFrame) -> pd.DataFrame:
    """The rows of layers whose removal lowers the score: its interval lies below zero, and its corrected p below 0.05.

    The interval is of one layer by itself: of forty layers that nothing depends on, it would put one below zero by chance. The
    p is corrected for all layers of the prompt. It has no sign and belongs to another resampling, so the interval is still
    asked for: no layer is called critical whose band in the picture holds "nothing removed".
    """
    return effects[(effects["high"] < 0) & (effects["p"] < SIGNIFICANT)]


@dataclass(frozen=True)
class Overlap:
    """Critical layers of one kind of prompt, and where the masking curve of the same prompts rises."""

    model: str
    task: str
    shows: str
    score: str
    critical: tuple[int, ...]
    steep: tuple[int, ...] | None
    """Layers at which the masking curve rises by more than nothing, 95 % interval; None if it was not measured."""
    correlation: RankCorrelation | None
    """Over layers, of what removal costs with how much the masking curve rises."""


def overlaps(removal: Removal) -> Iterator[Overlap]:
    """One for each task, kind of prompt and score of which more is better."""
    for names, rows in removal.effects.groupby(["model", "task", "shows", "score"], sort=False):
        model, task, shows, name = map(str, names)
        score = score_named(name)
        if not score.higher_is_better:
            continue
        critical = tuple(sorted(int(layer) for layer in critical_layers(rows)["layer"]))
        hidden = removal.hidden(model, task, shows)
        if hidden is None:
            yield Overlap(model, task, shows, name, critical, None, None)
            continue
        own = removal.of(model, task, shows)
        without = statistics_of(own[own["layer"] >= 0], "layer", score)
        masked = statistics_of(hidden, "from_layer", score)
        steps = rises(masked, score, model, task, shows)
        steep = tuple(int(layer) for layer in steps.loc[steps["low"] > 0, "layer"])
        yield Overlap(model, task, shows, name, critical, steep, overlap(without, masked, score, model, task, shows))


def removal_table(removal: Removal) -> Table:
    """Every layer's effect."""
    rows = removal.effects
    readable = pd.DataFrame(
        {
            "Task": rows["task"],
            "Prompt shows": [WORDS[str(name)] for name in rows["shows"]],
            "Score": [score_name(str(name)) for name in rows["score"]],
            "Layer": rows["layer"],
            "Nothing removed": rows["clean"].round(4),
            "Removed": rows["value"].round(4),
            "Effect": rows["effect"].round(4),
            "95 % interval": [
                f"{number(low)} to {number(high)}" for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "p (corrected)": rows["p"].round(4),
            "n": rows["n"],
        }
    )
    return Table("Effects", readable, "Sign-flip test over prompts, corrected for all layers together.")


def overlap_table(removal: Removal) -> Table:
    """Critical and steep layers by score, with their rank correlation."""
    rows = [
        {
            "Task": found.task,
            "Prompt shows": WORDS[found.shows],
            "Score": score_name(found.score),
            "Critical layers": _listed(found.critical),
            "Masking curve rises at": "–" if found.steep is None else _listed(found.steep),
            "Rank correlation": "–" if found.correlation is None else _written(found.correlation),
        }
        for found in overlaps(removal)
    ]
    caption = (
        "Critical: removing the layer's attention lowers the score, by interval and corrected test. The masking curve rises at a "
        "layer by the score with the context hidden only above it less that with it hidden from it on. Rank correlation "
        "(Spearman) over layers of what removal costs with that rise, 95 % interval over prompts: positive where critical layers "
        "lie in the steep phase. With few layers it is coarse, and it says nothing of other models."
    )
    return Table("Critical layers and the masking curve", pd.DataFrame(rows), caption)


def findings(removal: Removal) -> list[str]:
    """The critical layers of every task and kind of prompt, by the task's first score, and their overlap."""
    said, seen = [], set()
    for found in overlaps(removal):
        where = (found.model, found.task, found.shows)
        if where in seen:
            continue
        seen.add(where)
        rows = removal.effects
        rows = rows[(rows["model"] == found.model) & (rows["task"] == found.task) & (rows["shows"] == found.shows)]
        worst = rows[rows["score"] == found.score].sort_values("effect").iloc[0]
        sentence = (
            f"{found.model}, {found.task}, {WORDS[found.shows]}: critical layers by {score_name(found.score)}: "
            f"{_listed(found.critical)} (largest fall: {number(worst['clean'])} to {number(worst['value'])} at layer "
            f"{int(worst['layer'])})"
        )
        said.append(f"{sentence}{_overlap_words(found)}.")
    return said


def removal_profile(removal: Removal) -> pd.DataFrame:
    """What removing each layer's attention takes from the reference's log-probability, where examples are shown."""
    rows = removal.effects
    rows = rows[(rows["score"] == PROFILED) & rows["shows"].isin(["examples", "both"])]
    rows = rows[rows["shows"] == ("examples" if "examples" in set(rows["shows"]) else "both")]
    ends = {"value": -rows["effect"], "low": -rows["high"], "high": -rows["low"]}
    quantity = "lost when the layer's attention is removed (nats per token)"
    return rows.assign(**ends, quantity=quantity)[list(PROFILE_COLUMNS)]


def _overlap_words(found: Overlap) -> str:
    if found.correlation is None or found.steep is None:
        return ""
    steep = f"; the masking curve rises at layers: {_listed(found.steep)}; rank correlation of the two"
    if math.isnan(found.correlation.value):
        return f"{steep}: none, since one of them is the same at every layer"
    return f"{steep} over {found.correlation.layers} layers: {_written(found.correlation)}"


def _written(correlation: RankCorrelation) -> str:
    return f"{number(correlation.value)} [{number(correlation.low)}, {number(correlation.high)}]"


def _listed(layers: tuple[int, ...]) -> str:
    return ", ".join(map(str, layers)) or "none"
