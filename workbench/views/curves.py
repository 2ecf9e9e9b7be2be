"""The masking curve of one task: a score against the first layer from which the context is hidden.

`task_figure` draws one task and one score; `figures` draws every task and score of a table. What is overlaid (models, formats,
numbers of examples, masks) follows from the table. Heavy line: all seeds, with its 95 % interval as a band. Thin lines: one
seed each. Vertical line and shade: the recognition layer and its interval. Dashed and dotted lines: ceiling and floor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.hover import example_prompt, point_text
from workbench.views.marks import (
    HIDDEN_AXIS,
    SCORE_AXIS,
    Frame,
    label_rows,
    level_lines,
    published_lines,
    recognised,
    recognition_marks,
)
from workbench.views.series import Series, selected, series_of
from workbench.views.text import escape, mask_label, plural, score_label, score_name

PLOT_HEIGHT = 340
LEGEND_ROW = 20
LABEL_ROOM = 46
"""Characters of an axis label that fit along the plot's height."""


def figures(
    curves: pd.DataFrame,
    recognition: pd.DataFrame | None = None,
    completions: pd.DataFrame | None = None,
    *,
    published: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, go.Figure]:
    """One figure per task and score, in the order of the table, named `TASK.SCORE` (safe as a file name).

    `published` (BLEU, as the papers count it) is drawn behind the score `bleu` of every task: pass the tasks where it belongs.
    """
    found = {}
    pairs = curves[["task", "score"]].drop_duplicates().astype(str)
    for task, score in zip(pairs["task"], pairs["score"], strict=True):
        behind = published if score == "bleu" else None
        figure = task_figure(
            curves, recognition, completions, task=task, score=score, published=behind, label=(labels or {}).get(score)
        )
        found[file_name(f"{task}.{score}")] = figure
    return found


def file_name(name: str) -> str:
    """`name` with everything that a file name had better not have turned into hyphens."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "figure"


def task_figure(
    curves: pd.DataFrame,
    recognition: pd.DataFrame | None = None,
    completions: pd.DataFrame | None = None,
    *,
    task: str,
    score: str,
    published: pd.DataFrame | None = None,
    relative: bool = False,
    label: str | None = None,
) -> go.Figure:
    """The curves of one task and one score, every series of the table overlaid.

    `completions` puts one prompt's sentences under the pointer. `relative` draws layers as a share of the depth, which lets
    models of different depth be compared. `label` names the score on its axis. UserError if the table has no such task or score.
    """
    rows = selected(curves, "curve", task=task, score=score)
    found = recognition
    if found is not None:
        found = found[(found["task"] == task) & (found["score"] == score)]
    texts = None if completions is None else completions[completions["task"] == task]
    all_series = series_of(rows, found)
    frame = frame_of(rows, published, relative)
    figure = go.Figure()
    figure.add_traces(published_lines(published, frame))
    figure.add_traces([band(series, frame, 0.2 if len(all_series) < 4 else 0.1) for series in all_series])
    figure.add_traces(level_lines(all_series, frame))
    figure.add_traces(recognition_marks(all_series, frame, score_name(score)))
    figure.add_traces([line for series in all_series for line in _seed_lines(series, frame, score)])
    figure.add_traces([mean_line(series, frame, score, texts) for series in all_series])
    figure.add_traces(_seed_key(all_series))
    _lay_out(figure, task, all_series, frame, label or score_label(score))
    return figure


def frame_of(rows: pd.DataFrame, published: pd.DataFrame | None = None, relative: bool = False) -> Frame:
    """Room for every value and interval of the rows, and for published curves behind them."""
    values = pd.concat([rows[column].astype(float) for column in ("value", "low", "high")])
    right = 1.0 if relative else float(rows["n_layers"].max())
    if published is not None and not published.empty:
        values = pd.concat([values, published["score"].astype(float)])
        right = right if relative else max(right, float(published["from_layer"].max()))
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        low = 0.0
    if high == low:
        high = low + 1.0
    room = 0.05 * (high - low)
    edge = 0.03 * right
    return Frame(-edge, right + edge, low - room, high + room, PLOT_HEIGHT, relative)


def _layers(rows: pd.DataFrame, series: Series, frame: Frame) -> list[float]:
    return [frame.x(int(layer), series.n_layers) for layer in rows["from_layer"]]


def band(series: Series, frame: Frame, opacity: float) -> go.Scatter:
    """The 95 % interval of a curve over all seeds."""
    rows = series.pooled.dropna(subset=["low", "high"])
    x = _layers(rows, series, frame)
    low, high = ([float(value) for value in rows[end]] for end in ("low", "high"))
    return go.Scatter(
        x=x + x[::-1],
        y=high + low[::-1],
        yaxis=SCORE_AXIS,
        mode="lines",
        line={"width": 0, "color": series.colour},
        fill="toself",
        fillcolor=theme.translucent(series.colour, opacity),
        hoverinfo="skip",
        legendgroup=series.group,
        showlegend=False,
        meta={"role": "band"},
    )


def mean_line(series: Series, frame: Frame, score: str, texts: pd.DataFrame | None = None) -> go.Scatter:
    """A curve over all seeds; `texts` are completions, of which one prompt's stand under the pointer."""
    examples = example_prompt(texts, series)
    hover = [
        point_text(row, series, score_name(score), examples.get(int(row["from_layer"])))
        for _, row in series.pooled.iterrows()
    ]
    none = series.recognition is not None and recognised(series) is None
    return go.Scatter(
        x=_layers(series.pooled, series, frame),
        y=[float(value) for value in series.pooled["value"]],
        yaxis=SCORE_AXIS,
        mode="lines+markers",
        name=series.name + (" (no recognition layer)" if none else ""),
        line={"color": series.colour, "width": 2.6, "dash": series.dash},
        marker={"color": series.colour, "size": 8, "symbol": series.symbol},
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=series.group,
        meta={"role": "mean"},
    )


def _seed_lines(series: Series, frame: Frame, score: str) -> list[go.Scatter]:
    return [
        go.Scatter(
            x=_layers(rows, series, frame),
            y=[float(value) for value in rows["value"]],
            yaxis=SCORE_AXIS,
            mode="lines",
            line={"color": series.colour, "width": 1, "dash": theme.seed_dash(seed)},
            opacity=0.75,
            hovertext=[
                f"seed {escape(seed)}<br>{point_text(row, series, score_name(score), None)}"
                for _, row in rows.iterrows()
            ],
            hovertemplate="%{hovertext}<extra></extra>",
            legendgroup=series.group,
            showlegend=False,
            meta={"role": "seed", "seed": seed},
        )
        for seed, rows in series.seeds.items()
    ]


def _seed_key(all_series: Sequence[Series]) -> list[go.Scatter]:
    """Legend entries that say which thin line is which seed; they draw nothing themselves."""
    seeds = dict.fromkeys(seed for series in all_series for seed in series.seeds)
    return [
        go.Scatter(
            x=[None],
            y=[None],
            yaxis=SCORE_AXIS,
            mode="lines",
            line={"color": theme.GREY, "width": 1, "dash": theme.seed_dash(seed)},
            name=f"seed {escape(seed)}",
            hoverinfo="skip",
            legend="legend2",
            meta={"role": "seed key"},
        )
        for seed in seeds
    ]


def subtitle(all_series: Sequence[Series]) -> str:
    """What every picture says about its making: models, examples, formats, n, seeds, interval; escaped, two lines."""
    models = ", ".join(dict.fromkeys(escape(series.model) for series in all_series))
    examples = ", ".join(dict.fromkeys(plural(series.examples, "example") for series in all_series))
    formats = ", ".join(dict.fromkeys(escape(series.format) for series in all_series))
    counts = sorted({int(n) for series in all_series for n in series.pooled["n"]})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    seeds = max(len(series.seeds) for series in all_series) or 1
    masks = dict.fromkeys(series.mask for series in all_series)
    only = f"{escape(mask_label(next(iter(masks))))} · " if len(masks) == 1 else ""
    making = f"{only}n = {n} prompts · {plural(seeds, 'seed')} · band: 95 % interval"
    return f"model <b>{models}</b> · {examples} · {formats}<br>{making}"


def layer_axis_title(all_series: Sequence[Series], relative: bool) -> str:
    """The layer axis in words: how layers are counted, and what its ends mean."""
    depths = {series.n_layers for series in all_series}
    if relative:
        return "share of the layers below which the context is visible<br>(0 = hidden in every layer; 1 = never)"
    never = f"{next(iter(depths))} = never" if len(depths) == 1 else "each curve's last point = never"
    return f"first layer from which the context is hidden<br>(0 = every layer; {never})"


def layer_ticks(n_layers: int) -> list[int]:
    """Ticks for 0..n_layers, at most about 13 of them, the last always there."""
    step = next(step for step in (1, 2, 4, 5, 10, 20, 50, 100) if n_layers / step <= 12 or step == 100)
    ticks = [tick for tick in range(0, n_layers + 1, step) if n_layers - tick >= step / 2]
    return [*ticks, n_layers]


def _lay_out(figure: go.Figure, task: str, all_series: Sequence[Series], frame: Frame, label: str) -> None:
    found = [series for series in all_series if recognised(series) is not None]
    label_space = 18 * (max(label_rows(found, frame), default=-1) + 1)
    rows = sum(trace.showlegend is not False and trace.legend is None for trace in figure.data)
    seeds = LEGEND_ROW if any(series.seeds for series in all_series) else 0
    top, bottom = 82 + label_space, 92 + LEGEND_ROW * rows + seeds
    height = top + PLOT_HEIGHT + bottom
    place = {
        **theme.LIGHT.layout.legend.to_plotly_json(),  # a template reaches only the first legend
        **{"x": 0, "xanchor": "left", "yref": "container", "yanchor": "bottom", "tracegroupgap": 0},
    }
    figure.update_layout(
        template="workbench",
        title={"text": escape(task), "subtitle": {"text": subtitle(all_series)}},
        height=height,
        margin={"t": top, "b": bottom, "l": 68, "r": 104},
        legend={**place, "orientation": "v", "y": seeds / height},
        legend2={**place, "orientation": "h", "y": 0},
        xaxis={
            "title": {"text": layer_axis_title(all_series, frame.relative)},
            "range": [frame.left, frame.right],
            "anchor": HIDDEN_AXIS,
        },
        yaxis={"range": [0, 1], "visible": False, "fixedrange": True, "automargin": False},
        yaxis2=_score_axis(frame, label),
    )
    if not frame.relative:
        ticks = layer_ticks(round(frame.right / 1.03))
        figure.update_layout(xaxis={"tickmode": "array", "tickvals": ticks, "ticktext": [str(tick) for tick in ticks]})


def _in_two_lines(label: str) -> str:
    """A label too long for the height of the plot, broken before its unit; escaped."""
    return escape(label).replace(" (", "<br>(", 1) if len(label) > LABEL_ROOM else escape(label)


def _score_axis(frame: Frame, label: str) -> dict[str, object]:
    """The axis of the scores lies over the hidden one, so that shades and lines stay behind the curves."""
    return {
        "title": {"text": _in_two_lines(label)},
        "range": [frame.bottom, frame.top],
        "overlaying": HIDDEN_AXIS,
        "side": "left",
        "tickmode": "auto",
        "anchor": "x",
    }
