"""Marks around a curve: the recognition layer with its interval, the ceiling and the floor, published curves behind it.

Everything is a trace, never a shape or an annotation, so that one click in the legend hides a series with all its marks. The
vertical marks live on a hidden second axis from 0 (bottom) to 1 (top) and so span the plot whatever the scores are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.hover import recognition_text
from workbench.views.series import Series
from workbench.views.text import escape, layer_interval, missing, number

HIDDEN_AXIS = "y"
SCORE_AXIS = "y2"
PUBLISHED_COLUMNS = ("paper", "model", "series", "from_layer", "score")


@dataclass(frozen=True)
class Frame:
    """The plot in numbers: what the marks need to know to be placed without overlap."""

    left: float
    right: float
    bottom: float
    top: float
    height: int
    """Of the plot in pixels."""
    relative: bool
    """Whether layers are drawn as a share of the depth."""

    def x(self, layer: SupportsFloat, n_layers: int) -> float:
        """Where a layer is drawn."""
        return float(layer) / n_layers if self.relative else float(layer)


def spread(values: Sequence[float], gap: float) -> list[float]:
    """`values`, moved apart as little as needed for neighbours to lie at least `gap` apart; the order is kept."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _start(groups[-1], values, gap) < _end(groups[-2], values, gap):
            last = groups.pop()
            groups[-1] += last
    placed = list(values)
    for group in groups:
        for position, index in enumerate(group):
            placed[index] = _start(group, values, gap) + position * gap
    return placed


def _start(group: list[int], values: Sequence[float], gap: float) -> float:
    return sum(values[index] for index in group) / len(group) - gap * (len(group) - 1) / 2


def _end(group: list[int], values: Sequence[float], gap: float) -> float:
    return _start(group, values, gap) + gap * len(group) - gap * 1e-9


def level_lines(all_series: Sequence[Series], frame: Frame) -> list[go.Scatter]:
    """Ceiling and floor of every series as horizontal lines, labelled in the right margin; once if they read the same."""
    levels: dict[tuple[str, str, float], Series] = {}
    differ = {
        "ceiling": len({number(series.ceiling) for series in all_series}) > 1,
        "floor": len({number(series.floor) for series in all_series}) > 1,
    }
    for series in all_series:
        for word, value in (("floor", series.floor), ("ceiling", series.ceiling)):
            own = differ[word]
            colour = series.colour if own else theme.GREY
            if not missing(value) and (own or not any(known[0] == word for known in levels)):
                levels[word, colour, round(value, 9)] = series
    # Plotly hides text whose anchor lies outside the axis, so the labels stay within it.
    room = frame.top - frame.bottom
    wanted = spread([value for _, _, value in levels], 17 / frame.height * room)
    lift = max(0.0, frame.bottom + 0.02 * room - min(wanted, default=frame.top))
    places = [min(place + lift if place < frame.bottom + room / 2 else place, frame.top) for place in wanted]
    traces = []
    for (key, series), place in zip(levels.items(), places, strict=True):
        own = key[1] != theme.GREY
        traces += _level(key, place, frame, series.group if own else "levels")
    return traces


def _level(key: tuple[str, str, float], place: float, frame: Frame, group: str) -> list[go.Scatter]:
    word, colour, value = key
    shared = {"yaxis": SCORE_AXIS, "legendgroup": group, "showlegend": False, "hoverinfo": "skip"}
    line = go.Scatter(
        x=[frame.left, frame.right],
        y=[value, value],
        mode="lines",
        line={"color": colour, "width": 1.2, "dash": "8px,4px" if word == "ceiling" else "2px,4px"},
        meta={"role": word},
        **shared,
    )
    label = go.Scatter(
        x=[frame.right],
        y=[place],
        mode="text",
        text=[f" {word} {number(value)}"],
        textposition="middle right",
        textfont={"color": colour, "size": 12},
        cliponaxis=False,
        meta={"role": "level label"},
        **shared,
    )
    return [line, label]


def recognition_marks(all_series: Sequence[Series], frame: Frame, score: str) -> list[go.Scatter]:
    """A vertical line at each series' recognition layer, its 95 % interval shaded, its number written above the plot."""
    found = [series for series in all_series if recognised(series) is not None]
    traces = []
    for series, row in zip(found, label_rows(found, frame), strict=True):
        traces += [_interval(series, frame), _line(series, frame), _label(series, frame, row)]
        traces += _ring(series, frame, score)
    return [trace for trace in traces if trace is not None]


def recognised(series: Series) -> int | None:
    """The recognition layer of a series; None if the rule found none."""
    if series.recognition is None or missing(series.recognition["layer"]):
        return None
    return int(series.recognition["layer"])


def label_rows(found: Sequence[Series], frame: Frame) -> list[int]:
    """For each label above the plot the row, from 0, in which it overlaps no other.

    In a narrow window a label takes up to two fifths of the width.
    """
    taken: dict[int, list[float]] = {}
    rows = []
    for series in found:
        x = frame.x(recognised(series) or 0, series.n_layers)
        row = 0
        while any(abs(x - other) < 0.42 * (frame.right - frame.left) for other in taken.get(row, [])):
            row += 1
        taken.setdefault(row, []).append(x)
        rows.append(row)
    return rows


def _shared(series: Series) -> dict:
    return {"yaxis": HIDDEN_AXIS, "legendgroup": series.group, "showlegend": False, "hoverinfo": "skip"}


def _interval(series: Series, frame: Frame) -> go.Scatter | None:
    row = series.recognition
    if row is None or missing(row["low"]) or missing(row["high"]) or row["low"] == row["high"]:
        return None
    low, high = (frame.x(int(row[end]), series.n_layers) for end in ("low", "high"))
    return go.Scatter(
        x=[low, high, high, low, low],
        y=[0, 0, 1, 1, 0],
        mode="lines",
        line={"width": 0, "color": series.colour},
        fill="toself",
        fillcolor=theme.translucent(series.colour, 0.08),
        meta={"role": "recognition interval"},
        **_shared(series),
    )


def _line(series: Series, frame: Frame) -> go.Scatter:
    x = frame.x(recognised(series) or 0, series.n_layers)
    return go.Scatter(
        x=[x, x],
        y=[0, 1],
        mode="lines",
        line={"width": 1.6, "color": series.colour},
        meta={"role": "recognition layer"},
        **_shared(series),
    )


def _label(series: Series, frame: Frame, row: int) -> go.Scatter:
    layer = recognised(series) or 0
    x = frame.x(layer, series.n_layers)
    share = (x - frame.left) / (frame.right - frame.left)
    side = "right" if share < 0.15 else "left" if share > 0.85 else "center"
    interval = _interval_text(series)
    name = f"{series.short} layer {layer}".strip()
    return go.Scatter(
        x=[x],
        y=[1],
        mode="text",
        # Empty lines below lift a label: Plotly hides text whose anchor lies outside the axis.
        text=[f"<b>{name}</b> {interval}".strip() + "<br>\u200b" * row],
        textposition=f"top {side}",
        textfont={"color": series.colour, "size": 13},
        cliponaxis=False,
        meta={"role": "recognition label"},
        **_shared(series),
    )


def _interval_text(series: Series) -> str:
    row = series.recognition
    return "" if row is None else layer_interval(row["low"], row["high"], series.n_layers)


def _ring(series: Series, frame: Frame, score: str) -> list[go.Scatter]:
    """A ring around the point of the curve at which the layer is recognised; what the rule saw is under the pointer."""
    layer = recognised(series)
    at = series.pooled.loc[series.pooled["from_layer"] == layer, "value"]
    if layer is None or at.empty:
        return []
    text = recognition_text(series, score)
    ring = go.Scatter(
        x=[frame.x(layer, series.n_layers)],
        y=[float(at.iloc[0])],
        yaxis=SCORE_AXIS,
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 17,
            "color": series.colour,
            "line": {"width": 2, "color": series.colour},
        },
        hovertext=[text],
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=series.group,
        showlegend=False,
        meta={"role": "recognition ring"},
    )
    return [ring]


def published_lines(published: pd.DataFrame | None, frame: Frame) -> list[go.Scatter]:
    """Curves from a paper as grey dotted lines behind one's own. Columns paper, model, series, from_layer (from 0), score."""
    if published is None or published.empty:
        return []
    lacking = [column for column in PUBLISHED_COLUMNS if column not in published]
    if lacking:
        raise UserError(
            f"published curves need the columns {', '.join(PUBLISHED_COLUMNS)}; missing: {', '.join(lacking)}"
        )
    groups = _published_groups(published)
    return [_published(rows, frame, index) for index, rows in enumerate(groups)]


def _published_groups(published: pd.DataFrame) -> list[pd.DataFrame]:
    """One frame per published curve. A model's ceiling, a row with mask "none", is the last point of each of its curves."""
    is_ceiling = published["mask"] == "none" if "mask" in published else pd.Series(False, index=published.index)
    keys = [key for key in ("paper", "model", "format", "series") if key in published]
    groups = []
    for _, rows in published[~is_ceiling].groupby(keys, sort=False):
        same = (published["paper"] == rows["paper"].iloc[0]) & (published["model"] == rows["model"].iloc[0])
        groups.append(pd.concat([rows, published[is_ceiling & same]]).sort_values("from_layer"))
    return groups


def _published(rows: pd.DataFrame, frame: Frame, index: int) -> go.Scatter:
    first = rows.iloc[0]
    paper, model, series = (escape(str(first[part])) for part in ("paper", "model", "series"))
    n_layers = int(rows["n_layers"].iloc[0]) if "n_layers" in rows else int(rows["from_layer"].max())
    name = f"published: {model}, {series}"
    return go.Scatter(
        x=[frame.x(int(layer), n_layers) for layer in rows["from_layer"]],
        y=[float(score) for score in rows["score"]],
        yaxis=SCORE_AXIS,
        mode="lines+markers",
        name=name,
        line={"color": theme.FAINT, "width": 1.5, "dash": "dot"},
        marker={"color": theme.FAINT, "size": 6, "symbol": theme.SYMBOLS[index % len(theme.SYMBOLS)] + "-open"},
        hovertext=[f"<b>from layer {layer}</b><br>{name}<br>{paper}" for layer in rows["from_layer"]],
        hovertemplate="%{hovertext}<br>score %{y:.1f}<extra></extra>",
        legendrank=2000,
        meta={"role": "published"},
    )
