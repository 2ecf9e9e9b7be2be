"""The files around the code agree with each other and do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.]*)", line) for line in lines if line[0] != "#"]
    assert all(found), "every line of constraints.txt must be NAME==VERSION, without local paths or variants"
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("text", PROJECT["dependencies"] + [text for extra in EXTRAS.values() for text in extra])
def test_every_dependency_is_pinned_within_its_bounds(text: str) -> None:
    wanted = Requirement(text)
    version = pins()[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(version, prereleases=True)


def test_whatever_the_dependencies_bring_is_pinned_too() -> None:
    waiting = [Requirement(text) for text in PROJECT["dependencies"] + EXTRAS["notebooks"] + EXTRAS["development"]]
    seen: set[str] = set()
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name in seen:
            continue
        seen.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement)
    # A torch with CUDA brings NVIDIA's packages, whose versions it fixes itself.
    needed = {name for name in seen if not name.startswith(("nvidia-", "cuda-")) and name != "triton"}
    assert needed <= set(pins()), f"not in constraints.txt: {sorted(needed - set(pins()))}"
    assert len(needed) > 100


def test_what_is_installed_here_is_what_is_pinned() -> None:
    installed = {canonicalize_name(part.name): part.version.partition("+")[0] for part in metadata.distributions()}
    build = {"pip", "setuptools", "wheel", "workbench"}
    both = (set(pins()) & set(installed)) - build
    differing = {name: (installed[name], pins()[name]) for name in both if installed[name] != pins()[name]}
    assert not differing
    assert "torch" in both


def test_conda_gets_the_same_packages() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    python, pip, section = environment["dependencies"]
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert (python, pip) == (f"python={lowest}", "pip")
    makefile = (ROOT / "Makefile").read_text()
    match = re.search(r"--constraint (\S+) --editable '(\S+)'", makefile)
    assert match is not None
    assert section["pip"] == [f"--constraint {match[1]}", f"--editable {match[2]}"]
    extras = re.search(r"\[(.*)\]", match[2])
    assert extras is not None
    assert set(extras[1].split(",")) < set(EXTRAS)


def test_make_alone_lists_what_it_can_do() -> None:
    listed = make().stdout
    for target in ("install", "demo", "test", "test-long", "lint"):
        assert f"make {target} " in listed


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("demo", "workbench run task-recognition --config workbench/demo.yaml"),
        ("test", '-m "not long"'),
        ("test-long", "-m long"),
        ("lint", "mypy"),
        ("install", "--constraint constraints.txt --editable"),
    ],
)
def test_make_does_what_the_readme_says(target: str, command: str) -> None:
    planned = make("--dry-run", "--always-make", target, "VENV=/tmp/no-such-venv")
    assert planned.returncode == 0, planned.stderr
    assert command in planned.stdout
    assert "-m venv /tmp/no-such-venv" in planned.stdout


def test_the_demo_has_settings_of_the_analysis() -> None:
    from workbench.cli import catalogue
    from workbench.cli.parsing import file_arguments

    analysis = catalogue.load(catalogue.find("task-recognition"))
    assert file_arguments(analysis.Config, ROOT / "workbench" / "demo.yaml", "task-recognition")


def test_an_old_python_is_refused_in_words(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.1 && exit 0\nexit 1\n')
    old.chmod(0o755)
    refused = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert refused.returncode != 0
    assert "Python 3.11 or newer is needed" in refused.stderr
    assert "Python 3.9.1" in refused.stderr


def test_the_continuous_integration_runs_the_readmes_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    lines = script.read_text().splitlines()
    assert lines[-1] == "make test"
    assert "make test" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("body", "there", "status"),
    [
        ("pass", True, 0),
        ("pytest.skip('no reason')", True, 1),
        ("pytest.skip('not here')", False, 0),
        ("assert False", True, 1),
    ],
)
@pytest.mark.parametrize(
    ("marker", "workers"), [("real_data", []), ("real_data", ["-n", "1"]), ("browser", []), ("sandbox", [])]
)
def test_tests_on_real_data_and_in_browser_and_sandbox_must_have_run(
    marker: str, body: str, there: bool, status: int, workers: list[str], tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    real_data\n    browser\n    sandbox\n")
    test = f"import pytest\n@pytest.mark.{marker}\ndef test_it():\n    {body}\ndef test_other():\n    pass\n"
    (tmp_path / "test_it.py").write_text(test)
    found = with_the_plugin(tmp_path, *workers, has=marker if there else "")
    assert found.returncode == status, found.stdout
    assert "tests on real data" in found.stdout
    assert "tests in a browser" in found.stdout
    assert "tests in the sandbox" in found.stdout


def test_what_needs_two_things_is_missed_only_where_both_are_there(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    real_data\n    sandbox\n")
    test = (
        "import pytest\n@pytest.mark.sandbox\ndef test_here(): pass\n"
        "@pytest.mark.sandbox\n@pytest.mark.real_data\ndef test_it(): pytest.skip('no data')\n"
    )
    (tmp_path / "test_it.py").write_text(test)
    found = with_the_plugin(tmp_path, has="sandbox")
    assert found.returncode == 0, found.stdout
    assert "tests in the sandbox: 1 ran, 1 were skipped" in found.stdout


@pytest.mark.parametrize("marker", ["real_data", "browser", "sandbox"])
def test_without_any_such_test_the_run_fails_too(marker: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_other():\n    pass\n")
    found = with_the_plugin(tmp_path, has=marker)
    assert found.returncode == 1
    assert "0 ran, 0 were skipped" in found.stdout


def with_the_plugin(folder: Path, *arguments: str, has: str) -> subprocess.CompletedProcess[str]:
    """Pytest in a folder, on a machine that has real data, or a browser, or bubblewrap, or nothing."""
    programs = folder / "programs"
    programs.mkdir()
    if has == "browser":
        (programs / "chromium").symlink_to(sys.executable)
    if has == "sandbox":
        (programs / "bwrap").symlink_to(sys.executable)
    if has == "real_data":
        (folder / "data").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "WORKBENCH_SHARED_DATA": str(folder / "data"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / ".ci"), os.environ.get("PYTHONPATH", "")]),
        "PATH": str(programs),
    }
    command = [sys.executable, "-m", "pytest", "-p", "must_have_run", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_every_package_needs_is_there() -> None:
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "MIT"
    assert (ROOT / "workbench" / "py.typed").is_file()
    assert len((ROOT / "CONTRIBUTING.md").read_text().split()) < 800
    for package in ("workbench", "analyses"):
        folders = {path.parent for path in (ROOT / package).rglob("*.py")}
        lacking = [folder for folder in folders if not (folder / "__init__.py").is_file()]
        assert not lacking, "packages are found by their __init__.py when the project is installed"


@pytest.mark.parametrize(
    "path",
    [
        "workbench/demo.yaml",
        "workbench/tasks/grammar/lexicons/fr/nouns.tsv",
        "workbench/views/page/report.html",
        "workbench/models/mini/model.safetensors",
        "workbench/models/mini/tokenizer.json",
    ],
)
def test_files_that_are_no_code_are_packaged(path: str) -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    inside = Path(path).relative_to("workbench")
    assert any(inside.match(pattern.removeprefix("**/")) for pattern in patterns["workbench"])
