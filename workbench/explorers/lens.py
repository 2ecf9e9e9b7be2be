"""The lens explorer: what one prompt's residual stream says after each layer, with the context hidden or not.

The stream is read by a lens (`workbench.lenses`) at the position of the answer and those of the reference's tokens. All
masks of a prompt are one walk up the layers, remembered for every prompt and mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go
import torch
from markupsafe import Markup

from workbench.errors import UserError
from workbench.explorers.asked import Asked
from workbench.explorers.markup import distribution, panel, per_cent, rows, sentence
from workbench.explorers.mask import NEVER, said, where
from workbench.explorers.prompt_explorer import PromptExplorer
from workbench.internals.residual_streams import Passage, residual_streams
from workbench.interventions import Clean, ContextMask
from workbench.interventions.conditions import MASK_NAMES
from workbench.lenses import Lens, LogitLens, Readings, check_last_depth, read
from workbench.lenses.logit import final_normalisation
from workbench.lenses.token_labels import token_label
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.views import theme
from workbench.views.lens_maps import token_map
from workbench.views.text import mask_label, wrapped

BEST = 10
"""Tokens of a distribution that are shown."""


class LensExplorer(PromptExplorer):
    """Pick a task, a sentence and a mask, then a cell: what the model would say there if it ended after that layer."""

    title = "Lens explorer"

    def __init__(
        self,
        model: Model,
        asked: Asked | None = None,
        *,
        mask: str = "TTF",
        lens: Lens | None = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        """Build the widget; it begins with nothing hidden, at the answer's first token.

        Args:
            model: the model.
            asked: the prompt to begin with.
            mask: what is hidden once a layer is picked from which on, to begin with.
            lens: a tuned lens of this model; the logit lens if left out.
            tasks: tasks to pick from; by default every task that needs no data.

        Raises:
            UserError: there is no such prompt or mask, or the mask hides nothing in the prompt.
        """
        masks = [(mask_label(name), name) for name in MASK_NAMES if name != "FFF"]
        if mask not in [name for _, name in masks]:
            raise UserError(f"Mask {mask!r} was asked for; give one of {', '.join(name for _, name in masks)}.")
        final_normalisation(model)
        self.mask = widgets.Dropdown(
            options=masks, value=mask, description="mask", layout={"width": "420px", "max_width": "98%"}
        )
        layers = [(str(layer), layer) for layer in range(model.n_layers)] + [(NEVER, model.n_layers)]
        self.from_layer = widgets.SelectionSlider(
            options=layers,
            value=model.n_layers,
            description="hidden from",
            layout={"width": "420px", "max_width": "98%"},
        )
        self.hide = widgets.ToggleButton(
            value=False, description="hide the context", tooltip="from the layer chosen last"
        )
        self._layer = 0
        self.depth = widgets.BoundedIntText(value=model.n_layers, min=0, max=model.n_layers, description="depth")
        self.token = widgets.BoundedIntText(value=0, min=0, max=10**4, description="token")
        self._lens: Lens = lens or LogitLens()
        self._remembered: dict[tuple[Asked, str], tuple[Passage, list[Readings]]] = {}
        own = {"mask": self.mask, "hidden from layer": self.from_layer, "depth": self.depth, "token": self.token}
        super().__init__(model, asked, tasks, own)
        self._pick.children = (*self._pick.children, self.hide)
        self.hide.observe(self._toggled, names="value")
        self.from_layer.observe(self._layer_picked, names="value")
        self.graph.data[0].on_click(self._clicked)

    def readings(self) -> tuple[Passage, list[Readings]]:
        """What is read, and the readings with the context hidden from layer 0, 1, ..., and never.

        Raises:
            UserError: what is picked cannot be asked.
        """
        key = (self.asked, self.mask.value)
        if key not in self._remembered:
            _, prompt = self.asked.prompt(self.model)
            passage = Passage.of(prompt, "reference")
            self._remembered[key] = passage, masked_readings(self.model, self._lens, passage, self.mask.value)
        return self._remembered[key]

    def _clicked(self, trace: Any, points: Any, state: Any) -> None:
        """A click on a cell picks it."""
        if points.xs:
            with self._settled():
                self.token.value, self.depth.value = round(points.xs[0]), round(points.ys[0])
            self._update()

    def _toggled(self, change: Any) -> None:
        """The context is hidden from the layer chosen last, or no longer."""
        self.from_layer.value = self._layer if self.hide.value else self.model.n_layers

    def _layer_picked(self, change: Any) -> None:
        """The button says what the slider does."""
        hidden = self.from_layer.value < self.model.n_layers
        if hidden:
            self._layer = self.from_layer.value
        self.hide.value = hidden

    def _cell(self) -> tuple[int, int]:
        """Depth and token that are picked; another prompt may have fewer tokens."""
        passage, _ = self.readings()
        return self.depth.value, min(self.token.value, len(passage.positions) - 1)

    def _picture(self) -> go.Figure:
        passage, readings = self.readings()
        shown = reading_rows(self.model, passage, readings[self.from_layer.value])
        hidden = where(self.from_layer.value, self.model.n_layers)
        figure = token_map(
            shown,
            "place",
            title=f"{self.asked.task}: the most probable next token at each depth",
            subtitle=f"“{wrapped(passage.prompt.source, 90, 90)}” · {self._lens.name} · {self.mask.value} {hidden} · "
            "bold: the reference's token",
            columns="token of the reference that comes next",
        )
        depth, token = self._cell()
        return figure.add_trace(_ring(depth, token))

    def _panel(self) -> Markup:
        passage, readings = self.readings()
        depth, token = self._cell()
        shown, unmasked = (
            reading_rows(self.model, passage, readings[layer]) for layer in (self.from_layer.value, self.model.n_layers)
        )
        cell, before = (
            table[(table["layer"] == depth) & (table["place"] == token)].iloc[0] for table in (shown, unmasked)
        )
        end = depth == self.model.n_layers
        return panel(
            sentence(said(self.mask.value, self.from_layer.value, self.model.n_layers)),
            rows(
                {
                    "source": passage.prompt.source,
                    "reference": passage.prompt.reference,
                    "read": "the model's own answer" if end else f"what enters layer {depth}",
                    "token wanted": f"“{cell['next_token']}”: {_standing(cell)} (nothing hidden: {_standing(before)})",
                }
            ),
            distribution(cell["top_tokens"], cell["top_probabilities"]),
        )


def masked_readings(model: Model, lens: Lens, passage: Passage, mask: str) -> list[Readings]:
    """What a lens reads in a passage with the context hidden from layer 0, 1, ..., and never, which comes last.

    Raises:
        UserError: the mask hides nothing in this prompt.
        LensError: the last depth is not what the model says.
    """
    masks = [ContextMask.named(mask, layer) for layer in range(model.n_layers)]
    following = torch.tensor([[token] for token in passage.next_tokens()])
    found: dict[int, Readings] = {}
    for place, streams in residual_streams(model, [passage], [*masks, Clean()]):
        found[place] = read(model, lens.translated(streams), following, best=BEST)
        if place == len(masks):
            check_last_depth(model, streams, found[place])
    return [found[place] for place in range(len(found))]


def reading_rows(model: Model, passage: Passage, readings: Readings) -> pd.DataFrame:
    """A row for each depth and position, as `workbench.views.lens_maps.token_map` draws them."""
    prompt: Prompt = passage.prompt
    found = []
    for depth in range(len(readings.rank)):
        for place, token in enumerate(passage.next_tokens()):
            found.append(
                {
                    "layer": depth,
                    "place": place,
                    "next_token": token_label(model, token),
                    "top_tokens": [token_label(model, each) for each in readings.top_ids[depth, place].tolist()],
                    "top_probabilities": readings.top_log_probabilities[depth, place].exp().tolist(),
                    "reference_rank": int(readings.rank[depth, place, 0]),
                    "reference_probability": float(readings.log_probability[depth, place, 0].exp()),
                    "query": prompt.source,
                    "answer": prompt.reference,
                }
            )
    return pd.DataFrame(found)


def _standing(cell: pd.Series) -> str:
    """How near the token that is wanted is to being said."""
    return f"rank {int(cell['reference_rank'])}, {per_cent(float(cell['reference_probability']))}"


def _ring(depth: int, token: int) -> go.Scatter:
    return go.Scatter(
        x=[token],
        y=[depth],
        mode="markers",
        marker={"symbol": "square-open", "size": 30, "color": theme.INK, "line": {"width": 2.5}},
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "chosen"},
    )
