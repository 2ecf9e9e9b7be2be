"""Chat templates as prompt formats: what the model reads is the template's own text, and every segment is exact."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from workbench.chat import Chat
from workbench.errors import UserError
from workbench.formats import CHAT_FORMATS
from workbench.models.load import load
from workbench.models.model import Model
from workbench.prompts import Prompt, build_prompt
from workbench.sweep.completions import Completions
from workbench.tasks.task import Item, Task

# As their authors wrote them, but for tools and documents.
LLAMA_3 = """{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>

'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}\
{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>

' }}{% endif %}"""
QWEN = """{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role != 'system' %}
        {%- set content = message.content %}
        {%- if message.role == 'assistant' %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}"""
_ALTERNATE = """{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"""
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    + _ALTERNATE
    + "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'].strip() + eos_token }}{% endif %}{% endfor %}"
)
# Mistral's later way: the system message stands before the last question.
MISTRAL_SYSTEM = """{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] %}\
{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}\
{%- for message in loop_messages %}{%- if message['role'] == 'user' %}{%- if loop.last and system is defined %}\
{{- '[INST] ' + system + '\\n\\n' + message['content'] + '[/INST]' }}{%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}\
{%- endif %}{%- else %}{{- ' ' + message['content'] + eos_token }}{%- endif %}{%- endfor %}"""
LLAMA_2 = """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}\
{% set system = messages[0]['content'] %}\
{% else %}{% set loop_messages = messages %}{% set system = false %}{% endif %}{% for message in loop_messages %}\
{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}\
{% else %}{% set content = message['content'] %}{% endif %}\
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}\
{% else %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    + _ALTERNATE
    + "{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
PHI_3 = """{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"""
PLAIN = """{% for message in messages %}{{ 'User: ' if message.role == 'user' else 'Assistant: ' }}{{ message.content }}
{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"""
MARKS = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"]
MARKS += ["<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<|user|>", "<|assistant|>", "<|end|>"]

# Template, the tokenizer's kind, and where its instruction may stand.
TEMPLATES = {
    "llama-3": (LLAMA_3, "sentencepiece"),
    "llama-2": (LLAMA_2, "sentencepiece"),
    "qwen": (QWEN, "byte-level"),
    "mistral": (MISTRAL, "sentencepiece"),
    "mistral-system": (MISTRAL_SYSTEM, "sentencepiece"),
    "gemma": (GEMMA, "sentencepiece"),
    "phi-3": (PHI_3, "byte-level"),
    "plain": (PLAIN, "byte-level"),
}
CASES = [
    (template, format_)
    for template in TEMPLATES
    for format_ in CHAT_FORMATS
    if not (format_ == "chat_instr" and template in ("gemma", "mistral"))
]
ITEMS = (
    Item("t/0", "the small cats", "les petits chats"),
    Item("t/1", "Die Katze schläft;", "猫在桌子上"),
    Item("t/2", "where is the book?", "on the table"),
    Item("t/3", "the small cats", "les petits chats"),
)
TASK = Task("t", "translate", "give it in French", ITEMS, ITEMS, stop=("\n",), max_new_tokens=7)


@pytest.fixture(scope="module")
def checkpoint(
    tiny_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """Makes a tiny checkpoint whose tokenizer has that chat template, and its marks as special tokens."""
    made: dict[tuple[str, str], Path] = {}

    def make(template: str, kind: str = "sentencepiece") -> Path:
        if (template, kind) not in made:
            source = tiny_checkpoint("llama", tokenizer=kind, vocab_size=440)
            folder = Path(shutil.copytree(source, tmp_path_factory.mktemp("chat") / "instruct"))
            tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder))
            tokenizer.add_special_tokens({"additional_special_tokens": MARKS})
            assert len(tokenizer) <= 440
            tokenizer.chat_template = template
            tokenizer.save_pretrained(str(folder))
            made[template, kind] = folder
        return made[template, kind]

    return make


@pytest.fixture(scope="module")
def chatting(checkpoint: Callable[[str, str], Path]) -> Callable[..., Model]:
    """Loads it, once for each template."""
    loaded: dict[tuple[str, str], Model] = {}

    def make(template: str, kind: str = "sentencepiece") -> Model:
        text, kind = TEMPLATES.get(template, (template, kind))
        if (text, kind) not in loaded:
            loaded[text, kind] = load(checkpoint(text, kind))
        return loaded[text, kind]

    return make


def prompt_of(model: Model, format_: str = "chat", count: int = 2, item: Item = ITEMS[0], **changes: Any) -> Prompt:
    return build_prompt(model, CHAT_FORMATS[format_], replace(TASK, **changes), ITEMS[1 : 1 + count], item)


def messages(format_: str, count: int, item: Item = ITEMS[0]) -> list[dict[str, str]]:
    turns = []
    for example in ITEMS[1 : 1 + count]:
        turns.append({"role": "user", "content": example.source})
        turns.append({"role": "assistant", "content": example.target})
    turns.append({"role": "user", "content": item.source})
    if format_ == "chat_instr":
        return [{"role": "system", "content": TASK.instruction}, *turns]
    if format_ == "chat_instr_user":
        turns[0] = {"role": "user", "content": f"{TASK.instruction}:\n{turns[0]['content']}"}
    return turns


def labelled(model: Model, format_: str = "chat", count: int = 1, source: str = "a cow") -> list[tuple[str, str]]:
    pieces = Chat(CHAT_FORMATS[format_], model).pieces(TASK.instruction, ITEMS[2 : 2 + count], source)
    return [(piece.path, piece.text) for piece in pieces]


def text_of(model: Model, prompt: Prompt, selector: str) -> str:
    """The characters from the first token of a segment to its last."""
    _, offsets = model.encode(prompt.text)
    spans = [offsets[position] for position in prompt.positions(selector)]
    return prompt.text[spans[0][0] : spans[-1][1]]


# --- what the model reads ---


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(("template", "format_"), CASES)
def test_the_model_reads_what_the_template_writes(
    chatting: Callable[..., Model], template: str, format_: str, count: int
) -> None:
    model = chatting(template)
    prompt = prompt_of(model, format_, count)
    options: dict[str, Any] = {"add_generation_prompt": True, "enable_thinking": False}
    theirs = model.tokenizer.apply_chat_template(messages(format_, count), **options)
    assert prompt.text == model.tokenizer.apply_chat_template(messages(format_, count), tokenize=False, **options)
    assert list(prompt.token_ids) == theirs["input_ids"]


@pytest.mark.parametrize(("template", "format_"), CASES)
def test_segments_are_exact(chatting: Callable[..., Model], template: str, format_: str) -> None:
    model = chatting(template)
    prompt = prompt_of(model, format_, 3)
    pieces = Chat(CHAT_FORMATS[format_], model).pieces(TASK.instruction, ITEMS[1:4], ITEMS[0].source)
    assert "".join(piece.text for piece in pieces) == prompt.text
    owners = [piece.path for piece in pieces for _ in piece.text]
    labels = {at: part.path for part in prompt.segments for at in range(part.start, part.end)}
    _, offsets = model.encode(prompt.text)
    assert labels == {at: owners[start] for at, (start, _) in enumerate(offsets)}
    # The tokens of a text are the text and no more, but for the space that belongs to its first word.
    texts = {"query.source": ITEMS[0].source}
    for number, item in enumerate(ITEMS[1:4]):
        texts |= {f"examples.{number}.source": item.source, f"examples.{number}.target": item.target}
    for selector, text in texts.items():
        assert text_of(model, prompt, selector).removeprefix(" ") == text
        assert model.decode([prompt.token_ids[at] for at in prompt.positions(selector)]).strip() == text
    if format_ != "chat":
        assert TASK.instruction in text_of(model, prompt, "instructions")
        assert len(prompt.positions("instructions")) < len(prompt.positions("instructions", "examples"))


def test_every_piece_of_llama_3(chatting: Callable[..., Model]) -> None:
    user, assistant = (f"<|start_header_id|>{role}<|end_header_id|>\n\n" for role in ("user", "assistant"))
    conversation = [
        ("examples.0.delimiter", user),
        ("examples.0.source", "where is the book?"),
        ("examples.0.delimiter", f"<|eot_id|>{assistant}"),
        ("examples.0.target", "on the table"),
        ("examples.0.delimiter", "<|eot_id|>"),
        ("query.delimiter", user),
        ("query.source", "a cow"),
        ("query.delimiter", f"<|eot_id|>{assistant}"),
    ]
    assert labelled(chatting("llama-3")) == [("bos", "<s>"), *conversation]
    assert labelled(chatting("llama-3"), "chat_instr") == [
        ("bos", "<s>"),
        ("instructions", "<|start_header_id|>system<|end_header_id|>\n\n"),
        ("instructions", "give it in French"),
        ("instructions", "<|eot_id|>"),
        *conversation,
    ]
    assert labelled(chatting("llama-3"), "chat_instr_user")[1:4] == [
        ("examples.0.delimiter", user),
        ("instructions", "give it in French:\n"),
        ("examples.0.source", "where is the book?"),
    ]


def test_a_default_system_message_is_the_templates(chatting: Callable[..., Model]) -> None:
    model = chatting("qwen")
    default = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    assert labelled(model)[0] == ("bos.template", default)
    assert default not in "".join(text for _, text in labelled(model, "chat_instr"))
    prompt = prompt_of(model)
    assert text_of(model, prompt, "bos.template") == default
    assert prompt.positions("bos") == prompt.positions("bos.template")
    assert not set(prompt.positions("bos")) & set(prompt.positions("instructions", "examples", "query"))
    everything = prompt.positions("bos", "instructions", "examples", "query")
    assert everything == tuple(range(len(prompt.token_ids)))


def test_a_system_message_before_the_last_question(chatting: Callable[..., Model]) -> None:
    assert labelled(chatting("mistral-system"), "chat_instr")[-6:] == [
        ("examples.0.delimiter", "</s>"),
        ("query.delimiter", "[INST]"),
        ("instructions", " give it in French"),
        ("instructions", "\n\n"),
        ("query.source", "a cow"),
        ("query.delimiter", "[/INST]"),
    ]


def test_a_template_that_ends_the_last_turn_in_another_way(chatting: Callable[..., Model]) -> None:
    # PHI_3 writes the tokenizer's EOS after the last answer of all, which is not the end of a turn.
    assert labelled(chatting("phi-3"))[3:6] == [
        ("examples.0.target", "on the table"),
        ("examples.0.delimiter", "<|end|>"),
        ("query.delimiter", "\n<|user|>\n"),
    ]


@pytest.mark.parametrize("template", ["llama-3", "llama-2", "mistral", "gemma"])
def test_bos_comes_first_and_is_not_doubled(chatting: Callable[..., Model], template: str) -> None:
    model = chatting(template)
    prompt = prompt_of(model, count=1)
    assert prompt.text.startswith("<s>")
    assert prompt.positions("bos") == (0,)
    assert prompt.token_ids[0] == model.bos
    # LLAMA_2 begins each of its turns with BOS.
    assert prompt.token_ids.count(model.bos) == (2 if template == "llama-2" else 1)


def test_bos_is_the_tokenizers_where_the_template_writes_none(chatting: Callable[..., Model]) -> None:
    prompt = prompt_of(chatting(PLAIN, "sentencepiece"))
    assert not prompt.text.startswith("<s>")
    assert prompt.token_ids[0] == 1
    assert prompt.positions("bos") == (0,)


# --- white space ---


def test_outer_white_space_is_kept_or_taken_off_as_the_template_does(chatting: Callable[..., Model]) -> None:
    loose = "  a  cow \n"
    for template, kept in (("llama-3", "a  cow"), ("mistral", " a  cow"), ("gemma", "a  cow"), ("qwen", loose)):
        assert ("query.source", kept) in labelled(chatting(template), source=loose)
    # With the instruction at the head of the same turn, only the end of the source is outside.
    pieces = labelled(chatting("llama-3"), "chat_instr_user", count=0, source=loose)
    assert pieces[2:4] == [("instructions", "give it in French:\n"), ("query.source", "  a  cow")]


WORDS = st.lists(st.sampled_from([*"aé猫 \n", "  ", "{{", "}}", "[INST]", ":", "\u0301"]), min_size=1, max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(WORDS.map("".join).filter(str.strip), min_size=5, max_size=5))
@pytest.mark.parametrize("template", ["llama-2", "phi-3"])
def test_pieces_are_the_texts_whatever_they_are(
    chatting: Callable[..., Model], template: str, texts: list[str]
) -> None:
    model = chatting(template)
    source, *others = texts
    examples = [Item("a", *others[:2]), Item("b", *others[2:])]
    pieces = Chat(CHAT_FORMATS["chat"], model).pieces("", examples, source)
    found = [piece.text for piece in pieces if piece.path.endswith((".source", ".target"))]
    assert found == [f" {text.strip()}" if template == "llama-2" else text for text in [*others, source]]


# --- how completions end, and the reference ---


@pytest.mark.parametrize(
    ("template", "end"),
    [
        *(("llama-3", "<|eot_id|>"), ("qwen", "<|im_end|>"), ("mistral", "</s>"), ("gemma", "<end_of_turn>")),
        *(("llama-2", "</s>"), ("phi-3", "<|end|>")),
    ],
)
def test_the_end_of_turn_ends_a_completion(chatting: Callable[..., Model], template: str, end: str) -> None:
    model = chatting(template)
    prompt = prompt_of(model)
    assert prompt.end == (model.tokenizer.convert_tokens_to_ids(end),)
    assert prompt.stop == TASK.stop
    completions = Completions(model, [prompt])
    word = model.encode("cat")[0][-1]
    completions.append([word], [1.0])
    assert not completions.finished
    completions.append([prompt.end[0]], [1.0])
    assert completions.row(0)[2] == "eos"
    assert completions.row(0)[1] == model.decode([word]).strip()


def test_text_ends_a_completion_where_no_token_does(chatting: Callable[..., Model]) -> None:
    prompt = prompt_of(chatting("plain"))
    assert (prompt.end, prompt.stop) == ((), ("User:", "\n"))


@pytest.mark.parametrize(("template", "lead"), [("mistral", " "), ("llama-3", ""), ("qwen", ""), ("plain", " ")])
def test_the_reference_follows_as_an_answer_would(chatting: Callable[..., Model], template: str, lead: str) -> None:
    model = chatting(template)
    prompt = prompt_of(model)
    assert Chat(CHAT_FORMATS["chat"], model).answer("on the table")[0].text == f"{lead}on the table"
    assert prompt.reference == ITEMS[0].target
    after = prompt.token_ids + prompt.reference_ids
    whole = prompt.text + lead + prompt.reference
    assert list(after) == model.encode(whole)[0][: len(after)]
    assert model.decode(prompt.reference_ids).strip() == prompt.reference
    if template in ("mistral", "llama-3"):
        answered = [*messages("chat", 2), {"role": "assistant", "content": prompt.reference}]
        theirs = model.tokenizer.apply_chat_template(answered)["input_ids"]
        assert theirs[: len(after)] == list(after)
        assert theirs[len(after)] == prompt.end[0]


# --- the day it is ---


@pytest.mark.parametrize(("call", "written"), [("'%d %b %Y'", "26 Jul 2024"), ('"%Y-%m-%d"', "2024-07-26")])
def test_the_date_stands_still(chatting: Callable[..., Model], call: str, written: str) -> None:
    dated = f"{{% if strftime_now is defined %}}Today: {{{{ strftime_now({call}) }}}}\n{{% endif %}}{PLAIN}"
    assert labelled(chatting(dated, "byte-level"))[0] == ("bos.template", f"Today: {written}\n")


# --- refused ---


def refusal(model: Model, format_: str = "chat", count: int = 2, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        prompt_of(model, format_, count, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_no_chat_template(tiny_model: Callable[..., Model]) -> None:
    message = refusal(tiny_model("llama"))
    assert message.startswith(
        "The model's tokenizer has no chat template: use a format of text such as 'instr_none_QA'"
    )


@pytest.mark.parametrize("format_", ["chat_instr", "chat_instr_user"])
def test_no_instruction_to_show(chatting: Callable[..., Model], format_: str) -> None:
    message = refusal(chatting("llama-3"), format_, instruction="")
    assert message.startswith(f"Format '{format_}' shows an instruction and this task has none; use 'chat'")
    assert prompt_of(chatting("llama-3"), "chat", instruction="")


@pytest.mark.parametrize(
    ("template", "format_", "said"),
    [
        # No system message.
        (GEMMA, "chat_instr", "refuses a system message (System role not supported): use 'chat_instr_user'"),
        (MISTRAL, "chat_instr", "refuses a system message (Conversation roles must alternate"),
        # The query left out, written twice, or changed.
        ("{% for m in messages[:-1] %}{{ m.content }}{% endfor %}", "chat", "swallows the query"),
        (PLAIN + "{{ messages[-1].content }}", "chat", "writes the query 2 times"),
        (PLAIN.replace("message.content", "message.content | upper"), "chat", "swallows a source"),
        # So with the others.
        (PLAIN.replace("for message in messages", "for message in messages[-1:]"), "chat", "swallows a source"),
        (
            "{% for m in messages %}{{ m.content if m.role == 'user' else '.' }}{% endfor %}",
            "chat",
            "swallows an answer",
        ),
        (PLAIN.replace("in messages", "in messages if message.role != 'system'"), "chat_instr", "'chat_instr_user'"),
        (PLAIN.replace("in messages", "in messages | reverse"), "chat", "changes the order of the turns"),
        (PLAIN + "{% if messages | length > 1 %}{{ raise_exception('One turn.') }}{% endif %}", "chat", "(One turn)"),
        # Nothing that can be run.
        ("{% for message in messages %}", "chat", "cannot be run (Unexpected end of template"),
        ("{{ messages[0].content.nothing() }}", "chat", "cannot be run ("),
        ("{{ messages + 1 }}", "chat", "cannot be run ("),
        ("{{ strftime_now(format) }}" + PLAIN, "chat", "cannot be held still"),
    ],
)
def test_a_template_that_cannot_be_used(chatting: Callable[..., Model], template: str, format_: str, said: str) -> None:
    message = refusal(chatting(template), format_)
    assert message.startswith("The model's chat template ")
    assert said in message
    assert "use" in message


def test_a_template_that_alters_some_texts(chatting: Callable[..., Model]) -> None:
    model = chatting("qwen")
    assert prompt_of(model, count=0, item=Item("x", "no </think> here", "a"))
    item = Item("x", "a cow", "so </think> une vache")
    with pytest.raises(UserError, match=r"alters an answer .*'so </think> une vache'.*, or leave this text out\.$"):
        Chat(CHAT_FORMATS["chat"], model).pieces("", [item], "a dog")
    cut = chatting(PLAIN.replace("{{ message.content }}", "{{ message.content[:20] }}"), "byte-level")
    assert labelled(cut)
    with pytest.raises(UserError, match="alters the query"):
        labelled(cut, source="a cow that is too long for it")


# --- a run ---


def test_a_run_with_a_chat_template(
    checkpoint: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.cli.main import main

    monkeypatch.chdir(tmp_path)
    rows = [
        {"source": f"{one.source} {n}", "target": one.target, "split": "pool" if n else "test"}
        for n in range(2)
        for one in ITEMS[:3]
    ]
    Path("pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    folder = checkpoint(*TEMPLATES["llama-3"])
    shared = [
        "run",
        "task-recognition",
        "--model",
        str(folder),
        "--task",
        "jsonl:pairs.jsonl",
        "--format",
        "chat",
        "--quiet",
    ]
    shared += ["--examples", "2", "--seeds", "0", "--limit", "3", "--max-new-tokens", "4", "--dtype", "float64"]
    tables = []
    for engine in ("fast", "reference"):
        assert main([*shared, "--engine", engine, "--out", engine, "--masks", "TTF", "mask_all"]) == 0
        tables.append(pd.read_parquet(Path(engine) / "completions.parquet"))
    assert len(tables[0]) == 2 * 5 * 3
    assert set(tables[0]["format"]) == {"chat"}
    pd.testing.assert_frame_equal(*tables)
    assert "query" in set(pd.read_parquet("fast/measurements.parquet")["hides"].str.split(", ").explode())
