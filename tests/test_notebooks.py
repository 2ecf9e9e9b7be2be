"""The notebooks are their scripts, run from top to bottom, and light."""

from __future__ import annotations

import time

import nbformat
import pytest

from workbench import notebooks
from workbench.errors import UserError

SMALL = {"limit": 2}
"""The smoke setting."""
SMALLER = {
    "02_lenses": {"tasks": ("translate-en-fr",), "steps": 1},
    "03_heads": {"parts": ("residual",), "sequences": 2},
    "04_code_and_lora": {
        "notations": ("code-lisp",),
        "layers": (7,),
        "training_items": 8,
        "epochs": 1,
        "together": False,
    },
    "06_paper_a": {
        "counts": (0, 1),
        "penalties": (0.1,),
        "out_of": ("translate-en-fr",),
        "into": ("translate-fr-en",),
        "epochs": 1,
        "timed": 1,
    },
}
"""What else is made small in a notebook."""
MINUTES = 3
LARGEST = 1_000_000
"""Bytes of a notebook."""


def script(name: str) -> str:
    return (notebooks.notebook_folder() / f"{name}.py").read_text(encoding="utf-8")


def committed(name: str):
    return nbformat.read(notebooks.notebook_folder() / f"{name}.ipynb", as_version=4)


def shown(notebook) -> list:
    return [(cell.id, cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


def test_there_are_notebooks():
    assert notebooks.names() == [
        "00_quick_start",
        "01_task_recognition",
        "02_lenses",
        "03_heads",
        "04_code_and_lora",
        "05_bring_your_own",
        "06_paper_a",
    ]


@pytest.mark.parametrize("name", notebooks.names())
def test_a_notebook_is_its_script(name):
    notebook = notebooks.notebook_of(script(name))
    nbformat.validate(notebook)
    assert shown(committed(name)) == shown(notebook), "edit the script, then `make notebooks`"


@pytest.mark.parametrize("name", notebooks.names())
def test_a_notebook_is_committed_with_light_outputs(name):
    path = notebooks.notebook_folder() / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert "application/vnd.plotly.v1+json" in text, "`make notebooks` runs it"
    assert notebooks._LIVE not in text
    assert "Plotly.newPlot" not in text
    assert str(path.parent.parent) not in text, "no path of the machine that ran it"


def test_the_percent_format():
    notebook = notebooks.notebook_of(
        '# %% [markdown]\n# # A\n#\n# b\n\n# %% tags=["parameters"]\nx = 1\n\n# %%\n# why\nx\n'
    )
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        ("markdown", "# A\n\nb"),
        ("code", "x = 1"),
        ("code", "# why\nx"),
    ]
    changed = notebooks.with_parameters(notebook, {"x": 2})
    assert changed.cells[1].source == "x = 1\nx = 2"
    assert notebook.cells[1].source == "x = 1"
    with pytest.raises(UserError, match="no parameter 'y'"):
        notebooks.with_parameters(notebook, {"y": 2})
    with pytest.raises(UserError, match="begins with"):
        notebooks.notebook_of("x = 1\n")


def test_what_is_heavy_is_left_out():
    notebook = notebooks.notebook_of("# %%\nx\n")
    cell = notebook.cells[0]
    live = nbformat.v4.new_output("display_data", {notebooks._LIVE: {"model_id": "1"}, "text/plain": "x"})
    cell.outputs = [live, nbformat.v4.new_output("stream", text="kept")]
    cell.metadata["execution"] = {"iopub.execute_input": "now"}
    notebook.metadata["widgets"] = {"state": {}}
    notebooks.light(notebook)
    assert [output["output_type"] for output in cell.outputs] == ["stream"]
    assert "widgets" not in notebook.metadata
    assert "execution" not in cell.metadata


def test_a_copy_never_overwrites(tmp_path):
    first = notebooks.copy_notebooks(tmp_path / "mine")
    assert [same for _, same in first] == [True] * len(notebooks.names())
    edited = first[0][0]
    edited.write_text("my own work")
    again = dict(notebooks.copy_notebooks(tmp_path / "mine"))
    assert edited.read_text() == "my own work"
    assert [path for path, same in again.items() if not same] == [edited]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can be written"):
        notebooks.copy_notebooks(tmp_path / "file")


@pytest.mark.timeout(900)
def test_every_notebook_runs_with_few_prompts(tmp_path):
    """All in one kernel, which spares loading the libraries for each."""
    whole = notebooks.notebook_of("")
    for name in notebooks.names():
        settings = {**SMALL, **SMALLER.get(name, {})}
        small = notebooks.with_parameters(notebooks.notebook_of(script(name)), settings)
        for cell in small.cells:
            cell.id = f"{name}-{cell.id}"
        whole.cells += small.cells
    ran = notebooks.executed(whole, tmp_path)
    drawn = [output for cell in ran.cells for output in cell.get("outputs", []) if output["output_type"] != "stream"]
    assert sum("application/vnd.plotly.v1+json" in output["data"] for output in drawn) >= 2 * len(notebooks.names())
    assert sum(notebooks._LIVE in output["data"] for output in drawn) >= 3


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", notebooks.names())
def test_a_whole_notebook_runs_in_time(name, tmp_path):
    begun = time.monotonic()
    ran = notebooks.light(notebooks.executed(notebooks.notebook_of(script(name)), tmp_path))
    assert time.monotonic() - begun < 60 * MINUTES
    assert len(nbformat.writes(ran)) < LARGEST
