"""Figures as PNG, SVG and PDF, drawn by kaleido with a Chromium that is installed.

Kaleido runs in a process of its own, which is ended with its browser when it takes too long: a browser that never answers
(a full `/dev/shm`, a forbidden sandbox) would otherwise hang whoever waits for it. Nothing asks the network: Plotly's code
is the one of the installed package, and MathJax, which kaleido loads from afar by default, is switched off.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go
import plotly.io as pio

from workbench.errors import UserError

IMAGE_FORMATS = ("png", "svg", "pdf")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_FLAGS = "--disable-background-networking --disable-component-update --no-first-run"
_HEIGHT = 450
MESSAGE = 160
"""Characters that are repeated of what a failing browser says."""


def browser() -> Path | None:
    """The Chromium that draws: that of the environment variable BROWSER_PATH, or the first one found; None without one.

    Raises:
        UserError: BROWSER_PATH names no file.
    """
    named = os.environ.get("BROWSER_PATH")
    if named:
        if not Path(named).is_file():
            raise UserError(f"BROWSER_PATH is {named}, which is no file: name a Chromium's program, or unset it.")
        return Path(named)
    found = (shutil.which(name) for name in BROWSERS)
    return next((Path(path) for path in found if path), None)


def write_images(
    figures: Mapping[Path, go.Figure], *, width: int = 1000, scale: float = 2.0, timeout: float = 120.0
) -> None:
    """Draw every figure into its file, as PNG, SVG or PDF by the ending of the name.

    Args:
        figures: by path; the folder must be there. A figure that has no height is drawn 450 pixels high.
        width: in pixels.
        scale: pixels of a PNG to a pixel of the page; SVG and PDF are drawings and stay as they are.
        timeout: seconds for all of them together, after which the browser is ended.

    Raises:
        UserError: an ending that is no picture's, no kaleido, no Chromium, one that draws nothing, or no time left.
    """
    _refuse_unknown(figures)
    program = _program()
    for path in figures:
        # What an earlier drawing left must not be taken for this one's.
        path.unlink(missing_ok=True)
    jobs = [
        {
            "figure": json.loads(pio.to_json(figure, validate=False, engine="json")),
            "path": str(path),
            "size": {"format": path.suffix[1:], "width": width, "height": int(figure.layout.height or _HEIGHT)},
            "scale": scale if path.suffix == ".png" else 1.0,
        }
        for path, figure in figures.items()
    ]
    request = {"browser": str(program), "timeout": timeout, "jobs": jobs}
    failed, said = _in_a_process_of_its_own(json.dumps(request), timeout)
    lacking = [str(path) for path in figures if not path.is_file() or path.stat().st_size == 0]
    if failed or lacking:
        raise UserError(
            f"{program} drew {len(figures) - len(lacking)} of {len(figures)} pictures and then {failed or 'stopped'}"
            f"{f' ({said})' if said else ''}; set BROWSER_PATH to another Chromium, allow more time, or save from the page."
        )


def _refuse_unknown(figures: Mapping[Path, go.Figure]) -> None:
    unknown = [path.name for path in figures if path.suffix[1:] not in IMAGE_FORMATS]
    if unknown:
        raise UserError(f"{unknown[0]} is no picture's name; names end in {', '.join(IMAGE_FORMATS)}.")


def _program() -> Path:
    if importlib.util.find_spec("kaleido") is None:
        raise UserError(
            "Pictures are drawn by kaleido, which is not installed; install it, or save as csv or parquet, or from the page."
        )
    program = browser()
    if program is None:
        raise UserError(
            "Pictures are drawn by a Chromium, and none is installed; install one (Debian: apt-get install chromium) or "
            "name its program in BROWSER_PATH. CSV and parquet need none, and the report's own buttons save SVG and PNG."
        )
    return program


def _in_a_process_of_its_own(request: str, timeout: float) -> tuple[str, str]:
    """What went wrong, if anything did, and what was said about it last."""
    environment = {**os.environ, "CHROMIUM_FLAGS": f"{os.environ.get('CHROMIUM_FLAGS', '')} {_FLAGS}".strip()}
    child = subprocess.Popen(
        [sys.executable, "-m", "workbench.views.kaleido_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        _, said = child.communicate(request, timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(child)
        return f"took more than {timeout:g} seconds", ""
    except BaseException:
        _end(child)
        raise
    if not child.returncode:
        return "", ""
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
    return "stopped", last if len(last) <= MESSAGE else f"{last[:MESSAGE]}…"


def _end(child: subprocess.Popen[str]) -> None:
    """End the process with all that it started: the browser runs in a session of its own and would go on."""
    import psutil

    family = [*psutil.Process(child.pid).children(recursive=True), psutil.Process(child.pid)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    child.communicate()
