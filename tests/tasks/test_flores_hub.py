"""FLORES from the hub, without the hub: what is asked of `datasets`, and what is said when it refuses."""

from __future__ import annotations

from typing import Any

import datasets
import httpx2
import pytest
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub import constants, errors

from workbench.errors import UserError
from workbench.tasks.flores import build

NAME = "flores:eng_Latn-zho_Hans"
COUNTS = {"dev": 997, "devtest": 1012}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """A hub that has everything, and a record of what it was asked."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def load_dataset(*arguments: Any, **options: Any) -> datasets.Dataset:
        calls.append((arguments, options))
        numbers = list(range(COUNTS[options["split"]]))[::-1]
        return datasets.Dataset.from_dict({"id": numbers, "text": [f"{arguments[1]} {n}" for n in numbers]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


def refusal(monkeypatch: pytest.MonkeyPatch, error: Exception) -> str:
    def raising(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", raising)
    with pytest.raises(UserError) as caught:
        build(NAME)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_rows_are_put_in_order_and_split_as_a_folder_s(asked) -> None:
    task = build(NAME)
    assert (len(task.pool), len(task.test)) == (197, 1012)
    assert (task.pool[0].source, task.test[5].target) == ("eng_Latn 800", "cmn_Hans 5")
    assert task.instruction == "Translate English to Chinese"


def test_no_script_is_ever_trusted(asked) -> None:
    build(NAME)
    assert {arguments for arguments, _ in asked} == {
        ("openlanguagedata/flores_plus", "eng_Latn"),
        ("openlanguagedata/flores_plus", "cmn_Hans"),
    }
    assert all(set(options) == {"split"} for _, options in asked)


def test_hub_and_folder_of_the_same_sentences_have_one_digest(asked, tmp_path) -> None:
    for split, count in COUNTS.items():
        (tmp_path / split).mkdir()
        for code in ("eng_Latn", "fra_Latn"):
            lines = "".join(f"{code} {n}\n" for n in range(count))
            (tmp_path / split / f"{code}.{split}").write_text(lines)
    name = "flores:eng_Latn-fra_Latn"
    assert build(name).digest == build(name, tmp_path).digest


def http_error(kind: type[errors.HfHubHTTPError], status: int) -> Exception:
    request = httpx2.Request("GET", "https://huggingface.co/api")
    return kind("said by the hub", response=httpx2.Response(status, request=request))


def test_gated(monkeypatch: pytest.MonkeyPatch) -> None:
    gated = "Dataset 'openlanguagedata/flores_plus' is a gated dataset on the Hub. You must be authenticated."
    for error in (DatasetNotFoundError(gated), http_error(errors.GatedRepoError, 403)):
        message = refusal(monkeypatch, error)
        assert message.startswith("openlanguagedata/flores_plus on the hub is gated: accept its terms on https://")
        assert "HF_TOKEN" in message
        assert message.endswith("or give a local copy with --data FOLDER (dev and devtest of FLORES-200).")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach 'openlanguagedata/flores_plus' on the Hub (ConnectError)\nmore"),
        errors.LocalEntryNotFoundError("An error happened"),
        http_error(errors.HfHubHTTPError, 503),
        ValueError("Couldn't find cache for openlanguagedata/flores_plus for config 'eng_Latn'"),
        httpx2.ConnectError("no route"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_unreachable(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, error)
    assert message.startswith(
        "openlanguagedata/flores_plus is not in the local cache and the hub cannot be reached ("
        + str(error).splitlines()[0]
    )
    assert "--data FOLDER" in message


def test_really_offline(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="the hub cannot be reached"):
        build(NAME)


def test_unknown_language(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ValueError("BuilderConfig 'eng_Latn' not found. Available: ['ace_Arab', ...]")
    assert refusal(monkeypatch, error).startswith("openlanguagedata/flores_plus has no language 'eng_Latn'")


def test_programming_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(*_: Any, **__: Any) -> None:
        raise ValueError("something else")

    monkeypatch.setattr(datasets, "load_dataset", raising)
    with pytest.raises(ValueError, match="something else"):
        build(NAME)
