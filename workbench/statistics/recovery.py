"""What a patch brings back: 0 where the patched run is as the corrupted one, 1 where it is as the clean one.

The share of the way from the corrupted to the clean run's log-probability, all prompts summed before dividing, so that
prompts on which the corruption does little count little. The interval comes from a bootstrap over test items, the two
unpatched runs resampled with the patched one. Where the corruption does nothing that its own interval tells from
nothing, there is no way to have a share of: the values are missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.statistics.resampling import percentile_interval, resampling_weights

SERIES = ["model", "n_layers", "task", "kind", "format", "examples", "corruption", "other", "align", "measured"]
"""What one figure is about."""
PATCH = ["part", "layer", "head", "place"]
"""What a patch is known by."""
_DRAWS = 1000
_CLEAN, _CORRUPTED = "clean", "corrupted"


def recovered(table: pd.DataFrame) -> pd.DataFrame:
    """`SERIES`, `PATCH`, value, low, high, n; and of the series "clean", "corrupted" (means), "gap_low", "gap_high".

    Raises:
        UserError: a patch was run on other prompts than the clean and the corrupted run.
    """
    found = [
        _of_series(dict(zip(SERIES, values, strict=True)), rows) for values, rows in table.groupby(SERIES, sort=False)
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*SERIES, *PATCH, "value"])


def _of_series(fields: dict[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    sums = rows.pivot_table(index="prompt", columns=PATCH, values="log_probability", aggfunc="sum", sort=False)
    counts = rows.groupby("prompt", sort=False)["seed"].nunique().reindex(sums.index).to_numpy(dtype=np.float64)
    if sums.isna().any(axis=None):
        raise UserError(f"{fields['task']}: some patches were run on other prompts than others; complete the run.")
    parts = sums.columns.get_level_values("part")
    clean, corrupted = (sums.loc[:, parts == part].to_numpy()[:, 0] for part in (_CLEAN, _CORRUPTED))
    patched = sums.loc[:, ~parts.isin([_CLEAN, _CORRUPTED])]
    gains = patched.to_numpy() - corrupted[:, None]
    gap = clean - corrupted
    names = [str(fields[name]) for name in ("model", "task", "format", "examples", "corruption", "other")]
    weights = resampling_weights(len(sums), _DRAWS, stream(0, "recovery", *names))
    gap_low, gap_high = (float(end) for end in percentile_interval(weights @ gap / (weights @ counts)))
    # A replicate without a gap would be a share of nothing; with a gap that is told from nothing they are rare.
    low, high = percentile_interval((weights @ gains) / (weights @ gap)[:, None])
    there = gap_low > 0
    result = patched.columns.to_frame(index=False).assign(
        value=_where(there, gains.sum(0) / gap.sum()),
        low=_where(there, low),
        high=_where(there, high),
        n=int(counts.sum()),
        clean=clean.sum() / counts.sum(),
        corrupted=corrupted.sum() / counts.sum(),
        gap_low=gap_low,
        gap_high=gap_high,
    )
    return result.assign(**fields)[[*SERIES, *PATCH, *result.columns.drop(PATCH)]]


def _where(there: bool, values: Float[np.ndarray, " patch"]) -> Float[np.ndarray, " patch"]:
    return values if there else np.full_like(values, np.nan)
