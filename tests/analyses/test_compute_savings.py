"""What dropping the context saves: counted operations and bytes by hand, completions as the mask gives them."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
import torch

from analyses import compute_savings, task_recognition
from analyses.compute_savings import Config, cells
from workbench.errors import UserError
from workbench.interventions import Clean, ContextMask
from workbench.masking.savings import counted, formula, recognised_layer, times
from workbench.runs.runner import run
from workbench.statistics.curves import summarise_run
from workbench.sweep import reference
from workbench.sweep.generation import key_value_bytes
from workbench.sweep.rows import prefix_length


def test_the_formula_is_the_papers():
    # Llama, 32 layers, dropped from layer 14 on, 5 examples: the paper says "approximately 45 %"; exactly it is 46.9 %.
    assert formula(32, 14, 5) == pytest.approx(0.469, abs=0.001)
    assert formula(32, 16, 1) == pytest.approx(0.25)
    assert formula(8, 8, 5) == 0


@pytest.mark.parametrize("layer", [0, 2, None])
def test_costs_and_completions_are_those_of_the_mask(tiny_model, tiny_prompts, layer):
    model = tiny_model("llama-gqa", torch.float64)
    prompts = tiny_prompts(model, count=2)
    found, operations = times(model, prompts, layer), counted(model, prompts, layer)
    condition = Clean() if layer is None else ContextMask.named("TTF", layer)
    expected = reference.sweep(model, prompts, [condition])
    assert [outcome.token_ids for outcome in found.outcomes] == [outcome.token_ids for outcome in expected]
    assert found.reading_seconds > 0
    assert operations.reading_operations > 0
    written = sum(len(outcome.token_ids) - 1 for outcome in found.outcomes)
    of_token = 2 * 2 * model.hooked.cfg.d_head * 8 * model.n_layers
    assert operations.key_value_bytes_after - operations.key_value_bytes == written * of_token


def test_keys_and_values_are_counted_by_layer(tiny_model, tiny_prompts):
    """BOS and the query stay in all layers; the context's share of them goes from layer 1 on."""
    model = tiny_model("llama-gqa", torch.float64)
    prompt = tiny_prompts(model, count=1)[0]
    tokens, context = len(prompt.token_ids), prefix_length([prompt])
    of_token = 2 * 2 * model.hooked.cfg.d_head * 8
    assert key_value_bytes(model, prompt) == tokens * model.n_layers * of_token
    dropped = key_value_bytes(model, prompt, context_until=1)
    assert dropped == (tokens * model.n_layers - (context - 1) * (model.n_layers - 1)) * of_token


def test_fewer_operations_the_earlier_the_context_is_dropped(tiny_model, tiny_prompts):
    model = tiny_model("gpt2", torch.float64)
    prompts = tiny_prompts(model, count=1)
    operations = [counted(model, prompts, layer).reading_operations for layer in (0, 1, 2, 3, None)]
    assert operations == sorted(operations)
    assert len(set(operations)) == 5
    # A layer's products cost the same in every layer, so each layer more costs the same more; attention too.
    steps = [after - before for before, after in itertools.pairwise(operations)]
    assert steps == pytest.approx([steps[0]] * 4, rel=0.02)


def test_a_run_draws_its_report(tiny_checkpoint, tmp_path, word_pairs):
    config = Config(
        model=str(tiny_checkpoint("llama")),
        task=(word_pairs,),
        examples=(1, 2),
        limit=2,
        repeats=1,
        max_new_tokens=4,
    )
    finished = run(compute_savings, config, tmp_path / "run", progress=False)
    table = finished.folder.table()
    assert len(table) == 2 * 5
    assert len(finished.page.pictures) == 2
    assert len(finished.page.summary) == 2


def test_no_examples_leave_nothing_to_drop():
    with pytest.raises(UserError, match="no context to drop"):
        cells(Config(examples=(0,)))
    with pytest.raises(UserError, match="repeats 0"):
        cells(Config(repeats=0))


def test_the_layer_is_taken_from_a_recognition_run(tiny_checkpoint, tmp_path, word_pairs, monkeypatch):
    shared = {"model": str(tiny_checkpoint("llama")), "task": (word_pairs,), "limit": 2, "max_new_tokens": 3}
    swept = run(
        task_recognition, task_recognition.Config(examples=1, seeds=(0,), **shared), tmp_path / "swept", progress=False
    )
    table = swept.folder.table()
    model, task, score = table["model"].iloc[0], table["task"].iloc[0], "exact_match"
    expected = summarise_run(table).recognition
    expected = expected[(expected["score"] == score) & (expected["seed"] == "all")]["layer"].iloc[0]
    path = tmp_path / "swept"
    if pd.isna(expected):  # Random weights recognise nothing.
        with pytest.raises(UserError, match="found no recognition layer"):
            recognised_layer(path, model, task, score)
    with pytest.raises(UserError, match="has no exact_match under mask TTF for model other"):
        recognised_layer(path, "other", task, score)
    monkeypatch.setattr(
        "workbench.masking.savings.recognised_layer", lambda *asked: 2 if asked == (path, model, task, score) else 0
    )
    config = Config(examples=(1,), layers=(), repeats=1, recognition=path, **shared)
    finished = run(compute_savings, config, tmp_path / "saved", progress=False)
    assert sorted(finished.folder.table()["context_until"]) == [2, 4]
    assert "recognition layer of the run given" in finished.page.summary[0]
    assert "recognition layer 2" in [each.text for each in finished.page.pictures[0].figure.layout.annotations]
    with pytest.raises(UserError, match="one of compute-savings"):
        recognised_layer(tmp_path / "saved", model, task, score)


def test_a_recognised_layer_is_that_of_the_score_asked_for(tmp_path, monkeypatch):
    """A run whose two scores say different layers: 1 by exact match, 3 by log-probability."""
    rows = [
        {
            **{"model": "m", "n_layers": 4, "task": "t", "kind": "k", "format": "f", "examples": 1, "mask": "TTF"},
            **{"seed": seed, "prompt": str(prompt), "from_layer": layer},
            "exact_match": [float(layer >= 1), 1.0],
            "log_probability": [0.0 if layer >= 3 else -9.0, 1.0],
        }
        for seed in (0, 1)
        for prompt in range(80)
        for layer in range(5)
    ]
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text("analysis: task-recognition\n")
    pd.DataFrame(rows).to_parquet(path / "measurements.parquet")
    assert recognised_layer(path, "m", "t", "exact_match") == 1
    assert recognised_layer(path, "m", "t", "log_probability") == 3


def test_data_of_another_recognition_run_is_other_data(tmp_path, word_pairs):
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text("analysis: task-recognition\n")
    (path / "measurements.parquet").write_bytes(b"one")
    config = Config(task=(word_pairs,), recognition=path)
    cell = cells(Config(task=(word_pairs,), examples=(1,), limit=2))[0]
    before = compute_savings.task_digest(config, cell)
    (path / "measurements.parquet").write_bytes(b"two")
    assert compute_savings.task_digest(config, cell) != before
