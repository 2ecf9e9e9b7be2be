"""Words and numbers as the pictures and the report write them; everything from data or models is escaped here.

Plotly reads a small HTML in every text it draws and knows only the entities `&amp;`, `&lt;`, `&gt;`, so `html.escape`, which
also writes `&quot;`, would be shown as it stands.
"""

from __future__ import annotations

import textwrap

import pandas as pd

MASK_WORDS: dict[str, str] = {
    "FFF": "nothing hidden",
    "TFF": "instructions hidden",
    "FTF": "examples hidden",
    "TTF": "instructions and examples hidden",
    "FFT": "query hidden",
    "TFT": "instructions and query hidden",
    "FTT": "examples and query hidden",
    "TTT": "instructions, examples and query hidden",
    "mask_all": "everything hidden",
}

SCORE_LABELS: dict[str, str] = {
    "bleu": "BLEU (0 to 100; lower case, first sentence)",
    "bleu_default": "BLEU (0 to 100)",
    "chrf": "chrF++ (0 to 100)",
    "pass_at_1": "pass@1 (share of problems)",
    "exact_match": "exact match (share of prompts)",
    "same_value": "same value (share of prompts)",
    "log_probability": "log-probability of the reference (nats per token)",
    "agreement": "agreement with the unmasked completion (share of tokens)",
    "divergence": "KL divergence from the unmasked run (nats)",
}
"""As the scores label themselves; here too because views know tables only."""
SCORE_NAMES: dict[str, str] = {
    "bleu": "BLEU",
    "bleu_default": "BLEU (default)",
    "chrf": "chrF++",
    "pass_at_1": "pass@1",
    "exact_match": "exact match",
    "same_value": "same value",
    "log_probability": "log-probability",
}


def escape(text: str) -> str:
    """`text` so that Plotly draws it letter for letter, in one line."""
    flat = " ".join(str(text).replace("\n", " ⏎ ").split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def wrapped(text: str, width: int = 62, limit: int = 320) -> str:
    """`escape`, in lines of at most `width` characters, cut after `limit` characters with an ellipsis."""
    flat = " ".join(str(text).replace("\n", " ⏎ ").split())
    if len(flat) > limit:
        flat = flat[: limit - 1] + "…"
    return "<br>".join(escape(line) for line in textwrap.wrap(flat, width)) or "(empty)"


def score_label(score: str) -> str:
    """A score for an axis, with its unit."""
    return SCORE_LABELS.get(score, score)


def score_name(score: str) -> str:
    """A score inside a sentence."""
    return SCORE_NAMES.get(score, score.replace("_", " "))


def mask_label(mask: str) -> str:
    """A mask for a legend: its letters, and what they mean."""
    return f"{mask}: {MASK_WORDS[mask]}" if mask in MASK_WORDS else mask


def number(value: object) -> str:
    """A measured value with as many digits as a reader can use; an en dash where there is none."""
    if missing(value):
        return "–"
    plain = float(str(value))
    if plain == 0:
        return "0"
    form = ".1f" if abs(plain) >= 10 else ".2f" if abs(plain) >= 0.01 else ".1e"
    return f"{plain:{form}}".replace("-", "−")


def layer_word(layer: object, n_layers: int) -> str:
    """A layer, where `n_layers` and a missing value stand for no layer."""
    if missing(layer) or int(float(str(layer))) >= n_layers:
        return "none"
    return str(int(float(str(layer))))


def layer_interval(low: object, high: object, n_layers: int) -> str:
    """A 95 % interval over layers: `[4, 6]`, `[6, none]`; an empty text where there is none."""
    if missing(low) or missing(high):
        return ""
    return f"[{layer_word(low, n_layers)}, {layer_word(high, n_layers)}]"


def missing(value: object) -> bool:
    """None, NaN or <NA>."""
    return bool(value is None or value is pd.NA or (isinstance(value, float) and value != value))


def plural(count: int, noun: str) -> str:
    """`1 example`, `5 examples`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
