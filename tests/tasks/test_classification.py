from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.tasks.classification import LABELS, SETS, build, relabelled
from workbench.tasks.registry import find_task

NLI = {"premise": "It rained. ", "hypothesis": "it was wet", "idx": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All four data sets, small, in the published layouts."""
    files = {
        "sst2/stsa.binary.train": "".join(f"{n % 2} a film number {n} .\n" for n in range(60)),
        "sst2/stsa.binary.test": "1 fine .\n0 dull .\n1 a film number 3 .\n",
        "trec/train.txt": "".join(f"{c}:x What is {c} {n} ?\n" for n in range(4) for c in SETS["trec"].words),
        "trec/test.txt": "NUM:dist How far is it ?\nABBR:exp What does NASA stand for ?\n",
    }
    for name, labels in (("cb", "contradiction neutral entailment"), ("rte", "not_entailment entailment")):
        rows = [NLI | {"premise": f"{label} {n}", "label": label} for n in range(3) for label in labels.split()]
        files[f"{name}/train.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
        files[f"{name}/val.jsonl"] = json.dumps(NLI | {"label": "entailment"}) + "\n"
    for name, content in files.items():
        (tmp_path / "classification" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "classification" / name).write_text(content)
    return tmp_path / "classification"


def refusal(name: str, data: Path | None) -> str:
    with pytest.raises(UserError) as caught:
        build(name, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def labels(items) -> dict[str, str]:
    return {item.source: item.target for item in items}


@pytest.mark.parametrize(
    ("name", "source", "target", "words"),
    [
        ("sst2", "fine .", "Positive", ("Negative", "Positive")),
        ("trec", "How far is it ?", "Number", tuple(SETS["trec"].words.values())),
        ("cb", "It rained.\nquestion: it was wet. true, false, or neither?", "true", ("false", "neither", "true")),
        ("rte", "It rained.\nquestion: it was wet True or False?", "True", ("False", "True")),
    ],
)
def test_sources_and_answers(folder: Path, name: str, source: str, target: str, words: tuple[str, ...]) -> None:
    task = find_task(f"classification:{name}", data=folder)
    assert (task.test[0].source, task.test[0].target) == (source, target)
    assert {item.target for item in task.pool} == set(words)
    assert (task.kind, task.score, task.stop) == ("classification", "exact_match", ("\n",))


def test_the_folder_may_be_the_set_s_own_or_above(folder: Path) -> None:
    digests = {build("classification:sst2", data).digest for data in (folder, folder.parent, folder / "sst2")}
    assert len(digests) == 1


def test_nothing_tested_stands_among_the_examples(folder: Path) -> None:
    task = build("classification:sst2", folder)
    assert len(task.pool) == 59
    assert "a film number 3 ." not in labels(task.pool)
    assert "a film number 3 ." in labels(task.test)


def test_shuffled_labels_keep_their_frequencies_and_lose_their_sources(folder: Path) -> None:
    true, shuffled = build("classification:sst2", folder), build("classification:sst2-shuffled", folder)
    assert [item.source for item in true.pool] == [item.source for item in shuffled.pool]
    assert Counter(item.target for item in true.pool) == Counter(item.target for item in shuffled.pool)
    agree = sum(one.target == other.target for one, other in zip(true.pool, shuffled.pool, strict=True))
    assert 15 < agree < 45
    assert labels(true.test) == labels(shuffled.test)
    assert labels(shuffled.pool) == labels(build("classification:sst2-shuffled", folder).pool)


@pytest.mark.parametrize("name", SETS)
def test_flipped_labels_are_never_the_true_ones_and_always_the_same(folder: Path, name: str) -> None:
    true, flipped, throughout = (
        build(f"classification:{name}{variant}", folder) for variant in ("", "-flipped", "-flipped-throughout")
    )
    pairs = {(one.target, other.target) for one, other in zip(true.pool, flipped.pool, strict=True)}
    assert all(one != other for one, other in pairs)
    assert len(pairs) == len(SETS[name].words) == len({other for _, other in pairs})
    # Scored against the true labels, or against the mapping that the examples show.
    assert labels(flipped.test) == labels(true.test)
    assert labels(throughout.pool) == labels(flipped.pool)
    assert {(true_label, label) for true_label, label in zip(*map(targets, (true, throughout)), strict=True)} <= pairs
    assert len({task.digest for task in (true, flipped, throughout)}) == 3


def targets(task) -> list[str]:
    return [item.target for item in task.test]


def test_a_seed_shows_the_same_examples_whatever_their_labels(folder: Path) -> None:
    names = ["classification:sst2", *(f"classification:sst2-{label}" for label in LABELS[1:])]
    shown = [[item.source for item in build(name, folder).examples(8, 3)] for name in names]
    assert all(sources == shown[0] for sources in shown)
    assert shown[0] != [item.source for item in build(names[0], folder).examples(8, 4)]


def test_labels_of_three_follow_in_their_order() -> None:
    rows = [("a", "x"), ("b", "y"), ("c", "z")]
    shown, asked = relabelled(rows, rows, ("x", "y", "z"), "flipped-throughout")
    assert shown == asked == [("a", "y"), ("b", "z"), ("c", "x")]
    assert relabelled(rows, rows, ("x", "y", "z"), "true") == (rows, rows)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "sst2/stsa.binary.train",
            "2 fine .\n",
            "The label in line 1 of {path} is '2', its text 'fine .'; expected one",
        ),
        (
            "sst2/stsa.binary.test",
            "1 fine .\n0\n",
            "The label in line 2 of {path} is '0', its text ''; expected one of",
        ),
        ("sst2/stsa.binary.test", "\n", "{path} has no rows."),
        (
            "sst2/stsa.binary.train",
            "1 fine .\n",
            "{path} has no row that stsa.binary.test has not; it is the wrong file",
        ),
        (
            "trec/train.txt",
            "What is it ?\n",
            "The label in line 1 of {path} is 'What', its text 'is it ?'; expected one",
        ),
        (
            "cb/val.jsonl",
            '{"premise": "a", "label": "neutral"}\n',
            "Line 1 of {path} has no field 'hypothesis'; it has",
        ),
        ("rte/train.jsonl", "[]\n", "Line 1 of {path} is not an object with the fields premise, hypothesis and label."),
        (
            "rte/val.jsonl",
            json.dumps(NLI | {"label": "neutral"}),
            "expected one of not_entailment, entailment and some",
        ),
        ("rte/val.jsonl", "{", "Line 1 of {path} is not JSON"),
    ],
)
def test_bad_files(folder: Path, file: str, content: str, message: str) -> None:
    (folder / file).write_text(content)
    assert message.format(path=folder / file) in refusal(f"classification:{file.partition('/')[0]}", folder)


def test_bad_names_and_folders(folder: Path, tmp_path: Path) -> None:
    for name in ("classification:sst5", "classification:sst2-random", "classification:sst2-true", "classification:cb-"):
        assert refusal(name, folder).startswith(f"Task {name!r} should look like 'classification:sst2' or")
    assert refusal("classification:trec", None) == (
        "classification:trec reads local files; give with --data the folder that holds train.txt and test.txt."
    )
    (folder / "cb" / "val.jsonl").unlink()
    assert refusal("classification:cb", folder).startswith(
        f"Neither {folder} nor {folder / 'cb'} holds train.jsonl and"
    )
    assert refusal("classification:cb", tmp_path / "none").startswith(f"Neither {tmp_path / 'none'} nor ")


@pytest.mark.real_data
def test_the_published_sets(real_data: Path) -> None:
    tasks = {name: build(f"classification:{name}", real_data) for name in SETS}
    assert {name: (len(task.pool), len(task.test)) for name, task in tasks.items()} == {
        "sst2": (1998, 1821),  # of 2000, one twice and one that is tested
        "trec": (5371, 500),  # of 5451, 70 twice and ten that are tested
        "cb": (250, 56),
        "rte": (2488, 277),  # of 2490, two twice
    }
    assert labels(tasks["sst2"].pool)[
        "apparently reassembled from the cutting-room floor of any given daytime soap ."
    ] == ("Negative")
    assert labels(tasks["trec"].test)["How far is it from Denver to Aspen ?"] == "Number"
    assert Counter(item.target for item in tasks["cb"].test) == {"false": 28, "true": 23, "neither": 5}
    assert Counter(item.target for item in tasks["rte"].test) == {"True": 146, "False": 131}
    question = "It was a complex language. Not written down but handed down. One might say it was peeled down.\n"
    question += "question: the language was peeled down. true, false, or neither?"
    assert labels(tasks["cb"].pool)[question] == "true"
    shuffled = build("classification:cb-shuffled", real_data)
    agree = sum(one.target == two.target for one, two in zip(tasks["cb"].pool, shuffled.pool, strict=True))
    # By chance, given how often each label occurs, 110 of the 250.
    chance = sum(count**2 for count in Counter(item.target for item in shuffled.pool).values()) / len(shuffled.pool)
    assert abs(agree - chance) < 40
