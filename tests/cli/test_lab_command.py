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

LONG_ENOUGH = 240
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


@pytest.mark.long
def test_it_starts_answers_with_the_token_alone_and_stops(tmp_path):
    runtime = tmp_path / "runtime"
    environment = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
    }
    script = "import sys; from workbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "lab", str(tmp_path / "mine"), "--no-browser", "--port", "18888"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        server = started(runtime, process)
        assert server["pid"] == process.pid
        assert server["url"].startswith("http://127.0.0.1:")
        assert len(server["token"]) >= 32
        assert answer(server["url"] + "api/contents")[0] == 403
        status, listed = answer(server["url"] + "api/contents", server["token"])
        assert status == 200
        assert "00_quick_start.ipynb" in {entry["name"] for entry in json.loads(listed)["content"]}
        _, specs = answer(server["url"] + "api/kernelspecs", server["token"])
        assert json.loads(specs)["kernelspecs"]["python3"]["spec"]["argv"][0] == sys.executable
        assert answer(server["url"] + "lab", server["token"])[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
