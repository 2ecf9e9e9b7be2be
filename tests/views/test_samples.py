"""Sample completions: picked by their place, said once what is the same in all rows."""

from __future__ import annotations

import pandas as pd

from workbench.views.samples import sample_completions


def completions(prompts=5, heads=2):
    return pd.DataFrame(
        [
            {
                "model": "mini",
                "task": task,
                "head": head,
                "prompt": f"p{prompt}",
                "source": "a",
                "completion": f"b{prompt}",
            }
            for task in ("one", "two")
            for head in range(heads)
            for prompt in range(prompts)
        ]
    )


def test_the_first_prompts_of_every_task_under_every_condition():
    rows, caption = sample_completions(completions())
    assert len(rows) == 2 * 2 * 3
    assert set(rows["prompt"]) == {"p0", "p1", "p2"}
    assert set(rows["task"]) == {"one", "two"}
    assert list(rows.columns) == ["task", "head", "prompt", "source", "completion"]
    assert caption.endswith("picked by their place and not by their result: model mini.")


def test_no_more_rows_than_a_reader_can_use():
    assert len(sample_completions(completions(heads=80))[0]) == 60


def test_tables_without_prompts_or_tasks():
    rows, _ = sample_completions(pd.DataFrame({"source": ["a", "a"], "completion": ["b", "c"]}))
    assert rows["completion"].tolist() == ["b", "c"]
