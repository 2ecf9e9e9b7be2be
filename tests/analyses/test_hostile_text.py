"""What data, a model's folder and a file may be called is text on every page of every analysis, never markup."""

from __future__ import annotations

import importlib
import re
import shutil

import pandas as pd
import pytest

from workbench.runs.runner import run
from workbench.runs.several import report

ATTACK = "<script>alert(1)</script> & </script>"
FILE = "<img src=x onerror=alert(2)>"
"""Of the model's folder and of the data: a slash cannot stand there."""
SETTINGS = {
    "task_recognition": {"masks": ("FTF",), "max_new_tokens": 2},
    "logit_lens": {"masks": ("FTF",), "layers": (1,), "positions": "reference"},
    "head_ablation": {"scores": ("log_probability",), "max_new_tokens": 2},
    "attention_mass": {},
    "direct_logit_attribution": {},
    "activation_patching": {"corruption": "shuffled", "align": "last", "parts": ("residual",)},
}


@pytest.fixture(scope="module")
def finished(tiny_checkpoint, tmp_path_factory):
    """Runs an analysis on a model and data with names that attack; the same once for all tests."""
    place = tmp_path_factory.mktemp("hostile")
    model = shutil.copytree(tiny_checkpoint("llama"), place / FILE)
    data = place / f"{FILE}.tsv"
    words = ["cat", "dog", "house", "red", "see", "table"]
    rows = [
        {"source": f"{word} {ATTACK}", "target": f"{ATTACK} {word}", "split": "pool" if number < 4 else "test"}
        for number, word in enumerate(words)
    ]
    pd.DataFrame(rows).to_csv(data, sep="\t", index=False, quoting=3)
    made = {}

    def make(name):
        if name not in made:
            analysis = importlib.import_module(f"analyses.{name}")
            config = analysis.Config(
                model=str(model), task=(f"tsv:{data}",), format="instr_none_QA", examples=2, seeds=(0,), limit=2
            )
            config = type(config)(**{**vars(config), **SETTINGS[name]})
            made[name] = run(analysis, config, place / name, progress=False).folder.path
        return made[name]

    return make


def check(folder):
    pages = [folder / "index.html", *sorted((folder / "figures").glob("*.html"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<script>alert|<img", text), page.name
    assert "&lt;img" in pages[0].read_text(encoding="utf-8"), "the model's name is on the page"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_page_of_a_run_shows_it_as_text(finished, name):
    folder = finished(name)
    check(folder)
    tables = sorted((folder / "figures").glob("*.csv"))
    # A random model answers alike whatever the examples show: there is nothing that a patch could bring back.
    assert tables or name == "activation_patching"
    assert all((folder / "figures" / f"{table.stem}.parquet").is_file() for table in tables)


def test_the_page_of_all_runs_shows_it_as_text(finished, tmp_path):
    runs = [finished(name) for name in SETTINGS]
    page = report(runs, tmp_path / "all", lambda name: importlib.import_module(f"analyses.{name.replace('-', '_')}"))
    check(page.parent)
    assert FILE in pd.read_csv(page.parent / "figures" / "overview.csv")["series"].str.cat()
