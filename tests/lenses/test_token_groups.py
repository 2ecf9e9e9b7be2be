"""Groups of tokens, and tokens as a person writes them."""

from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.lenses.token_groups import token_groups
from workbench.lenses.token_labels import named_tokens, token_label
from workbench.models.load import load
from workbench.tasks.registry import find_task
from workbench.tasks.task import Item, Task


@pytest.fixture(scope="module")
def mini():
    return load("mini")


def first(model, text):
    return model.encode(text)[0][model.bos is not None]


def test_languages_of_a_translation(mini):
    groups = token_groups(mini, find_task("translate-en-fr"))
    assert (groups.answer, groups.source) == ("French", "English")
    assert "German" in groups.others
    column = {word: groups.members[first(mini, f"{word} ")].tolist() for word in ("les", "the", "der", ".")}
    assert column == {
        "les": [True, False, False],
        "the": [False, True, False],
        "der": [False, False, True],
        ".": [False, False, False],
    }
    assert (groups.members.sum(1) <= 1).all()
    task = find_task("translate-en-fr")
    answers = [groups.members[first(mini, item.target + " "), 0] for item in task.test[:50]]
    assert sum(map(bool, answers)) > 45


def test_one_language_into_itself_has_no_source_group(mini):
    groups = token_groups(mini, find_task("past-en-en"))
    assert (groups.answer, groups.source) == ("English", "")
    assert groups.present == (True, False, True)


def test_word_classes_of_a_part_of_speech(mini):
    task = find_task("first-verb-en")
    groups = token_groups(mini, task)
    assert groups.answer == "verb"
    assert {"noun", "adjective"} <= set(groups.others)
    assert groups.members[first(mini, "the "), 2]
    found = [groups.members[first(mini, item.target + " "), 0] for item in task.test[:50]]
    assert sum(map(bool, found)) > 45


def test_any_other_task_has_its_targets_and_sources(tiny_model):
    model = tiny_model("gpt2")
    items = [Item("0", "where is the book?", "猫在桌子上睡觉"), Item("1", "the red house", "猫")]
    groups = token_groups(model, Task("own", "own", "", items[:1], items[1:]))
    assert (groups.answer, groups.source, groups.others) == ("targets", "sources", ())
    assert groups.members[model.encode("猫")[0][0]].tolist() == [True, False, False]
    same = token_groups(model, Task("copy", "copy", "", [Item("0", "cat", "cat")], [Item("1", "dog", "dog")]))
    assert same.present == (False, False, False)
    assert same.answer == ""


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_labels_name_their_tokens(tiny_model, architecture):
    model = tiny_model(architecture)
    ids = model.encode("the small cats see the red house .\n")[0]
    labels = [token_label(model, token) for token in ids]
    plain = [label for label, token in zip(labels, ids, strict=True) if token != model.bos]
    assert "".join(plain).strip() == "the small cats see the red house ."
    found = named_tokens(model, plain[1:3])
    assert all(token_label(model, token) == text for text, token in found.items())
    assert token_label(model, model.encode("猫")[0][-1]), "a piece of a letter has a name too"


def test_a_text_that_is_no_token_is_refused_with_those_near(mini):
    assert named_tokens(mini, ["les "]) == {"les ": first(mini, "les ")}
    with pytest.raises(UserError, match=r"'voient' is no token.*'voient '"):
        named_tokens(mini, ["voient"])
    with pytest.raises(UserError, match="several tokens"):
        named_tokens(mini, ["les petits chats"])
