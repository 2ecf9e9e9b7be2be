"""Synthetic tables with the three phases that the real curves show: flat, steep, plateau."""

from __future__ import annotations

import math

import pandas as pd
import pytest

HOSTILE = "the <script>alert(1)</script> cat & the </script> dog"
ATTACK_MODEL = "mini <b>&"
KINDS = {"translate-en-fr": "translate", "translate-past-en-de": "transform", "first-noun-fr": "part-of-speech"}
CENTRES = {
    ("translate-en-fr", "TTF"): 3.4,
    ("translate-en-fr", "FTF"): 2.1,
    ("translate-past-en-de", "TTF"): 5.2,
    ("translate-past-en-de", "FTF"): 4.6,
    ("first-noun-fr", "TTF"): 1.6,
    ("first-noun-fr", "FTF"): 99.0,
}
WORDS = {
    "source": ["the small cats do not see the red house .", "my brother buys the old books .", HOSTILE],
    "reference": [
        "les petits chats ne voient pas la maison rouge .",
        "mon frère achète les vieux livres .",
        "le <script>alert(1)</script> chat & le </script> chien",
    ],
    "floor": ["the small cats", "brother is a house", "<script>alert(1)</script> </script>"],
    "middle": ["les petits chats voient la house red .", "mon frère buys les livres .", "le chat </script>"],
}


def key(model, n_layers, task, mask, examples=5):
    return {
        "model": model,
        "n_layers": n_layers,
        "task": task,
        "kind": KINDS[task],
        "format": "instr_none_QA",
        "examples": examples,
        "mask": mask,
    }


def level(task, mask, layer, n_layers, seed):
    """BLEU at one layer: a logistic rise with a small dent, as in the papers' figures."""
    shift = {"0": -0.15, "1": 0.2, "2": 0.05, "all": 0.0}.get(seed, 0.1)
    centre = CENTRES[task, mask] * n_layers / 8 + shift
    rise = 1 / (1 + math.exp(-3.2 * (layer - centre)))
    dent = 3.0 * math.sin(2.4 * layer + shift) * (1 - rise)
    return 4.0 + 90.0 * (1.0 if layer == n_layers else rise) + (0 if layer == n_layers else dent)


def make_curves(
    models=(("mini", 8),), tasks=tuple(KINDS), masks=("TTF", "FTF"), scores=("bleu",), seeds=("0", "1", "2")
):
    rows = []
    for model, n_layers in models:
        for task in tasks:
            for mask in masks:
                for score in scores:
                    for seed in (*seeds, "all") if len(seeds) > 1 else seeds:
                        for layer in range(n_layers + 1):
                            value = level(task, mask, layer, n_layers, seed)
                            width = 1.0 + 5.0 * math.exp(-((layer - CENTRES[task, mask]) ** 2) / 2)
                            if score == "log_probability":
                                value, width = (value - 95) / 20, width / 20
                            counts = {"value": value, "low": value - width, "high": value + width, "n": 60}
                            base = key(model, n_layers, task, mask)
                            rows.append({**base, "score": score, "seed": seed, "from_layer": layer, **counts})
    return pd.DataFrame(rows)


def make_recognition(curves):
    """The rule applied to the synthetic curves, with an interval of one layer around."""
    rows = []
    groups = ["model", "n_layers", "task", "kind", "format", "examples", "mask", "score", "seed"]
    for values, part in curves.groupby(groups, sort=False):
        fields = dict(zip(groups, values, strict=True))
        n_layers = fields["n_layers"]
        scores = list(part.sort_values("from_layer")["value"])
        floor, ceiling = scores[0], scores[-1]
        threshold = floor + 0.95 * (ceiling - floor)
        layer = next((r for r in range(n_layers) if min(scores[r:]) >= threshold), None)
        found = layer is not None
        rows.append(
            {
                **fields,
                "layer": layer,
                "low": max(layer - 1, 0) if found else n_layers,
                "high": min(layer + 1, n_layers) if found else n_layers,
                "ceiling": ceiling,
                "floor": floor,
                "threshold": threshold,
                "fraction": 0.95,
                "steepest": max(range(1, n_layers + 1), key=lambda r: scores[r] - scores[r - 1]),
                "plateau": sum(scores[layer:]) / len(scores[layer:]) if found else float("nan"),
                "n": 60,
                "reason": "" if found else "only with the context never hidden does the score reach the threshold",
            }
        )
    frame = pd.DataFrame(rows)
    return frame.astype(dict.fromkeys(["layer", "low", "high", "steepest"], "Int64"))


def make_completions(models=(("mini", 8),), tasks=tuple(KINDS), masks=("TTF", "FTF"), seeds=(0, 1)):
    rows = []
    for model, n_layers in models:
        for task in tasks:
            for mask in masks:
                for seed in seeds:
                    for layer in range(n_layers + 1):
                        for index in range(3):
                            rows.append(
                                {
                                    **key(model, n_layers, task, mask),
                                    **completion(task, mask, seed, layer, index, n_layers),
                                }
                            )
    return pd.DataFrame(rows)


def completion(task, mask, seed, layer, index, n_layers):
    centre = CENTRES[task, mask] * n_layers / 8
    text = "floor" if layer < centre - 1 else "middle" if layer < centre + 0.5 else "reference"
    text = "reference" if layer == n_layers else text
    return {
        "seed": seed,
        "from_layer": layer,
        "prompt": f"sentence-{index}",
        "source": WORDS["source"][index],
        "reference": WORDS["reference"][index],
        "completion": WORDS[text][index],
        "stopped": "stop",
    }


@pytest.fixture
def curves():
    return make_curves()


@pytest.fixture
def recognition(curves):
    return make_recognition(curves)


@pytest.fixture
def completions():
    return make_completions()


@pytest.fixture(scope="session")
def tables():
    """The makers themselves, for tests that need other models, masks or seeds."""
    return {"curves": make_curves, "recognition": make_recognition, "completions": make_completions}


@pytest.fixture(scope="session")
def hostile():
    return {"sentence": HOSTILE, "model": ATTACK_MODEL}


@pytest.fixture
def published():
    rows = [("A (2024)", "Llama-3.1-8B", "both hidden", layer, 1.0 if layer < 5 else 40.0) for layer in range(9)]
    return pd.DataFrame(rows, columns=["paper", "model", "series", "from_layer", "score"])
