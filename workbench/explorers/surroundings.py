"""What an explorer must know of the page it is shown on."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Surroundings(anywidget.AnyWidget):
    """The width of the cell and the colour scheme of JupyterLab; takes no room itself."""

    _esm = Path(__file__).with_name("surroundings.js")
    width = traitlets.Int(0).tag(sync=True)
    """In pixels; 0 as long as nothing is shown."""
    appeared = traitlets.Int(0).tag(sync=True)
    """How many times a figure has appeared on the page."""
    dark = traitlets.Bool(False).tag(sync=True)
    """Whether the page is dark."""
