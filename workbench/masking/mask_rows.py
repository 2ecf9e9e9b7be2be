"""Context masks from many layers, run beside the clean run, as rows: what `workbench.statistics.curves` summarises.

All masks of a set of prompts go through one sweep, which shares what they have in common: the clean run, which is every
curve's ceiling, is computed once, and so is whatever two masks hide alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from workbench.interventions import Clean, Condition, ContextMask
from workbench.interventions.conditions import check_layers
from workbench.masking.adaptive import Measure, measured_adaptively
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.scoring import Score
from workbench.scoring.rows import scored_row
from workbench.statistics.curves import Settings
from workbench.sweep import Engine, Outcome, chosen_engine, sweep


@dataclass(frozen=True)
class MaskCurve:
    """A mask, the layers from which it is tried, and what its rows say of it."""

    mask: str
    """Its name: three letters as in `TTF`, or `mask_all`."""
    layers: tuple[int, ...]
    """First layers from which it hides; 0 (the floor) and never (the ceiling) are always measured too."""
    keep_bos: bool | None = None
    renormalise: bool = True
    columns: dict[str, Any] = field(default_factory=dict)
    """Further columns of its rows, the same for every curve of a table."""


def every_layer(n_layers: int, chosen: Sequence[int] | None = None) -> tuple[int, ...]:
    """The layers chosen; all where none are."""
    return tuple(range(n_layers)) if chosen is None else tuple(chosen)


def mask_rows(
    model: Model,
    prompts: Sequence[Prompt],
    curves: Sequence[MaskCurve],
    scores: Sequence[Score],
    constant: dict[str, Any],
    *,
    batch_size: int,
    engine: Engine = "auto",
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Run all curves' masks from all their layers on; a row for each prompt, curve and layer, prompt after prompt.

    Which engine ran stands in the table's `attrs`, for the run to write down.

    Args:
        model: the model.
        prompts: the prompts.
        curves: what is hidden from where.
        scores: whose statistics the rows have.
        constant: columns that are the same in every row.
        batch_size: prompts run together.
        engine: what runs it.
        progress: called with the number of prompts just done.

    Raises:
        UserError: a layer that the model lacks, or a mask that hides nothing in one of the prompts though it should.
    """
    how: dict[str, Any] = {"batch_size": batch_size, "engine": engine, "progress": progress}
    return _rows(model, prompts, curves, scores, constant, None, **how)[0]


def _rows(
    model: Model,
    prompts: Sequence[Prompt],
    curves: Sequence[MaskCurve],
    scores: Sequence[Score],
    constant: dict[str, Any],
    clean: Sequence[Outcome] | None,
    *,
    batch_size: int,
    engine: Engine,
    progress: Callable[[int], object] | None,
) -> tuple[pd.DataFrame, list[Outcome]]:
    """The rows of `mask_rows` and the clean run's outcomes. Where these are given, both ends of the curves are known."""
    plan = _Plan(model.n_layers, prompts, curves, ends=clean is None)
    asked = plan.conditions if clean is None else plan.conditions[1:]
    outcomes = sweep(model, prompts, asked, batch_size=batch_size, engine_name=engine, progress=progress)
    rows, unmasked = [], []
    for number, prompt in enumerate(prompts):
        of_prompt = outcomes[number * len(asked) : (number + 1) * len(asked)]
        if clean is not None:
            of_prompt = [clean[number], *of_prompt]
        unmasked.append(of_prompt[0])
        for place, from_layer, index in plan.rows():
            named = {"mask": curves[place].mask, **curves[place].columns, "from_layer": from_layer}
            named["hides"] = plan.hides[place][number]
            rows.append({**constant, **named, **scored_row(prompt, of_prompt[index], of_prompt[0], scores)})
    table = pd.DataFrame(rows)
    table.attrs["engine"] = str(chosen_engine(model, engine, plan.conditions))
    return table, unmasked


def rows_by_seed(
    model: Model,
    prompts: Mapping[int, Sequence[Prompt]],
    masks: Sequence[str],
    layers: Sequence[int] | Literal["adaptive"] | None,
    scores: Sequence[Score],
    constant: dict[str, Any],
    *,
    rule: Settings,
    keep_bos: bool | None = None,
    renormalise: bool = True,
    batch_size: int,
    engine: Engine = "auto",
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """`mask_rows` of every seed's prompts, at all layers, at chosen ones, or at those that the answer needs.

    Args:
        model: the model.
        prompts: those of each seed.
        masks: what is hidden.
        layers: all for None; `adaptive` for those that the recognition layers and their intervals need.
        scores: whose statistics the rows have.
        constant: columns that are the same in every row, the seed aside.
        rule: by which layers are recognised, for `adaptive`.
        keep_bos: see `MaskCurve`.
        renormalise: likewise.
        batch_size: prompts run together.
        engine: what runs it.
        progress: called with the number of prompts just done.

    Raises:
        UserError: as `mask_rows`.
    """
    # The fast sweep runs all layers at once: where they are fewer there is room for more prompts.
    filled_up = layers == "adaptive" and chosen_engine(model, engine).engine == "fast"

    def measuring(some: Mapping[int, Sequence[Prompt]]) -> Measure:
        clean: dict[int, list[Outcome]] = {}

        def measure(wanted: Mapping[str, Sequence[int]]) -> pd.DataFrame:
            fewer = len(masks) * model.n_layers // sum(map(len, wanted.values())) if filled_up else 1
            how: dict[str, Any] = {"batch_size": batch_size * fewer, "engine": engine, "progress": progress}
            curves = [MaskCurve(mask, tuple(each), keep_bos, renormalise) for mask, each in wanted.items()]
            tables = []
            for seed, of_seed in some.items():
                named = {**constant, "seed": seed}
                table, clean[seed] = _rows(model, of_seed, curves, scores, named, clean.get(seed), **how)
                tables.append(table)
            return pd.concat(tables, ignore_index=True)

        return measure

    if layers == "adaptive":
        return measured_adaptively(measuring, prompts, masks, model.n_layers, rule)
    return measuring(prompts)(dict.fromkeys(masks, every_layer(model.n_layers, layers)))


class _Plan:
    """Which conditions are run, and which rows each stands for.

    The first is the clean run, every curve's ceiling; conditions that hide the same positions of every prompt are run
    once. Without `ends` neither the ceiling nor the floor gets a row.
    """

    def __init__(self, n_layers: int, prompts: Sequence[Prompt], curves: Sequence[MaskCurve], *, ends: bool) -> None:
        self.conditions: list[Condition] = [Clean()]
        self.hides: list[list[str]] = []
        """The segments of each prompt that a curve hides, empty ones left out."""
        self._rows: list[tuple[int, int, int]] = []
        same: dict[Any, int] = {}
        for place, curve in enumerate(curves):
            check_layers(curve.layers, n_layers)
            first = ContextMask.named(curve.mask, 0, keep_bos=curve.keep_bos, renormalise=curve.renormalise)
            positions = tuple(prompt.positions(*first.hidden) for prompt in prompts)
            self.hides.append([_hidden_segments(first, prompt) for prompt in prompts])
            for layer in sorted({*curve.layers, *([0] if ends else [])} - {n_layers}):
                condition = replace(first, from_layer=layer)
                key = (layer, curve.renormalise, "completion" in condition.hidden, positions)
                if not condition.hidden:
                    same[key] = 0  # Hiding nothing is the clean run.
                if key not in same:
                    same[key] = len(self.conditions)
                    self.conditions.append(condition)
                self._rows.append((place, layer, same[key]))
            if ends:
                self._rows.append((place, n_layers, 0))

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Curve, layer, and the condition that measures it."""
        return iter(self._rows)


def _hidden_segments(mask: ContextMask, prompt: Prompt) -> str:
    return ", ".join(name for name in mask.hidden if name == "completion" or prompt.positions(name))
