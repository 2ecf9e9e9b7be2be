from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.scoring.pass_at_k import pass_at_k, pass_at_k_table
from workbench.views.tables import passing_table


@given(st.integers(1, 60), st.data())
def test_it_is_the_papers_formula(n: int, data) -> None:
    passed, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    found = pass_at_k(np.array([n]), np.array([passed]), k)[0]
    assert found == pytest.approx(1 - comb(n - passed, k) / comb(n, k), abs=1e-12)


def test_it_is_the_share_of_choices_that_hold_a_right_program() -> None:
    right = [True, False, True, False, False, False]
    choices = list(combinations(right, 3))
    share = sum(any(choice) for choice in choices) / len(choices)
    assert pass_at_k(np.array([6]), np.array([2]), 3)[0] == pytest.approx(share)


def test_it_is_unbiased() -> None:
    """Over all outcomes of n programs that each pass with probability p, its mean is the chance that one of k passes."""
    n, k, p = 8, 3, 0.3
    passed = np.arange(n + 1)
    chance = np.array([comb(n, c) * p**c * (1 - p) ** (n - c) for c in passed])
    mean = (chance * pass_at_k(np.full(n + 1, n), passed, k)).sum()
    assert mean == pytest.approx(1 - (1 - p) ** k)
    naive = (chance * (1 - (1 - passed / n) ** k)).sum()
    assert abs(naive - (1 - (1 - p) ** k)) > 0.01, "the obvious estimate is not"


def test_many_programs_do_not_overflow() -> None:
    assert pass_at_k(np.array([10**6]), np.array([1]), 10)[0] == pytest.approx(1e-5)


@pytest.mark.parametrize(("n", "passed", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4)])
def test_impossible_numbers(n: int, passed: int, k: int) -> None:
    with pytest.raises(UserError, match="pass@"):
        pass_at_k(np.array([n]), np.array([passed]), k)


def measured() -> pd.DataFrame:
    """Three seeds, four problems, two layers: at layer 1 problem p passes under the seeds below p."""
    rows = [
        {
            **{"model": "m", "task": "t", "format": "f", "examples": 1, "mask": "TTF"},
            **{"from_layer": layer, "prompt": f"t/{problem}", "seed": seed},
            "pass_at_1": [float(layer and seed < problem), 1.0],
        }
        for layer in (0, 1)
        for problem in range(4)
        for seed in range(3)
    ]
    return pd.DataFrame(rows)


def test_the_table_of_a_sweep() -> None:
    table = pass_at_k_table(measured(), draws=200)
    assert table[["from_layer", "k"]].to_numpy().tolist() == [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2], [1, 3]]
    values = table.set_index(["from_layer", "k"])["value"]
    assert values[0].tolist() == [0, 0, 0]
    assert values[1, 1] == pytest.approx((0 + 1 / 3 + 2 / 3 + 1) / 4)
    assert values[1, 2] == pytest.approx((0 + 2 / 3 + 1 + 1) / 4)
    assert values[1, 3] == pytest.approx(3 / 4)
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert table.loc[table["from_layer"] == 1, "low"].max() < 0.75
    assert set(table["problems"]) == {4}
    assert set(table["programs"]) == {3}


def test_the_table_for_a_reader() -> None:
    shown = passing_table(pass_at_k_table(measured(), draws=200))
    assert shown["Hidden from layer"].tolist() == [0, 1]
    assert shown.loc[0, "pass@3"] == "0 (0 to 0)"
    assert shown.loc[1, "pass@3"].startswith("0.75 (")


def test_tables_without_programs_are_refused() -> None:
    with pytest.raises(UserError, match="needs measurements of the score pass_at_1"):
        pass_at_k_table(measured().drop(columns="pass_at_1"))
    with pytest.raises(UserError, match=r"pass@4 needs k from 1 to the number of programs of every problem\. Got 3"):
        pass_at_k_table(measured(), ks=(4,))
