"""Fixtures that every package's tests share."""

from __future__ import annotations

import json
import os
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

import workbench

ROOT = Path(__file__).parent.parent

# Types and shapes are checked at every call. Tasks hold no tensors and draw hundreds of thousands of words, so they get
# the types alone: the shapes' bookkeeping made them ten times slower.
_SHAPED = [f"workbench.{module.name}" for module in pkgutil.iter_modules(workbench.__path__) if module.name != "tasks"]
install_import_hook([*_SHAPED, "analyses"], "beartype.beartype")
beartype_package("workbench.tasks")

# A busy machine is not a fault of the code.
hypothesis.settings.register_profile("workbench", deadline=None)
hypothesis.settings.load_profile("workbench")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a sandbox on machines that cannot make one."""
    if item.get_closest_marker("sandbox"):
        from workbench.errors import UserError
        from workbench.execution import require_sandbox

        try:
            require_sandbox()
        except UserError as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The Chromium on this machine; a test that asks for it carries the marker `browser`."""
    from workbench.views.images import browser

    found = browser()
    if found is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="session")
def chromium(chromium_path: Path) -> Iterator[Any]:
    """That Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; a test that asks for it carries the marker `real_data`."""
    folder = Path(os.environ.get("WORKBENCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests make the workbench remember stays out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def code_folder(tmp_path: Path) -> Path:
    """A folder in the layout of MBPP and HumanEval, with two problems."""
    for name in ("mbpp", "human-eval"):
        (tmp_path / name).mkdir()
    records = [
        {"task_id": n, "text": f"Write number {n}.", "code": f"def number():\r\n\treturn {n}"} for n in range(1, 975)
    ]
    problems = [
        {
            "task_id": f"HumanEval/{n}",
            "prompt": f"import math\n\ndef helper(x):\n    return x + {n}\n\ndef solve(x):\n"
            f"    {quotes} Add {n} to x.\n    {quotes}\n",
            "entry_point": "solve",
            "canonical_solution": "    return helper(x)\n",
            "test": f"def check(candidate):\n    assert candidate(1) == 1 + {n}\n    assert helper(1) == {n + 1}\n",
        }
        for n, quotes in enumerate(['"""', "'''"])
    ]
    for path, rows in (("mbpp/mbpp.jsonl", records), ("human-eval/HumanEval.jsonl", problems)):
        (tmp_path / path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


# Tiny checkpoints: random weights of every architecture in the ordinary Hugging Face format, made in a
# second. transformers and torch are imported inside, so that tests without a model do not wait for them.

SENTENCES = [
    "the small cats do not see the red house .",
    "les petits chats ne voient pas la maison rouge .",
    "Die Katze schläft; der Hund bellt laut!",
    "Q: where is the book?\nA: on the table \n",
    "猫在桌子上睡觉。 狗在房子里。",
    "बिल्ली मेज पर सो रही है।",
    "القطة نائمة على الطاولة.",
]

_WIDTH = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 512}
_GATED = {**_WIDTH, "intermediate_size": 88}
_ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0}
_ROPE |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 32}
_KINDS = {"attention_types": [[["global", "local"], 2]], "window_size": 8}
_CAPS = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 24}
# Class of the config, and what it is given. Windows are shorter than the tests' prompts, heads of some are wider than
# width / heads: each of these has been got wrong by somebody.
_TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", _GATED),
    "llama-gqa": ("LlamaConfig", {**_GATED, "num_key_value_heads": 2, "rope_parameters": _ROPE}),
    "gpt2": ("GPT2Config", {"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 512}),
    "gpt-neo": (
        "GPTNeoConfig",
        {"hidden_size": 32, "num_layers": 4, "num_heads": 4, "max_position_embeddings": 512, **_KINDS},
    ),
    "gpt-neox": ("GPTNeoXConfig", {**_WIDTH, "intermediate_size": 128, "rotary_pct": 0.5}),
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 4, "n_head": 4, "seq_length": 512}),
    "opt": ("OPTConfig", {**_WIDTH, "ffn_dim": 128}),
    "gemma-2": ("Gemma2Config", {**_GATED, **_CAPS, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 8}),
    "olmo": ("OlmoConfig", {**_GATED, "clip_qkv": 0.5}),
    "olmo-2": ("Olmo2Config", _GATED),
    "qwen2": ("Qwen2Config", {**_GATED, "num_key_value_heads": 2}),
    "qwen3": ("Qwen3Config", {**_GATED, "num_key_value_heads": 2, "head_dim": 16}),
    "mistral": ("MistralConfig", {**_GATED, "num_key_value_heads": 2, "sliding_window": 8}),
    "starcoder2": (
        "Starcoder2Config",
        {**_WIDTH, "intermediate_size": 128, "num_key_value_heads": 2, "sliding_window": 8},
    ),
}
TINY_ARCHITECTURES = tuple(_TINY)
_SENTENCEPIECE = ("llama", "llama-gqa", "gemma-2", "mistral")


def _byte_level_tokenizer() -> tuple[Any, dict[str, str]]:
    """GPT-2's kind: byte-level BPE, no BOS."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # GPT-2's file has False; True, as in Llama 3's, is the harder case: offsets lose their spaces.
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}


def _sentencepiece_tokenizer() -> tuple[Any, dict[str, str]]:
    """Llama 2's kind: spaces as a letter, BOS from the post-processor, unknown characters as bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special + byte_tokens, show_progress=False)
    # European sentences only: Chinese, Hindi and Arabic are left to the bytes.
    tokenizer.train_from_iterator(SENTENCES[:4], trainer)
    # The trainer knows no other way to give the bytes an id than as special tokens, which they are not.
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


_TOKENIZERS = {"byte-level": _byte_level_tokenizer, "sentencepiece": _sentencepiece_tokenizer}


def _tiny_config(architecture: str, settings: dict[str, Any]) -> Any:
    import transformers

    name, shape = _TINY[architecture]
    return getattr(transformers, name)(**{**shape, **settings})


def _write_tiny(folder: Path, architecture: str, tokenizer: str | None, seed: int, settings: dict[str, Any]) -> None:
    import torch
    import transformers

    # Its bars would stand among what the tests read from standard error.
    transformers.utils.logging.disable_progress_bar()

    kind = tokenizer or ("sentencepiece" if architecture in _SENTENCEPIECE else "byte-level")
    backend, special = _TOKENIZERS[kind]()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    ids = {"bos_token_id": fast.bos_token_id, "eos_token_id": fast.eos_token_id, "pad_token_id": None}
    config = _tiny_config(architecture, {"vocab_size": len(fast), **ids, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                # Norms start at one and biases at zero; noise on both, or a forgotten one would go unnoticed.
                parameter.copy_((parameter == 1).all() + 0.15 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    fast.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes checkpoint folders: `tiny_checkpoint("llama-gqa", max_position_embeddings=64)`.

    Architectures: `TINY_ARCHITECTURES`; llama-gqa has two key/value heads and Llama 3's rotary scaling, gpt-neo and
    gemma-2 look back 8 tokens in every second layer, mistral and starcoder2 in all. 4 layers, width 32, 4 heads,
    window 512. `tokenizer` is "sentencepiece" (default of Llama, Mistral, Gemma) or "byte-level" (the others');
    other settings go into the config. The same request gives the same folder: copy it before changing it.
    """
    made: dict[str, Path] = {}

    def make(architecture: str, *, tokenizer: str | None = None, seed: int = 0, **settings: Any) -> Path:
        key = repr((architecture, tokenizer, seed, sorted(settings.items())))
        if key not in made:
            folder = tmp_path_factory.mktemp(architecture)
            _write_tiny(folder, architecture, tokenizer, seed, settings)
            made[key] = folder
        return made[key]

    return make


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Callable[..., Path]) -> Callable[..., Any]:
    """Loads tiny checkpoints afresh: `tiny_model("gpt2", torch.float64)`; float32 unless told."""

    def make(architecture: str, dtype: Any = None, **settings: Any) -> Any:
        import torch

        from workbench.models.load import load

        return load(tiny_checkpoint(architecture, **settings), dtype=dtype or torch.float32)

    return make


@pytest.fixture(scope="session")
def tiny_prompts() -> Callable[..., list[Any]]:
    """Prompts of different lengths for a tiny model: `tiny_prompts(model, examples=2, instructions=True,
    count=3)`."""
    from workbench.formats import FORMATS
    from workbench.prompts import build_prompt
    from workbench.tasks.task import Item, Task

    words = [
        "cat",
        "the small cat",
        "red house",
        "see",
        "where is the book?",
        "a dog",
        "猫",
        "on the table .",
    ]
    items = [Item(f"tiny/{n}", word, words[(n + 3) % len(words)]) for n, word in enumerate(words)]

    def make(
        model: Any, *, examples: int = 2, instructions: bool = True, count: int = 3, max_new_tokens: int = 6
    ) -> list[Any]:
        task = Task("tiny", "tiny", "Answer", items[5:], items[:5], stop=("\n",), max_new_tokens=max_new_tokens)
        format_ = FORMATS["instr_task" if instructions else "instr_none_QA"]
        return [build_prompt(model, format_, task, items[5 : 5 + examples], item) for item in items[:count]]

    return make


@pytest.fixture(scope="session")
def tiny_task() -> Any:
    """A task of twelve pairs of words: eight in the pool, four in the test set."""
    from workbench.tasks.task import Item, Task

    words = ["cat", "dog", "house", "red", "small", "book", "table", "see", "sleep", "where", "the cat", "a dog"]
    items = [Item(f"tiny/{n}", word, words[(n + 5) % len(words)]) for n, word in enumerate(words)]
    return Task("tiny", "tiny", "Answer", items[:8], items[8:], stop=("\n",), max_new_tokens=4)


@pytest.fixture(scope="session")
def tiny_architectures() -> tuple[str, ...]:
    """Every architecture that `tiny_checkpoint` makes."""
    return TINY_ARCHITECTURES
