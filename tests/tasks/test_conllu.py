from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.tasks.conllu import ASKED, TAGS, Word, build, read_sentences
from workbench.tasks.grammar.parts import PARTS_OF_SPEECH
from workbench.tasks.registry import find_task

WORDS = [("She", "PRON"), ("quickly", "ADV"), ("put", "VERB"), ("red", "ADJ"), ("balls", "NOUN"), ("in", "ADP")]


def line(number: int | str, form: str, tag: str) -> str:
    return "\t".join([str(number), form, "_", tag, *"______"])


def sentence(words: list[tuple[str, str]]) -> str:
    return "\n".join(line(number, *word) for number, word in enumerate(words, 1)) + "\n\n"


def numbered(count: int) -> str:
    """Sentences that hold all six tags and differ in their last word."""
    return "".join(sentence([*WORDS, (f"box{number}", "NOUN"), (".", "PUNCT")]) for number in range(count))


@pytest.fixture
def treebank(tmp_path: Path):
    def write(content: str, name: str = "mine.conllu") -> Path:
        (tmp_path / name).write_bytes(content.encode())
        return tmp_path / name

    return write


def refusal(name: str) -> str:
    with pytest.raises(UserError) as caught:
        build(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_comments_multiword_tokens_and_empty_nodes_are_no_words() -> None:
    content = "\n".join(
        [
            "# text = Ne mangez pas du pain.",
            line(1, "Mangez", "VERB"),
            line("2-3", "du", "_"),
            line(2, "de", "ADP"),
            line(3, "le", "DET"),
            line("3.1", "ghost", "NOUN"),
            line(4, "pain", "NOUN"),
            "",
            "",
            "# newpar",
            line("0.1", "ghost", "PRON"),
            line(1, "New York", "PROPN"),
        ]
    )
    assert read_sentences(content, Path("x")) == (
        (Word("Mangez", "VERB"), Word("de", "ADP"), Word("le", "DET"), Word("pain", "NOUN")),
        (Word("New York", "PROPN"),),
    )


@pytest.mark.parametrize(
    ("asked", "answer", "instruction"),
    [
        ("first-noun", "balls", "Name the first noun of the sentence"),
        ("first-adjective", "red", "Name the first adjective of the sentence"),
        ("first-verb", "put", "Name the first verb of the sentence"),
        ("first-adverb", "quickly", "Name the first adverb of the sentence"),
        ("first-preposition", "in", "Name the first preposition of the sentence"),
        ("first-pronoun", "She", "Name the first pronoun of the sentence"),
    ],
)
def test_the_first_word_of_a_part_of_speech(treebank, asked: str, answer: str, instruction: str) -> None:
    task = find_task(f"conllu:{asked}:{treebank(numbered(10))}")
    assert {item.target for item in (*task.pool, *task.test)} == {answer}
    assert (task.instruction, task.kind, task.score) == (instruction, "part-of-speech", "exact_match")
    assert all(item.source.startswith("She quickly put red balls in box") for item in task.test)


def test_all_parts_of_the_grammar_s_tasks_are_there() -> None:
    assert set(TAGS) == set(PARTS_OF_SPEECH)


def test_any_word_is_any_word_but_punctuation(treebank) -> None:
    path = treebank(numbered(200))
    task = build(f"conllu:random-word:{path}")
    every = (*task.pool, *task.test)
    assert all(item.target in item.source.split() for item in every)
    targets = Counter(item.target for item in every)
    assert targets["."] == 0
    assert min(targets[form] for form, _ in WORDS) > 10
    # The answer depends on the sentence alone, wherever it stands.
    again = build(f"conllu:random-word:{treebank(numbered(150), 'other.conllu')}")
    known = {item.source: item.target for item in every}
    assert all(known[item.source] == item.target for item in (*again.pool, *again.test))


def test_four_fifths_are_the_pool_and_the_same_for_every_part(treebank) -> None:
    path = treebank(numbered(50))
    tasks = [build(f"conllu:{asked}:{path}") for asked in ASKED]
    for task in tasks:
        assert [item.source for item in task.pool] == [item.source for item in tasks[0].pool]
        assert (len(task.pool), len(task.test)) == (40, 10)
        assert not {item.source for item in task.pool} & {item.source for item in task.test}
    assert len({task.digest for task in tasks}) == 7
    # Not in the file's order: a treebank is sorted by genre.
    numbers = [int(item.source.split("box")[1].split()[0]) for item in tasks[0].test]
    assert numbers != sorted(numbers)


def test_only_sentences_with_all_six_tags_are_kept_and_each_once(treebank) -> None:
    short = sentence([word for word in WORDS if word[1] != "ADP"])
    untagged = sentence([*WORDS, ("thing", "_")])
    task = build(f"conllu:first-noun:{treebank(short + numbered(5) + untagged + numbered(5))}")
    assert len(task.pool) + len(task.test) == 5


def test_a_folder_is_all_its_files(treebank) -> None:
    treebank(numbered(3), "a.conllu")
    folder = treebank(numbered(6), "b.conllu").parent
    (folder / "notes.txt").write_text("not a treebank")
    task = build(f"conllu:first-verb:{folder}")
    assert len(task.pool) + len(task.test) == 6


def test_windows_line_ends_and_no_end_of_file(treebank) -> None:
    path = treebank("\ufeff" + numbered(4).rstrip("\n").replace("\n", "\r\n"))
    assert len(build(f"conllu:first-verb:{path}").pool) == 3


def test_no_tags(treebank) -> None:
    bare = "".join(sentence([(form, "_") for form, _ in WORDS]) for _ in range(3))
    path = treebank(bare)
    assert refusal(f"conllu:first-noun:{path}") == (
        f"{path} has no part-of-speech tags (column 4 is '_' everywhere); tag it first."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\tShe\tPRON\n", "CoNLL-U has 10 columns apart by tabs; line 1 of {path} has 3."),
        (sentence(WORDS) + line(2, "She", "PRON"), "The word in line 8 of {path} is numbered '2'; 1 is expected"),
        (line("x", "She", "PRON"), "The word in line 1 of {path} is numbered 'x'; 1 is expected"),
        (line(1, "She", "PRP"), "The tag in line 1 of {path} is 'PRP'; column 4 holds universal tags"),
        (line(1, " ", "NOUN"), "The word in line 1 of {path} is empty."),
        (
            sentence(WORDS),
            "{path} has 1 sentences that hold a word of each of NOUN, ADJ, VERB, ADV, ADP, PRON, among 1;",
        ),
        (sentence(WORDS[1:]) * 9, "{path} has 0 sentences that hold"),
    ],
)
def test_bad_files(treebank, content: str, message: str) -> None:
    path = treebank(content)
    assert message.format(path=path) in refusal(f"conllu:first-noun:{path}")


def test_bad_names(tmp_path: Path) -> None:
    for name in ("conllu:first-nuon:x.conllu", "conllu:x.conllu", "conllu:"):
        assert refusal(name).startswith(f"Task {name!r} should look like 'conllu:first-noun:FILE.conllu'; after")
    assert "There is no file none.conllu (task " in refusal("conllu:first-noun:none.conllu")
    assert f"The folder {tmp_path} holds no .conllu file" in refusal(f"conllu:first-noun:{tmp_path}")


@pytest.mark.real_data
def test_english_web_treebank(real_data: Path) -> None:
    path = real_data / "ud_ewt" / "en_ewt-ud-dev.conllu"
    sentences = read_sentences(path.read_text(encoding="utf-8"), path)
    assert len(sentences) == 2001
    assert " ".join(word.form for word in sentences[0]) == "From the AP comes this story :"
    other = real_data / "ud_ewt" / "en_ewt-ud-test.conllu"
    assert len(read_sentences(other.read_text(encoding="utf-8"), other)) == 2077
    noun, preposition = (build(f"conllu:first-{part}:{real_data / 'ud_ewt'}") for part in ("noun", "preposition"))
    assert (len(noun.pool), len(noun.test)) == (len(preposition.pool), len(preposition.test)) == (416, 104)
    wanted = "If you have not already seen the Flash movie Epic , you should take a few minutes and view the future"
    nouns, prepositions = ({i.source: i.target for i in (*task.pool, *task.test)} for task in (noun, preposition))
    source = next(source for source in nouns if source.startswith(wanted))
    assert (nouns[source], prepositions[source]) == ("movie", "of")


def test_all_parts_of_a_treebank_show_the_same_sentences_wherever_it_lies(treebank, tmp_path: Path) -> None:
    paths = [treebank(numbered(60)), tmp_path / "elsewhere" / "mine.conllu"]
    paths[1].parent.mkdir()
    paths[1].write_text(paths[0].read_text())
    shown = [
        [item.source for item in find_task(f"conllu:{part}:{path}").examples(5, 0)]
        for part in ("first-noun", "first-verb")
        for path in paths
    ]
    assert all(sources == shown[0] for sources in shown)
