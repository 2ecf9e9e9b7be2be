"""What is on screen as one HTML file that asks the network for nothing."""

from __future__ import annotations

import os
from pathlib import Path

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup

from workbench.errors import UserError


def write_page(path: str | os.PathLike[str], *, title: str, settings: Markup, figure: go.Figure, panel: Markup) -> Path:
    """Write one self-contained HTML file.

    Args:
        path: the file; its folder must be there.
        title: the page's heading; escaped here.
        settings: what was picked.
        figure: the figure; plotly.js goes into the file.
        panel: what stands beside it.

    Raises:
        UserError: the file cannot be written.
    """
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(template)
    # Plotly writes <, > and & of a figure's texts as JSON escapes, so that none can end the script element.
    drawn = Markup(figure.to_html(full_html=False, include_plotlyjs=True, div_id="figure"))
    written = Path(path)
    try:
        written.write_text(page.render(title=title, settings=settings, figure=drawn, panel=panel), encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"Cannot write {written} ({reason}); give a file in a folder that can be written.") from error
    return written
