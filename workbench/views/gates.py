"""Gates of attention heads in pictures, sentences and a table.

Rows are those of `analyses.head_gates`: answers to test prompts, gates, and evaluations of the training, told apart by `what`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.views.curves import file_name
from workbench.views.gate_figures import gate_maps, interval, loss_figure, score_figure
from workbench.views.gate_trainings import Trained
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.report import Picture, Table
from workbench.views.text import number, plural, score_name

_BEST = "0.01"
"""The weight of the penalty that paper A finds best."""
_MAP_CAPTION = (
    "What each head's output is multiplied by after training: 1 leaves it as it is, 0 removes it. All began at 1."
)
_SCORE_CAPTION = (
    "Above: the score by the weight of the penalty; dotted: without gates. "
    "Below: the share of heads whose gate is exactly 0."
)
_LOSS_CAPTION = (
    "Loss on the validation items, penalty included, gates at rest; an open ring marks the gates that were kept."
)


def gate_pictures(trained: Sequence[Trained]) -> list[Picture]:
    """For every task trained on: a map for each number of examples and seed, the scores, the losses."""
    drawn = []
    for model, task in dict.fromkeys((each.model, each.task) for each in trained):
        own = [each for each in trained if (each.model, each.task) == (model, task)]
        for examples, seed in dict.fromkeys((each.examples, each.seed) for each in own):
            some = [each for each in own if (each.examples, each.seed) == (examples, seed)]
            name = file_name(f"{task}.gates.{examples}-examples.seed-{seed}")
            drawn.append(Picture(name, gate_maps(some), _MAP_CAPTION, task))
        pairs = own[0].effects[["task", "score"]].drop_duplicates().astype(str)
        for tested, score in zip(pairs["task"], pairs["score"], strict=True):
            head = task if tested == task else f"{task}.{tested}"
            figure = score_figure(own, tested, score)
            drawn.append(Picture(file_name(f"{head}.gates.{score}"), figure, _SCORE_CAPTION, task))
        drawn.append(Picture(file_name(f"{task}.gates.training"), loss_figure(own), _LOSS_CAPTION, task))
    return drawn


def gate_findings(trained: Sequence[Trained]) -> list[str]:
    """A sentence for each training: how many heads are off, and what that does to the score of each kind of prompt."""
    said = []
    for each in trained:
        rows = each.effects[each.effects["task"] == each.task]
        rows = rows[rows["score"] == rows["score"].iloc[0]]
        changes = "; ".join(
            f"{score_name(str(row['score']))} with {plural(int(row['examples']), 'example')} {number(row['clean'])} → "
            f"{number(row['value'])} (difference {interval(row)})"
            for row in rows.to_dict("records")
        )
        heads = f"{each.off} of {each.n_layers * each.n_heads} heads off ({each.share_off:.0%})"
        said.append(f"{each.model}, {each.task}, gates trained with {each.name}: {heads}; {changes}.")
    return said


def gate_table(trained: Sequence[Trained]) -> Table:
    """The scores before and after by training, as in paper A's table 2, with the heads off."""
    rows = []
    for each in trained:
        described: dict[str, object] = {
            "Trained on": each.task,
            "Trained with": plural(each.examples, "example"),
            "λ": each.penalty,
        }
        steps = int(each.evaluations["step"].max())
        described |= {"Seed": each.seed, "Heads off": f"{each.off} ({each.share_off:.0%})", "Steps": steps}
        for row in each.effects.to_dict("records"):
            rows.append(
                {**described, "Tested on": row["task"], "Test prompts": plural(int(row["examples"]), "example")}
                | {"Score": score_name(str(row["score"])), "Without gates": number(row["clean"])}
                | {"With gates": number(row["value"]), "Difference": interval(row), "p (corrected)": number(row["p"])}
            )
    caption = (
        "Heads off: gates that are exactly 0. Differences with their 95 % intervals over test prompts; p by a sign-flip test, "
        "corrected for all trainings together."
    )
    return Table("Scores before and after", pd.DataFrame(rows), caption)


def gate_profile(trained: Sequence[Trained]) -> pd.DataFrame:
    """The share of each layer's heads that are off, under the penalty that paper A finds best, or else the largest."""
    tried = sorted({each.penalty for each in trained}, key=float)
    parts = []
    for each in trained:
        if each.penalty != (_BEST if _BEST in tried else tried[-1]):
            continue
        off = 100.0 * (each.gates["gate"] == 0)
        by_layer = each.gates.assign(value=off).groupby("layer", as_index=False)["value"].mean()
        quantity = f"heads gated off, {each.name} (% of the layer's heads)"
        ends = {"low": float("nan"), "high": float("nan")}
        parts.append(by_layer.assign(model=each.model, task=each.task, quantity=quantity, **ends))
    columns = list(PROFILE_COLUMNS)
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
