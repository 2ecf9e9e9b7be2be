"""Both directions of translation compared, in sentences and in a table."""

from __future__ import annotations

import pandas as pd

from workbench.statistics.direction_pairs import Directions
from workbench.statistics.paired_layers import Comparison, Difference
from workbench.views.report import Table
from workbench.views.text import layer_interval, layer_word, score_name


def findings(directions: Directions) -> list[str]:
    """For every pair and all of them, by the tasks' own score: where each direction is recognised, and the difference."""
    score = directions.scores[0]
    said = []
    for pair in directions.by(score):
        compared, n_layers = pair.comparison, pair.n_layers
        sides = [
            f"{name} at layer {layer_word(found.layer, n_layers)} {layer_interval(found.low, found.high, n_layers)}".strip()
            for name, found in ((pair.into, compared.first), (pair.out_of, compared.second))
        ]
        sentence = f"By {score_name(score)}, {sides[0]}, {sides[1]}"
        if compared.means is None:
            said.append(f"{sentence}: one of them has nothing to recognise, so there is no difference to give.")
        else:
            said.append(f"{sentence}; {_words(compared.means)}.")
    every = directions.together(score)
    if every is not None and len(directions.by(score)) > 1:
        said.append(f"Over all pairs {_words(every)}.")
    return said


def _words(difference: Difference) -> str:
    sure = difference.high < 0 or difference.low > 0
    earlier = "into English rises earlier" if difference.value < 0 else "out of English rises earlier"
    verdict = earlier if sure else "neither rises earlier beyond the interval"
    return (
        f"the mean layers of their rises differ by {difference.value:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}]: "
        f"{verdict}"
    )


def differences_table(directions: Directions) -> Table:
    """Every pair and score in numbers."""
    rows = []
    for pair in directions.pairs:
        compared = pair.comparison
        first, second = (
            f"{layer_word(found.layer, pair.n_layers)} {layer_interval(found.low, found.high, pair.n_layers)}".strip()
            for found in (compared.first, compared.second)
        )
        rows.append(
            {
                "Model": pair.model,
                "Into": pair.into,
                "Out of": pair.out_of,
                "Score": score_name(pair.score),
                "Layer into": first,
                "Layer out of": second,
                "Difference": _written(compared.layers),
                "Mean layer into": f"{compared.first_mean:.2f}",
                "Mean layer out of": f"{compared.second_mean:.2f}",
                "Difference of means": _written(compared.means),
                "Into earlier, same, later": _shares(compared),
                "n": compared.n,
            }
        )
    caption = (
        "Layers with 95 % intervals that hold together for both directions; the last column but one says in how many draws of "
        "sentence pairs the rule puts into English before, with and after out of it."
    )
    return Table("Differences", pd.DataFrame(rows), caption)


def _shares(compared: Comparison) -> str:
    if compared.layers is None:
        return "–"
    shares = (compared.earlier, 1 - compared.earlier - compared.later, compared.later)
    return " / ".join(f"{share:.0%}" for share in shares)


def _written(difference: Difference | None) -> str:
    if difference is None:
        return "–"
    form = "+.0f" if all(float(end).is_integer() for end in vars(difference).values()) else "+.2f"
    return f"{difference.value:{form}} [{difference.low:{form}}, {difference.high:{form}}]"
