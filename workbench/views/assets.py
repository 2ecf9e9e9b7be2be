"""What every page carries in itself: the style sheet, the scripts, both colour themes, and plotly.js where it is one file."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from workbench.views import theme
from workbench.views.embedding import script_json

PAGES = Path(__file__).parent / "page"


def environment() -> jinja2.Environment:
    """The templates of the pages, which escape every text."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["mask_class"] = mask_class
    return found


def mask_class(mask: str) -> str:
    """The name of a mask's colour in the style sheet."""
    return f"mask-{mask}" if mask in theme.MASK_COLOURS else "mask-other"


def shared() -> dict[str, Markup]:
    """The style sheet, the scripts and the themes, by their names in the templates."""
    templates = {
        "light": theme.LIGHT.to_plotly_json(),
        "dark": theme.DARK.to_plotly_json(),
        "twins": theme.recolouring(),
    }
    return {
        "css": Markup((PAGES / "report.css").read_text(encoding="utf-8")),
        "script": Markup((PAGES / "report.js").read_text(encoding="utf-8")),
        "tables_script": Markup((PAGES / "tables.js").read_text(encoding="utf-8")),
        "theme": script_json(templates),
    }


def plotly_inline() -> Markup:
    """Plotly's own code inside a script element; it must not end that element."""
    return Markup(get_plotlyjs().replace("</script", "<\\/script"))
