"""All masks of a task: what is run, what is shared, what the picture shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from analyses import context_masking
from analyses.context_masking import Config, cells, figures, layer_profile, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run

SCORES = ("exact_match", "agreement", "divergence", "log_probability")


@pytest.fixture(scope="module")
def config(tiny_checkpoint, word_pairs) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=(word_pairs,),
        examples=2,
        seeds=(0, 1),
        layers=(1, 3),
        limit=4,
        max_new_tokens=3,
        batch_size=4,
        dtype="float64",
        scores=SCORES,
    )


@pytest.fixture(scope="module")
def model(config):
    return load(config.model, dtype=torch.float64)


@pytest.fixture(scope="module")
def table(config, model) -> pd.DataFrame:
    found = pd.concat([measure(config, cell, model) for cell in cells(config)], ignore_index=True)
    found.attrs["settings"] = {}
    return found


def test_every_series_of_the_paper_and_both_formats(table):
    series = set(table[["format", "mask", "examples"]].itertuples(index=False, name=None))
    instructed = {("instr_task", mask, 2) for mask in ("TTF", "FTF", "FFT", "TTT", "TFF", "mask_all")}
    assert series == instructed | {("instr_none_QA", "FTF", 2), ("instr_task", "FFF", 0)}
    keys = ["format", "mask", "examples", "seed", "from_layer", "prompt"]
    assert not table.duplicated(keys).any()
    assert set(table.loc[table["mask"] == "TTT", "from_layer"]) == {0, 1, 3, 4}


def test_masks_of_one_prompt_share_a_sweep_and_its_ceiling(config, model, monkeypatch):
    from workbench.masking import mask_rows

    ran = []
    real = mask_rows.sweep

    def counting(model, prompts, conditions, **settings):
        ran.append(len(conditions))
        return real(model, prompts, conditions, **settings)

    monkeypatch.setattr(mask_rows, "sweep", counting)
    both = next(cell for cell in cells(config) if cell.prompt == "both")
    measure(replace(config, scores=("agreement",)), both, model)
    assert ran == [1 + 6 * 3]


def test_the_instruction_alone_is_run_once_and_clean(config, table):
    assert sum(cell.prompt == "instruction" for cell in cells(config)) == 1
    alone = table[table["examples"] == 0]
    assert set(alone["hides"]) == {""}
    assert alone.groupby("prompt")["completion"].nunique().eq(1).all()


def test_a_figure_for_each_task_and_score_with_every_mask(table):
    drawn = figures(table)
    assert len(drawn) == len(SCORES)
    figure = next(figure for name, figure in drawn.items() if name.endswith("exact_match"))
    names = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert len(names) == 7
    assert names[0] == "instruction and examples hidden"
    assert names[-1] == "prompt without instruction: examples hidden"
    assert not any("FFF" in name for name in names)


def test_profiles_are_told_apart(table):
    profile = layer_profile(table)
    assert not profile.duplicated(["model", "task", "layer", "quantity"]).any()


def test_a_run_to_the_report(config, tmp_path):
    small = replace(config, seeds=(0,), masks=("TTF",), scores=("exact_match", "divergence"))
    finished = run(context_masking, small, tmp_path / "run", progress=False)
    assert "Recognition layers" in finished.index.read_text()
    assert set(finished.page.recognition["mask"]) == {"TTF", "FTF"}
    without = run(context_masking, replace(small, plain_masks=()), tmp_path / "other", progress=False)
    assert set(without.page.recognition["format"]) == {"instr_task"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": ("TXF",)}, "Unknown mask 'TXF'"),
        ({"plain_masks": ("FTF", "FTF")}, "plain masks names one value twice"),
        ({"masks": ()}, "No masks given"),
        ({"examples": 0}, "The number of examples is 0; give 1 or more"),
        ({"examples": 7}, "fewer than the 7"),
        ({"limit": 99}, "99 test prompts were asked for"),
        ({"instruction_format": "instr_machine_translation"}, "for tasks of kind translate"),
        ({"published": "Llama-9"}, "No published curves"),
        ({"data": Path("/no/such")}, "no folder /no/such"),
        ({"fraction": 0.0}, "fraction is 0.0"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


@pytest.mark.real_data
def test_flores_in_the_paper_s_formats(real_data, tmp_path):
    """Official splits, a pretrained checkpoint, both directions of a pair; the whole way to the page."""
    config = Config(
        model=str(real_data / "stories260k"),
        task=("flores:eng_Latn-fra_Latn", "flores:fra_Latn-eng_Latn"),
        masks=("TTF", "TTT"),
        instruction_format="instr_machine_translation",
        examples=1,
        seeds=(0,),
        layers=(2,),
        limit=2,
        data=real_data,
        max_new_tokens=4,
        published="Llama-3.1-8B",
    )
    finished = run(context_masking, config, tmp_path / "run", progress=False)
    table = finished.folder.table()
    assert set(table["task"]) == set(config.task)
    assert set(table["format"]) == {"instr_machine_translation", "instr_none_QA"}
    assert table.loc[table["task"] == config.task[0], "source"].iloc[0].startswith('"We now have 4-month-old mice')
    figure = figures(table)["flores-eng_Latn-fra_Latn.bleu"]
    assert sum((trace.meta or {}).get("role") == "published" for trace in figure.data) == 5
