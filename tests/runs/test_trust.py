"""A run says what its model's numbers were checked by, and refuses a model that fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from analyses import task_recognition
from workbench.errors import UserError
from workbench.models import probe
from workbench.models.check import CheckResult, check, compare, self_check
from workbench.models.load import load
from workbench.runs import trust
from workbench.runs.records import read_provenance
from workbench.runs.runner import run
from workbench.runs.trust import CACHE, recall, remember, trusted

SETTINGS = SimpleNamespace(dtype="float32", device="cpu", revision=None)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def records(results: list[CheckResult]) -> list[dict[str, Any]]:
    return [result.record() for result in results]


def test_the_check_is_the_comparison_and_what_needs_the_model_alone(tiny_checkpoint: Callable[..., Path]) -> None:
    folder = tiny_checkpoint("llama")
    model = load(folder)
    names = [result.name for result in check(model, folder)]
    assert names == [result.name for result in (*compare(model, folder), *self_check(model, brief=True))]
    assert len(compare(model, folder)) == 4


def test_at_its_start_a_run_reads_few_tokens(tiny_checkpoint: Callable[..., Path]) -> None:
    model = load(tiny_checkpoint("gpt-neo"))
    forward, read = model.hooked.forward, []

    def counting(ids: Any, *arguments: Any, **options: Any) -> Any:
        read.append(ids.numel())
        return forward(ids, *arguments, **options)

    model.hooked.forward = counting  # type: ignore[method-assign]
    assert all(result.passed for result in self_check(model, brief=True))
    # As much as a few prompts, whatever the number of layers.
    assert len(read) < 20
    assert sum(read) < 600


def test_a_small_model_is_compared_at_once(tiny_checkpoint: Callable[..., Path]) -> None:
    folder = tiny_checkpoint("llama")
    found = trusted(load(folder), str(folder), SETTINGS)["check"]
    assert len(found) == 14
    assert found["logits unlike Hugging Face's, unpadded"][0] < 2e-5
    kept = recall(load(folder))
    assert kept is not None
    assert len(kept["results"]) == 13


def test_a_large_model_is_not(tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "CHECKED_AT_ONCE", 1000)
    folder = tiny_checkpoint("llama")
    assert trusted(load(folder), str(folder), SETTINGS)["check"].startswith("not compared with Hugging Face; run")
    assert recall(load(folder)) is None


def test_a_small_model_that_fails_is_refused_at_once(tiny_checkpoint: Callable[..., Path]) -> None:
    folder = tiny_checkpoint("llama")
    model = load(folder)
    model.hooked.blocks[1].mlp.b_out.data += 1e-2
    with pytest.raises(
        UserError, match=r"failed a measurement in `workbench check` on .* logits unlike Hugging Face's"
    ):
        trusted(model, str(folder), SETTINGS)


def test_other_files_under_its_name_are_not_compared(tiny_checkpoint: Callable[..., Path]) -> None:
    found = trusted(load(tiny_checkpoint("llama")), str(tiny_checkpoint("llama", seed=1)), SETTINGS)
    assert found["check"].startswith("not compared")


def test_where_nothing_can_be_kept_it_is_compared_all_the_same(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    folder = tiny_checkpoint("llama")
    assert len(trusted(load(folder), str(folder), SETTINGS)["check"]) == 14


def test_without_a_comparison_it_says_so(tiny_checkpoint: Callable[..., Path]) -> None:
    found = trusted(load(tiny_checkpoint("llama")), "a model", SimpleNamespace(dtype="bfloat16", revision="step1"))
    assert found["check"] == (
        "not compared with Hugging Face; run `workbench check 'a model' --revision step1 --dtype bfloat16`"
    )
    assert found["self_check"]["leak of a hidden span into later logits"] == [0.0, "== 0"]
    assert len(found["self_check"]) == 9


def test_the_last_full_check_is_remembered(tiny_checkpoint: Callable[..., Path], cache: Path) -> None:
    folder = tiny_checkpoint("llama")
    model = load(folder)
    path = remember(model, records(check(model, folder)))
    assert path.is_relative_to(cache)
    assert json.loads(path.read_text())["digest"] == model.digest
    found = trusted(load(folder), str(folder), SETTINGS)["check"]
    assert len(found) == 14
    assert found["logits unlike Hugging Face's, unpadded"][0] < 2e-5


def test_nothing_else_is_taken_for_it(tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_checkpoint("llama")
    model = load(folder)
    path = remember(model, records(self_check(model)))
    assert recall(load(folder)) is not None
    assert recall(load(folder, dtype=torch.float64)) is None
    assert recall(load(tiny_checkpoint("llama", seed=1))) is None
    with monkeypatch.context() as patch:
        patch.setattr(trust, "libraries", lambda: {"torch": "0"})
        assert recall(model) is None
    with monkeypatch.context() as patch:
        patch.setattr(trust, "instrument_digest", lambda: "other code")
        assert recall(model) is None
    for damaged in ("{", "[]", "{}", '{"checked": "today", "results": []}'):
        path.write_text(damaged)
        assert recall(model) is None


def test_by_default_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert trust.cache_folder() == tmp_path / "workbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert trust.cache_folder() == Path.home() / ".cache" / "workbench"


def test_a_failed_measurement_stops_the_run(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(tiny_checkpoint("llama"))
    monkeypatch.setattr(probe, "HOOKS", (*probe.HOOKS, "hook_that_is_nowhere"))
    with pytest.raises(UserError) as caught:
        trusted(model, "llama", SETTINGS)
    assert str(caught.value) == (
        "Model llama failed a measurement when it was loaded: hooks missing or silent is 4.0, which must be == 0, so its "
        "numbers could not be trusted; `workbench check llama` shows all."
    )


def test_a_failed_comparison_stops_the_run_too(tiny_checkpoint: Callable[..., Path]) -> None:
    model = load(tiny_checkpoint("llama"))
    wrong = CheckResult("logits unlike Hugging Face's, unpadded", float("inf"), 1e-5, False, "<=")
    remember(model, records([wrong, wrong]))
    message = r"failed a measurement in `workbench check` on \d{4}-\d\d-\d\d: logits .* is inf, which must be <= 1e-05 \(and 1"
    with pytest.raises(UserError, match=message):
        trusted(model, "llama", SETTINGS)


def test_what_is_no_model_of_the_workbench_is_left_alone() -> None:
    assert trusted(object(), "toy", SETTINGS) == {}


def test_provenance_and_report_hold_it(tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(["source\ttarget\n", *(f"word {n}\tother {n}\n" for n in range(8))]))
    folder = tiny_checkpoint("llama")
    config = task_recognition.Config(
        str(folder), task=(f"tsv:{pairs}",), examples=1, seeds=(0,), layers=(1,), limit=2, max_new_tokens=2
    )
    finished = run(task_recognition, config, tmp_path / "run", progress=False)
    facts = read_provenance(finished.folder.path)["models"][str(folder)]
    assert facts["self_check"]["attn_out unlike the sum over hook_z"][1] == "<= 1e-05"
    assert facts["check"]["logits unlike Hugging Face's, with cache"][0] < 2e-5
    page = finished.index.read_text()
    assert "leak of a hidden span into later logits" in page
    assert "logits unlike Hugging Face" in page
