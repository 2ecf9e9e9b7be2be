"""Pictures, sentences and the table of adapters trained on single layers, beside the masking curve.

Rows are those of `analyses.single_layer_lora`: answers of trained and untrained models, whose `from_layer` is -1, and the masking
curve of the untrained model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go

from workbench.scoring import SCORE_NAMES, Score, score_named
from workbench.statistics.layer_choices import (
    RankCorrelation,
    best_choices,
    main_score,
    rank_correlation,
    score_by_choice,
    statistics_of,
)
from workbench.views import theme
from workbench.views.curves import file_name
from workbench.views.layer_curves import LayerCurve, layer_figure
from workbench.views.layer_profiles import PROFILE_COLUMNS
from workbench.views.report import Picture, Table
from workbench.views.text import escape, number, plural, score_label, score_name

_KEYS = ["model", "n_layers", "task", "format", "preset", "targets"]
_CAPTION = "Each layer trained alone, the rest frozen; test prompts without examples."
_NONE, _ALL = "untrained", "all layers together"
_MASKED = "not trained, {examples}; context hidden from this layer on"


@dataclass(frozen=True)
class _Study:
    """One model, task and prompt format, and one score of it."""

    model: str
    n_layers: int
    task: str
    format: str
    preset: str
    targets: str
    rows: pd.DataFrame
    """Answers."""
    masked: pd.DataFrame
    """The masking curve's rows, but for the last, where nothing is hidden; may be none."""
    score: Score

    @property
    def single(self) -> pd.DataFrame:
        """Rows of layers trained alone."""
        return self.rows[self.rows["layer"] >= 0]

    @property
    def names(self) -> tuple[str, ...]:
        """What names its random streams."""
        return self.model, self.task, self.format

    def curve(self) -> pd.DataFrame:
        """Layer, value, low, high, n."""
        found = self._scored()
        return found[found["layer"] >= 0].sort_values("layer", ignore_index=True)

    def level(self, trained: str) -> pd.DataFrame:
        """The one row of `none` or `all`; without rows where it was not measured."""
        found = self._scored()
        return found[found["trained"] == trained]

    def _scored(self) -> pd.DataFrame:
        scored = score_by_choice(self.rows, "trained", self.score, *self.names)
        counts = self.rows.groupby("trained").size()
        layers = self.rows.drop_duplicates("trained").set_index("trained")["layer"]
        return scored.assign(layer=scored["trained"].map(layers), n=scored["trained"].map(counts))


def adapter_pictures(table: pd.DataFrame) -> dict[str, Picture]:
    """A picture for each task, format and score; pictures by name."""
    found = {}
    varying = [key for key in ("model", "format", "targets") if table[key].nunique() > 1]
    for study in _studies(table):
        head = ".".join([study.task, *(str(getattr(study, key)) for key in varying)])
        name = file_name(f"{head}.{study.score.name}")
        found[name] = Picture(name, _figure(study), _CAPTION, head.replace(".", " · "))
    return found


def adapter_findings(table: pd.DataFrame) -> list[str]:
    """A sentence for each task and format: where training helps most, and whether that goes with the masking curve."""
    said = []
    for study in _main_studies(table):
        curve = study.curve()
        if curve.empty:
            continue
        layers = ", ".join(str(layer) for layer in best_choices(curve, "layer", study.score.higher_is_better))
        best = curve.loc[curve["layer"] == int(layers.split(",", maxsplit=1)[0])].iloc[0]
        levels = [f"{word} {_written(study.level(kind).iloc[0])}" for kind, word in _levels(study)]
        sentence = (
            f"{study.task} ({study.format}): {score_name(study.score.name)} is highest where layer {layers} is trained"
        )
        said.append(
            f"{sentence}, {_written(best)}; {', '.join(levels)}." if levels else f"{sentence}, {_written(best)}."
        )
        if len(study.masked):
            said.append(_correlation_sentence(study))
    return said


def adapter_table(table: pd.DataFrame) -> Table:
    """How each training went and what came of it."""
    rows = []
    for study in _main_studies(table):
        for trained, own in study.rows.groupby("trained", sort=False):
            score = score_by_choice(own, "trained", study.score, *study.names).iloc[0]
            rows.append(
                {"Task": study.task, "Format": study.format, "Trained": str(trained), "Score": study.score.name}
                | {"Value": _written(score), "Steps": _each(own["steps"]), "Kept after": _each(own["kept_step"])}
                | {"Validation loss": number(float(own["validation_loss"].mean()))}
                | {"Untrained": number(float(own["untrained_loss"].mean()))}
            )
    caption = (
        "Scores with their 95 % intervals over test prompts. Losses in nats per token, of the adapter kept and of the model "
        "without one; steps are listed where seeds differ."
    )
    return Table("Score by trained layer", pd.DataFrame(rows), caption)


def adapter_profile(table: pd.DataFrame) -> pd.DataFrame:
    """The main score of each task by trained layer, in the first of its prompt formats, for the layer axis of all methods."""
    parts: dict[tuple[str, str], pd.DataFrame] = {}
    for study in _main_studies(table):
        if (study.model, study.task) in parts:
            continue
        words = f"{score_label(study.score.name)}".partition(" (")
        quantity = f"{words[0]}, this layer fine-tuned alone, no examples{words[1]}{words[2]}"
        named = study.curve().assign(model=study.model, task=study.task, quantity=quantity)
        parts[study.model, study.task] = named
    columns = list(PROFILE_COLUMNS)
    return pd.concat(parts.values(), ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _studies(table: pd.DataFrame) -> Iterator[_Study]:
    for study in _main_studies(table):
        for name in (column for column in table.columns if column in SCORE_NAMES):
            if study.rows[name].notna().any():
                yield replace(study, score=score_named(name))


def _main_studies(table: pd.DataFrame) -> Iterator[_Study]:
    """Each task and format with the task's own score."""
    curves = table[(table["from_layer"] >= 0) & (table["from_layer"] < table["n_layers"])]
    for values, rows in table[table["from_layer"] < 0].groupby(_KEYS, sort=False):
        model, n_layers, *others = values
        task, format_, preset, targets = map(str, others)
        masked = curves[(curves["model"] == model) & (curves["task"] == task)]
        yield _Study(str(model), int(str(n_layers)), task, format_, preset, targets, rows, masked, main_score(rows))


def _levels(study: _Study) -> list[tuple[str, str]]:
    """What is trained and the word for it, of those lines that were measured."""
    return [(kind, word) for kind, word in (("all", _ALL), ("none", _NONE)) if len(study.level(kind))]


def _figure(study: _Study) -> go.Figure:
    curves = [LayerCurve("this layer alone", study.curve(), theme.BLUE)]
    styles = {"all": (theme.INK, "6px,3px"), "none": (theme.VERMILLION, "2px,3px")}
    for kind, word in _levels(study):
        level = study.level(kind)
        everywhere = pd.concat([level.assign(layer=layer) for layer in range(study.n_layers)])
        curves.append(LayerCurve(word, everywhere, styles[kind][0], dash=styles[kind][1]))
    if len(study.masked):
        name = _MASKED.format(examples=plural(int(study.masked["examples"].iloc[0]), "example"))
        scored = score_by_choice(study.masked, "from_layer", study.score, *study.names).rename(
            columns={"from_layer": "layer"}
        )
        curves.append(LayerCurve(name, scored, theme.GREEN, "square", "10px,3px,2px,3px"))
    label = score_label(study.score.name)
    figure = layer_figure(
        curves,
        title=f"{study.task}: {score_name(study.score.name)} by trained layer",
        subtitle=_subtitle(study),
        layers=max(1, study.n_layers - 1),
        layer_title=f"layer, counted from 0 (of {study.n_layers})",
        value_title=label,
    )
    # A level is no measurement at each layer.
    figure.for_each_trace(
        lambda trace: (
            trace.update(mode="lines") if trace.name in (_ALL, _NONE) and trace.meta["role"] == "mean" else None
        )
    )
    return figure


def _subtitle(study: _Study) -> str:
    seeds = study.single["seed"].nunique() if len(study.single) else 1
    return (
        f"model <b>{escape(study.model)}</b> · LoRA on {escape(study.targets)} · preset {escape(study.preset)} · "
        f"test {escape(study.format)}, 0 examples<br>n = {study.rows['prompt'].nunique()} test prompts · "
        f"{plural(seeds, 'seed')} · band: 95 % interval over prompts"
    )


def _correlation_sentence(study: _Study) -> str:
    found = _correlation(study)
    if math.isnan(found.value):
        return f"{study.task} ({study.format}): one of the two curves is flat, so that their ranks cannot be compared."
    return (
        f"{study.task} ({study.format}): over {found.layers} layers the rank correlation (Spearman) of this curve with the "
        f"masking curve is {number(found.value)} [{number(found.low)}, {number(found.high)}]; negative where layers that can be "
        "taught the task are those before it is recognised."
    )


def _correlation(study: _Study) -> RankCorrelation:
    return rank_correlation(
        statistics_of(study.single, "layer", study.score),
        statistics_of(study.masked, "from_layer", study.score),
        study.score,
        *study.names,
    )


def _written(row: pd.Series) -> str:
    return f"{number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"


def _each(values: pd.Series) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(values))
