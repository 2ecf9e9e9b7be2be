"""`workbench reproduce`: the cost first, the runs, the sheet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.runs.folder import RunFolder

Reproduce = Callable[..., tuple[int, str, str]]


@pytest.fixture
def reproduce(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_checkpoint: Callable[..., Path],
) -> Reproduce:
    """Runs the command on a tiny model, in an empty folder: status, standard output, standard error."""
    from workbench.cli.main import main

    model = tiny_checkpoint("llama", max_position_embeddings=2048, num_hidden_layers=2)
    monkeypatch.chdir(tmp_path)

    def run(paper: object, *arguments: str) -> tuple[int, str, str]:
        given = () if "--model" in arguments else ("--model", str(model))
        try:
            status = main(["reproduce", str(paper), *given, "--quiet", *arguments])
        except SystemExit as left:
            status = int(left.code or 0)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def sheet_of(folder: Path) -> pd.DataFrame:
    """The sheet as parquet; the same numbers as the CSV."""
    table, text = pd.read_parquet(folder / "sheet.parquet"), pd.read_csv(folder / "sheet.csv")
    assert list(text.columns) == list(table.columns)
    np.testing.assert_allclose(text["yours"], table["yours"])
    assert text["series"].tolist() == table["series"].tolist()
    return table


def published(sheet: pd.DataFrame, layer: int, by: float) -> list[object]:
    """A published number that differs from the sheet's by so much."""
    at = sheet[(sheet["series"] == "query hidden") & (sheet["layer"] == layer)].iloc[0]
    value = at["yours"] + by
    keys = ["context-masking", "first", "Toy", "en-fr", at["series"], at["quantity"], layer]
    return [*keys, value, value, value, "table 1", "printed", ""]


FORMATS = "instr_none_QA instr_machine_translation"
MASKING = ("--same-as", "Toy", "--only", "context-masking", "--yes")


def test_the_sheet_compares_and_the_same_command_goes_on(
    reproduce: Reproduce, made_up: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status, said, _ = reproduce(made_up(), *MASKING, "--limit", "4", "--out", str(out))
    assert status == 0
    assert said.index("Layer-tokens") < said.index("None of the numbers published of Toy")
    first = sheet_of(out)
    assert set(first["verdict"]) == {"nothing published"}
    assert set(first["series"]) >= {"query hidden", "nothing hidden", "examples hidden, no instructions given"}
    paper = made_up(published(first, 0, 0), published(first, 1, 500))
    status, said, err = reproduce(paper, *MASKING, "--limit", "4", "--out", str(out))
    assert status == 0
    assert "cells were done before" in err
    assert "1 of 2 numbers published of Toy are covered." in said
    second = sheet_of(out)
    compared = second[second["published"].notna()].sort_values("layer")
    assert compared["verdict"].tolist() == ["covered", "not covered"]
    assert compared["difference"].tolist() == pytest.approx([0, -500])
    page = (out / "index.html").read_text()
    assert all(
        text in page for text in ("Published beside yours", "number by number", "Sources of the published", "figure-1")
    )
    assert (out / "figures" / "context-masking.en-fr.html").is_file()
    record = json.loads((out / "runs" / "context-masking.en-fr" / "provenance.json").read_text())
    assert record["starts"][0]["command"][:2] == ["workbench", "reproduce"]
    assert len(record["starts"]) == 2


def test_a_trial_run_is_not_compared(reproduce: Reproduce, made_up: Callable[..., Path], tmp_path: Path) -> None:
    row = ["context-masking", "first", "Toy", "en-fr", "query hidden", "bleu", 0, 5, 4, 6, "table 1", "printed", ""]
    status, said, _ = reproduce(made_up(row), *MASKING, "--limit", "2", "--out", str(tmp_path / "out"))
    assert status == 0
    assert "Not compared (context-masking): 2 test prompts where the paper has 4." in said
    table = sheet_of(tmp_path / "out")
    assert table.loc[table["published"].notna(), "verdict"].tolist() == ["not compared"]
    assert table["difference"].isna().all()


def test_a_model_that_was_not_measured_runs_the_procedure(
    reproduce: Reproduce, made_up: Callable[..., Path], tmp_path: Path
) -> None:
    # One experiment after the other: the sheet has both in the end.
    for name in ("attention-removal", "context-masking"):
        status, said, _ = reproduce(made_up(), "--only", name, "--limit", "2", "--yes")
        assert status == 0
        assert "made-up did not measure this model" in said
    (out,) = (tmp_path / "runs" / "reproduce").iterdir()
    assert out.name.startswith("made-up-llama")
    assert {run.name for run in (out / "runs").iterdir()} == {"context-masking.en-fr", "attention-removal.en-fr"}
    assert set(sheet_of(out)["experiment"]) == {"attention-removal", "context-masking"}
    assert "instruction and examples, nothing removed" in set(sheet_of(out)["series"])


def test_nothing_runs_without_a_yes(
    reproduce: Reproduce, made_up: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said, err = reproduce(made_up(), "--limit", "2", "--out", str(tmp_path / "out"))
    assert (status, err) == (
        2,
        "workbench: Nobody can be asked whether to run this, since there is no terminal: add --yes.\n",
    )
    assert "What it takes" in said
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    status, _, err = reproduce(made_up(), "--limit", "2", "--out", str(tmp_path / "out"))
    assert (status, err) == (2, "workbench: Not run: the answer was not yes.\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--data", "nowhere"), "There is no folder nowhere; give --data the folder that holds FLORES-200."),
        (("--limit", "1000000"), "1000000 test prompts were asked for; task 'translate-en-fr' has"),
        (("--only", "context-asking"), "Unknown experiment 'context-asking'; there are context-masking"),
        (("--only", "number-of-examples"), "made-up has no experiment number-of-examples with a model that it did not"),
        (("--directions", "french"), "Direction 'french' should look like en-fr, or eng_Latn-fra_Latn."),
        (("--same-as", "Large"), "made-up has no model 'Large'; its models are Toy, Small."),
        (("--model", "no-such-model"), "Unknown model 'no-such-model'"),
    ],
)
def test_what_cannot_be_used(
    reproduce: Reproduce, made_up: Callable[..., Path], tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    paper = made_up()
    there = set(tmp_path.iterdir())
    status, _, err = reproduce(paper, "--yes", *arguments)
    assert status == 2
    assert err.startswith(f"workbench: {complaint}")
    assert err.count("\n") == 1
    assert set(tmp_path.iterdir()) == there


def test_an_unknown_paper(reproduce: Reproduce) -> None:
    status, _, err = reproduce("paper-q", "--yes")
    assert status == 2
    assert err.startswith("workbench: Unknown paper 'paper-q': there is paper-a")


def test_an_adapter_is_tested_with_an_instruction_too(
    reproduce: Reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the first version of paper A; both tests of an adapter are series of their own."""
    from workbench.published import papers

    monkeypatch.setattr(papers.Paper, "setting", lambda self, *asked: FORMATS if asked[2] == "formats" else None)
    arguments = ["--only", "single-layer-lora", "--directions", "en-fr", "--small", "--limit", "2", "--seeds", "0"]
    status, _, _ = reproduce("paper-a", *arguments, "--official-defects", "--yes", "--out", str(tmp_path / "out"))
    assert status == 0
    table = sheet_of(tmp_path / "out")
    untrained = table[table["series"].str.startswith("untrained")]
    assert untrained["series"].tolist() == ["untrained", "untrained, tested with an instruction"]
    assert (untrained["n"] == 2).all()
    assert set(table["series"]) >= {"400 training pairs", "400 training pairs, tested with an instruction"}
    config = RunFolder.existing(tmp_path / "out" / "runs" / "single-layer-lora.en-fr.mini.400").config()
    assert config["official_defects"] is True


def test_what_a_model_cannot_do_is_left_out_and_said(
    reproduce: Reproduce, tmp_path: Path, tiny_checkpoint: Callable[..., Path]
) -> None:
    """A window of 100 tokens has no room for five examples, but for none."""
    model = str(tiny_checkpoint("llama", max_position_embeddings=100))
    status, said, err = reproduce("paper-a", "--model", model, "--limit", "2")
    assert status == 2  # nobody to be asked
    assert "Left out: context-masking.en-fr. Prompt 'translate-en-fr/test/0' has" in said
    assert "Left out: context-masking.code. Task 'humaneval' reads MBPP and HumanEval" in said
    assert "single-layer-lora.fr-en.neurips.400" in said
    status, _, err = reproduce("paper-a", "--model", model, "--limit", "2", "--only", "context-masking", "--yes")
    assert status == 2
    assert "the model reads 100" in err


def test_small_trainings_reach_the_sheet(reproduce: Reproduce, tmp_path: Path) -> None:
    arguments = ["--only", "single-layer-lora", "head-gates", "--directions", "en-fr", "--small", "--limit", "2"]
    status, _, _ = reproduce("paper-a", *arguments, "--examples", "0", "--yes", "--out", str(tmp_path / "out"))
    assert status == 0
    runs = {run.name for run in (tmp_path / "out" / "runs").iterdir()}
    assert runs == {"single-layer-lora.en-fr.mini.400", "head-gates.en-fr.mini"}
    table = sheet_of(tmp_path / "out")
    assert set(table["experiment"]) == {"single-layer-lora", "head-gates"}
    trained = table[(table["experiment"] == "single-layer-lora") & table["layer"].notna()]
    assert set(trained["layer"]) == {0, 1}
    assert table["yours"].notna().all()
    page = (tmp_path / "out" / "index.html").read_text()
    assert {"400 training pairs", "untrained"} <= set(table["series"])
    assert all(name in page for name in ("single-layer-lora.en-fr", "translate-en-fr.gates.0-examples.seed-0"))


CODE = ("--only", "code-generation", "--limit", "2", "--examples", "1", "--yes")


@pytest.mark.sandbox
def test_programs_reach_the_sheet(
    reproduce: Reproduce, code_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.sweep.completions import Completions

    real = Completions.row

    def half_right(self: Completions, row: int) -> tuple[Any, str, Any]:
        """The first problem is solved, whatever is hidden; the second is left to the model."""
        tokens, text, stopped = real(self, row)
        solved = "Add 0" in self._prompts[row].source
        return tokens, "def helper(x): return x\nsolve = helper" if solved else text, stopped

    monkeypatch.setattr(Completions, "row", half_right)
    # The task's own completions are so long that a random model would take minutes.
    monkeypatch.setattr(Completions, "_stop", lambda self, row, token: "length" if len(self._tokens[row]) > 3 else None)
    out = tmp_path / "out"
    status, said, err = reproduce(
        "paper-a", *CODE, "--data", str(code_folder), "--allow-code-execution", "--out", str(out)
    )
    assert status == 0, err
    assert "paper-a did not measure this model: its procedure was run" in said
    assert {run.name for run in (out / "runs").iterdir()} == {"context-masking.code"}
    table = sheet_of(out)
    scored = table[table["quantity"] == "pass_at_1"]
    assert set(scored["experiment"]) == {"code-generation"}
    assert set(scored["yours"]) == {0.5}
    assert set(scored["n"]) == {2, 4}  # two problems; two seeds, where there are examples
    assert set(scored["layer"].dropna()) == {0, 1}
    assert scored["series"].nunique() == 5 + 3  # three prompts with nothing hidden
    page = (out / "index.html").read_text()
    assert "pass@1" in page
    assert "pass@2" in (out / "runs" / "context-masking.code" / "index.html").read_text()


def test_programs_are_not_executed_without_leave(reproduce: Reproduce, code_folder: Path, tmp_path: Path) -> None:
    status, _, err = reproduce("paper-a", *CODE, "--data", str(code_folder), "--out", str(tmp_path / "out"))
    assert status == 2
    assert "allow it with --allow-code-execution" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
def test_real_data_and_a_real_model(reproduce: Reproduce, real_data: Path, tmp_path: Path) -> None:
    arguments: list[Any] = ["--model", real_data / "stories260k", "--data", real_data, "--only", "context-masking"]
    arguments += ["--directions", "en-fr", "--limit", "2", "--examples", "1", "--seeds", "0", "--out", tmp_path / "out"]
    status, said, _ = reproduce("paper-a", *map(str, arguments), "--yes")
    assert status == 0
    assert "paper-a did not measure this model: its procedure was run" in said
    table = sheet_of(tmp_path / "out")
    assert set(table["verdict"]) == {"nothing published"}
    assert set(table["layer"].dropna()) == set(range(5))
    assert table["series"].nunique() == 5 + 3  # three prompts with nothing hidden
