"""`workbench lab`: a copy, a kernel of this environment, loopback, a token."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from workbench import notebooks
from workbench.cli import lab

LONG_ENOUGH = 400
"""Seconds until JupyterLab must have started."""


class BecameError(Exception):
    """Stands for the end of this program: another takes its place, and nothing comes back."""


@pytest.fixture
def becoming(monkeypatch):
    def execve(*given):
        raise BecameError(*given)

    monkeypatch.setattr(os, "execve", execve)


def test_it_becomes_jupyterlab_on_a_copy(tmp_path, becoming, capsys):
    folder = tmp_path / "mine"
    with pytest.raises(BecameError) as became:
        lab.main([str(folder), "--port", "9001", "--no-browser"])
    path, arguments, environment = became.value.args
    assert path == arguments[0] == sys.executable
    assert {"--ServerApp.ip=127.0.0.1", "--ServerApp.port=9001", "--ServerApp.open_browser=False"} <= set(arguments)
    assert f"--ServerApp.root_dir={folder}" in arguments
    assert not [argument for argument in arguments if "token" in argument.lower()], "its own token stays on"
    place = environment["JUPYTER_PATH"].split(os.pathsep)[0]
    kernel = json.loads((folder / ".jupyter" / "kernels" / "python3" / "kernel.json").read_text())
    assert place == str(folder / ".jupyter")
    assert kernel["argv"][0] == sys.executable
    assert sorted(path.stem for path in folder.glob("*.ipynb")) == notebooks.names()
    assert "kept" not in capsys.readouterr().out


def test_what_the_user_has_comes_after(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "/their/kernels")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/their/settings")
    found = lab.environment(tmp_path)
    own = str(tmp_path / ".jupyter")
    assert found["JUPYTER_PATH"].split(os.pathsep) == [own, "/their/kernels"]
    assert found["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [own, "/their/settings"]


def test_an_edited_notebook_is_kept_and_said_to_be(tmp_path, becoming, capsys):
    (tmp_path / f"{notebooks.names()[0]}.ipynb").write_text("my own work")
    with pytest.raises(BecameError):
        lab.main([str(tmp_path)])
    out = capsys.readouterr().out
    assert out.count("kept") == 1
    assert (tmp_path / f"{notebooks.names()[0]}.ipynb").read_text() == "my own work"


def answer(url: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def started(runtime, process) -> dict:
    """What the server says of itself once it listens."""
    end = time.monotonic() + LONG_ENOUGH
    while time.monotonic() < end:
        for path in runtime.glob("jpserver-*.json"):
            try:
                found = json.loads(path.read_text())
                answer(found["url"] + "api/status")
            except (ValueError, urllib.error.URLError):
                continue  # Half written, or not listening yet.
            return found
        assert process.poll() is None, "JupyterLab ended before it listened"
        time.sleep(0.5)
    raise AssertionError("JupyterLab did not start")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`workbench lab` at work: what it says of itself, and the process."""
    place = tmp_path_factory.mktemp("lab")
    runtime, folder = place / "runtime", place / "mine"
    notebooks.copy_notebooks(folder)
    quick = folder / "00_quick_start.ipynb"
    quick.write_text(quick.read_text(encoding="utf-8").replace("limit = 50", "limit = 2"), encoding="utf-8")
    environment = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "JUPYTER_DATA_DIR": str(place / "data"),
    }
    script = "import sys; from workbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "lab", str(folder), "--no-browser", "--port", "18888"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield started(runtime, process), process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


def test_it_listens_on_this_machine_and_answers_with_the_token_alone(server):
    said, process = server
    assert said["pid"] == process.pid
    assert said["url"].startswith("http://127.0.0.1:")
    assert len(said["token"]) >= 32
    assert answer(said["url"] + "api/contents")[0] == 403
    status, listed = answer(said["url"] + "api/contents", said["token"])
    assert status == 200
    assert "00_quick_start.ipynb" in {entry["name"] for entry in json.loads(listed)["content"]}
    _, specs = answer(said["url"] + "api/kernelspecs", said["token"])
    assert json.loads(specs)["kernelspecs"]["python3"]["spec"]["argv"][0] == sys.executable
    assert answer(said["url"] + "lab", said["token"])[0] == 200


@pytest.fixture
def window(server, chromium):
    """A window on it, and the errors that its pages raise; fails afterwards if one did, or asked for anything elsewhere."""
    said, _ = server
    faults, outside = [], []
    page = chromium.new_page(viewport={"width": 1280, "height": 3000})
    page.set_default_timeout(1000 * LONG_ENOUGH)
    page.on("pageerror", lambda error: faults.append(str(error)))
    local = (said["url"], said["url"].replace("http", "ws", 1), "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(local) else outside.append(request.url))
    yield page, faults
    page.close()
    assert (faults, outside) == ([], [])


_MARKS = ".widget-vbox .js-plotly-plot .scatterlayer path.point"
_RING = "document.querySelector('.widget-vbox .js-plotly-plot').data[1].x[0]"
_WIDTHS = """[...document.querySelectorAll('.widget-vbox .js-plotly-plot')].map(
    plot => [plot._fullLayout.width, plot.closest('.widget-vbox').clientWidth])"""
_TITLES = """[...document.querySelectorAll('.widget-vbox .js-plotly-plot')].map(plot => {
    const above = plot.querySelector('.gtitle').getBoundingClientRect();
    const below = plot.querySelector('.gtitle-subtitle').getBoundingClientRect();
    return [below.top - above.bottom, above.right - plot.getBoundingClientRect().right];
})"""
_SLOW = "[anywidget] Failed to initialize model."


def run_all_cells(page, faults):
    """Run them until the explorer's figure has marks.

    anywidget gives a widget up whose script takes more than two seconds to load, which happens where a machine has much else to
    do. Then the cells are run again, as a person would.
    """
    from playwright.sync_api import TimeoutError as GaveUpError

    for _ in range(3):
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
        try:
            page.wait_for_selector(_MARKS)
            return
        except GaveUpError:
            if not any(_SLOW in fault for fault in faults):
                raise
            faults[:] = [fault for fault in faults if _SLOW not in fault]
    raise AssertionError("the explorer never appeared")


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_the_quick_start_runs_there_and_its_slider_moves_the_figure(server, window):
    (said, _), (page, faults) = server, window
    page.goto(f"{said['url']}lab/tree/00_quick_start.ipynb?token={said['token']}")
    page.wait_for_selector("text=Python 3 (ipykernel) | Idle")
    assert page.locator("text=official Jupyter news").count() == 0
    run_all_cells(page, faults)
    page.wait_for_function(f"{_WIDTHS}.every(([width, room]) => width > 600 && Math.abs(room - width) < 8)")
    assert page.evaluate(_RING) == 0
    words = page.locator(".workbench-panel").first
    assert "from layer 0 on" in words.inner_text()
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{_RING} === 1")
    page.wait_for_function("document.querySelector('.workbench-panel').innerText.includes('from layer 1 on')")
    for distance, beyond in page.evaluate(_TITLES):
        assert distance > -2, "the subtitle lies under the title"
        assert beyond <= 0, "the title is not cut off"


def test_it_ends_when_told_to(server):
    """The last of this file: the server is of all tests above."""
    _, process = server
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
