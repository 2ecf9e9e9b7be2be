"""`workbench VERB ...`: finds the verb, and turns errors into what a person can use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

from workbench import __version__
from workbench.cli.catalogue import suggestion
from workbench.errors import UserError

VERBS = {
    "run": "run an analysis, or go on with one that was stopped",
    "report": "one report over several runs",
    "reproduce": "run what a paper ran on a model, and compare with its numbers",
    "lab": "open JupyterLab on a copy of the notebooks",
    "export": "figures as pictures (png, svg, pdf) and their data (csv, parquet)",
    "analyses": "list the analyses",
    "models": "list the models known by name",
    "check": "measure whether a model's numbers can be trusted",
    "convert": "turn a checkpoint's pickled weights into safetensors",
    "tasks": "list the tasks",
    "data": "bring a data set into the layout that the tasks read",
    "train": "train the embedded model anew",
}

STOPPED = 130
"""Exit status of a process that Ctrl-C ended, as shells count it."""
FAILED = 2
"""Exit status after an error of the person's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (that of the process by default) and return its exit status."""
    return guarded(lambda: _dispatch(list(sys.argv[1:] if arguments is None else arguments)))


def guarded(work: Callable[[], int]) -> int:
    """The exit status of `work`, its expected errors told in one sentence on standard error."""
    try:
        return work()
    except UserError as error:
        return _complain(str(error), FAILED)
    except KeyboardInterrupt:
        return _complain("stopped; run the same command to go on", STOPPED)
    except BrokenPipeError:
        sys.stderr.close()  # `workbench tasks | head`: the reader has gone, and nobody is left to be told.
        return 0
    except (MemoryError, RuntimeError) as error:
        from workbench.runs.memory import out_of_memory

        if not out_of_memory(error):
            raise
        return _complain(
            "Out of memory: give a smaller --batch-size, --dtype bfloat16, a larger --device or a smaller "
            "model; what is finished is kept, and the same folder goes on with it if the settings stay the "
            "same.",
            FAILED,
        )


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        _help()
        return 0 if arguments else FAILED
    verb, *rest = arguments
    if verb == "--version":
        print(f"workbench {__version__}")
        return 0
    if verb not in VERBS:
        raise UserError(f"Unknown command {verb!r}; {suggestion(verb, list(VERBS), 'workbench --help')}")
    module = importlib.import_module(f"workbench.cli.{verb}")
    return int(module.main(rest))


def _help() -> None:
    width = max(map(len, VERBS))
    print("usage: workbench COMMAND ...\n\nWhere inside a language model does in-context learning happen?\n")
    print("commands:")
    for name, what in VERBS.items():
        print(f"  {name:<{width}}  {what}")
    print("\noptions:\n  --help     this text; after a command, that command's\n  --version  the version")


def _complain(sentence: str, status: int) -> int:
    print(f"workbench: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
