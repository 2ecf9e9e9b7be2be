"""Layer profiles: one number per layer, from any method, in the columns that the overview figure reads.

An analysis offers them as `layer_profile(table)`. `quantity` names what was measured, its unit in parentheses at the end, as in
"rank of the reference (1 = first)"; `low` and `high` are the ends of its 95 % interval, empty where there is none.
"""

from __future__ import annotations

import pandas as pd

from workbench.views.comparison import compared
from workbench.views.text import MASK_WORDS

PROFILE_COLUMNS = ("model", "task", "layer", "quantity", "value", "low", "high")
_WHAT = {"TTF": "context hidden"}
_UNIT = "(% of the way from floor to ceiling)"


def masking_profile(curves: pd.DataFrame, recognition: pd.DataFrame) -> pd.DataFrame:
    """The masking curves of each task's main score as a layer profile: how much of the score is there without looking back.

    The share of the way from the score with the context hidden everywhere (0 %) to that with nothing hidden (100 %), so that
    tasks with different scores stand on one axis. Curves without such a way are left out.
    """
    rows = []
    for entry in compared(curves, recognition):
        if not entry.rises:
            continue
        words = _WHAT.get(entry.series.mask) or MASK_WORDS.get(entry.series.mask, f"mask {entry.series.mask}")
        fields = {"model": entry.series.model, "task": entry.task, "quantity": f"score, {words} from here on {_UNIT}"}
        for _, row in entry.series.pooled.iterrows():
            if int(row["from_layer"]) < entry.series.n_layers:
                # A score of which less is better turns its interval round.
                low, high = sorted(100 * entry.share(float(row[end])) for end in ("low", "high"))
                value = 100 * entry.share(float(row["value"]))
                rows.append({**fields, "layer": int(row["from_layer"]), "value": value, "low": low, "high": high})
    return pd.DataFrame(rows, columns=list(PROFILE_COLUMNS))
