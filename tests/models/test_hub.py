"""The hub: what is fetched from it, and what is said when it cannot be."""

from __future__ import annotations

import fnmatch
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants, errors

from analyses import task_recognition
from workbench.errors import UserError
from workbench.models.hub import ALLOWED, IGNORED, fetch
from workbench.models.load import load
from workbench.runs.models import Checkpoints

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def answer(monkeypatch: pytest.MonkeyPatch, error: type[errors.HfHubHTTPError], status: int) -> None:
    """Let the hub answer with an error."""

    def raising(*_: Any, **__: Any) -> None:
        request = httpx2.Request("GET", "https://huggingface.co/api")
        raise error("said by the hub", response=httpx2.Response(status, request=request))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", raising)


def refusal(name: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(name, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = refusal("gpt2")
    assert message.startswith("openai-community/gpt2 is not in the local cache and the hub cannot be reached (")
    assert "give the folder of a downloaded checkpoint" in message


def test_hub_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    message = refusal("someone/some-model")
    assert message.startswith("someone/some-model is not in the local cache and the hub cannot be reached (")


@pytest.mark.parametrize("status", [401, 403], ids=["without a token", "without access"])
def test_gated(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    answer(monkeypatch, errors.GatedRepoError, status)
    message = refusal("Llama-2-7b")
    assert message.startswith("meta-llama/Llama-2-7b-hf is gated: accept its licence on https://huggingface.co/")
    assert "HF_TOKEN" in message


def test_unknown_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, errors.RepositoryNotFoundError, 404)
    message = refusal("EleutherAI/gpt-neo-125")
    assert "neither a folder nor a model on the hub called 'EleutherAI/gpt-neo-125'" in message
    assert "did you mean gpt-neo-125M" in message


def test_id_that_the_hub_does_not_allow() -> None:
    assert "neither a folder nor a model on the hub" in refusal("some--one/bad..name")


def test_unknown_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, errors.RevisionNotFoundError, 404)
    assert "openai-community/gpt2 has no revision 'step7'" in refusal("gpt2", revision="step7")


def test_server_in_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, errors.HfHubHTTPError, 503)
    assert "the hub cannot be reached (said by the hub" in refusal("gpt2")


def test_what_is_fetched_is_loaded(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    snapshot = tmp_path / COMMIT
    snapshot.symlink_to(tiny_checkpoint("gpt2"))
    asked: dict[str, Any] = {}

    def snapshot_download(repo_id: str, **options: Any) -> str:
        asked.update(options, repo_id=repo_id)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    model = load("GPT2", revision="main")
    assert (asked["repo_id"], asked["revision"]) == ("openai-community/gpt2", "main")
    assert model.name == "gpt2@main"
    assert model.source == f"openai-community/gpt2@{COMMIT}"
    assert load("someone/some-model").name == "someone/some-model"
    assert asked["revision"] is None


def test_a_run_asks_for_its_revision(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    revisions = {}
    for seed, revision in enumerate(("step0", "step1000")):
        revisions[revision] = tmp_path / (COMMIT[:-1] + str(seed))
        revisions[revision].symlink_to(tiny_checkpoint("gpt2", seed=seed))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, revision, **__: str(revisions[revision]))
    sources = [Checkpoints(task_recognition.Config("pythia-70m", revision=revision)) for revision in revisions]
    # The digest is part of every cell's key, the name of every row.
    assert len({source.digest("pythia-70m") for source in sources}) == 2
    assert [source.load("pythia-70m").name for source in sources] == ["pythia-70m@step0", "pythia-70m@step1000"]


def test_only_pickles_on_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As OPT's repositories: config and tokenizer come, the pickles are not asked for.
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    message = refusal("opt-125m", revision="main")
    assert message.startswith("facebook/opt-125m has no safetensors on the hub")
    assert "`hf download facebook/opt-125m --revision main --local-dir FOLDER`" in message
    assert "`workbench convert FOLDER`" in message


def test_an_earlier_download_serves_without_network(
    tiny_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = Path(constants.HF_HUB_CACHE) / "models--someone--some-model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / COMMIT).symlink_to(tiny_checkpoint("gpt2"))
    assert load("someone/some-model").source == f"someone/some-model@{COMMIT}"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("config.json", True),
        ("model.safetensors", True),
        ("model-00001-of-00004.safetensors", True),
        ("model.safetensors.index.json", True),
        ("tokenizer.json", True),
        ("merges.txt", True),
        ("pytorch_model.bin", False),
        ("pytorch_model.bin.index.json", False),
        ("modeling_custom.py", False),
        ("original/consolidated.00.pth", False),
        ("onnx/model.safetensors", False),
        ("consolidated.safetensors", False),
        ("flax_model.msgpack", False),
    ],
)
def test_only_harmless_files_are_fetched(name: str, wanted: bool) -> None:
    allowed = any(fnmatch.fnmatch(name, pattern) for pattern in ALLOWED)
    ignored = any(fnmatch.fnmatch(name, pattern) for pattern in IGNORED)
    assert (allowed and not ignored) is wanted


def test_programming_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(huggingface_hub, "snapshot_download", raising)
    with pytest.raises(ZeroDivisionError):
        fetch("someone/some-model")
