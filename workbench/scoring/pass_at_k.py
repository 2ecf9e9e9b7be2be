"""pass@k: the chance that at least one of k programs passes, estimated without bias from n of which c pass.

Chen et al. (2021, "Evaluating Large Language Models Trained on Code", section 2.1): 1 - C(n - c, k) / C(n, k), averaged
over problems. In a sweep the n programs of a problem are those after n draws of the examples (seeds), each completed
greedily: so k draws of the context stand where their paper has k samples of the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.scoring.pass_at_1 import NAME
from workbench.statistics.resampling import percentile_interval, resampling_weights

KEYS = ["model", "task", "format", "examples", "mask", "from_layer"]


def pass_at_k(
    programs: Int[np.ndarray, "*problems"], passed: Int[np.ndarray, "*problems"], k: int
) -> Float[np.ndarray, "*problems"]:
    """The unbiased estimate for each problem, 0 to 1.

    Args:
        programs: n, how many programs were written for the problem.
        passed: c, how many of them passed.
        k: how many may be tried.

    Raises:
        UserError: k is not 1 to n, or c is not 0 to n.
    """
    if (passed < 0).any() or (passed > programs).any():
        raise UserError("pass@k needs, for every problem, between 0 and n programs that passed.")
    if k < 1 or (programs < k).any():
        raise UserError(f"pass@{k} needs k from 1 to the number of programs of every problem. Got {programs.min()}.")
    # C(n - c, k) / C(n, k) as a product of k factors: the binomials themselves grow out of what a float holds.
    factors = [np.maximum(programs - passed - step, 0) / (programs - step) for step in range(k)]
    return np.asarray(1.0 - np.prod(factors, axis=0))


def pass_at_k_table(measurements: pd.DataFrame, ks: Sequence[int] | None = None, draws: int = 1000) -> pd.DataFrame:
    """pass@k of every mask and layer, with 95 % intervals over problems.

    Args:
        measurements: of a sweep with the score pass_at_1; every problem of a curve once for each seed.
        ks: by default 1 to the number of seeds.
        draws: bootstrap replicates; every curve's are of the same problems.

    Returns:
        The columns `KEYS`, "k", "value", "low", "high", "problems", "programs" (n of each problem).

    Raises:
        UserError: there is no pass_at_1, or fewer seeds than k.
    """
    if NAME not in measurements:
        raise UserError(f"pass@k needs measurements of the score {NAME}; run a task that has tests with it.")
    passed = measurements.assign(passed=[values[0] for values in measurements[NAME]])
    rows = []
    for keys, of_point in passed.groupby(KEYS, sort=False):
        by_problem = of_point.groupby("prompt", sort=True)["passed"].agg(["size", "sum"]).astype(int)
        programs, right = by_problem["size"].to_numpy(), by_problem["sum"].to_numpy()
        described = dict(zip(KEYS, keys, strict=True))
        generator = stream(0, "bootstrap", *map(str, keys[:4]))
        weights = resampling_weights(len(programs), draws, generator) / len(programs)
        for k in ks or range(1, int(programs.min()) + 1):
            estimates = pass_at_k(programs, right, k)
            low, high = percentile_interval(weights @ estimates)
            value = {"k": k, "value": float(estimates.mean()), "low": float(low), "high": float(high)}
            rows.append({**described, **value, "problems": len(programs), "programs": int(programs.min())})
    return pd.DataFrame(rows)
