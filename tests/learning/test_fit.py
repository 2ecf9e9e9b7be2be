"""The loop on a toy: one number that learns to be three."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from workbench.errors import UserError
from workbench.learning.fit import Fitted, Learner, Schedule, fit
from workbench.learning.folder import RECIPE, RECORD, TrainingFolder

SCHEDULE = Schedule(training_batch=2, epochs=6, evaluate_every=None, patience=9, threshold=0.0)


class Toy:
    """Its examples are numbers; it learns their mean, and is validated on another number."""

    def __init__(self, target=3.0):
        self.number = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.number], lr=0.3)
        self.target, self.seen = target, []

    def learn(self, places, step, last_step):
        self.seen.append((tuple(places), step, last_step))
        with torch.enable_grad():
            loss = sum((self.number - place) ** 2 for place in places) / len(places)
            self.optimiser.zero_grad()
            loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def evaluate(self):
        return {"loss": float((self.number.detach() - self.target) ** 2), "number": float(self.number.detach())}

    def weights(self):
        return {"number": self.number.detach().clone()}

    def set_weights(self, weights):
        with torch.no_grad():
            self.number.copy_(weights["number"])


def test_every_example_once_an_epoch_in_an_order_of_the_seed():
    first, other = Toy(), Toy()
    found = fit(first, SCHEDULE, 5, name="toy", seed=0)
    fit(other, SCHEDULE, 5, name="toy", seed=1)
    assert isinstance(first, Learner)
    assert found.steps == 6 * 3
    epoch = [place for places, _, _ in first.seen[:3] for place in places]
    assert sorted(epoch) == [0, 1, 2, 3, 4]
    assert [step for _, step, _ in first.seen] == list(range(18))
    assert {last for _, _, last in first.seen} == {18}
    assert [places for places, _, _ in first.seen] != [places for places, _, _ in other.seen]


def test_the_best_weights_come_back_with_what_else_was_found():
    toy = Toy(target=0.7)
    found = fit(toy, SCHEDULE, 5, name="toy", seed=0)
    losses = {each["step"]: each["validation_loss"] for each in found.history} | {0: found.untrained_loss}
    assert found.validation_loss == min(losses.values()) == losses[found.kept_step]
    assert toy.evaluate()["loss"] == found.validation_loss
    assert found.kept_step < found.steps
    assert all("number" in each for each in found.history)


def test_it_stops_when_nothing_improves_and_keeps_the_last_without_an_evaluation():
    assert fit(Toy(), replace(SCHEDULE, patience=2, threshold=100.0), 5, name="toy", seed=0).steps == 2 * 3
    found = fit(Toy(), replace(SCHEDULE, evaluate_every=100), 5, name="toy", seed=0)
    assert (found.history, found.kept_step) == ([], 18)


def test_a_loss_that_is_no_number():
    class Broken(Toy):
        def learn(self, places, step, last_step):
            return float("nan") if step == 4 else super().learn(places, step, last_step)

    with pytest.raises(UserError, match="training loss is nan after 4 steps: give a smaller --learning-rate"):
        fit(Broken(), SCHEDULE, 5, name="toy", seed=0)


def test_what_was_stopped_goes_on_exactly(tmp_path):
    whole = Toy()
    expected = fit(whole, SCHEDULE, 5, name="toy", seed=0)
    steps = 0

    def stop(done):
        nonlocal steps
        steps += done
        if steps == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Toy(), SCHEDULE, 5, name="toy", seed=0, state=tmp_path / "state", progress=stop)
    again = Toy()
    assert fit(again, SCHEDULE, 5, name="toy", seed=0, state=tmp_path / "state") == expected
    assert torch.equal(again.number, whole.number)
    assert again.seen[0][1] == 6  # two whole epochs were kept


def test_a_folder_is_claimed_finished_and_refused_to_others(tmp_path):
    folder = TrainingFolder(tmp_path / "one", {"preset": "a", "layers": (1,)}, {"code": "1"})
    folder.claim()
    assert folder.finished() is None
    folder.state.write_bytes(b"state")
    fitted = Fitted(3, 2, 0.5, 1.0, [{"step": 3, "validation_loss": 0.5}])
    folder.finish(fitted)
    folder.claim()
    assert folder.finished() == fitted
    assert not folder.state.exists()
    with pytest.raises(UserError, match=r"preset is 'a' there and 'b' here.*give another --out"):
        TrainingFolder(folder.path, {"preset": "b", "layers": (1,)}, {"code": "1"}).claim()
    assert json.loads((folder.path / RECIPE).read_text())["recipe"]["preset"] == "a"
    TrainingFolder(folder.path, {"preset": "a", "layers": (1,)}, {"code": "2"}).claim()
    assert not (folder.path / RECORD).exists()
