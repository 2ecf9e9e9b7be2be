from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from workbench.errors import UserError
from workbench.learning.examples import batch_of, examples_of
from workbench.learning.folder import RECORD, STATE, TrainingFolder
from workbench.lora import training as module
from workbench.lora.adapted import adapter_state, original_model, with_adapter
from workbench.lora.training import train_adapter


@pytest.fixture(scope="module")
def made(tiny_checkpoint, tiny_model, tiny_task):
    """Examples to learn from and to validate on, and what makes the model with an untrained adapter."""
    model = tiny_model("llama")
    learned, held_out = (
        examples_of(model, tiny_task, items, format="instr_none_QA") for items in (tiny_task.pool, tiny_task.test)
    )

    def adapted(training):
        original = original_model(str(tiny_checkpoint("llama")), dtype=torch.float64)
        return with_adapter(original, ("output",), (1,), training, name="tiny", seed=0)

    return learned, held_out, adapted


def same(one, other) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_it_learns_what_it_reads(made, tiny_training):
    learned, _, make = made
    found = train_adapter(make(tiny_training), replace(tiny_training, epochs=12, patience=12), learned, learned, seed=0)
    assert found.validation_loss < 0.9 * found.untrained_loss
    assert found.history[-1]["training_loss"] < found.history[0]["training_loss"]


def test_the_loss_is_the_mean_over_the_tokens_that_count(made, tiny_training):
    learned, _, make = made
    adapted = make(tiny_training).eval()
    with torch.no_grad():
        total, count = module._Adapter(adapted, tiny_training, learned, learned, 0).loss(batch_of(learned))
        expected = 0.0
        for example in learned:
            ids = torch.tensor([example.token_ids])
            log_probabilities = adapted(input_ids=ids).logits[0].log_softmax(-1)
            for place, counts in enumerate(example.counted):
                if counts:
                    expected -= float(log_probabilities[place - 1, example.token_ids[place]])
    assert count == sum(sum(example.counted) for example in learned)
    assert float(total) == pytest.approx(expected, rel=1e-5)


def test_the_best_adapter_is_kept(made, tiny_training):
    learned, held_out, make = made
    adapted = make(tiny_training)
    training = replace(tiny_training, epochs=8, patience=3, learning_rate=0.1)
    found = train_adapter(adapted, training, learned, held_out, seed=0)
    losses = {0: found.untrained_loss, **{each["step"]: each["validation_loss"] for each in found.history}}
    assert found.validation_loss == min(losses.values())
    assert losses[found.kept_step] == found.validation_loss
    with torch.no_grad():
        total, count = module._Adapter(adapted, training, learned, held_out, 0).loss(batch_of(held_out))
    assert float(total) / count == pytest.approx(found.validation_loss, rel=1e-6)


def test_it_stops_when_nothing_improves(made, tiny_training):
    learned, held_out, make = made
    training = replace(tiny_training, epochs=50, patience=2, threshold=100.0)
    found = train_adapter(make(training), training, learned, held_out, seed=0)
    assert found.steps == 2 * 4
    assert len(found.history) == 2


def test_without_an_evaluation_the_last_adapter_is_kept(made, tiny_training):
    learned, held_out, make = made
    training = replace(tiny_training, evaluate_every=100)
    found = train_adapter(make(training), training, learned, held_out, seed=0)
    assert found.history == []
    assert found.kept_step == found.steps == 8
    assert found.validation_loss != found.untrained_loss


def test_a_training_that_was_stopped_goes_on_exactly(made, tiny_training, tmp_path):
    learned, held_out, make = made
    training = replace(tiny_training, epochs=3, dropout=0.2, patience=9)
    whole = make(training)
    expected = train_adapter(whole, training, learned, held_out, seed=0)
    steps = 0

    def stop(done: int) -> None:
        nonlocal steps
        steps += done
        if steps == 6:
            raise KeyboardInterrupt

    folder = TrainingFolder(tmp_path / "adapter", {"preset": "tiny"}, {})
    folder.claim()
    with pytest.raises(KeyboardInterrupt):
        train_adapter(make(training), training, learned, held_out, seed=0, folder=folder, progress=stop)
    assert (folder.path / STATE).exists()
    assert folder.finished() is None
    again = make(training)
    steps = 100
    assert train_adapter(again, training, learned, held_out, seed=0, folder=folder, progress=stop) == expected
    assert steps == 100 + 12 - 4  # the first epoch was not done again
    assert same(adapter_state(again), adapter_state(whole))
    assert not (folder.path / STATE).exists()


def test_a_finished_adapter_is_loaded_and_not_trained(made, tiny_training, tmp_path):
    learned, held_out, make = made
    folder = TrainingFolder(tmp_path / "adapter", {"preset": "tiny"}, {})
    folder.claim()
    first = make(tiny_training)
    found = train_adapter(first, tiny_training, learned, held_out, seed=0, folder=folder)
    assert {"adapter_config.json", "adapter_model.safetensors", "training.json"} <= {
        path.name for path in folder.path.iterdir()
    }
    again = make(tiny_training)
    steps: list[int] = []
    assert train_adapter(again, tiny_training, learned, held_out, seed=0, folder=folder, progress=steps.append) == found
    assert steps == []
    assert same(adapter_state(again), adapter_state(first))


def test_other_settings_are_refused_and_other_code_trains_anew(tmp_path):
    path = tmp_path / "adapter"
    TrainingFolder(path, {"preset": "v1", "rank": 32}, {"code": "a"}).claim()
    (path / RECORD).write_text(json.dumps({"steps": 1}))
    with pytest.raises(UserError, match=r"rank is 32 there and 8 here.*give another --out"):
        TrainingFolder(path, {"preset": "v1", "rank": 8}, {"code": "a"}).claim()
    assert (path / RECORD).exists()
    TrainingFolder(path, {"preset": "v1", "rank": 32}, {"code": "b"}).claim()
    assert not (path / RECORD).exists()


def test_an_adapter_that_cannot_be_read(made, tiny_training, tmp_path):
    learned, held_out, make = made
    folder = TrainingFolder(tmp_path / "adapter", {}, {})
    folder.claim()
    train_adapter(make(tiny_training), replace(tiny_training, epochs=1), learned, held_out, seed=0, folder=folder)
    (folder.path / module.ADAPTER).write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"cannot be read.*delete the folder to train it again"):
        train_adapter(make(tiny_training), tiny_training, learned, held_out, seed=0, folder=folder)


def test_a_loss_that_is_no_number(made, tiny_training):
    learned, held_out, make = made
    training = replace(tiny_training, learning_rate=1e300, epochs=6)
    with pytest.raises(UserError, match=r"training loss is .* after .* steps: give a smaller --learning-rate"):
        train_adapter(make(training), training, learned, held_out, seed=0)
