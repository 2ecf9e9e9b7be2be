"""Pictures of what a lens reads: by depth, under masks, and the most probable tokens themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import plotly.graph_objects as go

from workbench.statistics.lens_curves import SERIES, lens_means, unmasked
from workbench.views import theme
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.lens_maps import mask_map, token_map
from workbench.views.report import Picture
from workbench.views.text import escape, mask_label, plural

DEPTH = "layer that the residual stream enters ({n} = what the last one leaves)"
_ANSWER, _GROUP, _SOURCE, _OTHERS, _COPIED = theme.BLUE, theme.GREEN, theme.VERMILLION, theme.PURPLE, theme.ORANGE
_MOST_COLUMNS = 14


def pictures(table: pd.DataFrame) -> dict[str, Picture]:
    """All pictures of a table of readings, by name; one section for each task."""
    means = lens_means(table)
    found: dict[str, Picture] = {}
    keys = ["model", "format", "examples", "lens"]
    varying = [key for key in keys if table[key].nunique() > 1]
    for values, rows in table.groupby(SERIES, sort=False):
        fields = dict(zip(SERIES, values, strict=True))
        own = means.merge(pd.DataFrame([fields]), on=SERIES)
        head = ".".join([str(fields["task"]), *(str(fields[key]) for key in varying)])
        for picture in _of_series(rows, own, fields):
            name = file_name(f"{head}.{picture.name}")
            section = " · ".join([str(fields["task"]), *(str(fields[key]) for key in varying)])
            found[name] = Picture(name, picture.figure, picture.caption, section)
    return found


def _of_series(table: pd.DataFrame, means: pd.DataFrame, fields: dict[str, object]) -> Iterator[Picture]:
    plain = unmasked(means)
    subtitle, plainer = _subtitle(fields, plain, " · band: 95 % interval"), _subtitle(fields, plain)
    layers = int(str(fields["n_layers"]))
    shared = {"subtitle": subtitle, "layers": layers, "layer_title": DEPTH.format(n=layers)}
    task = str(fields["task"])
    named = [name.removesuffix("_rank") for name in dict.fromkeys(plain["quantity"]) if name.endswith("_rank")][2:]
    yield Picture("answer", _probabilities(plain, task, named, shared), _PROBABILITIES)
    yield Picture("rank", _ranks(plain, task, named, shared), _RANKS)
    yield Picture("certainty", _certainty(plain, task, shared), _CERTAINTY)
    clean = table[table["from_layer"] == table["n_layers"]]
    clean = clean[clean["mask"] == clean["mask"].iloc[0]]
    yield Picture("tokens", _tokens(clean, f"{task}: what it would say", plainer), _TOKENS)
    for mask, rows in table[table["from_layer"] < table["n_layers"]].groupby("mask", sort=False):
        own = means[means["mask"] == mask]
        what = {"reference_probability": ("reference", "the answer's first token")}
        if (own["quantity"] == "answer_group").any():
            what["answer_group"] = ("group", group_words(str(own["answer_group_name"].iloc[0])))
        for quantity, (short, words) in what.items():
            figure = mask_map(
                own[own["quantity"] == quantity],
                title=f"{task}: {words}, with {_hidden(str(mask))}",
                subtitle=plainer,
                layers=layers,
                layer_title=DEPTH.format(n=layers),
            )
            yield Picture(f"{mask}.{short}", figure, _MASKS)
        lowest = rows[rows["from_layer"] == rows["from_layer"].min()]
        title = f"{task}: what it would say with {_hidden(str(mask))} from layer {int(lowest['from_layer'].iloc[0])}"
        yield Picture(f"{mask}.tokens", _tokens(lowest, title, plainer), _TOKENS)


def _hidden(mask: str) -> str:
    """The mask in words."""
    return mask_label(mask).partition(": ")[2] or f"mask {mask}"


def group_words(group: str) -> str:
    """A group of tokens in words."""
    if group in ("targets", "sources"):
        return f"all tokens of the {group}"
    return f"all {group} words" if group[:1].isupper() else f"all {group}s"


def _subtitle(fields: dict[str, object], plain: pd.DataFrame, band: str = "") -> str:
    n = int(plain["n"].max())
    making = " · ".join([plural(int(str(fields["examples"])), "example"), escape(str(fields["format"]))])
    normalisation = f"final {escape(str(plain['normalisation'].iloc[0]))} normalisation applied"
    return (
        f"{escape(str(fields['lens']))} on <b>{escape(str(fields['model']))}</b> · {making}<br>"
        f"n = {n} prompts{band} · {normalisation}"
    )


def _curve(plain: pd.DataFrame, quantity: str, name: str, colour: str, symbol: str, dash: str = "solid") -> LayerCurve:
    return LayerCurve(name, plain[plain["quantity"] == quantity], colour, symbol, dash)


def _probabilities(plain: pd.DataFrame, task: str, named: list[str], shared: dict) -> go.Figure:
    answer, source = (str(plain[f"{name}_group_name"].iloc[0]) for name in ("answer", "source"))
    curves = [
        _curve(plain, "reference_probability", "the answer's first token", _ANSWER, "circle"),
        _curve(plain, "answer_group", group_words(answer), _GROUP, "square"),
        _curve(plain, "source_group", group_words(source), _SOURCE, "diamond"),
        _curve(plain, "others_group", _rest(answer), _OTHERS, "triangle-up"),
        _curve(plain, "copied_probability", "the first token of the source, copied", _COPIED, "pentagon", "6px,3px"),
        *_named_curves(plain, named, "probability"),
        _curve(plain, "settled", "first choice settled (share of prompts)", theme.GREY, "x", "2px,3px"),
    ]
    title = f"{task}: what is read at the answer"
    return layer_figure(curves, title=title, value_title="probability (mean over prompts)", percent=True, **shared)


def _rest(answer: str) -> str:
    return "words of other languages" if answer[:1].isupper() else "words of other classes"


def _named_curves(plain: pd.DataFrame, named: list[str], kind: str) -> list[LayerCurve]:
    colours = theme.assigned(named, theme.OTHERS)
    return [_curve(plain, f"{token}_{kind}", f"“{token}”", colours[token], "star", "10px,3px") for token in named]


def _ranks(plain: pd.DataFrame, task: str, named: list[str], shared: dict) -> go.Figure:
    curves = [
        _curve(plain, "reference_rank", "the answer's first token", _ANSWER, "circle"),
        _curve(plain, "copied_rank", "the first token of the source, copied", _COPIED, "pentagon", "6px,3px"),
        *_named_curves(plain, named, "rank"),
    ]
    title = f"{task}: rank of the answer"
    return layer_figure(curves, title=title, value_title="rank (1 = first; geometric mean)", rank=True, **shared)


def _certainty(plain: pd.DataFrame, task: str, shared: dict) -> go.Figure:
    curves = [
        _curve(plain, "entropy", "entropy of what is read", theme.INDIGO, "circle"),
        _curve(plain, "divergence_final", "KL divergence from the model's own answer", theme.ROSE, "square"),
    ]
    return layer_figure(curves, title=f"{task}: how certain, how far from the end", value_title="nats", **shared)


def _tokens(rows: pd.DataFrame, title: str, subtitle: str) -> go.Figure:
    """The first prompts at the answer; where more positions were read, the first prompt at all of them."""
    rows = rows[rows["seed"] == rows["seed"].iloc[0]]
    if rows["offset"].nunique() > 1:
        rows = rows[rows["prompt"] == rows["prompt"].iloc[0]]
        return token_map(rows, "position", title=title, subtitle=subtitle, columns="next token of the text")
    kept = list(dict.fromkeys(rows["prompt"]))[:_MOST_COLUMNS]
    rows = rows[rows["prompt"].isin(kept)]
    return token_map(
        rows, "prompt", title=title, subtitle=subtitle, columns="one prompt each: first token of the answer"
    )


_PROBABILITIES = "Probability of the answer's first token and of groups of words, read at each depth."
_RANKS = "Rank of the answer's first token among all tokens of the vocabulary, read at each depth."
_CERTAINTY = "How spread out the distribution is that is read, and how far it is from the model's own."
_TOKENS = "The most probable token at each depth, bold where it is the right one; the colour is its probability."
_MASKS = "Below the line nothing is hidden yet; the column “never” is the unmasked run."
