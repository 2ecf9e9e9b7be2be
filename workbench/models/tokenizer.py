"""Reading a checkpoint's tokenizer, and what it does of its own accord."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from workbench.errors import UserError
from workbench.models.files import CONFIG, GENERATION_CONFIG, read_json


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The fast tokenizer in a checkpoint folder; no network.

    `tokenizer.json` is taken as it stands: the classes that Hugging Face would pick by name rebuild parts of
    it. Older byte-level checkpoints have `vocab.json` and `merges.txt` instead, which convert exactly.

    Raises:
        UserError: there is none, it is damaged, or it exists in a slow form only.
    """
    reader: Any
    if (folder / "tokenizer.json").is_file():
        reader = PreTrainedTokenizerFast
    elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        reader = AutoTokenizer
    else:
        raise UserError(_missing(folder))
    try:
        tokenizer = reader.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the Rust parser raises bare Exception
        raise UserError(f"The tokenizer in {folder} cannot be read ({error}): download it again.") from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(_missing(folder))
    return tokenizer


def _missing(folder: Path) -> str:
    if not any((folder / name).is_file() for name in ("tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")):
        return f"{folder} has no tokenizer: expected tokenizer.json beside the weights."
    return (
        f"{folder} has its tokenizer in a slow form only, without the character offsets that segments need: "
        "expected tokenizer.json, which "
        f"`transformers.AutoTokenizer.from_pretrained({str(folder)!r}).save_pretrained({str(folder)!r})` "
        "writes."
    )


def prepended_token(tokenizer: PreTrainedTokenizerFast) -> int | None:
    """The id that the tokenizer itself puts before a text (BOS), or None if it puts nothing there.

    Asked of the tokenizer, not of its settings: GPT-2 names a BOS token and never uses it.

    Raises:
        UserError: it puts more than one token there.
    """
    plain = tokenizer("a", add_special_tokens=False).input_ids
    full = tokenizer("a").input_ids
    start = next(index for index in range(len(full)) if full[index : index + len(plain)] == plain)
    if start > 1:
        raise UserError(
            f"The tokenizer puts {start} tokens before a text ({full[:start]}): expected none or one (BOS)."
        )
    return full[0] if start else None


def end_tokens(folder: Path, tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """Every id that ends a text, as generation config, config and tokenizer name them.

    Read from the files: config classes have defaults of their own, which may be ordinary tokens of this
    tokenizer.
    """
    found: set[int] = set()
    for name in (GENERATION_CONFIG, CONFIG):
        if (folder / name).is_file():
            found |= _ids(read_json(folder / name).get("eos_token_id"))
    return frozenset(found | _ids(tokenizer.eos_token_id))


def _ids(value: Any) -> set[int]:
    if value is None:
        return set()
    return set(value) if isinstance(value, list) else {int(value)}


def check_vocabulary(tokenizer: PreTrainedTokenizerFast, d_vocab: int, folder: Path) -> None:
    """Refuse a tokenizer whose ordinary tokens the model has no embedding for (it belongs to another model).

    Added tokens may go beyond, as a padding token often does: no text becomes one.
    """
    largest = max(tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False).values())
    if largest >= d_vocab:
        raise UserError(
            f"The tokenizer in {folder} has token ids up to {largest}, the model embeds {d_vocab}: it "
            "belongs to another model."
        )
