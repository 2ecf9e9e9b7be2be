"""`python -m benchmarks`: the fast sweep against other ways of running the same sweep, on the same weights and prompts.

Every row of the table can be measured alone (`--rows peers memory`); the report in the folder keeps the others. Peers of
a row run in one process and take turns, and what they answer is compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

import tyro

from benchmarks.rows import ROWS, measure_of
from benchmarks.settings import Settings
from workbench.cli.main import guarded
from workbench.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows asked for, write the report, print the table; the exit status."""
    rows = "\n".join(f"  {name}: {what}" for name, what in ROWS.items())
    words = (__doc__ or "").partition("\n\n")[2]
    settings = tyro.cli(Settings, args=arguments, prog="python -m benchmarks", description=f"{words}\nRows:\n{rows}")
    return guarded(lambda: run(settings))


def run(settings: Settings) -> int:
    """Measure and report.

    Raises:
        UserError: an unknown row, or one that this machine cannot measure.
    """
    wanted = chosen_rows(settings)
    if settings.repeats < 1:
        raise UserError(f"repeats is {settings.repeats}; give 1 or more.")
    if settings.clock == "processor" and (settings.threads != 1 or settings.device != "cpu"):
        raise UserError("Processor time adds up over threads and leaves a GPU out: give --threads 1 and --device cpu.")
    import torch

    from benchmarks.clock import hardware
    from benchmarks.report import write
    from benchmarks.result import Measured
    from workbench.runs.memory import usable_threads
    from workbench.runs.provenance import environment

    torch.set_num_threads(settings.threads or usable_threads())
    for row in wanted:
        print(f"{row}: {ROWS[row]}", flush=True)
        made_with = {
            "settings": {name: str(value) for name, value in asdict(settings).items() if name not in ("rows", "out")},
            "hardware": hardware(settings.device),
            **environment(),
        }
        started = time.perf_counter()
        result = measure_of(row)(settings)
        Measured(row, result, time.perf_counter() - started, made_with).write(settings.out)
        print(f"  {row} took {time.perf_counter() - started:.0f} s", flush=True)
    table, page = write(settings.out)
    print(f"\n{table}\n\n{page}")
    return 0


def chosen_rows(settings: Settings) -> tuple[str, ...]:
    """The rows asked for, in the order given; by default all that the device allows."""
    from benchmarks.shapes import check_gpu

    if not settings.rows:
        return tuple(row for row in ROWS if row != "gpu" or settings.device.startswith("cuda"))
    for row in settings.rows:
        if row not in ROWS:
            raise UserError(f"Unknown row {row!r}: give some of {', '.join(ROWS)}.")
    if "gpu" in settings.rows:
        check_gpu(settings.device, "The row gpu")
    return tuple(settings.rows)


if __name__ == "__main__":
    sys.exit(main())
