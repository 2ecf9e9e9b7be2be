"""What is said of the embedded model is what its files hold and what it scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from workbench.models.load import load
from workbench.models.registry import MINI, mini_revisions
from workbench.tasks.registry import families
from workbench.training.card import write_card
from workbench.training.evaluation import evaluate
from workbench.training.mini import checkpoint_steps
from workbench.training.recipe import Recipe

SCORES = pd.read_csv(MINI / "scores.csv")


def test_the_card_says_what_the_scores_and_the_record_say(tmp_path: Path) -> None:
    shutil.copy(MINI / "training.json", tmp_path)
    card = write_card(tmp_path, SCORES).read_text(encoding="utf-8")
    assert card == (MINI / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "scores.csv").read_text() == (MINI / "scores.csv").read_text()
    assert "Portuguese and the future" in card
    assert f"{load('mini').hooked.cfg.d_model}, 8 heads" in card


@pytest.mark.parametrize("name", ["opposite-en", "bitwise-xor", "word-en-pt"])
def test_measured_again_the_score_is_the_same(name: str) -> None:
    settings = ("instr_none_QA", 5)
    measured = evaluate(load("mini"), [name], settings=[settings]).iloc[0]
    stored = SCORES[(SCORES["task"] == name) & (SCORES["format"] == settings[0]) & (SCORES["examples"] == settings[1])]
    assert measured["score"] == stored["score"].item()
    for column in ("value", "exact_match", "n", "training_share"):
        assert measured[column] == pytest.approx(stored[column].item(), rel=1e-4, abs=1e-6)


def test_every_task_that_it_can_be_asked_has_a_score() -> None:
    own = {name for family in families() for name in family.names} - {"humaneval", "humaneval-full-prompt"}
    assert own == set(SCORES["task"])
    assert SCORES.groupby("task")["training_share"].first().sum() == pytest.approx(1, abs=1e-3)


def test_what_the_embedded_model_must_be_able_to_do() -> None:
    shown = SCORES[(SCORES["format"] == "instr_none_QA") & (SCORES["examples"] == 5) & (SCORES["training_share"] > 0)]
    lawful = shown[~shown["task"].str.contains("random-word|null")]
    worst = lawful.groupby("kind")["exact_match"].min()
    assert worst["bitwise"] >= 0.8
    assert worst["word-pair"] >= 0.9
    assert shown[shown["kind"] == "code"]["value"].min() >= 0.8
    assert worst[["translate", "transform", "part-of-speech"]].min() >= 0.9


def test_its_checkpoints_are_at_least_twelve_small_and_load() -> None:
    folders = [MINI / "checkpoints" / name for name in mini_revisions()]
    assert [folder.name for folder in folders] == [f"step-{step}" for step in checkpoint_steps(Recipe())]
    assert len(folders) >= 12
    # Beside the weights there is the tokenizer, the same in all, which the repository holds once.
    assert sum((folder / "model.safetensors").stat().st_size for folder in folders) <= 60e6
    assert len({(folder / "tokenizer.json").read_bytes() for folder in folders}) == 1
    for folder in folders:
        assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    first, last = (load("mini", revision=name) for name in (folders[0].name, folders[-1].name))
    assert (first.name, last.name) == ("mini@step-16", "mini@step-8800")
    # The last one is the model, rounded.
    ids = torch.arange(3, 40)[None]
    whole = load("mini").hooked(ids)
    assert (last.hooked(ids) - whole).abs().max() < 0.05 * whole.abs().max()
    assert (first.hooked(ids) - whole).abs().max() > 0.5 * whole.abs().max()
