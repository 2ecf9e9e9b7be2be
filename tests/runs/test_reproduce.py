"""The lines that make a run and its report again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.runs.reproduce import commands


def provenance(folder: Any, **changed: Any) -> None:
    path = folder.path / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def test_what_was_typed_under_what_it_was_made_with(run_toy: Any) -> None:
    one = run_toy("one")
    made = {"workbench": "1.2", "python": "3.11.7", "git": {"revision": "0123456789abcdef", "changed": True}}
    provenance(one, environment=made, starts=[{"command": ["workbench", "run", "counting", "--data", "a b"]}])
    assert commands([one]).splitlines() == [
        "# Workbench 1.2, revision 0123456789ab with changes, Python 3.11.7",
        "workbench run counting --data 'a b'",
    ]


def test_runs_made_with_the_same_share_a_comment(run_toy: Any) -> None:
    one, two = run_toy("one"), run_toy("two", seeds=(5,))
    for folder in (one, two):
        provenance(folder, environment={"workbench": "1.2"})
    lines = commands([one, two], Path("both")).splitlines()
    assert len(lines) == 4
    assert lines[0] == "# Workbench 1.2"
    assert lines[3] == f"workbench report {one.path} {two.path} --out both"


def test_a_run_from_python_is_made_again_by_its_settings(run_toy: Any) -> None:
    one = run_toy("one")
    provenance(one, starts=[{"command": []}])
    assert commands([one]).splitlines()[-1] == f"workbench run counting --config {one.path}/config.yaml"


def test_lost_provenance_leaves_the_settings(run_toy: Any) -> None:
    one = run_toy("one")
    (one.path / "provenance.json").unlink()
    assert commands([one]) == f"workbench run counting --config {one.path}/config.yaml"
