"""One look for every picture: colours that mean the same thing everywhere, two Plotly templates, line styles.

Masks have Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), everything else, such as tasks and models, Paul Tol's
"muted" ones (https://sronpersonalpages.nl/~pault/): both stay apart under the common kinds of colour blindness.
Each has a lighter twin for dark pages; `recolouring` maps one to the other, so that a figure is made once, in its light
colours, and a page or a notebook turns it dark without making it again.
"""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Iterable, Mapping

import plotly.graph_objects as go
import plotly.io as pio

FONT = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif"

# light colour -> its twin on a dark page
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#B8578C"
ORANGE, SKY, OLIVE, VIOLET = "#D98F00", "#3FA2DB", "#8A7A00", "#6A51A3"
INDIGO, ROSE, TEAL, SAND = "#3B2A99", "#CC6677", "#35978A", "#A89A2E"
WINE, MAUVE, FOREST, CYAN = "#882255", "#AA4499", "#117733", "#5AAFD6"
INK, GREY, FAINT = "#1F2933", "#6B7280", "#9AA3AF"
TWINS: dict[str, str] = {
    BLUE: "#4BA8E8",
    VERMILLION: "#FF8243",
    GREEN: "#2CC79B",
    PURPLE: "#E593C4",
    ORANGE: "#F5B93A",
    SKY: "#9ED8F8",
    OLIVE: "#D9CA3F",
    VIOLET: "#AE9BE8",
    INDIGO: "#9C8FF0",
    ROSE: "#F08C9C",
    TEAL: "#5FD0C0",
    SAND: "#DDCC77",
    WINE: "#D9679C",
    MAUVE: "#D98BCB",
    FOREST: "#5CBF7C",
    CYAN: "#A4DDF7",
    "#D9A400": "#8C7A3A",
    "#8FAE3A": "#7FA05A",
    "#3FA37C": "#55B894",
    "#2B86A8": "#6FC0E0",
    "#3558A8": "#98B4F8",
    "#45278C": "#CDBBFF",
    INK: "#E6EAF0",
    GREY: "#9AA5B4",
    FAINT: "#697586",
}
CYCLE: tuple[str, ...] = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, OLIVE, VIOLET)
ORDERED: tuple[str, ...] = ("#D9A400", "#8FAE3A", "#3FA37C", "#2B86A8", "#3558A8", "#45278C")
"""For what has an order, such as numbers of examples: few to many is faint to strong on either page."""
OTHERS: tuple[str, ...] = (INDIGO, ROSE, TEAL, SAND, WINE, FOREST, MAUVE, CYAN)

MASK_COLOURS: dict[str, str] = {
    "TTF": BLUE,
    "FTF": VERMILLION,
    "TFF": GREEN,
    "FFT": PURPLE,
    "FTT": ORANGE,
    "TFT": SKY,
    "TTT": VIOLET,
    "mask_all": OLIVE,
    "FFF": GREY,
}
MASK_SYMBOLS: dict[str, str] = {
    "TTF": "circle",
    "FTF": "square",
    "TFF": "diamond",
    "FFT": "triangle-up",
    "FTT": "triangle-down",
    "TFT": "pentagon",
    "TTT": "hexagon",
    "mask_all": "star",
    "FFF": "cross",
}
SYMBOLS: tuple[str, ...] = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "triangle-down",
    "pentagon",
    "star",
    "hexagon",
)
LINE_DASHES: tuple[str, ...] = ("solid", "6px,3px", "2px,3px", "10px,3px,2px,3px", "14px,4px")
SEED_DASHES: tuple[str, ...] = ("dot", "dash", "dashdot", "longdash", "longdashdot", "solid")

MODEBAR_WITHOUT = ("sendDataToCloud", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d")
"""Plotly's buttons that no figure has: the first would send it elsewhere, the others lie over the title."""
LIGHT_PAGE = {"surface": "#FFFFFF", "ink": INK, "grey": GREY, "grid": "#E8ECF1", "line": "#B6BFCA", "hover": "#FFFFFF"}
DARK_PAGE = {
    "surface": "#171C23",
    "ink": TWINS[INK],
    "grey": TWINS[GREY],
    "grid": "#29313B",
    "line": "#4A5563",
    "hover": "#222934",
}
SCALES: dict[str, tuple[str, ...]] = {
    LIGHT_PAGE["surface"]: ("#F3F6FA", "#C7DDF0", "#7FB4DB", "#2E84C0", "#0B4A82"),
    DARK_PAGE["surface"]: ("#1E2631", "#1F4468", "#2A73A8", "#5BAEE6", "#CBE9FF"),
}
"""Colours of heat maps by the page they stand on, from little to much: little is hardly seen on either. A trace with
`autocolorscale` takes them from the template, so that a page can turn it dark."""
LOSS_AND_GAIN: dict[str, tuple[str, ...]] = {
    LIGHT_PAGE["surface"]: ("#8F3A00", "#D55E00", "#F2B48A", "#F3F4F6", "#8FBEDF", "#0072B2", "#04456E"),
    DARK_PAGE["surface"]: ("#FFB48A", "#FF8243", "#8A4A22", "#262D38", "#26557A", "#4BA8E8", "#B5DCFA"),
}
"""The same for numbers on both sides of zero: vermillion below, blue above."""


def mask_colour(mask: str) -> str:
    """The colour of a mask, the same in every figure; an unknown name always gets the same one of the cycle."""
    return MASK_COLOURS.get(mask, CYCLE[zlib.crc32(mask.encode()) % len(CYCLE)])


def mask_symbol(mask: str) -> str:
    """The marker of a mask, so that colour is never the only difference."""
    return MASK_SYMBOLS.get(mask, SYMBOLS[zlib.crc32(mask.encode()) % len(SYMBOLS)])


def assigned(names: Iterable[str], values: tuple[str, ...]) -> dict[str, str]:
    """`values` handed out to the distinct `names` in the order in which they come, from the start again when used up."""
    return {name: values[index % len(values)] for index, name in enumerate(dict.fromkeys(names))}


def ordered(count: int) -> list[str]:
    """Colours for `count` values in order, from the first of `ORDERED` to the last; neighbours share one beyond six."""
    last = len(ORDERED) - 1
    return [ORDERED[round(place * last / max(1, count - 1))] if count > 1 else ORDERED[last] for place in range(count)]


def seed_dash(seed: str) -> str:
    """The line style of a prompt seed."""
    number = int(seed) if seed.isdecimal() else zlib.crc32(seed.encode())
    return SEED_DASHES[number % len(SEED_DASHES)]


def translucent(colour: str, opacity: float) -> str:
    """`#RRGGBB` as `rgba(r,g,b,opacity)`."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _axis(page: Mapping[str, str]) -> dict[str, object]:
    return {
        "showgrid": True,
        "gridcolor": page["grid"],
        "gridwidth": 1,
        "zeroline": False,
        "showline": True,
        "linecolor": page["line"],
        "ticks": "outside",
        "ticklen": 5,
        "tickcolor": page["line"],
        "tickfont": {"size": 13, "color": page["grey"]},
        "title": {"font": {"size": 14, "color": page["ink"]}, "standoff": 12},
        "automargin": True,
    }


def _scale(colours: tuple[str, ...]) -> list[tuple[float, str]]:
    return [(place / (len(colours) - 1), colour) for place, colour in enumerate(colours)]


def _template(page: Mapping[str, str], colours: Iterable[str]) -> go.layout.Template:
    layout = {
        "font": {"family": FONT, "size": 13, "color": page["ink"]},
        "title": {
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14},
            "font": {"size": 19, "color": page["ink"], "weight": 600},
            "subtitle": {"font": {"size": 13, "color": page["grey"]}},
        },
        "paper_bgcolor": page["surface"],
        "plot_bgcolor": page["surface"],
        "colorway": list(colours),
        "colorscale": {
            **dict.fromkeys(("sequential", "sequentialminus"), _scale(SCALES[page["surface"]])),
            "diverging": _scale(LOSS_AND_GAIN[page["surface"]]),
        },
        "xaxis": _axis(page),
        "yaxis": _axis(page),
        "legend": {"font": {"size": 13, "color": page["ink"]}, "bgcolor": "rgba(0,0,0,0)"},
        "annotationdefaults": {"font": {"size": 13, "color": page["ink"]}, "showarrow": False},
        "hovermode": "closest",
        "hoverlabel": {
            "align": "left",
            "namelength": -1,
            "bgcolor": page["hover"],
            "bordercolor": page["line"],
            "font": {"family": FONT, "size": 13, "color": page["ink"]},
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": page["line"],
            "activecolor": page["ink"],
            "remove": MODEBAR_WITHOUT,
        },
        "margin": {"l": 64, "r": 24, "t": 96, "b": 64},
    }
    return go.layout.Template(layout=layout)


LIGHT: go.layout.Template = _template(LIGHT_PAGE, CYCLE)
DARK: go.layout.Template = _template(DARK_PAGE, [TWINS[colour] for colour in CYCLE])
pio.templates["workbench"] = LIGHT
pio.templates["workbench_dark"] = DARK


def recolouring() -> dict[str, str]:
    """Every light colour, as `#RRGGBB` and as the `r,g,b` inside an `rgba(...)`, and its twin on a dark page."""
    plain = {light.upper(): dark for light, dark in TWINS.items()}
    inside = {_channels(light): _channels(dark) for light, dark in TWINS.items()}
    return plain | inside


def _channels(colour: str) -> str:
    return translucent(colour, 1.0)[len("rgba(") : -len(",1)")]


def darkened(figure: go.Figure) -> go.Figure:
    """A copy of `figure` in the dark theme, for notebooks on a dark page."""
    payload = _recoloured(copy.deepcopy(figure.to_plotly_json()), recolouring(), "")
    payload["layout"]["template"] = DARK
    return go.Figure(payload)


def _recoloured(value, twins: Mapping[str, str], key: str):
    """`value` with the colours under keys that end in `color` replaced; text that merely looks like a colour stays."""
    if isinstance(value, dict):
        return {inner: _recoloured(item, twins, inner) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_recoloured(item, twins, key) for item in value]
    if not isinstance(value, str) or not key.endswith("color"):
        return value
    match = re.fullmatch(r"rgba\((\d+,\d+,\d+),([\d.]+)\)", value)
    if match:
        return f"rgba({twins.get(match[1], match[1])},{match[2]})"
    return twins.get(value.upper(), value)
