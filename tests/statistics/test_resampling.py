from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.statistics.resampling import percentile_interval, resampling_weights


@given(prompts=st.integers(1, 40), draws=st.integers(1, 20))
def test_weights_draw_as_many_prompts_as_there_are(prompts: int, draws: int) -> None:
    weights = resampling_weights(prompts, draws, np.random.default_rng(0))
    assert weights.shape == (draws, prompts)
    assert (weights.sum(1) == prompts).all()
    assert (weights >= 0).all()
    assert (weights == weights.round()).all()


def test_weights_have_the_spread_of_a_bootstrap() -> None:
    """The standard deviation of resampled means is that of the mean."""
    values = np.random.default_rng(1).standard_normal(200)
    means = resampling_weights(200, 4000, np.random.default_rng(2)) @ values / 200
    assert means.std() == pytest.approx(values.std() / np.sqrt(200), rel=0.05)
    assert means.mean() == pytest.approx(values.mean(), abs=0.01)


def test_percentile_interval_cuts_both_tails() -> None:
    low, high = percentile_interval(np.arange(1001.0)[:, None] * np.array([1.0, -2.0]))
    assert low == pytest.approx([25.0, -1950.0])
    assert high == pytest.approx([975.0, -50.0])


def test_percentile_interval_of_infinite_replicates_warns_of_nothing() -> None:
    low, high = percentile_interval(np.array([-np.inf] * 50 + [1.0] * 50))
    assert not np.isfinite(low)
    assert high == 1.0
