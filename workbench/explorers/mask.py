"""The mask explorer: what one prompt is answered when its context is hidden from a layer on.

All layers of a prompt are one sweep (`workbench.sweep`), remembered for every prompt and mask, so that moving the
slider computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from markupsafe import Markup

from workbench.errors import UserError
from workbench.explorers.answers import Answer, masked_answers
from workbench.explorers.asked import Asked
from workbench.explorers.markup import compared, panel, rows, scores, sentence
from workbench.explorers.prompt_explorer import PromptExplorer
from workbench.interventions.conditions import MASK_NAMES
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.views import theme
from workbench.views.curves import layer_ticks
from workbench.views.text import escape, mask_label, number, score_label, wrapped

NEVER = "never"
_UNMASKED = "FFF"


class MaskExplorer(PromptExplorer):
    """Pick a task, a sentence and a mask, and move the layer: the answer and its place on the prompt's curve."""

    title = "Mask explorer"

    def __init__(
        self,
        model: Model,
        asked: Asked | None = None,
        *,
        mask: str = "TTF",
        from_layer: int = 0,
        tasks: Sequence[str] | None = None,
    ) -> None:
        """Build the widget.

        Args:
            model: the model.
            asked: the prompt to begin with.
            mask: what is hidden, to begin with.
            from_layer: from which layer on, to begin with; `n_layers` is never.
            tasks: tasks to pick from; by default every task that needs no data.

        Raises:
            UserError: there is no such prompt, mask or layer, or the mask hides nothing in the prompt.
        """
        if not 0 <= from_layer <= model.n_layers:
            raise UserError(f"Layer {from_layer} was asked for; give 0 to {model.n_layers - 1}, or {model.n_layers}.")
        masks = [(mask_label(name), name) for name in MASK_NAMES if name != _UNMASKED]
        if mask not in MASK_NAMES or mask == _UNMASKED:
            raise UserError(f"Mask {mask!r} was asked for; give one of {', '.join(name for _, name in masks)}.")
        self.mask = widgets.Dropdown(
            options=masks, value=mask, description="mask", layout={"width": "420px", "max_width": "98%"}
        )
        layers = [(str(layer), layer) for layer in range(model.n_layers)] + [(NEVER, model.n_layers)]
        self.from_layer = widgets.SelectionSlider(
            options=layers, value=from_layer, description="hidden from", layout={"width": "420px", "max_width": "98%"}
        )
        self._remembered: dict[tuple[Asked, str], tuple[Prompt, list[Answer]]] = {}
        super().__init__(model, asked, tasks, {"mask": self.mask, "hidden from layer": self.from_layer})
        self.graph.data[0].on_click(self._clicked)

    def answers(self) -> tuple[Prompt, list[Answer]]:
        """The prompt that is picked, and its answers with the context hidden from layer 0, 1, ..., and never.

        Raises:
            UserError: what is picked cannot be asked.
        """
        key = (self.asked, self.mask.value)
        if key not in self._remembered:
            task, prompt = self.asked.prompt(self.model)
            self._remembered[key] = prompt, masked_answers(self.model, task, prompt, self.mask.value)
        return self._remembered[key]

    def _clicked(self, trace: Any, points: Any, state: Any) -> None:
        """A click on the curve moves the slider there."""
        if points.xs:
            self.from_layer.value = round(points.xs[0])

    def _picture(self) -> go.Figure:
        prompt, answers = self.answers()
        return curve(self.asked, prompt, answers, self.mask.value, self.from_layer.value)

    def _panel(self) -> Markup:
        prompt, answers = self.answers()
        chosen, unmasked = answers[self.from_layer.value], answers[-1]
        return panel(
            sentence(said(self.mask.value, self.from_layer.value, self.model.n_layers)),
            rows(
                {
                    "source": prompt.source,
                    "reference": prompt.reference,
                    "unmasked completion": unmasked.outcome.text,
                    "completion": compared(self.model, chosen),
                }
            ),
            scores(chosen, unmasked, "hidden"),
        )


def where(from_layer: int, n_layers: int) -> str:
    """A first layer hidden, in words."""
    return "never hidden" if from_layer == n_layers else f"from layer {from_layer} on"


def said(mask: str, from_layer: int, n_layers: int) -> str:
    """What is hidden, as a sentence."""
    hidden = where(from_layer, n_layers)
    return "The context is never hidden." if from_layer == n_layers else f"{mask_label(mask)}, {hidden}."


def curve(asked: Asked, prompt: Prompt, answers: Sequence[Answer], mask: str, chosen: int) -> go.Figure:
    """The prompt's log-probability of the reference by first layer hidden; full marks answer as the unmasked run does."""
    layers, colour = list(range(len(answers))), theme.mask_colour(mask)
    values = [answer.log_probability for answer in answers]
    line = go.Scatter(
        x=layers,
        y=values,
        mode="lines+markers",
        line={"color": colour, "width": 2.6},
        marker={
            "color": colour,
            "size": 10,
            "symbol": ["circle" if answer.unchanged else "circle-open" for answer in answers],
        },
        hovertext=[_hover(layer, answer, len(answers) - 1) for layer, answer in enumerate(answers)],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        meta={"role": "curve"},
    )
    ring = go.Scatter(
        x=[chosen],
        y=[values[chosen]],
        mode="markers",
        marker={"symbol": "circle-open", "size": 22, "color": theme.INK, "line": {"width": 2.5}},
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "chosen"},
    )
    figure = go.Figure([line, ring])
    _lay_out(figure, asked, prompt, mask, len(answers) - 1)
    return figure


def _hover(layer: int, answer: Answer, n_layers: int) -> str:
    return "<br>".join(
        [
            f"<b>{where(layer, n_layers)}</b>",
            f"log-probability <b>{number(answer.log_probability)}</b> nats per token",
            f"<b>completion</b>  {wrapped(answer.outcome.text)}",
        ]
    )


def _lay_out(figure: go.Figure, asked: Asked, prompt: Prompt, mask: str, n_layers: int) -> None:
    ticks = layer_ticks(n_layers)
    figure.update_layout(
        template="workbench",
        title={
            "text": escape(f"{asked.task}: one prompt, {mask_label(mask)}"),
            "subtitle": {
                "text": f"“{wrapped(prompt.source, 90, 90)}” · full mark: answered as unmasked; open mark: otherwise"
            },
        },
        height=360,
        margin={"t": 82, "b": 60, "l": 76, "r": 32},
        xaxis={
            "title": {"text": "first layer from which the context is hidden"},
            "range": [-0.4, n_layers + 0.4],
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [NEVER if tick == n_layers else str(tick) for tick in ticks],
        },
        yaxis={"title": {"text": escape(score_label("log_probability")).replace(" (", "<br>(")}},
    )
