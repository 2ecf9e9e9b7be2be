from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.tasks.registry import find_task
from workbench.tasks.task import Item, Task
from workbench.tasks.turned import on_sentences_of

OUT = Task("a-b", "translate", "", [Item("a-b/pool/0", "x", "y")], [Item("a-b/test/0", "cat", "chat")], digest="1")
INTO = Task("b-a", "translate", "", [Item("b-a/pool/0", "y", "x")], [Item("b-a/test/0", "chien", "dog")], digest="2")


def test_sentences_are_turned_and_keep_their_names():
    turned = on_sentences_of(INTO, OUT)
    assert turned.test == (Item("a-b/test/0", "chat", "cat"),)
    assert (turned.name, turned.pool) == ("b-a", INTO.pool)


def test_the_digest_follows_both():
    digests = {
        on_sentences_of(INTO, OUT).digest,
        on_sentences_of(replace(INTO, digest="3"), OUT).digest,
        on_sentences_of(INTO, replace(OUT, digest="3")).digest,
    }
    assert len(digests) == 3
    assert INTO.digest not in digests


def test_another_kind_is_refused():
    with pytest.raises(UserError, match="'b-a' is of kind 'transform'; two translation tasks"):
        on_sentences_of(replace(INTO, kind="transform"), OUT)


def test_an_example_that_is_a_test_sentence_is_refused():
    with pytest.raises(UserError, match="may show as an example what 'a-b' is tested on \\('chat'\\)"):
        on_sentences_of(replace(INTO, pool=[Item("b-a/pool/0", "chat", "cat")]), OUT)


@pytest.mark.parametrize("code", ["fr", "de", "es", "it", "pt"])
def test_the_grammar_keeps_its_test_sentences_apart(code):
    turned = on_sentences_of(find_task(f"translate-{code}-en"), find_task(f"translate-en-{code}"))
    assert len(turned.test) == 200


@pytest.mark.real_data
def test_flores_is_parallel(real_data: Path):
    out, into = (find_task(name, data=real_data) for name in ("flores:eng_Latn-por_Latn", "flores:por_Latn-eng_Latn"))
    turned = on_sentences_of(into, out)
    assert [(item.source, item.target) for item in turned.test] == [(item.source, item.target) for item in into.test]
