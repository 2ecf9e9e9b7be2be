"""Pictures by kaleido: drawn where there is a Chromium, refused in words where there is none, never waited for without end."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import plotly.graph_objects as go
import psutil
import pytest

from workbench.errors import UserError
from workbench.views import images
from workbench.views.images import browser, write_images

FIGURE = go.Figure(go.Scatter(y=[1, 3, 2]), layout={"template": "workbench", "title": {"text": "Drawn"}})


def program(folder: Path, script: str) -> str:
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.browser
@pytest.mark.usefixtures("chromium_path")
def test_all_three_formats_are_drawn_without_a_network(tmp_path):
    paths = {ending: tmp_path / f"drawn.{ending}" for ending in images.IMAGE_FORMATS}
    write_images(dict.fromkeys(paths.values(), FIGURE), width=300, scale=2.0, timeout=240.0)
    assert paths["png"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(paths["png"].read_bytes()[16:20], "big") == 600
    assert "Drawn" in paths["svg"].read_text()
    assert paths["pdf"].read_bytes()[:5] == b"%PDF-"


def test_the_browser_is_the_one_that_is_named(tmp_path, monkeypatch):
    named = program(tmp_path, "exit 0")
    monkeypatch.setenv("BROWSER_PATH", named)
    assert browser() == Path(named)
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="which is no file"):
        browser()


def test_without_a_chromium_the_refusal_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser() is None
    with pytest.raises(UserError, match=r"none is installed; install one .* CSV and parquet need none"):
        write_images({tmp_path / "a.png": FIGURE})


def test_without_kaleido_the_refusal_says_what_to_do(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kaleido" else find(name))
    with pytest.raises(UserError, match="kaleido, which is not installed"):
        write_images({tmp_path / "a.png": FIGURE})


def test_a_browser_that_never_answers_is_ended(tmp_path, monkeypatch):
    mark = "987654"
    monkeypatch.setenv("BROWSER_PATH", program(tmp_path, f"sleep {mark}"))
    began = time.monotonic()
    with pytest.raises(UserError, match=r"drew 0 of 1 pictures and then took more than 6 seconds"):
        write_images({tmp_path / "a.png": FIGURE}, timeout=6.0)
    assert time.monotonic() - began < 60
    assert not [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or ())]


def test_a_browser_that_fails_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", program(tmp_path, "exit 1"))
    (tmp_path / "a.png").write_text("from an earlier drawing")
    with pytest.raises(UserError, match=r"browser drew 0 of 1 pictures and then stopped \(.*; set BROWSER_PATH"):
        write_images({tmp_path / "a.png": FIGURE}, timeout=120.0)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.gif is no picture's name; names end in png, svg, pdf"):
        write_images({tmp_path / "a.gif": FIGURE})
