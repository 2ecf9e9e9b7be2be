from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.formats import CHAT_FORMATS, FORMATS, ChatFormat, Format, find_format
from workbench.tasks.task import Item

EXAMPLES = (Item("e0", "a cat", "un chat"), Item("e1", "a dog", "un chien"))
INSTRUCTION = "Translate English to French"


def text(name: str, examples: tuple[Item, ...] = EXAMPLES, instruction: str = INSTRUCTION) -> str:
    return "".join(piece.text for piece in FORMATS[name].pieces(instruction, examples, "a cow"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Paper A's code joins header, examples and query by newlines, the empty header too.
        ("instr_none_QA", "\nQ:a cat\nA:un chat \nQ:a dog\nA:un chien \nQ:a cow\nA:"),
        (
            "instr_machine_translation",
            "Translate English to French:\nQ:a catA:un chat \nQ:a dogA:un chien \nQ:a cowA:",
        ),
        (
            "instr_task",
            "Translate English to French:\nQ:a cat\nA:un chat \nQ:a dog\nA:un chien \nQ:a cow\nA:",
        ),
    ],
)
def test_the_exact_text(name: str, expected: str) -> None:
    assert text(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("instr_none_QA", "\nQ:a cow\nA:"), ("instr_task", "Translate English to French:\nQ:a cow\nA:")],
)
def test_without_examples(name: str, expected: str) -> None:
    assert text(name, ()) == expected


def test_every_piece_is_labelled() -> None:
    pieces = FORMATS["instr_task"].pieces(INSTRUCTION, EXAMPLES[:1], "a cow")
    assert [(piece.path, piece.text) for piece in pieces] == [
        ("instructions", "Translate English to French:\n"),
        ("examples.0.delimiter", "Q:"),
        ("examples.0.source", "a cat"),
        ("examples.0.delimiter", "\nA:"),
        ("examples.0.target", "un chat"),
        ("examples.0.delimiter", " \n"),
        ("query.delimiter", "Q:"),
        ("query.source", "a cow"),
        ("query.delimiter", "\nA:"),
    ]


def test_the_opening_newline_belongs_to_what_it_opens() -> None:
    with_examples = FORMATS["instr_none_QA"].pieces("", EXAMPLES, "a cow")
    without = FORMATS["instr_none_QA"].pieces("", (), "a cow")
    assert (with_examples[0].path, with_examples[0].text) == ("examples.0.delimiter", "\nQ:")
    assert (without[0].path, without[0].text) == ("query.delimiter", "\nQ:")


@pytest.mark.parametrize("name", FORMATS)
def test_the_answer_goes_on_as_an_example_would(name: str) -> None:
    format_ = FORMATS[name]
    *_, last = EXAMPLES
    whole = "".join(piece.text for piece in format_.pieces(INSTRUCTION, EXAMPLES, "a cow"))
    asked = "".join(piece.text for piece in format_.pieces(INSTRUCTION, EXAMPLES[:1], last.source))
    answered = asked + "".join(piece.text for piece in format_.answer(last.target))
    assert whole.startswith(answered)


def test_braces_in_texts_are_only_text() -> None:
    item = Item("e", "{instruction} {0}", "{}")
    assert "{instruction} {0}\nA:{} \n" in text("instr_task", (item,), "Use {braces}")
    assert text("instr_task", (item,), "Use {braces}").startswith("Use {braces}:\n")


@pytest.mark.parametrize("name", ["instr_task", "instr_machine_translation"])
def test_no_instruction_to_show(name: str) -> None:
    with pytest.raises(UserError, match=f"Format '{name}' shows an instruction and this task has none"):
        text(name, instruction="")


def test_no_instruction_is_needed_where_none_is_shown() -> None:
    assert text("instr_none_QA", instruction="") == text("instr_none_QA")


def test_completions_end_at_the_next_question() -> None:
    assert all(format_.stop == ("Q:",) for format_ in FORMATS.values())


def test_formats_are_found_by_name() -> None:
    for name, format_ in FORMATS.items():
        assert find_format(name) is format_
        assert isinstance(format_, Format)
        assert format_.name == name
    for name, chat in CHAT_FORMATS.items():
        assert find_format(name, "translate") is chat
        assert isinstance(chat, ChatFormat)
        assert chat.name == name
    assert not set(FORMATS) & set(CHAT_FORMATS)


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        UserError, match=r"Unknown prompt format 'instr_none'; there are .*Did you mean 'instr_none_QA'"
    ):
        find_format("instr_none")
    with pytest.raises(UserError, match=r"Unknown prompt format 'zzz'; there are [\w, ]+\.$"):
        find_format("zzz")


def test_a_format_for_another_kind_of_task_is_refused() -> None:
    assert find_format("instr_machine_translation", "translate").name == "instr_machine_translation"
    assert find_format("instr_task", "part-of-speech").name == "instr_task"
    with pytest.raises(UserError, match="is for tasks of kind translate; this task is of kind 'part-of-speech'"):
        find_format("instr_machine_translation", "part-of-speech")
