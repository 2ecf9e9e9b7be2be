"""`workbench reproduce PAPER --model MODEL --data FOLDER`: what a paper ran on a model, and its numbers beside one's own."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from workbench.cli import catalogue
from workbench.cli.run import RUNS
from workbench.errors import UserError

if TYPE_CHECKING:
    from workbench.models.model import Model
    from workbench.published.papers import Paper
    from workbench.reproduction.comparison import ModelMatch
    from workbench.reproduction.cost import LeftOut, Prepared
    from workbench.reproduction.experiments import Asked, Part

_WHAT = (
    "Run what a paper ran on a model: each experiment as a run of this project's analyses. What it costs is printed first and "
    "must be confirmed. A sheet then shows the published numbers beside yours; numbers made with other settings are not "
    "compared, and the difference is named. The same command goes on where it was stopped."
)


@dataclass(frozen=True)
class Options:
    """What to reproduce."""

    paper: Annotated[str, tyro.conf.Positional]
    """paper-a (Sia, Mueller and Duh 2024), or a folder with tables like those in workbench/published/paper_a."""
    model: str = "mini"
    """Name in the registry, Hugging Face id, or folder of a checkpoint."""
    same_as: str | None = None
    """The model of the paper that yours is, where the name does not say so (a folder): Llama-3.1-8B, for instance. Its shape is
    compared."""
    revision: str | None = None
    """Branch, tag or commit on the hub, for models from there."""
    data: Path | None = None
    """Folder that holds FLORES-200, and MBPP and HumanEval for code. Without it the embedded grammar's sentences."""
    only: tuple[str, ...] = ()
    """Experiments to run, of those that the cost lists; all if left out."""
    directions: tuple[str, ...] = ()
    """Directions of translation, such as en-fr or eng_Latn-deu_Latn; by default the paper's."""
    limit: int | None = None
    """Test prompts for each seed, for a trial run: the sheet then compares nothing."""
    examples: int | None = None
    """Examples in the prompt; by default the paper's."""
    seeds: tuple[int, ...] = ()
    """Seeds that the examples are drawn by; by default as many as the paper's."""
    small: bool = False
    """Adapters and gates are trained with the small settings made for mini, in minutes where the paper's take hours: nothing of
    them is compared then."""
    official_defects: bool = False
    """Adapters are trained as paper A's official code does by mistake: 3 epochs, and the loss on the source too."""
    allow_code_execution: bool = False
    """Whether programs that the model writes may be executed, confined by bubblewrap."""
    batch_size: int | None = None
    """Prompts run together; by default the analyses' own."""
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    """Number format of the weights and of the computation."""
    device: str = "cpu"
    """Where the model runs: cpu, cuda, cuda:1."""
    out: Path | None = None
    """Folder of the runs and of the sheet; by default under runs/, by paper, model and settings."""
    yes: bool = False
    """Do not ask."""
    quiet: bool = False
    """Show no progress bars."""


def main(arguments: Sequence[str]) -> int:
    """Print the cost, ask, run, write the sheet, and print where it is."""
    asked: Any = tyro.cli(Options, prog="workbench reproduce", description=_WHAT, args=arguments)
    from workbench.published.papers import find_paper
    from workbench.reproduction.comparison import match_model, paper_model
    from workbench.reproduction.cost import prepare
    from workbench.reproduction.experiments import Asked, parts

    paper = find_paper(asked.paper)
    if asked.data is not None and not asked.data.is_dir():
        raise UserError(f"There is no folder {asked.data}; give --data the folder that holds FLORES-200.")
    wanted = Asked(**{field.name: getattr(asked, field.name) for field in dataclasses.fields(Asked)})
    model = paper_model(paper, asked.model, asked.same_as)
    found = parts(paper, model, wanted)
    bones, shape = _shape(wanted)
    match = match_model(paper, model, shape, asked.revision, asked.dtype)
    prepared = prepare(found, bones, wanted, lambda name: catalogue.load(catalogue.find(name)))
    _say_cost(prepared, match)
    if not asked.yes:
        _confirm()
    out = asked.out or _default_folder(paper, wanted)
    _run(prepared, out, arguments, quiet=asked.quiet)
    # What was run before, by a command with another --only, is in the sheet too.
    everything = parts(paper, model, dataclasses.replace(wanted, only=()))
    return _write(out, paper, match, everything, prepared.left_out, bones.name, arguments)


def _shape(wanted: Asked) -> tuple[Model, dict[str, int]]:
    """The model without its weights, and its layers, heads and parameters."""
    import torch

    from workbench.models.skeleton import skeleton, stored_numbers

    bones = skeleton(wanted.model, wanted.revision, dtype=getattr(torch, wanted.dtype))
    numbers = stored_numbers(wanted.model, wanted.revision)
    return bones, {"layers": bones.n_layers, "heads": bones.n_heads, "parameters": numbers}


def _say_cost(prepared: Prepared, match: ModelMatch) -> None:
    from workbench.cli.show import show_table
    from workbench.reproduction.cost import counted

    table = prepared.table()
    rows = [[str(cell) for cell in row] for row in table.itertuples(index=False)]
    show_table("What it takes", [str(name) for name in table.columns], rows)
    print(
        "Layer-tokens: one layer applied to one token, with completions as long as the references; at most: as long as they may "
        f"be.\nTimes from this device's rate, measured on layers of this shape ({counted(round(1 / prepared.rate.reading))} "
        f"layer-tokens a second in reading, {counted(round(1 / prepared.rate.writing))} in writing), without loading and "
        f"scoring. Memory with the model's weights, {prepared.model_bytes / 1e9:.2g} GB."
    )
    for left_out in prepared.left_out:
        print(f"Left out: {left_out.part.name}. {left_out.reason}")
    for sentence in match.refused:
        print(f"Will not be compared: {sentence}.")


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise UserError("Nobody can be asked whether to run this, since there is no terminal: add --yes.")
    if input("Run it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("Not run: the answer was not yes.")


def _run(prepared: Prepared, out: Path, arguments: Sequence[str], *, quiet: bool) -> None:
    """All runs, one after the other; one that is finished is only read."""
    from workbench.reproduction.sheet import run_folder
    from workbench.runs.runner import run

    for number, ready in enumerate(prepared.ready, 1):
        print(f"{number} of {len(prepared.ready)}: {ready.part.name}", file=sys.stderr)
        command = ("workbench", "reproduce", *arguments)
        run(ready.analysis, ready.config, run_folder(out, ready.part), command=command, progress=not quiet)


def _write(
    out: Path,
    paper: Paper,
    match: ModelMatch,
    everything: Sequence[Part],
    left_out: Sequence[LeftOut],
    model: str,
    arguments: Sequence[str],
) -> int:
    from workbench.cli.show import show_frame
    from workbench.reproduction.sheet import findings, write_sheet
    from workbench.views.reproduction import number_tables, summary_table

    command = shlex.join(["workbench", "reproduce", *arguments])
    index, table = write_sheet(out, paper, match, everything, left_out, model, command)
    summary = summary_table(table)
    for shown in [summary] if summary else number_tables(table):
        show_frame(shown.name, shown.frame)
    print("\n".join(findings(paper, match, table, left_out)))
    print(index)
    return 0


def _default_folder(paper: Paper, wanted: Asked) -> Path:
    """The same for the same settings, whichever experiments of them are run."""
    values = {name: value for name, value in dataclasses.asdict(wanted).items() if name not in ("only", "directions")}
    content = json.dumps(values, sort_keys=True, default=str)
    short = hashlib.sha256(content.encode()).hexdigest()[:8]
    model = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(wanted.model).name).strip("-.")
    return RUNS / "reproduce" / f"{paper.name}-{model}-{short}"
