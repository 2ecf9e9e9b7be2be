"""What the segments of a prompt are called in pictures, and their colours: the same everywhere."""

from __future__ import annotations

from workbench.views import theme

SEGMENT_LABELS: dict[str, str] = {
    "bos": "beginning of the text",
    "instructions": "instructions",
    "examples.source": "sources of the examples",
    "examples.delimiter": "markers of the examples",
    "examples.target": "targets of the examples",
    "query.source": "source of the query",
    "query.delimiter": "markers of the query",
    "completion": "what is generated",
    "answer": "last position (answer)",
    "examples": "examples",
    "query": "query",
    "prompt": "the whole prompt",
}
SHORT_LABELS: dict[str, str] = {
    "examples.source": "sources",
    "examples.delimiter": "markers",
    "examples.target": "targets",
    "query.source": "query",
    "answer": "answer",
}
"""For narrow columns, beside one another."""
SEGMENT_COLOURS: dict[str, str] = {
    "bos": theme.FAINT,
    "instructions": theme.PURPLE,
    "examples.source": theme.SKY,
    "examples.delimiter": theme.INDIGO,
    "examples.target": theme.BLUE,
    "query.source": theme.VERMILLION,
    "query.delimiter": theme.ORANGE,
    "completion": theme.GREEN,
}


def segment_label(segment: str) -> str:
    """A segment in words; `examples.2.target` becomes "target of example 3"."""
    parts = segment.split(".")
    if len(parts) == 3 and parts[1].isdigit():
        what = {"source": "source", "target": "target", "delimiter": "markers"}.get(parts[2], parts[2])
        return f"{what} of example {int(parts[1]) + 1}"
    return SEGMENT_LABELS.get(segment, segment)
