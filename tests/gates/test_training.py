"""Gates in training: planted heads are found, seeds decide, what was stopped goes on exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from workbench.errors import UserError
from workbench.formats import FORMATS
from workbench.gates import training as module
from workbench.gates.gated import gates_on
from workbench.gates.settings import PENALTIES, PRESETS
from workbench.gates.training import Lessons, train_gates
from workbench.learning.folder import TrainingFolder
from workbench.learning.presets import training_named
from workbench.prompts import build_prompt
from workbench.tasks.task import Item

NEEDED = (1, 2)


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("llama", torch.float64)


@pytest.fixture
def lessons(tiny_task):
    return Lessons(tiny_task, tuple(tiny_task.test), "instr_none_QA", 1, 2)


@pytest.fixture(scope="module")
def planted(tiny_model):
    """A model in which one head alone writes anything, and is sure of itself."""
    made = tiny_model("llama", torch.float64)
    for layer, block in enumerate(made.hooked.blocks):
        for head in range(made.n_heads):
            block.attn.W_O[head] *= 6.0 if (layer, head) == NEEDED else 0.0
    made.hooked.unembed.W_U.mul_(4.0)
    return made


def answered_by_the_head(model, task, item):
    """The item with the word as its target that loses most when the planted head is shut."""
    prompt = build_prompt(model, FORMATS["instr_none_QA"], task, (), item)
    ids = torch.tensor([prompt.token_ids])
    gates = torch.ones(model.n_layers, model.n_heads, dtype=torch.float64)
    gates[NEEDED] = 0
    clean = model.hooked(ids)[0, -1].log_softmax(-1)
    with gates_on(model, gates):
        shut = model.hooked(ids)[0, -1].log_softmax(-1)
    for token in (clean - shut).argsort(descending=True).tolist():
        word = model.decode([token])
        if word.isalpha() and word.isascii() and model.encode(prompt.text + word)[0] == [*prompt.token_ids, token]:
            return Item(item.name, item.source, word), float(clean[token] - shut[token])
    raise AssertionError("no word is a token of its own")


def test_a_planted_head_stays_open_and_the_others_are_shut(planted, tiny_task, tiny_training):
    answers = [answered_by_the_head(planted, tiny_task, item) for item in (*tiny_task.pool, *tiny_task.test)]
    assert min(worth for _, worth in answers) > 1
    items = [item for item, _ in answers]
    task = replace(tiny_task, pool=items[:8], test=items[8:])
    lessons = Lessons(task, tuple(items), "instr_none_QA", 0, 4)
    found = train_gates(planted, lessons, tiny_training, 0.01, seed=0)
    assert found.gates[NEEDED] > 0.5
    others = found.gates.clone()
    others[NEEDED] = 0
    assert (others == 0).all()
    assert found.fitted.validation_loss < found.fitted.untrained_loss


def test_a_larger_penalty_shuts_more_and_none_shuts_nothing_that_does_not_help(planted, tiny_task, tiny_training):
    items = [answered_by_the_head(planted, tiny_task, item)[0] for item in (*tiny_task.pool, *tiny_task.test)]
    lessons = Lessons(replace(tiny_task, pool=items[:8]), tuple(items), "instr_none_QA", 0, 4)
    free, dear = (train_gates(planted, lessons, tiny_training, penalty, seed=0) for penalty in (0.0, 100.0))
    assert (dear.gates == 0).all()
    # A head that writes nothing has no gradient, and a gate without one stays where it began.
    others = free.gates.clone()
    others[NEEDED] = 1
    assert (others == 1).all()


def test_the_seed_decides(model, lessons, tiny_training):
    first, again, other = (train_gates(model, lessons, tiny_training, 0.01, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.location, again.location)
    assert first.fitted == again.fitted
    assert not torch.equal(first.location, other.location)


def test_the_history_has_the_parts_of_the_loss(model, lessons, tiny_training):
    found = train_gates(model, lessons, replace(tiny_training, epochs=3), 0.01, seed=0)
    assert len(found.fitted.history) == 3
    for each in found.fitted.history:
        assert each["validation_loss"] == pytest.approx(each["cross_entropy"] + 0.01 * each["open"])
        assert 0 <= each["off"] <= 16
    best = min(each["validation_loss"] for each in found.fitted.history)
    assert found.fitted.validation_loss == min(best, found.fitted.untrained_loss)


def test_a_training_that_was_stopped_goes_on_exactly(model, lessons, tiny_training, tmp_path):
    training = replace(tiny_training, training_batch=2, epochs=4, patience=9)
    expected = train_gates(model, lessons, training, 0.01, seed=0)
    steps = 0

    def stop(done: int) -> None:
        nonlocal steps
        steps += done
        if steps == 3:
            raise KeyboardInterrupt

    folder = TrainingFolder(tmp_path / "gates", {"penalty": 0.01}, {})
    folder.claim()
    with pytest.raises(KeyboardInterrupt):
        train_gates(model, lessons, training, 0.01, seed=0, folder=folder, progress=stop)
    assert folder.state.exists()
    steps = 100
    found = train_gates(model, lessons, training, 0.01, seed=0, folder=folder, progress=stop)
    assert steps == 100 + 8 - 2  # the first epoch was not done again
    assert torch.equal(found.location, expected.location)
    assert found.fitted == expected.fitted
    assert not folder.state.exists()
    kept = train_gates(model, lessons, training, 0.01, seed=0, folder=folder, progress=stop)
    assert steps == 106
    assert torch.equal(kept.location, expected.location)
    (folder.path / module.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"cannot be read.*delete the folder to train them again"):
        train_gates(model, lessons, training, 0.01, seed=0, folder=folder)


def test_examples_shown_are_none_that_validate(lessons):
    shown = {item.name for step in range(20) for item in replace(lessons, examples=3).shown(0, "training", step)}
    assert shown == {f"tiny/{n}" for n in range(2, 8)}


def test_what_cannot_be_trained_with(model, lessons, tiny_training):
    with pytest.raises(UserError, match=r"penalty is -0\.1; give 0 or more"):
        train_gates(model, lessons, tiny_training, -0.1, seed=0)
    with pytest.raises(UserError, match="penalty is nan"):
        train_gates(model, lessons, tiny_training, float("nan"), seed=0)
    with pytest.raises(UserError, match="8 items in its pool, fewer than the 2 to validate on and 7 to show"):
        train_gates(model, replace(lessons, examples=7), tiny_training, 0.1, seed=0)
    with pytest.raises(UserError, match="Unknown preset 'v1'; there are mini, paper"):
        training_named(PRESETS, "v1", {})
    with pytest.raises(UserError, match="learning rate of the training is 0"):
        training_named(PRESETS, "mini", {"learning_rate": 0.0})
    with pytest.raises(UserError, match="threshold is -1"):
        training_named(PRESETS, "mini", {"threshold": -1.0})


def test_the_papers_settings():
    paper = PRESETS["paper"]
    assert (paper.learning_rate, paper.training_batch, paper.epochs) == (1e-3, 32, 100)
    assert (paper.patience, paper.threshold) == (10, 0.01)
    assert PENALTIES == (0.1, 0.01, 0.001, 0.0001)
