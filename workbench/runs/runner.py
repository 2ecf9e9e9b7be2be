"""Running an analysis on one machine: cell by cell, into a folder, from wherever it stopped before.

    finished = run(analyses.task_recognition, Config(model="mini"), Path("runs/first"))
    finished.folder.measurements()

An analysis is a module with

    Config                          frozen dataclass of plain values
    cells(config)                   the cells (frozen dataclasses of plain values), in the order of the rows
    measure(config, cell, model)    a cell's rows: measurements, and the texts in columns of their own
    figures(table)                  Plotly figures by name

and, if it likes, `page(table, completions)` (a `Page`, its part of the report), `task_digest(config, cell)`
(hash of the data that a cell reads), `models(config)` (a `ModelSource`), `signatures(config)` (how scores were
made, by column) and `SUMMARY_ONLY` (names of settings that change no row). A `measure` with a fourth argument
`progress` gets a function to call with the number of prompts just done, one with an argument `folder` the run's
folder, where it may keep what are no rows (trained weights). A cell's model is its field `model`
or, where it has none, the setting of that name. Tables that `figures` and `page` get have the settings in
`attrs["settings"]`, the texts beside the measurements.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

from workbench.errors import UserError
from workbench.estimates import Said, heard
from workbench.runs.cells import Slot, cell_key, plain
from workbench.runs.folder import RunFolder
from workbench.runs.memory import Plan, out_of_memory
from workbench.runs.models import Checkpoints, ModelSource
from workbench.runs.pages import INDEX, Page, draw
from workbench.runs.peak import Watch
from workbench.runs.provenance import model_facts, versions
from workbench.runs.records import Start, write_provenance
from workbench.runs.trust import trusted

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Finished:
    """A run that is complete."""

    folder: RunFolder
    page: Page
    """What the analysis says of it."""

    @property
    def index(self) -> Path:
        """The report, to be opened in a browser."""
        return self.folder.path / INDEX


def run(
    analysis: ModuleType,
    config: Any,
    out: Path,
    *,
    command: Sequence[str] = (),
    progress: bool = True,
    tell: Tell | None = None,
) -> Finished:
    """Measure what the folder lacks, then make its tables, figures and report.

    Args:
        analysis: see above.
        config: its `Config`.
        out: the run's folder; one begun by the same configuration is taken up where it stopped.
        command: what was typed, for the provenance.
        progress: whether to show bars.
        tell: where to say what is recomputed and why; standard error by default.

    Raises:
        UserError: the settings cannot be used, or the folder is not this configuration's.
    """
    job = Job.of(analysis, config)
    say = tell or _say
    with _started(job, out) as folder:
        start = Start(tuple(command), datetime.now(UTC).isoformat())
        plan = Plan.of(folder.path, getattr(config, "batch_size", None))
        waiting = _waiting(folder, job, say)
        worker = _Worker(job, folder, plan, say, progress)
        _record(job, folder, plan, start, worker.facts)
        for slot in tqdm(waiting, desc=job.name, unit="cell", disable=not progress):
            worker.finish(slot)
            start.computed += 1
        folder.merge(job.slots)
        start.seconds = round(time.perf_counter() - start.clock, 3)
        _record(job, folder, plan, start, worker.facts)
        return Finished(folder, draw(folder, analysis))


@dataclass(frozen=True)
class Job:
    """What is to be done: an analysis, its settings, and the places of its cells."""

    analysis: ModuleType
    name: str
    """As on the command line, with hyphens."""
    config: Any
    settings: dict[str, Any]
    slots: tuple[Slot, ...]
    data: dict[str, str]
    """Hash of the data behind every task."""
    models: ModelSource
    versions: dict[str, str]

    @classmethod
    def of(cls, analysis: ModuleType, config: Any) -> Job:
        """The job of that configuration; settings that cannot be used are refused here, before anything runs."""
        name = analysis.__name__.rpartition(".")[2].replace("_", "-")
        settings: dict[str, Any] = plain(config)
        cells = list(analysis.cells(config))
        if not cells:
            raise UserError(f"These settings of {name} leave nothing to measure.")
        models = analysis.models(config) if hasattr(analysis, "models") else Checkpoints(config)
        made_by = versions(Path(str(analysis.__file__)))
        digests = {model: models.digest(model) for model in sorted({_model_of(config, c) for c in cells})}
        summary_only = getattr(analysis, "SUMMARY_ONLY", ())
        matter = {key: value for key, value in settings.items() if key not in summary_only}
        slots, data_of = [], {}
        for index, cell in enumerate(cells):
            data = analysis.task_digest(config, cell) if hasattr(analysis, "task_digest") else ""
            if data:
                data_of[str(getattr(cell, "task", index))] = data
            key = cell_key(name, matter, cell, digests[_model_of(config, cell)], data, made_by)
            slots.append(Slot(index, cell, key))
        return cls(analysis, name, config, settings, tuple(slots), data_of, models, made_by)

    def model_of(self, slot: Slot) -> str:
        """Name of the model that a cell measures."""
        return _model_of(self.config, slot.cell)


class _Worker:
    """Does cells, one after the other, and keeps the model of the last one."""

    def __init__(self, job: Job, folder: RunFolder, plan: Plan, tell: Tell, progress: bool) -> None:
        self.facts: dict[str, Any] = {}
        """What is known of every model loaded, by name."""
        self._job, self._folder, self._plan = job, folder, plan
        self._tell, self._progress = tell, progress
        self._loaded: tuple[str, Any] | None = None
        self._most = 0
        self._wanted = inspect.signature(job.analysis.measure).parameters

    def finish(self, slot: Slot) -> None:
        """Measure a cell and keep it; where memory runs out, with half the batch."""
        model = self._model(self._job.model_of(slot))
        while True:
            began = time.perf_counter()
            size = self._plan.batch_size(slot.index)
            memory = Watch(self._foretell)
            try:
                with heard(memory):
                    table = self._measure(slot, size, model)
                break
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error) or not self._plan.halve(slot.index):
                    raise
            # Outside the handler, where the failed attempt's tensors are no longer held by its traceback.
            _free_memory()
            now = self._plan.batch_size(slot.index)
            self._tell(f"Out of memory with {size} prompts at a time; going on with {now}.")
        record = {"seconds": round(time.perf_counter() - began, 3), "batch_size": size}
        record |= memory.record()
        # Which engine ran a sweep, and why, where the analysis says so.
        record |= {name: table.attrs[name] for name in ("engine",) if name in table.attrs}
        self._folder.write_cell(slot, table, record)

    def _foretell(self, estimate: Said) -> None:
        """Tell how much memory is about to be taken, where it is a fifth more than was told before."""
        if self._progress and estimate.total > 1.2 * self._most:
            self._most = estimate.total
            self._tell(f"Memory: about {estimate}.")

    def _measure(self, slot: Slot, batch_size: int | None, model: Any) -> Any:
        config = self._job.config
        if batch_size is not None:
            config = dataclasses.replace(config, batch_size=batch_size)
        kept = {"folder": self._folder.path} if "folder" in self._wanted else {}
        if "progress" not in self._wanted:
            return self._job.analysis.measure(config, slot.cell, model, **kept)
        # What is kept in the folder is what was trained.
        counted = "steps" if kept else "prompts"
        with tqdm(desc=f"  {counted}", leave=False, disable=not self._progress) as bar:
            return self._job.analysis.measure(config, slot.cell, model, progress=bar.update, **kept)

    def _model(self, name: str) -> Any:
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # Two models need not fit into memory together.
            model = self._job.models.load(name)
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(self._plan.threads)
            self._loaded = (name, model)
            self.facts[name] = model_facts(model) | trusted(model, name, self._job.config)
        return self._loaded[1]


@contextmanager
def _started(job: Job, out: Path) -> Iterator[RunFolder]:
    """The run's folder, claimed and locked."""
    summary_only = getattr(job.analysis, "SUMMARY_ONLY", ())
    folder = RunFolder.claim(out, job.name, job.settings, summary_only)
    with folder.locked():
        yield folder


def _waiting(folder: RunFolder, job: Job, tell: Tell) -> list[Slot]:
    """The cells that are not done, those of one model together; says which were done once and no longer count."""
    waiting = []
    for slot in job.slots:
        state = folder.state(slot)
        if state != "done":
            waiting.append(slot)
        if state == "damaged":
            tell(f"Cell {slot.name} ({slot.described}) is damaged: it is computed again.")
        elif state == "stale":
            tell(
                f"Cell {slot.name} ({slot.described}) was made with other code, data or weights: it is computed again."
            )
    done = len(job.slots) - len(waiting)
    if done:
        tell(f"{done} of {len(job.slots)} cells were done before.")
    models = list(dict.fromkeys(job.model_of(slot) for slot in job.slots))
    return sorted(waiting, key=lambda slot: models.index(job.model_of(slot)))


def _record(job: Job, folder: RunFolder, plan: Plan, start: Start, models: Mapping[str, Any]) -> None:
    own = job.analysis.signatures(job.config) if hasattr(job.analysis, "signatures") else {}
    write_provenance(
        folder,
        analysis=job.name,
        settings=job.settings,
        slots=job.slots,
        versions=job.versions,
        plan=plan,
        start=start,
        models=models,
        data=job.data,
        signatures=own,
    )


def _model_of(config: Any, cell: Any) -> str:
    name = getattr(cell, "model", None) or getattr(config, "model", None)
    if not isinstance(name, str):
        raise TypeError(f"A cell needs a field `model`, or the settings one: got neither in {cell!r} and {config!r}.")
    return name


def _free_memory() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
