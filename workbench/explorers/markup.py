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

STYLE = Markup(f"""<style>
.workbench-panel {{ font: 14px/1.6 {theme.FONT}; max-width: 76em; overflow-wrap: anywhere; }}
.workbench-panel table {{ border-collapse: collapse; margin: 4px 0; }}
.workbench-panel th, .workbench-panel td {{ text-align: left; padding: 2px 14px 2px 0; vertical-align: top; font-weight: 400;
  background: none; }}
.workbench-panel th {{ color: {theme.GREY}; white-space: nowrap; }}
.workbench-panel .tokens {{ white-space: pre-wrap; }}
.workbench-panel .tokens span {{ border-radius: 3px; }}
.workbench-panel .new {{ background: {theme.translucent(theme.VERMILLION, 0.25)}; font-weight: 600; }}
.workbench-panel .gone {{ color: {theme.GREY}; text-decoration: line-through; }}
.workbench-panel .problem {{ color: {theme.VERMILLION}; font-weight: 600; }}
</style>""")


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
            f"{weight:.1%}",
            token_label(model, token),
        )
        for token, weight in zip(prompt.token_ids, weights, strict=True)
    )


def shares(prompt: Prompt, weights: Sequence[float]) -> dict[str, float]:
    """The part of a head's attention that goes to each kind of segment."""
    found: dict[str, float] = {}
    for segment in prompt.segments:
        kind = ".".join(part for part in segment.path.split(".") if not part.isdigit())
        found[kind] = found.get(kind, 0.0) + sum(weights[segment.start : segment.end])
    return found


def distribution(tokens: Sequence[str], probabilities: Sequence[float]) -> Markup:
    """The most probable tokens, each with a bar."""
    bar = '<div style="background: {}; height: 10px; width: {}px; display: inline-block"></div> {}'
    return rows(
        {
            f"“{token}”": Markup(bar).format(theme.BLUE, round(240 * probability, 1), f"{probability:.1%}")
            for token, probability in zip(tokens, probabilities, strict=True)
        }
    )


def _stretch(model: Model, stretch: Stretch) -> Markup:
    text = escape("").join(escape(token_label(model, token)) for token in stretch.token_ids)
    return Markup('<span class="{}">{}</span>').format(stretch.kind, text)


def _tokens(spans: Iterable[Markup]) -> Markup:
    return Markup('<span class="tokens">{}</span>').format(Markup("").join(spans))
