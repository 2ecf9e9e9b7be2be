"""Scores when one layer's attention is removed, layer by layer: curves, critical layers, baselines."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from workbench.views import theme
from workbench.views.ablation import PROFILED, SIGNIFICANT
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.report import Picture, Table
from workbench.views.text import SCORE_LABELS, escape, number, score_name

WORDS = {
    "both": "instruction and examples",
    "examples": "examples, no instruction",
    "instruction": "instruction, no examples",
    "neither": "neither",
}
_COLOURS = {"both": theme.BLUE, "examples": theme.VERMILLION, "instruction": theme.GREEN, "neither": theme.GREY}
_SYMBOLS = {"both": "circle", "examples": "square", "instruction": "diamond", "neither": "cross"}
_CAPTION = "Score with one layer's attention removed; dotted lines: with nothing removed."


def pictures(effects: pd.DataFrame) -> list[Picture]:
    """A picture for every task and score, a curve for each kind of prompt."""
    drawn = []
    for (model, task, score), rows in effects.groupby(["model", "task", "score"], sort=False):
        figure = removal_figure(rows, str(model), str(task), str(score))
        drawn.append(Picture(file_name(f"{task}.attention-removal.{score}"), figure, _CAPTION, str(task)))
    return drawn


def removal_figure(rows: pd.DataFrame, model: str, task: str, score: str) -> go.Figure:
    """The score by the layer whose attention is removed, and as a dotted line the score with nothing removed."""
    shown = list(dict.fromkeys(rows["shows"]))
    curves = []
    for prompt in shown:
        # The interval is that of the difference from the clean run, drawn around the score.
        of_prompt = rows[rows["shows"] == prompt]
        around = {end: of_prompt["clean"] + of_prompt[end] for end in ("low", "high")}
        curves.append(LayerCurve(WORDS[prompt], of_prompt.assign(**around), _COLOURS[prompt], _SYMBOLS[prompt]))
    layers = int(rows["n_layers"].iloc[0]) - 1
    figure = layer_figure(
        curves,
        title=f"{task}: attention removed from one layer",
        subtitle=escape(f"{model} · bands: 95 % interval of the difference from nothing removed"),
        layers=layers,
        layer_title="layer whose attention is removed (from 0)",
        value_title=SCORE_LABELS.get(score, score_name(score)),
    )
    for prompt in shown:
        clean = float(rows.loc[rows["shows"] == prompt, "clean"].iloc[0])
        figure.add_hline(y=clean, line={"color": _COLOURS[prompt], "width": 1.4, "dash": "dot"})
    return figure


def critical_layers(effects: pd.DataFrame) -> pd.DataFrame:
    """The rows of layers whose removal lowers the score: the interval lies below zero, and so does the corrected test."""
    return effects[(effects["high"] < 0) & (effects["p"] < SIGNIFICANT)]


def removal_table(effects: pd.DataFrame) -> Table:
    """Every layer's effect."""
    readable = pd.DataFrame(
        {
            "Task": effects["task"],
            "Prompt shows": [WORDS[str(name)] for name in effects["shows"]],
            "Score": [score_name(str(name)) for name in effects["score"]],
            "Layer": effects["layer"],
            "Nothing removed": effects["clean"].round(4),
            "Removed": effects["value"].round(4),
            "Effect": effects["effect"].round(4),
            "95 % interval": [
                f"{number(low)} to {number(high)}" for low, high in zip(effects["low"], effects["high"], strict=True)
            ],
            "p (corrected)": effects["p"].round(4),
            "n": effects["n"],
        }
    )
    return Table("Effects", readable, "Sign-flip test over prompts, corrected for all layers together.")


def findings(effects: pd.DataFrame) -> list[str]:
    """The critical layers of every task and kind of prompt, by the task's first score."""
    said = []
    for (model, task, prompt), rows in effects.groupby(["model", "task", "shows"], sort=False):
        score = str(rows["score"].iloc[0])
        of_score = rows[rows["score"] == score]
        critical = sorted(int(layer) for layer in critical_layers(of_score)["layer"])
        listed = ", ".join(map(str, critical)) or "none"
        worst = of_score.sort_values("effect").iloc[0]
        said.append(
            f"{model}, {task}, {WORDS[str(prompt)]}: critical layers by {score_name(score)}: {listed} (largest fall: "
            f"{number(worst['clean'])} to {number(worst['value'])} at layer {int(worst['layer'])})."
        )
    return said


def removal_profile(effects: pd.DataFrame) -> pd.DataFrame:
    """What removing each layer's attention takes from the reference's log-probability, where examples are shown."""
    rows = effects[(effects["score"] == PROFILED) & effects["shows"].isin(["examples", "both"])]
    rows = rows[rows["shows"] == ("examples" if "examples" in set(rows["shows"]) else "both")]
    ends = {"value": -rows["effect"], "low": -rows["high"], "high": -rows["low"]}
    quantity = "lost when the layer's attention is removed (nats per token)"
    return rows.assign(**ends, quantity=quantity)[list(PROFILE_COLUMNS)]
