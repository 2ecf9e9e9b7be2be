"""`workbench run ANALYSIS ...`, and `python -m analyses.NAME ...`, which is the same."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.cli import catalogue
from workbench.cli.parsing import parse

RUNS = Path("runs")
"""Where runs go that are given no folder, under the current folder."""


def main(arguments: Sequence[str]) -> int:
    """Run an analysis, or list them."""
    if not arguments or arguments[0] in ("-h", "--help"):
        _help()
        return 0 if arguments else 2
    return run_entry(catalogue.find(arguments[0]), arguments[1:])


def run_entry(entry: catalogue.Entry, arguments: Sequence[str]) -> int:
    """Parse an analysis's settings, run it, and say where its report is."""
    analysis = catalogue.load(entry)
    asked = parse(analysis.Config, entry.name, entry.summary, arguments)
    # Everything heavy comes after the arguments: help and mistakes are answered at once.
    from workbench.runs.runner import run

    summary_only = getattr(analysis, "SUMMARY_ONLY", ())
    out = asked.out or default_folder(entry.name, asked.settings, summary_only)
    command = ("workbench", "run", entry.name, *arguments)
    finished = run(analysis, asked.settings, out, command=command, progress=not asked.quiet)
    _show(finished)
    return 0


def _show(finished: Any) -> None:
    """What a finished run says in short, and where the rest is."""
    from workbench.cli.show import show_frame

    for sentence in finished.page.summary:
        print(sentence)
    for table in finished.page.tables[:1]:
        show_frame(table.name, table.frame)
    print(finished.index)


def default_folder(name: str, settings: Any, summary_only: Sequence[str] = ()) -> Path:
    """The folder of these settings: the same settings give the same, others give another."""
    values = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if field.name not in summary_only
    }
    content = json.dumps(values, sort_keys=True, default=str)
    short = hashlib.sha256(content.encode()).hexdigest()[:8]
    models = values.get("model", ())
    names = [models] if isinstance(models, str) else [str(model) for model in models]
    parts = [re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).name).strip("-.") for model in names[:3]]
    return RUNS / name / "-".join([*parts, short])


def run_as_script(file: str) -> None:
    """`workbench run` for the analysis in `file`; what its `if __name__ == "__main__"` calls."""
    from workbench.cli.main import guarded

    name = Path(file).stem
    sys.exit(guarded(lambda: run_entry(catalogue.find(name), sys.argv[1:])))


def _help() -> None:
    known = catalogue.entries()
    width = max((len(entry.name) for entry in known), default=0)
    print("usage: workbench run ANALYSIS [OPTIONS]\n\nanalyses:")
    for entry in known:
        print(f"  {entry.name:<{width}}  {entry.summary}")
    print("\n`workbench run ANALYSIS --help` lists the analysis's own settings.")
