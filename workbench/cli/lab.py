"""`workbench lab`: JupyterLab on a copy of the notebooks."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from workbench.errors import UserError

_WHAT = (
    "Open JupyterLab on a copy of the project's notebooks. It listens on this machine alone and asks for the token that it "
    "prints. A notebook that is in the folder already is never overwritten. Ctrl-C ends it."
)
_KERNELS = ".jupyter"
"""Folder, inside the copy, of the kernel that belongs to this environment and of JupyterLab's settings."""
_PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""Without it JupyterLab begins with the question whether it may fetch news."""


@dataclass(frozen=True)
class Options:
    """Where, and how it is opened."""

    folder: Annotated[Path, tyro.conf.Positional] = Path("workbench-notebooks")
    """Folder of the copy; made if it is not there."""
    port: int = 8888
    """Port to listen on; the next free one if it is taken."""
    browser: bool = True
    """Whether a browser is opened."""


def main(arguments: Sequence[str]) -> int:
    """Copy the notebooks, then become JupyterLab."""
    asked: Any = tyro.cli(Options, prog="workbench lab", description=_WHAT, args=arguments)
    missing = [name for name in ("jupyterlab", "ipywidgets", "anywidget") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} cannot be imported; `workbench lab` needs the extra `notebooks`: run `make install`, or "
            "`pip install -e '.[notebooks]'` in the project."
        )
    from workbench.notebooks import copy_notebooks

    for path, same in copy_notebooks(asked.folder):
        print(path if same else f"{path} (kept: it differs from the project's)")
    sys.stdout.flush()
    # Its own process from here on, so that Ctrl-C and the terminal are JupyterLab's.
    os.execve(sys.executable, command(asked.folder, asked.port, asked.browser), environment(asked.folder))


def command(folder: Path, port: int, browser: bool) -> list[str]:
    """The command line of JupyterLab: loopback alone; its own token; no news, no updates, no list of extensions asked for."""
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
        # JupyterLab refuses root unless told; in a container there is often nobody else.
        f"--ServerApp.allow_root={os.geteuid() == 0}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]


def environment(folder: Path) -> dict[str, str]:
    """The environment of JupyterLab: the kernel called python3 is this very Python, and nobody is asked about news."""
    from ipykernel.kernelspec import get_kernel_dict

    from workbench.notebooks import RENDERER

    place = (folder / _KERNELS).resolve()
    kernel = place / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True, exist_ok=True)
    kernel.write_text(json.dumps(get_kernel_dict(), indent=1) + "\n", encoding="utf-8")
    page = place / "labconfig" / "page_config.json"
    page.parent.mkdir(exist_ok=True)
    page.write_text(json.dumps(_PAGE, indent=1) + "\n", encoding="utf-8")
    # What stands first goes before a kernel of the same name, and settings, among the user's own.
    paths = {name: _first(place, os.environ.get(name)) for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")}
    return {"PLOTLY_RENDERER": RENDERER, **os.environ, **paths}


def _first(place: Path, known: str | None) -> str:
    return os.pathsep.join([str(place), *([known] if known else [])])
