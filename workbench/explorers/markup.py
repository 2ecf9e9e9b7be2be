"""What stands beside the figures, as HTML: every text from data or a model is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from workbench.explorers.answers import Answer, Stretch, completion_tokens, differences
from workbench.lenses.token_labels import token_label
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.views import theme
from workbench.views.text import number, score_label

_QUIET = f"var(--jp-content-font-color2, var(--quiet, {theme.GREY}))"
STYLE = Markup(f"""<style>
.workbench-panel {{ font: 14px/1.6 {theme.FONT}; max-width: 76em; overflow-wrap: anywhere;
  color: var(--jp-content-font-color1, var(--ink, {theme.INK})); }}
.workbench-panel table {{ border-collapse: collapse; margin: 4px 0; width: auto; font-size: 14px; }}
.workbench-panel th, .workbench-panel td {{ text-align: left; padding: 2px 14px 2px 0; vertical-align: top; font-weight: 400;
  background: none; border: none; }}
.workbench-panel th {{ color: {_QUIET}; min-width: 6em; }}
.workbench-panel .tokens {{ white-space: pre-wrap; }}
.workbench-panel .tokens span {{ border-radius: 3px; }}
.workbench-panel .new {{ background: {theme.translucent(theme.VERMILLION, 0.3)}; font-weight: 600; }}
.workbench-panel .gone {{ color: {_QUIET}; text-decoration: line-through; }}
.workbench-panel .problem {{ color: {theme.VERMILLION}; font-weight: 600; }}
.workbench-panel .bar {{ background: {theme.BLUE}; height: 10px; display: inline-block; margin-right: 6px; }}
</style>""")
_BAR = Markup('<span class="bar" style="width: {}px"></span>{}')
_BAR_WIDTH = 240
"""Of the whole, in pixels."""
_SEGMENTS = {
    "bos": "beginning of the text",
    "instructions": "instructions",
    "examples": "examples",
    "examples.source": "examples, sources",
    "examples.target": "examples, targets",
    "examples.delimiter": "examples, marks between",
    "query": "query",
    "query.source": "query, source",
    "query.delimiter": "query, marks between",
}


def panel(*parts: Markup) -> Markup:
    """Parts under one another, with their style."""
    return STYLE + Markup('<div class="workbench-panel">{}</div>').format(Markup("").join(parts))


def problem(message: str) -> Markup:
    """What cannot be shown, and what to do."""
    return panel(Markup('<p class="problem">{}</p>').format(message))


def sentence(text: str) -> Markup:
    """A paragraph."""
    return Markup("<p>{}</p>").format(text)


def rows(entries: Mapping[str, str | Markup]) -> Markup:
    """A table of names and what they say."""
    lines = [Markup("<tr><th>{}</th><td>{}</td></tr>").format(name, text) for name, text in entries.items()]
    return Markup("<table>{}</table>").format(Markup("").join(lines))


def compared(model: Model, answer: Answer) -> Markup:
    """A completion, its tokens marked where it differs from the one with nothing done."""
    now, before = completion_tokens(model, answer.outcome), completion_tokens(model, answer.clean)
    return _tokens(_stretch(model, stretch) for stretch in differences(now, before))


def scores(answer: Answer, clean: Answer, done: str) -> Markup:
    """Each score of a completion, beside that of the one with nothing `done`: hidden, ablated."""
    named = {
        score_label(name): f"{number(value)} (nothing {done}: {number(clean.scores[name])})"
        for name, value in answer.scores.items()
    }
    return rows(named)


def looked_at(model: Model, prompt: Prompt, weights: Sequence[float]) -> Markup:
    """A prompt's tokens, the darker the more of a head's attention goes there; the share is under the pointer."""
    largest = max(weights)
    return _tokens(
        Markup('<span style="background: {}" title="{}">{}</span>').format(
            theme.translucent(theme.BLUE, round(0.6 * weight / largest, 3)),
            per_cent(weight),
            token_label(model, token),
        )
        for token, weight in zip(prompt.token_ids, weights, strict=True)
    )


def shares(prompt: Prompt, weights: Sequence[float]) -> dict[str, float]:
    """The part of a head's attention that goes to each kind of segment, by its name for a reader."""
    found: dict[str, float] = {}
    for segment in prompt.segments:
        path = ".".join(part for part in segment.path.split(".") if not part.isdigit())
        kind = _SEGMENTS.get(path, path)
        found[kind] = found.get(kind, 0.0) + sum(weights[segment.start : segment.end])
    return found


def distribution(tokens: Sequence[str], probabilities: Sequence[float]) -> Markup:
    """The most probable tokens, each with a bar."""
    return bars({f"“{token}”": probability for token, probability in zip(tokens, probabilities, strict=True)})


def bars(parts: Mapping[str, float]) -> Markup:
    """Shares of a whole, each with a bar."""
    return rows({name: _BAR.format(round(_BAR_WIDTH * part, 1), per_cent(part)) for name, part in parts.items()})


def per_cent(share: float) -> str:
    """A share as a percentage; what is too little for its digits is said to be."""
    return "under 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def _stretch(model: Model, stretch: Stretch) -> Markup:
    text = escape("").join(escape(token_label(model, token)) for token in stretch.token_ids)
    return Markup('<span class="{}">{}</span>').format(stretch.kind, text)


def _tokens(spans: Iterable[Markup]) -> Markup:
    return Markup('<span class="tokens">{}</span>').format(Markup("").join(spans))
