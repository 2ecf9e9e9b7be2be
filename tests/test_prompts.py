"""Prompts: the segments are exactly the tokens whose text begins there, on every kind of tokenizer and script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from workbench.errors import UserError
from workbench.formats import FORMATS
from workbench.prompts import Prompt, Tokenizes, build_prompt, context_digest
from workbench.tasks.flores import build as flores
from workbench.tasks.task import Item, Task

TEXTS = [
    "the small cats do not see the red house .",
    "les petits chats ne voient pas la maison rouge .",
    "Q: where is the book?\nA: on the table \n",
    "猫在桌子上睡觉。 狗在房子里。",
    "बिल्ली मेज पर सो रही है।",
    "القطة نائمة على الطاولة.",
]
ITEMS = tuple(Item(f"t/{n}", text.replace("\n", " "), TEXTS[n - 1].strip()) for n, text in enumerate(TEXTS))
TASK = Task("t", "translate", "Translate English to French", ITEMS, ITEMS, stop=("\n",), max_new_tokens=7)
KINDS = ("byte-level", "merging", "sentencepiece")


@dataclass(frozen=True)
class Reader:
    """A model as prompts see it."""

    tokenizer: Tokenizer
    bos: int | None = None
    window: int = 100_000

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        first = [] if self.bos is None else [self.bos]
        return [*first, *encoding.ids], [*((0, 0) for _ in first), *encoding.offsets]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids)))


def byte_level(use_regex: bool) -> Reader:
    """GPT-2's kind, without BOS. Without its regular expression it merges across words and lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*TEXTS, "Q:the cat\nA:le chat \nQ:the\nA:le " * 9], trainer)
    return Reader(tokenizer)


def sentencepiece() -> Reader:
    """Llama 2's kind: spaces as letters, bytes for what it does not know, BOS."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    every_byte = [f"<0x{byte:02X}>" for byte in range(256)]
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special + every_byte, show_progress=False)
    # Only what is written in Latin letters: the rest is left to the bytes.
    tokenizer.train_from_iterator(TEXTS[:3], trainer)
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in special]
    return Reader(Tokenizer.from_str(json.dumps(content)), bos=1)


def from_file(path: Path, bos: int | None) -> Reader:
    tokenizer = Tokenizer.from_file(str(path))
    # As the model does it: what follows tokenisation would trim spaces off the offsets.
    tokenizer.post_processor = None
    return Reader(tokenizer, bos)


READERS = {"byte-level": byte_level(True), "merging": byte_level(False), "sentencepiece": sentencepiece()}


@pytest.fixture(params=KINDS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return READERS[request.param]


def prompt_of(
    reader: Reader, examples: Sequence[Item] = ITEMS[1:4], item: Item = ITEMS[0], format_: str = "instr_task"
) -> Prompt:
    return build_prompt(reader, FORMATS[format_], TASK, examples, item)


def owner_of_each_character(format_: str, examples: Sequence[Item], item: Item) -> list[str]:
    """By brute force, the path that each character of the text belongs to."""
    pieces = FORMATS[format_].pieces(TASK.instruction, examples, item.source)
    return [piece.path for piece in pieces for _ in piece.text]


def check_segments(reader: Reader, prompt: Prompt, owners: list[str]) -> None:
    ids, offsets = reader.encode(prompt.text)
    assert prompt.token_ids == tuple(ids)
    assert len(owners) == len(prompt.text)
    labels = ["" for _ in ids]
    for segment in prompt.segments:
        assert 0 <= segment.start < segment.end <= len(ids)
        for position in range(segment.start, segment.end):
            assert labels[position] == "", "segments overlap"
            labels[position] = segment.path
    first = 0
    if reader.bos is not None:
        assert labels[0] == "bos"
        assert prompt.token_ids.count(reader.bos) == 1
        first = 1
    assert labels[first:] == [owners[start] for start, _ in offsets[first:]]
    assert [segment.start for segment in prompt.segments] == sorted(segment.start for segment in prompt.segments)


def check_source(reader: Reader, prompt: Prompt, most: int) -> None:
    """The query's source is what its tokens say, but for at most so many characters in a token begun before it."""
    positions = prompt.positions("query.source")
    begin = prompt.text.rindex(prompt.source)
    _, offsets = reader.encode(prompt.text)
    lost = min(offsets[position][0] for position in positions) - begin
    assert 0 <= lost <= most
    assert prompt.source[lost:] in reader.decode([prompt.token_ids[position] for position in positions])


def check_reference(reader: Reader, prompt: Prompt, after: str = " \n") -> bool:
    """Whether prompt and reference stand side by side in the tokenisation of both; if not, it decodes to the text."""
    joint, _ = reader.encode(prompt.text + prompt.reference + after)
    both = prompt.token_ids + prompt.reference_ids
    apart = tuple(joint[: len(prompt.token_ids)]) == prompt.token_ids
    if apart:
        assert tuple(joint[: len(both)]) == both
        # The last token may hold some of what comes after, never the reference less than whole.
        assert reader.decode(both).startswith(prompt.text + prompt.reference)
        assert (prompt.text + prompt.reference + after).startswith(reader.decode(both))
    else:
        assert reader.decode(prompt.reference_ids).strip() == prompt.reference.strip()
    return apart


# --- segments ---


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("count", [0, 1, 4])
def test_every_token_belongs_to_the_segment_it_begins_in(reader: Reader, format_: str, count: int) -> None:
    for item in ITEMS:
        prompt = prompt_of(reader, ITEMS[:count], item, format_)
        check_segments(reader, prompt, owner_of_each_character(format_, ITEMS[:count], item))
        check_source(reader, prompt, most=3)


# Letters of many scripts, combining signs, an emoji of several code points, and what the delimiters are made of.
ALPHABET = st.sampled_from(
    [*"aéßœж猫桌बिल्ली ق٣", "👩‍🚀", "\u0301", " ", "  ", "\n", "\t", ":", "Q:", "A:", "'", '"', "\u2028"]
)
WORDS = st.lists(ALPHABET, min_size=1, max_size=12).map("".join).filter(lambda text: text.strip())


@given(
    kind=st.sampled_from(KINDS),
    format_=st.sampled_from(list(FORMATS)),
    sources=st.lists(WORDS, min_size=1, max_size=4),
    targets=st.lists(WORDS, min_size=4, max_size=4),
)
def test_segments_partition_the_tokens_of_any_text(
    kind: str, format_: str, sources: list[str], targets: list[str]
) -> None:
    items = [Item(f"t/{n}", *pair) for n, pair in enumerate(zip(sources, targets, strict=False))]
    item, *examples = items
    prompt = prompt_of(READERS[kind], examples, item, format_)
    check_segments(READERS[kind], prompt, owner_of_each_character(format_, examples, item))
    check_reference(READERS[kind], prompt)


def test_bos_comes_first_and_once() -> None:
    prompt = prompt_of(READERS["sentencepiece"])
    assert prompt.positions("bos") == (0,)
    assert prompt.token_ids.count(1) == 1
    assert prompt_of(READERS["byte-level"]).positions("bos") == ()


def test_a_straddling_token_belongs_to_where_it_begins() -> None:
    reader = READERS["merging"]
    item = Item("t/x", "the cat", "le chat")
    prompt = prompt_of(reader, [item], item, "instr_none_QA")
    straddling = [
        position
        for position, (start, end) in enumerate(reader.encode(prompt.text)[1])
        if prompt.text[start:end].startswith(("Q:t", ":t", "\nQ:t"))
    ]
    assert straddling, "this tokenizer was made to merge delimiter and source"
    assert set(straddling) <= set(prompt.positions("examples.delimiter", "query.delimiter"))
    assert not set(straddling) & set(prompt.positions("examples.source", "query.source"))


def test_bytes_of_one_character_stay_together() -> None:
    reader = READERS["sentencepiece"]
    prompt = prompt_of(reader, [ITEMS[3]], Item("t/c", "猫", "chat"))
    positions = prompt.positions("query.source")
    assert len(positions) == 3
    assert reader.decode([prompt.token_ids[position] for position in positions]) == "猫"


# --- selection ---


def test_nested_selection(reader: Reader) -> None:
    prompt = prompt_of(reader, ITEMS[1:5])
    parts = ("source", "delimiter", "target")
    assert prompt.positions("examples") == prompt.positions(*(f"examples.{n}" for n in range(4)))
    for part in parts:
        numbered = [prompt.positions(f"examples.{n}.{part}") for n in range(4)]
        assert all(numbered)
        assert prompt.positions(f"examples.{part}") == tuple(sorted(sum(numbered, ())))
    for number in range(4):
        whole = prompt.positions(f"examples.{number}")
        assert whole == prompt.positions(*(f"examples.{number}.{part}" for part in parts))
        assert whole == tuple(range(whole[0], whole[-1] + 1))
    assert prompt.positions("query") == prompt.positions("query.source", "query.delimiter")
    everything = prompt.positions("bos", "instructions", "examples", "query")
    assert everything == tuple(range(len(prompt.token_ids)))


def test_segments_are_apart(reader: Reader) -> None:
    prompt = prompt_of(reader)
    names = ["bos", "instructions", "examples.source", "examples.delimiter", "examples.target", "query.source"]
    chosen = [position for name in names for position in prompt.positions(name)]
    assert len(set(chosen)) == len(chosen)


def test_the_second_example_is_not_the_eleventh() -> None:
    prompt = prompt_of(READERS["byte-level"], [ITEMS[n % 6] for n in range(12)])
    assert not set(prompt.positions("examples.1")) & set(prompt.positions("examples.10", "examples.11"))
    assert prompt.positions("examples.1.source") < prompt.positions("examples.10.source")


def test_what_is_selected_is_what_is_said() -> None:
    reader = READERS["byte-level"]
    prompt = prompt_of(reader, ITEMS[1:3])

    def said(*selectors: str) -> str:
        return reader.decode([prompt.token_ids[position] for position in prompt.positions(*selectors)])

    assert said("instructions") == "Translate English to French:\n"
    assert said("examples.1.source") == ITEMS[2].source
    assert said("examples.0.target", "examples.1.target") == ITEMS[1].target + ITEMS[2].target
    assert said("query") == f"Q:{ITEMS[0].source}\nA:"


def test_nothing_there_to_select(reader: Reader) -> None:
    prompt = prompt_of(reader, (), format_="instr_none_QA")
    assert prompt.positions("examples") == prompt.positions("instructions") == prompt.positions() == ()
    assert prompt.positions("completion") == ()
    assert prompt_of(reader).positions("examples.7") == ()


@pytest.mark.parametrize(
    "selector",
    ["", "3", "exmples", "examples.", "examples.sources", "instructions.source", "query.0", "query.target",
     "examples.0.1", "examples.source.1", "bos.0", "completion.source", "Examples", "examples.-1", "examples.source "],
)  # fmt: skip
def test_an_unknown_selector_is_refused(selector: str) -> None:
    with pytest.raises(UserError, match=r"No segment is called .*; segments are bos, instructions, examples"):
        prompt_of(READERS["byte-level"]).positions("query", selector)


# --- the reference, the window, the rest ---


def test_the_reference_follows_as_in_one_tokenisation() -> None:
    for kind in ("byte-level", "sentencepiece"):
        for item in ITEMS:
            prompt = prompt_of(READERS[kind], item=item)
            assert check_reference(READERS[kind], prompt), item
            assert prompt.reference_ids


def test_a_reference_that_the_tokenizer_merges_with_the_prompt() -> None:
    reader = READERS["merging"]
    item = Item("t/x", "the cat", "le chat")
    prompt = prompt_of(reader, [], item, "instr_none_QA")
    assert not check_reference(reader, prompt), "this tokenizer was made to merge delimiter and target"
    assert reader.decode(prompt.reference_ids) == "le chat"


def test_a_reference_is_no_longer_than_itself() -> None:
    """The space and the newline that end an example are not part of it, unless a token holds them."""
    reader = READERS["byte-level"]
    prompt = prompt_of(reader, item=Item("t/x", "a", "the red house ."))
    assert reader.decode(prompt.reference_ids) == "the red house ."
    assert prompt.reference == "the red house ."


def test_a_prompt_that_just_fits_and_one_that_does_not(reader: Reader) -> None:
    length = len(prompt_of(reader).token_ids)
    assert len(prompt_of(replace(reader, window=length + 1)).token_ids) == length
    message = (
        rf"Prompt 't/0' has {length} tokens; the model reads {length}, one of them for the answer\. "
        r"Use fewer examples \(now 3\), shorter ones, or another model\."
    )
    with pytest.raises(UserError, match=message):
        prompt_of(replace(reader, window=length))


def test_completion_and_reference_end_where_the_window_does() -> None:
    item = Item("t/long", "a", "the red house . " * 20)
    reader = READERS["byte-level"]
    whole = prompt_of(reader, (), item)
    assert whole.reference_length == len(whole.reference_ids) > TASK.max_new_tokens
    cut = prompt_of(replace(reader, window=len(whole.token_ids) + 4), (), item)
    assert cut.reference_ids == whole.reference_ids[:4]
    assert (cut.reference_length, cut.max_new_tokens) == (whole.reference_length, 4)
    assert cut.reference == whole.reference


def test_what_a_prompt_carries(reader: Reader) -> None:
    prompt = prompt_of(reader)
    assert isinstance(reader, Tokenizes)
    assert (prompt.name, prompt.source, prompt.reference) == ("t/0", ITEMS[0].source, ITEMS[0].target)
    assert (prompt.stop, prompt.max_new_tokens) == (("Q:", "\n"), 7)
    pieces = FORMATS["instr_task"].pieces(TASK.instruction, ITEMS[1:4], ITEMS[0].source)
    assert prompt.text == "".join(piece.text for piece in pieces)


def test_the_digest_follows_everything() -> None:
    prompt = prompt_of(READERS["byte-level"])
    changed = [
        prompt,
        replace(prompt, stop=()),
        replace(prompt, max_new_tokens=8),
        replace(prompt, reference="x"),
        replace(prompt, token_ids=prompt.token_ids[:-1]),
        prompt_of(READERS["byte-level"], ITEMS[1:3]),
        prompt_of(READERS["sentencepiece"]),
    ]
    digests = {context_digest([other]) for other in changed} | {context_digest([]), context_digest([prompt] * 2)}
    assert len(digests) == len(changed) + 2
    assert context_digest([prompt]) == context_digest([prompt_of(READERS["byte-level"])])


# --- real tokenizers, real sentences ---


@pytest.fixture(params=["gpt2", "stories260k", *KINDS])
def any_reader(request: pytest.FixtureRequest, real_data: Path) -> Reader:
    if request.param == "gpt2":
        return from_file(real_data / "tokenizers" / "gpt2" / "tokenizer.json", bos=None)
    if request.param == "stories260k":
        return from_file(real_data / "stories260k" / "tokenizer.json", bos=1)
    return READERS[request.param]


@pytest.mark.real_data
@pytest.mark.parametrize("code", ["fra_Latn", "zho_Hans", "hin_Deva", "arb_Arab", "jpn_Jpan", "rus_Cyrl"])
def test_real_sentences_in_many_scripts(any_reader: Reader, real_data: Path, code: str) -> None:
    for name in (f"flores:eng_Latn-{code}", f"flores:{code}-eng_Latn"):
        task = flores(name, real_data)
        examples = task.examples(2, 0)
        for item in task.test[:12]:
            prompt = build_prompt(any_reader, FORMATS["instr_machine_translation"], task, examples, item)
            pieces = FORMATS["instr_machine_translation"].pieces(task.instruction, examples, item.source)
            check_segments(any_reader, prompt, [piece.path for piece in pieces for _ in piece.text])
            # A quotation mark may be one token with the colon before it.
            check_source(any_reader, prompt, most=6 if any_reader is READERS["merging"] else 1)
            check_reference(any_reader, prompt)


@pytest.mark.real_data
def test_the_bos_of_the_real_checkpoint(real_data: Path) -> None:
    reader = from_file(real_data / "stories260k" / "tokenizer.json", bos=1)
    assert reader.tokenizer.id_to_token(1).strip() == "<s>"
    assert prompt_of(reader).positions("bos") == (0,)
