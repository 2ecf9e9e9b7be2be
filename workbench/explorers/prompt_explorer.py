"""What all explorers have in common: controls that pick a prompt, a live figure, a panel below it, and a place to save."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from markupsafe import Markup

from workbench.errors import UserError
from workbench.explorers.asked import Asked, format_names, sentences, task_names
from workbench.explorers.markup import panel, problem, rows
from workbench.explorers.saving import SaveBox, write_figure_table
from workbench.explorers.surroundings import Surroundings
from workbench.models.model import Model
from workbench.views.fitting import fitted
from workbench.views.single import write_single
from workbench.views.theme import darkened

SENTENCES = 50
"""Test items to pick from."""
_WIDE = "520px"
_NARROWEST = 240
"""Of a figure, in pixels; a cell that is narrower scrolls."""
_CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]]}
"""Of plotly in the browser: the buttons that zoom would lie over the title."""


class PromptExplorer(widgets.VBox):
    """Controls, a figure and a panel about one prompt. Whoever inherits draws: `_picture` and `_panel`.

    Controls are ordinary widgets: `explorer.task.value = "translate-en-de"` does what a person's choice does.
    """

    title = "Prompt"
    """What the exported page is called."""

    def __init__(
        self,
        model: Model,
        asked: Asked | None,
        tasks: Sequence[str] | None,
        controls: dict[str, widgets.Widget],
    ) -> None:
        """Build the widget.

        Args:
            model: the model.
            asked: the prompt to begin with.
            tasks: tasks to pick from; by default every task that needs no data.
            controls: the explorer's own controls, by what they are called on the exported page.

        Raises:
            UserError: the prompt to begin with cannot be made.
        """
        super().__init__()
        begin = asked or Asked()
        self.model, self._data, self._settling = model, begin.data, False
        names = list(dict.fromkeys([*(tasks if tasks is not None else task_names(begin.data)), begin.task]))
        self.task = widgets.Dropdown(options=names, value=begin.task, description="task")
        listed = sentences(begin.task, begin.data, max(SENTENCES, begin.sentence + 1))
        self.sentence = widgets.Dropdown(
            options=listed, description="sentence", layout={"width": _WIDE, "max_width": "98%"}
        )
        begin.prompt(model)
        self.sentence.value = begin.sentence
        formats = format_names(model, begin.task, begin.data)
        self.format = widgets.Dropdown(options=formats, value=begin.format, description="format")
        self.examples = widgets.BoundedIntText(value=begin.examples, min=0, max=100, description="examples")
        self.seed = widgets.BoundedIntText(value=begin.seed, min=0, max=10**6, description="seed")
        self._controls = controls
        self._words = widgets.HTML()
        self._pick = widgets.HBox(
            [self.task, self.sentence, self.format, self.examples, self.seed, *controls.values()],
            layout={"flex_flow": "row wrap"},
        )
        self.surroundings = Surroundings()
        self.save_box = SaveBox(self.title, self.export)
        self._drawn = self._picture()
        self.graph = go.FigureWidget(self._drawn)
        # Plotly has no public way to set it.
        self.graph._config = _CONFIG
        self._shown: tuple[widgets.Widget, ...] = ()
        self._shows(self.graph, str(self._panel()))
        self._listen()

    def _repr_mimebundle_(self, **settings: Any) -> Any:
        """What a cell shows. A live figure that changed before it was shown is brought up to date where plotly does that:
        when the figure itself is asked what it shows, which nobody does inside a box.
        """
        self.graph._repr_mimebundle_()
        return super()._repr_mimebundle_(**settings)

    @property
    def asked(self) -> Asked:
        """The prompt that is picked."""
        if self.sentence.value is None:
            raise UserError(f"Task {self.task.value!r} has no test item to show; pick another.")
        return Asked(
            self.task.value,
            self.sentence.value,
            self.format.value,
            self.examples.value,
            self.seed.value,
            self._data,
        )

    def figure(self) -> go.Figure:
        """The figure on screen, static.

        Raises:
            UserError: what is picked cannot be shown.
        """
        return self._picture()

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write what is on screen to one HTML file, or what the figure shows to a table, by the ending; return the path.

        Args:
            path: ends in .html, .csv or .parquet; a file that is there is replaced.

        Raises:
            UserError: what is picked cannot be shown, the ending is another, or the file cannot be written.
        """
        if Path(path).suffix != ".html":
            return write_figure_table(path, self.figure())
        chosen = {"model": self.model.name, **{name: str(value) for name, value in vars(self.asked).items()}}
        if self._data is None:
            del chosen["data"]
        chosen |= {name: _said(control) for name, control in self._controls.items()}
        settings = panel(rows(chosen))
        return write_single(path, title=self.title, figure=self.figure(), before=settings, after=self._panel())

    def _picture(self) -> go.Figure:
        """The figure of what is picked; its traces are always the same in number and kind."""
        raise NotImplementedError

    def _panel(self) -> Markup:
        """The panel of what is picked."""
        raise NotImplementedError

    def _listen(self) -> None:
        self.task.observe(self._task_picked, names="value")
        for control in (self.sentence, self.format, self.examples, self.seed, *self._controls.values()):
            control.observe(self._update, names="value")
        self.surroundings.observe(self._update, names=["width", "appeared", "dark"])

    def _task_picked(self, change: Any) -> None:
        """Another task has other sentences, and other formats perhaps."""
        with self._settled():
            try:
                self.sentence.options = sentences(self.task.value, self._data, SENTENCES)
                self.sentence.index = 0 if self.sentence.options else None
                formats = format_names(self.model, self.task.value, self._data)
                kept = self.format.value if self.format.value in formats else formats[0]
                self.format.options, self.format.value = formats, kept
            except UserError:
                # Told when the prompt is made, which fails for the same reason.
                self.sentence.options = ()
        self._update()

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Several controls change as one."""
        self._settling = True
        try:
            yield
        finally:
            self._settling = False

    def _update(self, change: Any = None) -> None:
        """Draw what is picked, or say why that cannot be."""
        if self._settling:
            return
        try:
            self._draw()
            self._shows(self.graph, str(self._panel()))
        except UserError as error:
            self._shows(None, str(problem(str(error))))

    def _draw(self) -> None:
        """The figure as the page needs it: in its width and colours."""
        figure, surroundings = self._picture(), self.surroundings
        if surroundings.width:
            # A pixel less every second time: plotly draws a figure that has appeared anew only if something changed.
            width = max(surroundings.width, _NARROWEST) - surroundings.appeared % 2
            figure = fitted(figure, width).update_layout(width=width)
        if surroundings.dark:
            figure = darkened(figure)
        redraw(self.graph, self._drawn, figure)
        self._drawn = figure

    def _shows(self, graph: go.FigureWidget | None, words: str) -> None:
        """Lay out the controls, the figure if there is one, and the words."""
        self._words.value = words
        drawn = () if graph is None else (graph,)
        shown = (self._pick, *drawn, self._words, self.save_box, self.surroundings)
        # The same children set again would be laid out again.
        if shown != self._shown:
            self._shown = shown
            self.children = shown


def redraw(graph: go.FigureWidget, before: go.Figure, figure: go.Figure) -> None:
    """Make a live figure that shows `before` look like another of the same traces, in one message of what is different."""
    changed = {
        name: value
        for name, value in figure.layout.to_plotly_json().items()
        if before.layout[name] != figure.layout[name]
    }
    with graph.batch_update():
        for live, old, new in zip(graph.data, before.data, figure.data, strict=True):
            if new != old:
                live.update(new.to_plotly_json(), overwrite=True)
        graph.layout.update(changed, overwrite=True)


def _said(control: widgets.Widget) -> str:
    """What a control shows as its value."""
    return str(getattr(control, "label", None) or control.value)
