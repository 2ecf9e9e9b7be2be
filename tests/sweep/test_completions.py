from __future__ import annotations

import pytest

from workbench.prompts import Prompt
from workbench.sweep.completions import Completions


class Letters:
    """A model of single characters; token 0 ends a text."""

    eos = frozenset({0})

    def decode(self, token_ids):
        return "".join(chr(token) for token in token_ids if token)


def prompt(stop=("\n", "Q:"), longest=5):
    return Prompt("p", "", (), (), "", "", (), stop, longest)


def complete(text, **settings):
    completions = Completions(Letters(), [prompt(**settings)])
    for letter in text:
        completions.append([ord(letter) if letter != "$" else 0], [0.5])
    assert completions.finished
    return completions.row(0)


def test_stops_at_the_string_and_cuts_it_off():
    assert complete("ab\n") == (tuple(map(ord, "ab\n")), "ab", "stop")
    assert complete("a Q:", longest=9)[1:] == ("a", "stop")


def test_stops_at_the_end_of_text():
    assert complete("ab$")[1:] == ("ab", "eos")


def test_stops_at_the_longest():
    assert complete("abcde")[1:] == ("abcde", "length")


def test_what_comes_after_the_stop_is_ignored():
    completions = Completions(Letters(), [prompt(), prompt()])
    for pair in ("ax", "\ny", "bz", "c\n"):
        assert not completions.finished
        completions.append([ord(letter) for letter in pair], [1.0, 2.0])
    assert completions.finished
    assert completions.row(0)[1] == "a"
    assert completions.row(1)[1] == "xyz"
    assert completions.margins(0) == (1.0, 1.0)
    assert completions.margins(1) == (2.0, 2.0, 2.0, 2.0)


@pytest.mark.parametrize(("text", "expected"), [("  a b \n", "a b"), ("\n", "")])
def test_white_space_around_is_not_content(text, expected):
    assert complete(text, longest=9)[1] == expected
