from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from workbench.errors import UserError
from workbench.training import mini, tokenizer
from workbench.training.mini import WARMUP, _rate, checkpoint_steps, train
from workbench.training.mixture import REFINED, SHARES
from workbench.training.recipe import Recipe

SMALL = Recipe(
    steps=6, horizon=6, anneal=2, restart=2, prompts=2, width=16, layers=1, heads=2, hidden=32, checkpoints=3, threads=1
)

SCRIPT = """
import sys
from pathlib import Path
import workbench.training.mini as mini
import workbench.training.tokenizer as tokenizer
tokenizer._SAMPLE, tokenizer._ITEMS = 100, 3
from workbench.training.recipe import Recipe
mini.SAVE_EVERY = 2
mini.train(Path(sys.argv[1]), Recipe(**eval(sys.argv[2])))
"""


@pytest.fixture(autouse=True)
def small_tokenizer(monkeypatch):
    """A tokenizer learned from a small sample: the whole one takes a minute."""
    monkeypatch.setattr(tokenizer, "_SAMPLE", 100)
    monkeypatch.setattr(tokenizer, "_ITEMS", 3)
    tokenizer.train_tokenizer.cache_clear()
    yield
    tokenizer.train_tokenizer.cache_clear()


def test_the_finished_folder_loads_and_says_how_it_was_made(tmp_path):
    from workbench.models.load import load

    folder = train(tmp_path, SMALL)
    model = load(str(folder))
    assert (model.n_layers, model.n_heads, model.window) == (1, 2, 1024)
    record = json.loads((folder / "training.json").read_text())
    assert record["recipe"]["steps"] == 6
    assert record["tokens"] > 0
    kept = sorted(int(path.name.removeprefix("step-")) for path in (tmp_path / "checkpoints").iterdir())
    assert kept == checkpoint_steps(SMALL)
    last = tmp_path / "checkpoints" / "step-8"
    assert {tensor.dtype for tensor in load_file(last / "model.safetensors").values()} == {torch.bfloat16}
    assert load(str(last)).n_layers == 1
    assert not (tmp_path / "state.pt").exists()


def test_training_lowers_the_loss(tmp_path):
    train(tmp_path, replace(SMALL, steps=150, horizon=200, restart=0, prompts=4, width=32))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] - 1


def test_killed_and_started_again_gives_the_same_weights(tmp_path):
    """SIGKILL after a checkpoint of the run; the second start goes on from there, bit for bit."""
    settings = {**vars(SMALL), "steps": 20, "horizon": 60, "restart": 20}
    whole = load_file(train(tmp_path / "whole", Recipe(**settings)) / "model.safetensors")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), repr(settings)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not (tmp_path / "killed" / "state.pt").exists():
        assert process.poll() is None, "finished before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model" / "model.safetensors").exists()
    resumed = load_file(train(tmp_path / "killed", Recipe(**settings)) / "model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_recipe_does_not_go_on_with_it(tmp_path):
    train(tmp_path, SMALL)
    with pytest.raises(UserError, match="width differ"):
        train(tmp_path, replace(SMALL, width=32))
    assert train(tmp_path, replace(SMALL, threads=2)) == tmp_path / "model"


def test_checkpoints_are_spaced_evenly_in_the_logarithm():
    steps = checkpoint_steps(Recipe())
    assert len(steps) >= 12
    assert steps[-1] == Recipe().total
    # The last one stands where training ends, before the cosine's end.
    ratios = [after / before for before, after in pairwise(steps[:-1])]
    assert max(ratios) / min(ratios) < 1.15
    assert 1 < steps[-1] / steps[-2] < max(ratios)


def test_the_rate_warms_up_follows_the_cosine_and_falls_to_nothing():
    recipe = Recipe(steps=1000, horizon=1200, anneal=100, learning_rate=1.0, restart=500, restart_rate=0.5)
    rates = [_rate(step, recipe) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / WARMUP)
    assert rates[WARMUP] == pytest.approx(1.0)
    assert rates[700] == pytest.approx(0.02 + 0.98 * 0.5)
    assert rates[-1] == pytest.approx(_rate(999, replace(recipe, anneal=1)) / 100)
    assert max(rates) == rates[WARMUP]


def test_the_second_cycle_warms_up_and_falls_along_a_line():
    recipe = Recipe(steps=1000, horizon=1200, anneal=100, restart=500, restart_rate=0.5)
    rates = [_rate(step, recipe) for step in range(1000, 1500)]
    assert rates[0] == pytest.approx(0.5 / WARMUP)
    assert max(rates) == rates[WARMUP] == pytest.approx(0.5)
    assert rates[350] == pytest.approx(0.25)
    assert rates[-1] == pytest.approx(0.5 / 300)
    assert Recipe(steps=10, restart=0).total == 10
    with pytest.raises(UserError, match="restart is -1"):
        Recipe(restart=-1).check()


def test_the_second_cycle_begins_with_a_fresh_optimiser_and_other_shares(tmp_path, monkeypatch):
    made, drawn = [], []
    optimizer, draw = mini._optimizer, mini.draw_batch
    monkeypatch.setattr(mini, "_optimizer", lambda *a: made.append(1) or optimizer(*a))
    monkeypatch.setattr(mini, "draw_batch", lambda *a: drawn.append(a[-1]) or draw(*a))
    train(tmp_path, SMALL)
    assert len(made) == 2
    assert drawn == [SHARES] * 6 + [REFINED] * 2
