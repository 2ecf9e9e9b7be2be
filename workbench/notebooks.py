"""The notebooks: each is a plain-text script (py:percent, as jupytext writes it) and the notebook made of it, with outputs.

The script is what is edited: `python -m workbench.notebooks` makes the notebooks of them anew, runs each from top to
bottom and keeps the outputs, without what is heavy or differs from run to run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import UserError

PARAMETERS = "parameters"
"""Tag of the cell whose values a run may change."""
TIMEOUT = 900
"""Seconds that a cell may take."""
RENDERER = "plotly_mimetype"
"""How figures are kept: as data, drawn by the plotly that JupyterLab has; plotly.js is not put into the notebook."""
_MARK = re.compile(r"# %%(?: \[(?P<kind>markdown)\])?(?: tags=\[(?P<tags>[^]]*)\])?\s*")
_LIVE = "application/vnd.jupyter.widget-view+json"
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebook_folder() -> Path:
    """The folder of the notebooks, which lies beside the analyses.

    Raises:
        UserError: it is not there, since the project was installed without its source.
    """
    spec = importlib.util.find_spec("analyses")
    found = [Path(place).parent / "notebooks" for place in (spec.submodule_search_locations or [])] if spec else []
    for folder in found:
        if folder.is_dir():
            return folder
    raise UserError(
        "The notebooks are not installed; they are part of the project's source. Run this from there, in the environment "
        "that `make install` builds."
    )


def names() -> list[str]:
    """Every notebook, without an ending, in their order."""
    return sorted(path.stem for path in notebook_folder().glob("[0-9]*.py"))


def notebook_of(script: str) -> Any:
    """The notebook, without outputs, of a script in the percent format.

    `# %%` begins a cell of code, `# %% [markdown]` one of text, whose lines are comments; `tags=["parameters"]` may
    follow either.
    """
    import nbformat

    cells: list[Any] = []
    for line in script.splitlines():
        mark = _MARK.fullmatch(line)
        if mark:
            make = nbformat.v4.new_markdown_cell if mark["kind"] else nbformat.v4.new_code_cell
            cells.append(make(id=f"cell-{len(cells)}"))
            if mark["tags"]:
                cells[-1].metadata["tags"] = [tag.strip().strip('"') for tag in mark["tags"].split(",")]
        elif cells:
            text = line.removeprefix("#").removeprefix(" ") if cells[-1].cell_type == "markdown" else line
            cells[-1].source += text + "\n"
        elif line.strip():
            raise UserError(f"A notebook's script begins with '# %%'; got {line!r}.")
    for cell in cells:
        cell.source = cell.source.strip("\n")
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": dict(_KERNEL)})


def with_parameters(notebook: Any, parameters: Mapping[str, Any]) -> Any:
    """A copy in which the values of the cell tagged `parameters` are followed by others.

    Raises:
        UserError: a name is not set there.
    """
    changed = notebook.copy()
    changed.cells = [cell.copy() for cell in notebook.cells]
    cells = [cell for cell in changed.cells if PARAMETERS in cell.metadata.get("tags", [])]
    for name, value in parameters.items():
        own = [cell for cell in cells if re.search(rf"^{re.escape(name)} = ", cell.source, re.MULTILINE)]
        if not own:
            raise UserError(f"The notebook has no parameter {name!r} to change.")
        own[0].source += f"\n{name} = {value!r}"
    return changed


def executed(notebook: Any, folder: Path) -> Any:
    """The notebook, run from top to bottom in `folder` by this Python; raises what a cell raises."""
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "PLOTLY_RENDERER": RENDERER})
    return notebook


def light(notebook: Any) -> Any:
    """The notebook without the state of its widgets, which no reader can use, and without times.

    A widget's view is left out too: without its state JupyterLab would show an error in its place.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _LIVE not in output.get("data", {})]
    return notebook


def copy_notebooks(folder: Path) -> list[tuple[Path, bool]]:
    """Copy the notebooks into a folder, made if it is not there.

    Returns:
        Each notebook in the folder, and whether it is as the project has it: one that is there already is kept.

    Raises:
        UserError: the folder cannot be written.
    """
    copied = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names():
            source, target = notebook_folder() / f"{name}.ipynb", folder / f"{name}.ipynb"
            if not target.exists():
                shutil.copyfile(source, target)
            copied.append((target, target.read_bytes() == source.read_bytes()))
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"Cannot copy the notebooks to {folder} ({reason}); give a folder that can be written."
        ) from error
    return copied


def main(arguments: Sequence[str]) -> int:
    """Make notebooks of their scripts, run them, and write them with light outputs; all of them, or those named."""
    import nbformat

    folder = notebook_folder()
    unknown = [name for name in arguments if name not in names()]
    if unknown:
        raise UserError(f"There is no notebook {', '.join(unknown)}; there are {', '.join(names())}.")
    for name in arguments or names():
        notebook = notebook_of((folder / f"{name}.py").read_text(encoding="utf-8"))
        nbformat.write(light(executed(notebook, folder)), folder / f"{name}.ipynb")
        print(folder / f"{name}.ipynb", flush=True)
    return 0


if __name__ == "__main__":
    from workbench.cli.main import guarded

    sys.exit(guarded(lambda: main(sys.argv[1:])))
