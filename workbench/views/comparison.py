"""Tasks beside each other on one scale.

Tasks have different scores, so `comparison_figure` draws each curve as a share of its own way from floor (0) to ceiling (1). A
curve whose ceiling lies within its own interval of the floor has no such way: it is left out, and the picture says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import UserError
from workbench.views import theme
from workbench.views.curves import layer_axis_title, layer_ticks, subtitle
from workbench.views.hover import point_text, recognition_text
from workbench.views.marks import recognised
from workbench.views.series import Series, series_of
from workbench.views.text import escape, mask_label, plural, score_name

PANEL_HEIGHT = 330


@dataclass(frozen=True)
class Compared:
    """A series and the task and score that it belongs to."""

    task: str
    kind: str
    score: str
    series: Series

    @property
    def rises(self) -> bool:
        """Whether ceiling and floor lie apart by more than their intervals do."""
        ends = [self._end(layer) for layer in (0, self.series.n_layers)]
        if any(end is None for end in ends):
            return False
        (floor_low, floor_high), (ceiling_low, ceiling_high) = (end for end in ends if end is not None)
        return bool(ceiling_low > floor_high or ceiling_high < floor_low)

    def _end(self, from_layer: int) -> tuple[float, float] | None:
        """The interval of the score at one end of the curve; the score itself where there is no interval."""
        at = self.series.pooled[self.series.pooled["from_layer"] == from_layer]
        if at.empty:
            return None
        low, high = (at[end].fillna(at["value"]) for end in ("low", "high"))
        return float(low.iloc[0]), float(high.iloc[0])

    def share(self, value: float) -> float:
        """`value` as a share of the way from floor to ceiling."""
        return (value - self.series.floor) / (self.series.ceiling - self.series.floor)


def compared(
    curves: pd.DataFrame, recognition: pd.DataFrame | None = None, scores: Sequence[tuple[str, str]] | None = None
) -> list[Compared]:
    """Every series of every (task, score); by default each task's first score in the table, which is its main one."""
    chosen = list(scores) if scores is not None else main_scores(curves)
    found = []
    for task, score in chosen:
        rows = curves[(curves["task"] == task) & (curves["score"] == score)]
        if rows.empty:
            raise UserError(f"no curve of task {task!r} with score {score!r}")
        own = recognition
        if own is not None:
            own = own[(own["task"] == task) & (own["score"] == score)]
        found += [Compared(task, str(rows["kind"].iloc[0]), score, series) for series in series_of(rows, own)]
    return found


def main_scores(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Each task of a table with the first of its scores."""
    firsts = table.drop_duplicates("task")
    return list(zip(firsts["task"].astype(str), firsts["score"].astype(str), strict=True))


def comparison_figure(
    curves: pd.DataFrame,
    recognition: pd.DataFrame | None = None,
    *,
    scores: Sequence[tuple[str, str]] | None = None,
    relative: bool = False,
) -> go.Figure:
    """The tasks' curves on one scale, one panel per mask, a colour per task, a line style per model and prompt.

    The ring marks the recognition layer. `scores` chooses (task, score) pairs. UserError if the table is empty.
    """
    everything = compared(curves, recognition, scores)
    if not everything:
        raise UserError("no curves to compare: the table is empty")
    masks = list(dict.fromkeys(entry.series.mask for entry in everything if entry.rises))
    figure = go.Figure()
    styles = _styles(everything)
    named: set[str] = set()
    for entry in everything:
        if entry.rises:
            panel = masks.index(entry.series.mask) + 1
            figure.add_traces(_panel_traces(entry, panel, styles[style_key(entry)], relative, named))
    flat = [entry for entry in everything if not entry.rises]
    if masks:
        _lay_out_panels(figure, everything, flat, masks, relative)
    else:
        _lay_out_nothing(figure, everything)
    return figure


@dataclass(frozen=True)
class _Style:
    name: str
    colour: str
    symbol: str
    dash: str


def style_key(entry: Compared) -> tuple[str, str, str, int]:
    """What one colour and one line style stand for: task, model, format, number of examples."""
    return entry.task, entry.series.model, entry.series.format, entry.series.examples


def _styles(everything: Sequence[Compared]) -> dict[tuple[str, str, str, int], _Style]:
    """A colour and a symbol per task; a dash per what else differs."""
    tasks = list(dict.fromkeys(entry.task for entry in everything))
    prompts = list(dict.fromkeys(style_key(entry)[1:] for entry in everything))
    dashes = theme.assigned([str(prompt) for prompt in prompts], theme.LINE_DASHES)
    found = {}
    for entry in everything:
        place = tasks.index(entry.task)
        prompt = style_key(entry)[1:]
        words = [escape(entry.task)]
        words += prompt_words(prompt, prompts)
        found[style_key(entry)] = _Style(
            ", ".join(words),
            theme.OTHERS[place % len(theme.OTHERS)],
            theme.SYMBOLS[place % len(theme.SYMBOLS)] + ("-open" if place >= len(theme.OTHERS) else ""),
            dashes[str(prompt)],
        )
    return found


def prompt_words(prompt: tuple[str, str, int], prompts: Sequence[tuple[str, str, int]]) -> list[str]:
    """Of model, format and number of examples those words in which the `prompts` differ; escaped."""
    differ = [len({other[place] for other in prompts}) > 1 for place in range(3)]
    words = [escape(prompt[0]), escape(prompt[1]), plural(prompt[2], "example")]
    return [word for word, differs in zip(words, differ, strict=True) if differs]


def _axes(panel: int) -> dict[str, str]:
    return {"xaxis": "x" if panel == 1 else f"x{panel}", "yaxis": "y" if panel == 1 else f"y{panel}"}


def _panel_traces(entry: Compared, panel: int, style: _Style, relative: bool, named: set[str]) -> list[go.Scatter]:
    rows = entry.series.pooled
    x = [layer / entry.series.n_layers if relative else float(layer) for layer in rows["from_layer"]]
    shared = {**_axes(panel), "legendgroup": style.name}
    low, high = ([entry.share(float(value)) for value in rows[end].fillna(rows["value"])] for end in ("low", "high"))
    band = go.Scatter(
        x=x + x[::-1],
        y=high + low[::-1],
        mode="lines",
        line={"width": 0, "color": style.colour},
        fill="toself",
        fillcolor=theme.translucent(style.colour, 0.13),
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "band", "panel": escape(mask_label(entry.series.mask))},
        **shared,
    )
    line = go.Scatter(
        x=x,
        y=[entry.share(float(value)) for value in rows["value"]],
        mode="lines+markers",
        name=style.name,
        line={"color": style.colour, "width": 2.4, "dash": style.dash},
        marker={"color": style.colour, "size": 7, "symbol": style.symbol},
        hovertext=[
            f"<b>{style.name}</b><br>{point_text(row, entry.series, score_name(entry.score), None)}"
            for _, row in rows.iterrows()
        ],
        hovertemplate="%{hovertext}<br>%{y:.0%} of the way from floor to ceiling<extra></extra>",
        showlegend=style.name not in named,
        meta={"role": "mean", "panel": escape(mask_label(entry.series.mask))},
        **shared,
    )
    named.add(style.name)
    return [band, line, *_panel_ring(entry, style, relative, shared)]


def _panel_ring(entry: Compared, style: _Style, relative: bool, shared: dict[str, str]) -> list[go.Scatter]:
    layer = recognised(entry.series)
    at = entry.series.pooled.loc[entry.series.pooled["from_layer"] == layer, "value"]
    if layer is None or at.empty:
        return []
    ring = go.Scatter(
        x=[layer / entry.series.n_layers if relative else float(layer)],
        y=[entry.share(float(at.iloc[0]))],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 16,
            "color": style.colour,
            "line": {"width": 2, "color": style.colour},
        },
        hovertext=[f"<b>{style.name}</b><br>{recognition_text(entry.series, score_name(entry.score))}"],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        meta={"role": "recognition ring", "panel": escape(mask_label(entry.series.mask))},
        **shared,
    )
    return [ring]


def _lay_out_panels(
    figure: go.Figure, everything: Sequence[Compared], flat: Sequence[Compared], masks: Sequence[str], relative: bool
) -> None:
    """Panels lie below one another: a narrow window keeps them readable, and the layers line up."""
    rows = sum(trace.showlegend is True for trace in figure.data)
    notes = _flat_note(flat)
    top, bottom, gap = 112, 100 + 20 * rows + 18 * len(notes), 54
    plot = PANEL_HEIGHT * len(masks) + gap * (len(masks) - 1)
    height = top + plot + bottom
    right = 1.0 if relative else float(max(entry.series.n_layers for entry in everything))
    all_series = [entry.series for entry in everything]
    figure.update_layout(
        template="workbench",
        title={"text": "Tasks compared", "subtitle": {"text": _compared_subtitle(all_series)}},
        height=height,
        margin={"t": top, "b": bottom, "l": 68, "r": 32},
        legend={
            "x": 0,
            "xanchor": "left",
            "y": 18 * len(notes) / height,
            "yref": "container",
            "yanchor": "bottom",
            "tracegroupgap": 0,
        },
    )
    for index, mask in enumerate(masks):
        upper = 1 - index * (PANEL_HEIGHT + gap) / plot
        _lay_out_panel(figure, index + 1, (upper - PANEL_HEIGHT / plot, upper), escape(mask_label(mask)), right)
    last = "" if len(masks) == 1 else str(len(masks))
    figure.update_layout({f"xaxis{last}": {"title": {"text": layer_axis_title(all_series, relative)}}})
    _note(figure, notes, bottom)


def _lay_out_nothing(figure: go.Figure, everything: Sequence[Compared]) -> None:
    """No curve rises, which is a finding: the picture names the tasks and says so."""
    notes = _flat_note(everything)
    top, bottom = 112, 18 * len(notes) + 16
    figure.update_layout(
        template="workbench",
        title={"text": "Tasks compared", "subtitle": {"text": subtitle([entry.series for entry in everything])}},
        height=top + bottom,
        margin={"t": top, "b": bottom, "l": 68, "r": 32},
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
    _note(figure, notes, bottom)


def _compared_subtitle(all_series: Sequence[Series]) -> str:
    return subtitle(all_series) + "; ring: recognition layer"


def _lay_out_panel(figure: go.Figure, panel: int, domain: tuple[float, float], title: str, right: float) -> None:
    axes = _axes(panel)
    ticks = layer_ticks(round(right)) if right > 1 else None
    x_axis = {"range": [-0.03 * right, 1.03 * right], "anchor": axes["yaxis"]}
    if ticks is not None:
        x_axis |= {"tickmode": "array", "tickvals": ticks, "ticktext": [str(tick) for tick in ticks]}
    y_axis = {
        "domain": [max(domain[0], 0.0), domain[1]],
        "anchor": axes["xaxis"],
        "tickvals": [0, 0.25, 0.5, 0.75, 0.95, 1],
        # The label of 95 % would touch that of the ceiling; it stands at the other end of its line.
        "ticktext": ["floor", "25 %", "50 %", "75 %", "", "ceiling"],
        "tickformat": ".0%",
    }
    figure.update_layout({axes["xaxis"].replace("x", "xaxis"): x_axis, axes["yaxis"].replace("y", "yaxis"): y_axis})
    figure.add_annotation(
        text="95 %",
        x=1,
        xref="paper",
        xanchor="left",
        y=0.95,
        yref=axes["yaxis"],
        font={"size": 11, "color": theme.GREY},
    )
    figure.add_annotation(
        text=f"<b>{title}</b>", x=0, xref="paper", xanchor="left", y=domain[1], yref="paper", yanchor="bottom", yshift=6
    )


def _flat_note(flat: Sequence[Compared]) -> list[str]:
    """Which curves are left out, in lines that a narrow window can hold."""
    names = [f"{escape(entry.task)} ({entry.series.short or escape(entry.series.mask)})" for entry in flat]
    return ["not drawn, flat from floor to ceiling:", *(f"\u2003{name}" for name in names)] if names else []


def _note(figure: go.Figure, notes: Sequence[str], bottom: int) -> None:
    if notes:
        figure.add_annotation(
            text="<br>".join(notes),
            x=0,
            xref="paper",
            xanchor="left",
            align="left",
            y=0,
            yref="paper",
            yanchor="bottom",
            yshift=-bottom + 4,
            font={"size": 12, "color": theme.GREY},
        )
