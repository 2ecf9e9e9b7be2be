"""The head explorer: what each attention head is worth to one answer, and where it looks.

Every head is set to zero alone; all heads of a prompt are one sweep. A click on a head shows the answer without it, and
to which of the prompt's tokens it attends from the position of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from workbench.errors import UserError
from workbench.explorers.answers import Answer, ablated_answers
from workbench.explorers.asked import Asked
from workbench.explorers.attention import attention_from_answer
from workbench.explorers.markup import bars, compared, looked_at, panel, rows, scores, sentence, shares
from workbench.explorers.prompt_explorer import PromptExplorer
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep import Outcome
from workbench.tasks.task import Task
from workbench.views import theme
from workbench.views.curves import layer_ticks
from workbench.views.text import escape, number, wrapped

Head = tuple[int, int]
"""Layer and query head, both from 0."""


class HeadExplorer(PromptExplorer):
    """Pick a task and a sentence, then a head: the answer without it, and where it looks."""

    title = "Head explorer"

    def __init__(
        self,
        model: Model,
        asked: Asked | None = None,
        *,
        head: Head = (0, 0),
        everywhere: bool = False,
        tasks: Sequence[str] | None = None,
    ) -> None:
        """Build the widget.

        Args:
            model: the model.
            asked: the prompt to begin with.
            head: the head looked at, to begin with: layer and query head.
            everywhere: whether heads are set to zero in the context too, or only where the answer is read and written
                (query and completion), which is several times quicker.
            tasks: tasks to pick from; by default every task that needs no data.

        Raises:
            UserError: there is no such prompt or head.
        """
        heads = [(layer, number) for layer in range(model.n_layers) for number in range(model.n_heads)]
        if head not in heads:
            raise UserError(
                f"There is no head {head}: {model.name} has layers 0 to {model.n_layers - 1} with heads 0 to "
                f"{model.n_heads - 1}."
            )
        self.head = widgets.Dropdown(options=[(named(each), each) for each in heads], value=head, description="head")
        places = [("query and completion", False), ("everywhere", True)]
        self.everywhere = widgets.Dropdown(options=places, value=everywhere, description="ablated at")
        self._effects: dict[tuple[Asked, bool], tuple[Task, Prompt, list[Answer]]] = {}
        self._without: dict[tuple[Asked, bool, Head], list[Answer]] = {}
        self._clean: dict[Asked, Outcome] = {}
        self._weights: dict[Asked, Float[Tensor, "layer head position"]] = {}
        super().__init__(model, asked, tasks, {"head": self.head, "ablated at": self.everywhere})
        self.graph.data[0].on_click(self._clicked)

    def effects(self) -> tuple[Task, Prompt, list[Answer]]:
        """The task, the prompt, and what the ablation of each head makes of it, layer by layer; nothing ablated last.

        Raises:
            UserError: what is picked cannot be asked.
        """
        key = (self.asked, self.everywhere.value)
        if key not in self._effects:
            task, prompt = self.asked.prompt(self.model)
            heads = [head for _, head in self.head.options]
            answers = ablated_answers(self.model, task, prompt, heads, everywhere=self.everywhere.value, complete=False)
            self._effects[key] = task, prompt, answers
        return self._effects[key]

    def without(self) -> tuple[Answer, Answer]:
        """The answer without the head that is picked, and with it."""
        key = (self.asked, self.everywhere.value, self.head.value)
        if key not in self._without:
            task, prompt, _ = self.effects()
            heads, everywhere, clean = [self.head.value], self.everywhere.value, self._clean.get(self.asked)
            self._without[key] = ablated_answers(
                self.model, task, prompt, heads, everywhere=everywhere, complete=True, clean=clean
            )
            self._clean[self.asked] = self._without[key][-1].outcome
        ablated, unablated = self._without[key]
        return ablated, unablated

    def weights(self) -> Float[Tensor, "layer head position"]:
        """Where every head looks from the position of the answer, nothing ablated."""
        if self.asked not in self._weights:
            _, prompt, _ = self.effects()
            self._weights[self.asked] = attention_from_answer(self.model, prompt)
        return self._weights[self.asked]

    def _clicked(self, trace: Any, points: Any, state: Any) -> None:
        """A click on the heat map picks a head."""
        if points.xs:
            self.head.value = (round(points.ys[0]), round(points.xs[0]))

    def _picture(self) -> go.Figure:
        _, prompt, answers = self.effects()
        return effect_map(self.asked, prompt, answers, self.model.n_heads, self.head.value, self.everywhere.label)

    def _panel(self) -> Markup:
        _, prompt, _ = self.effects()
        ablated, clean = self.without()
        weights = self.weights()[self.head.value].tolist()
        return panel(
            sentence(f"Head {named(self.head.value)} set to zero, {self.everywhere.label}."),
            rows(
                {
                    "source": prompt.source,
                    "reference": prompt.reference,
                    "completion with it": clean.outcome.text,
                    "without it": compared(self.model, ablated),
                }
            ),
            scores(ablated, clean, "ablated"),
            sentence("Where the head looks from the position of the answer, nothing ablated:"),
            bars(shares(prompt, weights)),
            looked_at(self.model, prompt, weights),
        )


def named(head: Head) -> str:
    """`4.2` for head 2 of layer 4."""
    return f"{head[0]}.{head[1]}"


def effect_map(
    asked: Asked, prompt: Prompt, answers: Sequence[Answer], n_heads: int, chosen: Head, place: str
) -> go.Figure:
    """Change of the reference's log-probability by layer (vertical) and head (horizontal) that is set to zero."""
    clean = answers[-1].log_probability
    effects = [answer.log_probability - clean for answer in answers[:-1]]
    grid = [effects[start : start + n_heads] for start in range(0, len(effects), n_heads)]
    largest = max(1e-6, *(abs(effect) for effect in effects))
    cells = go.Heatmap(
        z=grid,
        zmin=-largest,
        zmax=largest,
        autocolorscale=True,
        xgap=2,
        ygap=2,
        hovertext=[
            [
                f"<b>head {named((layer, head))}</b><br>{number(effect)} nats per token"
                for head, effect in enumerate(row)
            ]
            for layer, row in enumerate(grid)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        colorbar={"title": {"text": "nats per token", "side": "right"}, "thickness": 12, "outlinewidth": 0, "len": 1},
        meta={"role": "cells"},
    )
    ring = go.Scatter(
        x=[chosen[1]],
        y=[chosen[0]],
        mode="markers",
        marker={"symbol": "circle-open", "size": 20, "color": theme.INK, "line": {"width": 2.5}},
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "chosen"},
    )
    figure = go.Figure([cells, ring])
    ticks = layer_ticks(len(grid) - 1)
    figure.update_layout(
        template="workbench",
        title={
            "text": escape(f"{asked.task}: what each head is worth to one answer"),
            "subtitle": {
                "text": f"“{wrapped(prompt.source, 90, 90)}” · log-probability of the reference without the head less "
                f"that with it ({number(clean)}) · set to zero: {escape(place)}"
            },
        },
        height=160 + max(220, 26 * len(grid)),
        margin={"t": 82, "b": 60, "l": 76, "r": 32},
        xaxis={"title": {"text": "head (from 0)"}, "tickmode": "array", "tickvals": list(range(n_heads))},
        yaxis={"title": {"text": "layer (from 0)"}, "tickmode": "array", "tickvals": ticks},
    )
    figure.update_layout(xaxis_showgrid=False, yaxis_showgrid=False)
    return figure
