"""One figure with words around it as one HTML file that asks the network for nothing: what an explorer exports.

It is drawn by the report's own script, so it follows the reader's light or dark scheme, and its figure can be saved as SVG, PNG,
CSV and parquet.
"""

from __future__ import annotations

import os
from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from workbench.errors import UserError
from workbench.views.assets import environment, plotly_inline, shared
from workbench.views.curves import file_name
from workbench.views.embedding import shown_figure


def write_single(path: str | os.PathLike[str], *, title: str, figure: go.Figure, before: Markup, after: Markup) -> Path:
    """Write the page and return its path.

    Args:
        path: the file; its folder must be there.
        title: the page's heading; escaped here. It also names the files that are saved from the page.
        figure: the figure; plotly.js goes into the file.
        before: what stands above it.
        after: what stands below it.

    Raises:
        UserError: the file cannot be written.
    """
    page = environment().get_template("single.html")
    picture = shown_figure(file_name(title), figure, "", inline=True)
    html = page.render(
        title=title, before=before, after=after, picture=picture, plotly_inline=plotly_inline(), **shared()
    )
    written = Path(path)
    try:
        written.write_text(html, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"Cannot write {written} ({reason}); give a file in a folder that can be written.") from error
    return written
