from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from analyses import single_layer_lora, task_recognition
from analyses.single_layer_lora import Cell, Config, cells, figures, layer_profile, measure
from workbench.errors import UserError
from workbench.models.load import load
from workbench.runs.runner import run


@pytest.fixture
def config(tiny_checkpoint) -> Config:
    return Config(
        model=str(tiny_checkpoint("llama")),
        task=("bitwise-xor",),
        layers=(1, 3),
        training_items=8,
        validation_items=4,
        training_batch=4,
        epochs=2,
        rank=2,
        limit=4,
        max_new_tokens=3,
        batch_size=4,
        dtype="float64",
    )


def loaded(config):
    import torch

    return load(config.model, dtype=getattr(torch, config.dtype))


def test_cells_are_none_all_and_each_layer_for_every_seed(config):
    assert cells(replace(config, seeds=(0, 1))) == [
        Cell("bitwise-xor", (), 0),
        Cell("bitwise-xor", (0, 1, 2, 3), 0),
        Cell("bitwise-xor", (1,), 0),
        Cell("bitwise-xor", (3,), 0),
        Cell("bitwise-xor", (0, 1, 2, 3), 1),
        Cell("bitwise-xor", (1,), 1),
        Cell("bitwise-xor", (3,), 1),
    ]
    assert len(cells(replace(config, layers=None, together=False))) == 1 + 4


def test_a_run_from_the_beginning_to_the_report(config, tmp_path):
    beside = replace(config, masking_examples=2, formats=("instr_none_QA", "instr_task"))
    finished = run(single_layer_lora, beside, tmp_path / "run", progress=False)
    table = finished.folder.table()
    assert not table.duplicated(["trained", "format", "from_layer", "prompt"]).any()
    answers, curve = table[table["from_layer"] < 0], table[table["from_layer"] >= 0]
    assert len(answers) == 4 * 2 * 4
    assert len(curve) == 5 * 4
    assert (set(curve["trained"]), set(curve["examples"])) == ({"none"}, {2})
    assert set(table.loc[table["trained"] == "all", "layer"]) == {-1}
    assert len(figures(table)) == 2 * 2
    assert layer_profile(table)["layer"].unique().tolist() == [1, 3]
    assert "Score by trained layer" in finished.index.read_text()
    drawn = [trace.name for figure in figures(table).values() for trace in figure.data if trace.name]
    assert any("2 examples; context hidden from this layer on" in name for name in drawn)
    said = finished.page.summary
    assert any("rank" in sentence for sentence in said)
    adapters = sorted(path.name for path in (tmp_path / "run" / "adapters").iterdir())
    assert adapters == [f"bitwise-xor.{which}.seed-0" for which in ("all", "layer-1", "layer-3")]
    for path in (tmp_path / "run" / "adapters").iterdir():
        assert (path / "adapter_model.safetensors").exists()
        assert json.loads((path / "adapter_config.json").read_text())["r"] == 2
        assert not (path / "state.pt").exists()


def test_training_changes_the_measured_model_and_leaves_the_base_alone(config):
    model = loaded(config)
    before = model.hooked.blocks[1].attn.W_O.clone()
    config = replace(config, masking_examples=0)
    none, _, one, _ = (measure(config, cell, model) for cell in cells(config))
    assert (before == model.hooked.blocks[1].attn.W_O).all()
    values = [np.stack(table["log_probability"].to_list()) for table in (none, one)]
    assert not np.allclose(values[0], values[1])
    assert one["validation_loss"][0] < one["untrained_loss"][0]
    assert none["untrained_loss"].isna().all()


def test_a_kept_adapter_gives_the_same_rows(config, tmp_path):
    model, cell = loaded(config), Cell("bitwise-xor", (1,), 0)
    steps: list[int] = []
    first = measure(config, cell, model, progress=steps.append, folder=tmp_path)
    assert sum(steps) == 4
    again = measure(config, cell, model, progress=steps.append, folder=tmp_path)
    assert sum(steps) == 4
    pd.testing.assert_frame_equal(first, again)


def test_a_run_stopped_in_its_first_training_refuses_another_preset(config, tmp_path):
    model, cell = loaded(config), Cell("bitwise-xor", (1,), 0)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(config, cell, model, progress=stop, folder=tmp_path)
    other = replace(config, preset="neurips")
    with pytest.raises(UserError, match=r"preset is 'mini' there and 'neurips' here.*give another --out") as refused:
        measure(other, cell, model, folder=tmp_path)
    assert "\n" not in str(refused.value)


def test_a_finished_run_refuses_another_preset_too(config, tmp_path):
    single_layer = replace(config, layers=(1,), together=False)
    run(single_layer_lora, single_layer, tmp_path / "run", progress=False)
    with pytest.raises(UserError, match="preset is 'mini' there and 'v1' here"):
        run(single_layer_lora, replace(single_layer, preset="v1"), tmp_path / "run", progress=False)


def test_the_official_defects_are_a_setting(config):
    assert single_layer_lora._training(config).loss == "target"
    wrong = single_layer_lora._training(replace(config, preset="code", official_defects=True))
    assert (wrong.epochs, wrong.loss) == (2, "sequence"), "epochs given by name count"
    wrong = single_layer_lora._training(replace(config, preset="code", official_defects=True, epochs=None))
    assert (wrong.epochs, wrong.loss) == (3, "sequence")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": ("opposite-en",)}, "'opposite-en' has no items to train on"),
        ({"validation_items": 101}, "100 items in its pool, fewer than the 101 to validate on"),
        ({"training_items": 5000}, "fewer than the 5000 asked for"),
        ({"layers": (4,)}, "Layer 4 is out of range: .* has 4 layers, 0 to 3"),
        ({"targets": ()}, "No targets given"),
        ({"seeds": (1, 1)}, "seeds names one value twice"),
        ({"device": "cuda:0,cuda:1"}, "names several: an adapter is trained on one"),
        ({"rank": 0}, "rank of the training is 0"),
        ({"formats": ("instr_nun",)}, "Unknown prompt format"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"limit": 999}, "999 test prompts were asked for"),
        ({"masking_examples": 101}, "100 items to draw examples from, fewer than the 101 asked for"),
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(config, change, message):
    with pytest.raises(UserError, match=message):
        cells(replace(config, **change))


def test_a_task_of_programs_has_nothing_to_train_on(config, code_folder):
    for data in (code_folder, None):
        with pytest.raises(UserError, match=r"^Task 'humaneval' has no items to train on; [^\n]*$"):
            cells(replace(config, task=("humaneval",), data=data))


def test_a_target_that_the_checkpoint_does_not_have_is_refused_from_the_names_in_its_files(config, monkeypatch):
    wrong = replace(config, targets=("query", "attention.dense"))
    said = (
        r"^Model \S+ has no projection 'attention.dense'; its layers have [^\n]*, self_attn.q_proj, [^\n]* --targets\.$"
    )
    with monkeypatch.context() as patch:
        patch.setattr("workbench.models.weights.safe_open", headers_only)
        assert cells(replace(config, targets=("query", "mlp.down_proj")))
        with pytest.raises(UserError, match=said):
            cells(wrong)
    with pytest.raises(UserError, match=said):
        measure(wrong, Cell("bitwise-xor", (1,), 0), loaded(config))


@contextmanager
def headers_only(*arguments, **options):
    """A file of which names and shapes can be read, and nothing else."""
    with safe_open(*arguments, **options) as opened:
        shapes = {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118
    yield SimpleNamespace(keys=shapes.keys, get_slice=lambda name: SimpleNamespace(get_shape=lambda: shapes[name]))


def test_damaged_weights_are_refused_before_a_model_is_loaded(config, tmp_path):
    folder = tmp_path / "short"
    shutil.copytree(config.model, folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match="damaged or cut short"):
        cells(replace(config, model=str(folder)))


def test_a_quantised_checkpoint_is_refused(config, tmp_path):
    folder = tmp_path / "eight-bit"
    shutil.copytree(config.model, folder)
    content = json.loads((folder / "config.json").read_text())
    content["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"its weights are quantised; give the checkpoint with unquantised weights \("):
        cells(replace(config, model=str(folder)))


def test_the_masking_curve_is_that_of_task_recognition(config):
    names = ("model", "task", "limit", "max_new_tokens", "batch_size", "dtype")
    same = {name: getattr(config, name) for name in names} | {"examples": 2, "seeds": (0,), "masks": ("TTF",)}
    expected = task_recognition.Config(**same)
    model = loaded(config)
    theirs = task_recognition.measure(expected, task_recognition.cells(expected)[0], model)
    ours = measure(replace(config, masking_examples=2), Cell("bitwise-xor", (), 0), model)
    ours = ours[ours["from_layer"] >= 0]
    sums = [
        table.groupby("from_layer")["log_probability"].apply(lambda rows: np.stack(rows).sum(0)[0])
        for table in (ours, theirs)
    ]
    assert sums[0].tolist() == pytest.approx(sums[1].tolist(), abs=1e-9)


def test_without_a_masking_curve(config):
    table = measure(replace(config, masking_examples=0), Cell("bitwise-xor", (), 0), loaded(config))
    assert set(table["from_layer"]) == {-1}


@pytest.mark.real_data
def test_real_data_and_a_real_model(real_settings, few_lessons, tmp_path):
    config = Config(
        **real_settings,
        **few_lessons,
        layers=(2,),
        together=False,
        masking_examples=0,
    )
    finished = run(single_layer_lora, config, tmp_path / "run", progress=False)
    table = finished.folder.table()
    assert table.groupby("trained").size().to_dict() == {"layer 2": 2, "none": 2}
    trained = table[table["trained"] == "layer 2"].iloc[0]
    assert trained["steps"] == 3
    assert trained["validation_loss"] < trained["untrained_loss"]
    (adapter,) = (tmp_path / "run" / "adapters").iterdir()
    up = [value for name, value in load_file(adapter / "adapter_model.safetensors").items() if "lora_B" in name]
    assert len(up) == 1
    assert up[0].any(), "it is zero before training"
