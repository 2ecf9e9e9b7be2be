"""SST-2, TREC, CB and RTE as in-context tasks, with true, shuffled and flipped labels: `classification:sst2-flipped`.

Files, splits and the words of the answers are those of Zhao et al. (2021, "Calibrate before use", table 1 and code),
but that TREC's Abbreviation is written in full; the texts are shown as published, with the delimiters of the prompt
format. Completions are scored by exact match of the label's word.

What the labels do (the same seed draws the same examples for all four):

- none named: examples and answers have the true labels.
- `shuffled`: the labels of the pool are dealt out anew among its items, at random and once for all. The labels that
  are shown keep their frequencies and say nothing about their sources: the random labels of Min et al. (2022,
  "Rethinking the role of demonstrations"), drawn from the true distribution. Answers are scored against the true
  labels.
- `flipped`: every label shown is replaced by the next one in the list (each other one of two), always the same. Answers
  are scored against the true labels, as in Wei et al. (2023, "Larger language models do in-context learning
  differently") and Halawi et al. (2024, "Overthinking the truth"): below chance means that the examples were followed.
- `flipped-throughout`: the same, but scored against the flipped labels: a mapping to be learned from the examples, and
  a score that rises as they are followed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UserError
from workbench.random_streams import stream
from workbench.tasks.family import Family
from workbench.tasks.rows import items, json_objects, numbered, read_text, with_texts
from workbench.tasks.task import Task

LABELS = ("true", "shuffled", "flipped", "flipped-throughout")
_FOLDER = "classification"
"""What the folder of all four may be called."""
Labelled = tuple[str, str]
"""A source and the published name of its label."""


@dataclass(frozen=True)
class DataSet:
    """A published data set."""

    pool: str
    """The file that examples are drawn from."""
    test: str
    """The file that is tested; of RTE and CB the validation set, since the test sets have no labels."""
    words: Mapping[str, str]
    """From the published labels to the words of the answers."""
    instruction: str
    read: Callable[[str, Path], Iterator[tuple[str, Labelled]]]
    """From a file's content to where each row stands ("line 3 of FILE"), its source and its label."""


def build(name: str, data: Path | None = None) -> Task:
    """The task `classification:SET`, or `classification:SET-LABELS`.

    Args:
        name: the task's name.
        data: the folder of that data set, or the one above it.

    Raises:
        UserError: no such set or labels, a file is missing, or a row is not as published.
    """
    chosen, labels = _name_parts(name)
    data_set = SETS[chosen]
    folder = _folder(chosen, data)
    pool, test = (_rows(data_set, folder / file, name) for file in (data_set.pool, data_set.test))
    # A question of the test set among the examples would give its answer away; TREC has ten.
    tested = {source for source, _ in test}
    unseen = list(dict(row for row in pool if row[0] not in tested).items())
    if not unseen:
        raise UserError(f"{folder / data_set.pool} has no row that {data_set.test} has not; it is the wrong file.")
    shown, asked = relabelled(unseen, test, tuple(data_set.words), labels)
    examples, tests = (
        items(name, split, ((source, data_set.words[label]) for source, label in rows))
        for split, rows in (("pool", shown), ("test", asked))
    )
    return Task(
        name=name,
        kind="classification",
        instruction=data_set.instruction,
        pool=examples,
        test=tests,
        score="exact_match",
        stop=("\n",),
        max_new_tokens=8,
        digest=hashlib.sha256(repr((examples, tests)).encode()).hexdigest(),
        drawn_as=f"classification:{chosen}",
    )


def relabelled(
    pool: Sequence[Labelled], test: Sequence[Labelled], known: tuple[str, ...], labels: str
) -> tuple[list[Labelled], list[Labelled]]:
    """Pool and test with true, shuffled or flipped labels, as this file's beginning says; `known` are all labels."""
    following = dict(zip(known, (*known[1:], known[0]), strict=True))
    shown, asked = list(pool), list(test)
    if labels == "shuffled":
        order = stream(0, "classification", labels).permutation(len(shown))
        shown = [(source, pool[int(place)][1]) for (source, _), place in zip(pool, order, strict=True)]
    if labels.startswith("flipped"):
        shown = [(source, following[label]) for source, label in shown]
    if labels == "flipped-throughout":
        asked = [(source, following[label]) for source, label in asked]
    return shown, asked


def _lines(label_of: Callable[[str], str]) -> Callable[[str, Path], Iterator[tuple[str, Labelled]]]:
    """Reads lines that begin with a label, then a space."""

    def read(content: str, path: Path) -> Iterator[tuple[str, Labelled]]:
        for number, line in numbered(content):
            label, _, source = line.partition(" ")
            yield f"line {number} of {path}", (source.strip(), label_of(label))

    return read


def _premises(template: str) -> Callable[[str, Path], Iterator[tuple[str, Labelled]]]:
    """Reads JSONL with premise, hypothesis and label."""
    fields = ("premise", "hypothesis", "label")

    def read(content: str, path: Path) -> Iterator[tuple[str, Labelled]]:
        for number, row in json_objects(content, path, fields):
            where = f"line {number} of {path}"
            texts = with_texts(row, fields, where)
            source = template.format(premise=texts["premise"].strip(), hypothesis=texts["hypothesis"].strip())
            yield where, (source, texts["label"])

    return read


SETS = {
    "sst2": DataSet(
        "stsa.binary.train",
        "stsa.binary.test",
        {"0": "Negative", "1": "Positive"},
        "Say whether the review is Negative or Positive",
        _lines(lambda label: label),
    ),
    "trec": DataSet(
        "train.txt",
        "test.txt",
        {
            "NUM": "Number",
            "LOC": "Location",
            "HUM": "Person",
            "DESC": "Description",
            "ENTY": "Entity",
            "ABBR": "Abbreviation",
        },
        "Classify the questions based on whether their answer type is a Number, Location, Person, Description, Entity, "
        "or Abbreviation",
        _lines(lambda label: label.partition(":")[0]),
    ),
    "cb": DataSet(
        "train.jsonl",
        "val.jsonl",
        {"contradiction": "false", "neutral": "neither", "entailment": "true"},
        "Say whether the text makes the statement true, false, or neither",
        _premises("{premise}\nquestion: {hypothesis}. true, false, or neither?"),
    ),
    "rte": DataSet(
        "train.jsonl",
        "val.jsonl",
        {"not_entailment": "False", "entailment": "True"},
        "Say whether the text makes the statement True or False",
        _premises("{premise}\nquestion: {hypothesis} True or False?"),
    ),
}
FAMILIES = (
    Family(
        "classification:SET-LABELS",
        "classification",
        f"{', '.join(SETS)}; labels as they are (leave -LABELS away), shuffled, flipped or flipped-throughout",
        build,
    ),
)


def _name_parts(name: str) -> tuple[str, str]:
    chosen, _, labels = name.partition(":")[2].partition("-")
    labels = labels or LABELS[0]
    if chosen not in SETS or labels not in LABELS or name.endswith(("-", "-true")):
        raise UserError(
            f"Task {name!r} should look like 'classification:sst2' or 'classification:sst2-flipped'; there are "
            f"{', '.join(SETS)}, with {', '.join(LABELS[1:])} labels."
        )
    return chosen, labels


def _folder(chosen: str, data: Path | None) -> Path:
    files = f"{SETS[chosen].pool} and {SETS[chosen].test}"
    if data is None:
        raise UserError(f"classification:{chosen} reads local files; give with --data the folder that holds {files}.")
    places = (data / chosen, data / _FOLDER / chosen, data)
    for place in places:
        if all((place / file).is_file() for file in (SETS[chosen].pool, SETS[chosen].test)):
            return place
    raise UserError(f"Neither {data} nor {places[0]} holds {files}; give with --data the folder of {chosen}.")


def _rows(data_set: DataSet, path: Path, name: str) -> list[Labelled]:
    rows = []
    for where, (source, label) in data_set.read(read_text(path, name), path):
        if label not in data_set.words or not source:
            raise UserError(
                f"The label in {where} is {label!r}, its text {source!r:.60}; expected one of "
                f"{', '.join(data_set.words)} and some text."
            )
        rows.append((source, label))
    if not rows:
        raise UserError(f"{path} has no rows.")
    return rows
