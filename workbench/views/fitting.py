"""A figure's words in lines that fit its width: Plotly breaks no line by itself, and cuts what is too long."""

from __future__ import annotations

import re

import plotly.graph_objects as go

from workbench.views.data import plain_text
from workbench.views.embedding import DEFAULT_HEIGHT

TITLE_LETTER, SUBTITLE_LETTER = 11.0, 6.8
"""Mean width of a letter in pixels, in the theme's fonts."""
TITLE_LINE, SUBTITLE_LINE = 24, 17
"""Height of a line in pixels."""
NARROW = 520
"""Below this width, in pixels, a heat map is drawn without the key to its colours, which would take a third of it."""
_PARTS = re.compile(r"(?<=[;·]) ")


def fitted(figure: go.Figure, width: int) -> go.Figure:
    """The same figure, its title and subtitle broken to fit `width` pixels; it grows by the lines that are added."""
    layout = figure.layout
    room = width - (layout.margin.l or 0) - 8
    title, subtitle = layout.title.text or "", layout.title.subtitle.text or ""
    heading, below = _in_lines(title, int(room / TITLE_LETTER)), _in_lines(subtitle, int(room / SUBTITLE_LETTER))
    added = TITLE_LINE * _more(title, heading) + SUBTITLE_LINE * _more(subtitle, below)
    if added:
        layout.title.text, layout.title.subtitle.text = heading, below
        layout.margin.t = (layout.margin.t or 0) + added
        layout.height = (layout.height or DEFAULT_HEIGHT) + added
    figure.update_traces({"showscale": width >= NARROW}, selector={"type": "heatmap"})
    return figure


def _more(before: str, after: str) -> int:
    return after.count("<br>") - before.count("<br>")


def _in_lines(text: str, room: int) -> str:
    """`text`, broken at its separators where that is enough, else between words."""
    lines: list[str] = []
    for line in text.split("<br>"):
        current = ""
        for part in _PARTS.split(line):
            for piece in [part] if _length(part) <= room else part.split(" "):
                joined = f"{current} {piece}" if current else piece
                if current and _length(joined) > room:
                    lines.append(current)
                    joined = piece
                current = joined
        lines.append(current)
    return "<br>".join(lines)


def _length(text: str) -> int:
    return len(plain_text(text))
