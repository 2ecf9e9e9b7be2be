"""`python -m benchmarks` on a small shape: every row writes its tables and figures. No time is judged here."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from benchmarks.__main__ import main, run
from benchmarks.figures import bars_figure
from benchmarks.result import Bar, Result, Timing, counted_ratio, ratio
from benchmarks.rows import ROWS, measure_of
from benchmarks.settings import Settings, Subject
from benchmarks.shapes import make
from workbench.errors import UserError
from workbench.models.load import load

SMALL = {"shape": "mini", "prompts": 2, "repeats": 1, "max_new_tokens": 3, "task": "first-verb-en"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two commands into one folder, as when rows are measured apart."""
    out = tmp_path_factory.mktemp("benchmark")
    for rows in (("peers",), ("context",)):
        assert run(Settings(rows=rows, out=out, **SMALL)) == 0
    return out


def test_a_run_writes_tables_figures_and_how_it_was_made(folder):
    bars, timings = pd.read_parquet(folder / "bars.parquet"), pd.read_csv(folder / "timings.csv")
    assert set(bars["row"]) == set(timings["row"]) == {"peers", "context"}
    compared = bars.dropna(subset=["compared"])
    assert len(compared) == 3
    assert (compared["differ"] == 0).all()
    assert (timings["median_seconds"] > 0).all()
    tuned, strong = (timings.loc[timings["peer"].str.startswith(peer), "layer_tokens"] for peer in ("tuned", "strong"))
    fast = timings.loc[timings["peer"] == "fast", "layer_tokens"]
    assert float(fast.iloc[0]) < float(strong.iloc[0]) < float(tuned.iloc[0])
    row = json.loads((folder / "rows" / "peers.json").read_text())
    assert row["made_with"]["hardware"]["threads"] >= 1
    assert row["made_with"]["versions"]["torch"]
    for name in ("index.html", "bars.md", "bars.csv", "figures/bars.html", "figures/times.csv"):
        assert (folder / name).stat().st_size > 0


def test_memory_saved_is_counted_exactly(folder):
    bars = pd.read_csv(folder / "bars.csv")
    saved = bars.loc[bars["what"].str.startswith("key/value"), "value"].iloc[0]
    model = load("mini")
    subject = Subject.of(Settings(**SMALL), "mini", 1)
    tokens = len(subject.prompts[0].token_ids)
    context = len(subject.prompts[0].positions("instructions", "examples"))
    # mini has 8 layers: 14 of 32 is 4 of 8 (3.5, rounded to even), so half of them keep no context but BOS.
    assert saved == pytest.approx(context / tokens * (model.n_layers - 4) / model.n_layers, abs=0.02)


def test_deepened_mini_computes_what_mini_does(tmp_path):
    deep, mini = load(str(make("deep-16", tmp_path))), load("mini")
    tokens = torch.tensor([mini.encode("the cat sees the dog .")[0]])
    assert deep.n_layers == 16
    with torch.inference_mode():
        difference = deep.hooked(tokens) - mini.hooked(tokens)
    assert difference.abs().max() < 1e-4


def test_ratios_are_of_neighbours_and_of_one_prompt():
    ours = Timing("s", 8, "fast", 4, (1.0, 2.0, 10.0), 100)
    theirs = Timing("s", 8, "other", 2, (2.0, 4.0, 5.0), 300)
    assert ratio(theirs, ours) == 4.0
    assert counted_ratio(theirs, ours) == 6.0
    assert counted_ratio(Timing("s", 8, "other", 2, (1.0,)), ours) is None


@pytest.mark.parametrize(
    ("value", "bar", "at_most", "reached"),
    [(5.0, 5.0, False, True), (4.9, 5.0, False, False), (2.6, 2.5, True, False), (2.5, 2.5, True, True)],
)
def test_a_bar_is_reached_from_its_right_side(value, bar, at_most, reached):
    found = Bar("s", "w", value, "times", bar, at_most=at_most)
    assert found.reached is reached
    figure = bars_figure([("peers", found)], "a machine")
    assert figure.data[0].name == ("reached" if reached else "not reached")
    assert (figure.data[0].x[0] >= 1) is reached


def test_without_a_bar_nothing_is_judged():
    assert Bar("s", "w", 5.0, "times").reached is None


def test_every_row_has_what_measures_it():
    assert all(callable(measure_of(row)) for row in ROWS)


def test_growth_is_from_one_depth_to_the_next():
    from benchmarks.rows.growth import _growth

    times = {"full": (1.0, 3.0, 15.0), "adaptive": (1.0, 2.0, 4.0)}
    layers = (8, 16, 32)
    timings = [
        Timing(f"deep-{depth}", depth, kind, 1, (seconds,))
        for kind, of_kind in times.items()
        for depth, seconds in zip(layers, of_kind, strict=True)
    ]
    assert [(bar.value, bar.reached) for bar in _growth(timings)] == [(3, True), (5, False), (2, True), (2, True)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--rows", "nothing"], "Unknown row 'nothing'"),
        (["--rows", "gpu"], "measured on a GPU only. Got --device cpu"),
        (["--rows", "peers", "--shape", "llama-7b"], "llama-7b is measured on a GPU only"),
        (["--rows", "peers", "--shape", "deep-12"], "multiple of mini's 8 layers. Got 12"),
        (["--rows", "peers", "--shape", "huge"], "Unknown shape 'huge'"),
        (["--rows", "peers", "--repeats", "0"], "repeats is 0"),
        (["--clock", "processor", "--threads", "2"], "give --threads 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(given, said, tmp_path, capsys):
    assert main([*given, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="finds none on this machine"):
        run(Settings(rows=("gpu",), device="cuda", out=tmp_path))


def test_results_are_read_as_they_were_written(tmp_path):
    from benchmarks.result import Measured

    result = Result([Bar("s", "w", 1.5, "share", 0.4, differ=0, compared=3)], [Timing("s", 8, "fast", 2, (1.0, 2.0))])
    measured = Measured("peers", result, 3.0, {"hardware": {"threads": 1}})
    measured.write(tmp_path)
    assert Measured.read(tmp_path / "rows" / "peers.json") == measured


def test_the_gpu_row_measures_longer_prompts_against_the_floor(tmp_path, monkeypatch):
    """On a shape that needs no GPU."""
    monkeypatch.setattr("benchmarks.rows.gpu.check_gpu", lambda device, what: None)
    settings = Settings(**{**SMALL, "prompts": 1, "max_new_tokens": 2}, dtype="float32", out=tmp_path)
    found = measure_of("gpu")(settings)
    assert [bar.at_most for bar in found.bars] == [True]
    assert found.bars[0].value > 0
    joined = Subject.of(settings, "mini", 1, joined=4).prompts[0]
    assert len(joined.token_ids) > 2.5 * len(Subject.of(settings, "mini", 1).prompts[0].token_ids)


@pytest.mark.parametrize(("shape", "billions"), [("llama-7b", 6.74), ("gpt-neo-2.7b", 2.65)])
def test_published_shapes_have_their_published_size(shape, billions):
    from benchmarks.shapes import _random
    from workbench.models.source import locate

    model = _random(shape, locate("mini").folder, "meta")
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count / 1e9 == pytest.approx(billions, abs=0.01)
    assert next(model.parameters()).dtype == torch.bfloat16
