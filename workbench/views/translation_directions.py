"""Recognition layers of both directions of translation, their differences, and the curves behind them."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go

from workbench.statistics.direction_pairs import Directions, Pair
from workbench.statistics.paired_layers import Difference
from workbench.statistics.recognition import Recognition
from workbench.views import theme
from workbench.views.comparison import Compared
from workbench.views.curves import file_name, layer_ticks, subtitle
from workbench.views.layer_marks import layer_marks, layer_numbers
from workbench.views.many_curves import Level, as_share, many_curves_figure
from workbench.views.report import Picture
from workbench.views.series import Series, series_of
from workbench.views.text import escape, score_name

_INTO, _OUT_OF = theme.BLUE, theme.VERMILLION
_LAYERS = (
    "Recognition layers of both directions with 95 % intervals that hold together, by the same sentence pairs; a cross marks the "
    "mean layer of the rise, a hollow mark stands for none."
)
_DIFFERENCES = (
    "Layer into English less layer out of it: below zero, into English is recognised earlier. Bars are 95 % intervals from "
    "draws of sentence pairs."
)
_CURVES = "Both directions as shares of their own way from floor to ceiling, since their scores have other references."
_ROW = 24
_MARKS = "bar: 95 % interval; ×: mean layer of the rise"


def pictures(directions: Directions) -> list[Picture]:
    """Layers and differences by the tasks' own score and by log-probability, then the curves of every pair."""
    own = directions.scores[0]
    shown = [score for score in directions.scores if score in (own, "log_probability")]
    drawn = []
    for score in shown:
        end = "" if score == own else f".{score}"
        drawn.append(Picture(f"layers{end}", layers_figure(directions, score), _LAYERS, "Layers"))
        drawn.append(Picture(f"differences{end}", differences_figure(directions, score), _DIFFERENCES, "Differences"))
    for pair in directions.by(own):
        figure = curves_figure(directions, pair)
        several = len({each.model for each in directions.pairs}) > 1
        name = file_name(f"{pair.model}.{pair.out_of}.{own}" if several else f"{pair.out_of}.{own}")
        drawn.append(Picture(name, figure, _CURVES, "Curves"))
    order = ("Layers", "Differences", "Curves")
    return sorted(drawn, key=lambda picture: order.index(picture.section))


def layers_figure(directions: Directions, score: str) -> go.Figure:
    """Two rows for every pair: into English and out of it."""
    figure, height = go.Figure(), 0.0
    ticks: dict[float, str] = {}
    pairs = directions.by(score)
    for pair in pairs:
        compared = pair.comparison
        for found, mean, colour, symbol, name in (
            (compared.first, compared.first_mean, _INTO, "circle", pair.into),
            (compared.second, compared.second_mean, _OUT_OF, "square", pair.out_of),
        ):
            figure.add_traces(_row(found, mean, height, pair.n_layers, colour, symbol, name))
            figure.add_annotation(**_number(found, height, pair.n_layers), font={"color": colour})
            ticks[height] = escape(name)
            height -= 1.0
        height -= 0.5
    depth = max(pair.n_layers for pair in pairs)
    places = layer_ticks(depth)
    _lay_out(figure, directions, score, ticks, height, "Into English and out of it: recognition layers", _MARKS)
    figure.update_layout(
        xaxis={
            "title": {"text": f"layer (from 0; {depth} = none)"},
            "range": [-0.03 * depth, 1.03 * depth],
            "tickmode": "array",
            "tickvals": places,
            "ticktext": [str(place) for place in places],
        }
    )
    return figure


def _row(
    found: Recognition, mean: float, height: float, n_layers: int, colour: str, symbol: str, name: str
) -> list[go.Scatter]:
    ends = (found.layer, found.low, found.high, n_layers)
    why = f"<br>{escape(found.reason)}" if found.reason else ""
    hover = f"<b>{escape(name)}</b><br>layer {layer_numbers(*ends)}<br>mean layer of the rise {mean:.2f}{why}"
    traces = layer_marks(*ends, height=height, colour=colour, symbol=symbol, hover=hover, name=name)
    if found.recognisable:
        cross = {"color": colour, "size": 9, "symbol": "x-thin-open", "line": {"width": 2, "color": colour}}
        point = {"x": [mean], "y": [height], "mode": "markers", "marker": cross, "hoverinfo": "skip"}
        traces.append(go.Scatter(**point, showlegend=False, meta={"role": "mean layer"}))
    return traces


def _number(found: Recognition, height: float, n_layers: int) -> dict[str, object]:
    text = layer_numbers(found.layer, found.low, found.high, n_layers)
    return {"text": text, "x": 1, "xref": "paper", "xanchor": "left", "xshift": 10, "y": height, "yref": "y"}


def differences_figure(directions: Directions, score: str) -> go.Figure:
    """For every pair the difference of the recognition layers and of the mean layers, then the mean of all pairs."""
    figure, height = go.Figure(), 0.0
    ticks: dict[float, str] = {}
    rows = [
        (f"{escape(pair.into)}<br>− {escape(pair.out_of)}", pair.comparison.layers, pair.comparison.means)
        for pair in directions.by(score)
    ]
    if len(rows) > 1:
        rows.append(("mean of all pairs", None, directions.together(score)))
    widest = 1.0
    for name, layers, means in rows:
        ticks[height] = name
        for difference, shift, colour, symbol, what in (
            (layers, 0.17, theme.INDIGO, "circle", "recognition layer"),
            (means, -0.17, theme.TEAL, "x", "mean layer of the rise"),
        ):
            if difference is not None:
                figure.add_trace(_difference(difference, height + shift, colour, symbol, what, name))
                widest = max(widest, abs(difference.low), abs(difference.high))
        height -= 1.7
    figure.add_vline(x=0, line={"color": theme.GREY, "width": 1.3})
    _lay_out(figure, directions, score, ticks, height, "Into English less out of it", "bar: 95 % interval")
    _name_marks(figure)
    figure.update_layout(
        xaxis={
            "title": {"text": "layers (negative: into English is earlier)"},
            "range": [-1.08 * widest, 1.08 * widest],
        }
    )
    return figure


def _difference(difference: Difference, height: float, colour: str, symbol: str, what: str, name: str) -> go.Scatter:
    text = f"{difference.value:.2f} [{difference.low:.2f}, {difference.high:.2f}]"
    return go.Scatter(
        x=[difference.value],
        y=[height],
        mode="markers",
        marker={"color": colour, "size": 10, "symbol": symbol},
        error_x={
            "array": [difference.high - difference.value],
            "arrayminus": [difference.value - difference.low],
            "symmetric": False,
            "color": colour,
            "thickness": 2.4,
            "width": 5,
        },
        name=what,
        legendgroup=what,
        showlegend=False,
        hovertext=[f"<b>{name}</b><br>{what}<br>{text}"],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"role": what},
    )


def _name_marks(figure: go.Figure) -> None:
    """One legend entry for each kind of mark, and room for them."""
    seen: set[str] = set()
    for trace in figure.data:
        if trace.name not in seen:
            trace.showlegend = True
            seen.add(trace.name)
    figure.update_layout(
        margin={"b": 110},
        height=figure.layout.height + 46,
        showlegend=True,
        legend={"x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom", "tracegroupgap": 0},
    )


def _languages(pair: Pair) -> str:
    return f"{pair.into} and {pair.out_of}"


def _lay_out(
    figure: go.Figure,
    directions: Directions,
    score: str,
    ticks: dict[float, str],
    height: float,
    title: str,
    marks: str,
) -> None:
    pairs = directions.by(score)
    models = ", ".join(dict.fromkeys(escape(pair.model) for pair in pairs))
    counts = sorted({pair.comparison.n for pair in pairs})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    top, bottom = 88, 64
    making = f"by {escape(score_name(score))} · n = {n} sentence pairs · {marks}"
    figure.update_layout(
        template="workbench",
        title={"text": title, "subtitle": {"text": f"model <b>{models}</b><br>{making}"}},
        height=top + bottom + round(_ROW * (1.0 - height)),
        margin={"t": top, "b": bottom, "l": 150, "r": 92},
        yaxis={
            "range": [height + 0.3, 0.7],
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "ticks": "",
            "showgrid": False,
            "fixedrange": True,
        },
    )


def curves_figure(directions: Directions, pair: Pair) -> go.Figure:
    """Both directions of one pair on one scale."""
    styles = ((pair.into, _INTO, "circle"), (pair.out_of, _OUT_OF, "square"))
    drawn = [_drawn(directions, pair, task, colour, symbol) for task, colour, symbol in styles]
    rising = [as_share(series) for series in drawn if Compared(series.name, "", pair.score, series).rises]
    return many_curves_figure(
        rising or drawn,
        title=_languages(pair),
        subtitle=subtitle(rising or drawn),
        score=pair.score,
        value_title=f"{score_name(pair.score)}, share of the way from floor to ceiling" if rising else pair.score,
        levels=[Level("95 %", 0.95)] if rising else (),
        percent=bool(rising),
    )


def _drawn(directions: Directions, pair: Pair, task: str, colour: str, symbol: str) -> Series:
    curves, found = directions.summary
    curves, found = (
        rows[(rows["model"] == pair.model) & (rows["task"] == task) & (rows["score"] == pair.score)]
        for rows in (curves, found)
    )
    series = series_of(curves, found)[0]
    return replace(series, name=escape(task), colour=colour, symbol=symbol)
