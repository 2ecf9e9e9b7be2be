"""Where programs cannot be confined, none is executed, and one sentence says what would help."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.execution import command, execute, require_sandbox


@pytest.fixture(autouse=True)
def not_remembered() -> Iterator[None]:
    require_sandbox.cache_clear()
    yield
    require_sandbox.cache_clear()


def refusal() -> str:
    with pytest.raises(UserError) as caught:
        execute("open('/tmp/ran', 'w')", "")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def bubblewrap(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called bwrap where it is found."""
    (folder / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_without_bubblewrap(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal() == (
        "Code is executed only inside bubblewrap, and there is no `bwrap` here: install it (Debian and Ubuntu: "
        "`apt-get install bubblewrap`), or choose another score than pass_at_1."
    )


def test_on_another_system(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "only on Linux, where the kernel can confine it; this is darwin. Run this on Linux" in refusal()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create new namespace"),
        ("echo 'bwrap: Unknown option --size' >&2; exit 1", "Unknown option --size); version 0.8 or newer is needed"),
        ("exit 0", "it printed ''"),
        ("echo 0", "it printed '0"),
    ],
)
def test_a_bubblewrap_that_does_not_do_it(monkeypatch, tmp_path, script, said) -> None:
    bubblewrap(tmp_path, monkeypatch, script)
    assert said in refusal()


def test_root_that_cannot_become_somebody_else(monkeypatch, tmp_path) -> None:
    bubblewrap(tmp_path, monkeypatch, "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = shutil.which
    monkeypatch.setattr(
        command.shutil, "which", lambda name, **rest: None if name == "setpriv" else found(name, **rest)
    )
    assert "there is no /usr/bin/setpriv here to become one: install util-linux" in refusal()


@pytest.mark.parametrize(
    ("user", "expected", "missing"),
    [(0, "--reuid=65534", "--unshare-user"), (1000, "--disable-userns", "--reuid=65534")],
)
def test_the_command_for_root_and_for_others(monkeypatch, tmp_path, user, expected, missing) -> None:
    bubblewrap(tmp_path, monkeypatch, "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(command.shutil, "which", lambda name, **rest: f"/usr/bin/{name}")
    made = command.sandboxed(["-c", "x"], filter_from=9, temporary_bytes=77)
    assert expected in made
    assert missing not in made
    assert made[-2:] == ["-c", "x"]
    for needed in ("--unshare-pid", "--unshare-net", "--die-with-parent", "--clearenv"):
        assert needed in made
    assert made[made.index("--cap-drop") + 1] == "ALL"
    assert not [each for each in made if each in ("--bind", "--dev-bind", "--proc")], "nothing outside can be written"


def test_a_python_in_a_home_folder_is_shown_at_its_place(monkeypatch) -> None:
    shown = command._shown(Path("/home/me/python"))
    assert shown == [
        *("--perms", "0755", "--dir", "/home", "--perms", "0755", "--dir", "/home/me"),
        *("--ro-bind", "/home/me/python", "/home/me/python"),
    ]
    assert command._shown(Path("/usr/local")) == []
