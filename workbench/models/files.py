"""What lies in a checkpoint folder, and whether it is enough to load."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UserError

CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class CheckpointFiles:
    """The files of a checkpoint folder that count, each known to exist."""

    folder: Path
    config: Path
    weights: tuple[Path, ...]
    others: tuple[Path, ...]
    """Generation config, index of the shards, tokenizer files."""

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that decides what the model computes."""
        return (self.config, *self.weights, *self.others)


def checkpoint_files(folder: Path) -> CheckpointFiles:
    """The files of a Hugging Face checkpoint folder.

    Raises:
        UserError: the folder has no config, no weights, pickles only, or not all shards of its weights.
    """
    config = folder / CONFIG
    if not config.is_file():
        raise UserError(
            f"{folder} has no {CONFIG}: expected the folder of a Hugging Face checkpoint, with {CONFIG}, "
            "*.safetensors and the tokenizer's files."
        )
    others = (folder / name for name in (GENERATION_CONFIG, INDEX, *TOKENIZER))
    return CheckpointFiles(folder, config, _weights(folder), tuple(path for path in others if path.is_file()))


def _weights(folder: Path) -> tuple[Path, ...]:
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if not (folder / INDEX).is_file():
        raise UserError(_no_weights(folder))
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UserError(f"{folder / INDEX} names no shards: download it again.")
    shards = [folder / name for name in sorted(set(weight_map.values()))]
    absent = [path.name for path in shards if not path.is_file()]
    if absent:
        raise UserError(
            f"{folder} lacks {len(absent)} of the {len(shards)} shards that {INDEX} names "
            f"({', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''}): download them too."
        )
    return tuple(shards)


def _no_weights(folder: Path) -> str:
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if not pickles:
        return f"{folder} has no weights: expected {WEIGHTS}, or shards with {INDEX}."
    return (
        f"{folder} holds its weights only as pickles "
        f"({', '.join(pickles[:3])}{', ...' if len(pickles) > 3 else ''}), which can run code when they are "
        "opened and are never loaded here; safetensors are needed: if you trust where the files come from, convert "
        f"them once with `workbench convert {folder}`, which opens them for weights only."
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UserError: it is damaged, or holds something else than an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): download it again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, expected an object: download it again.")
    return content
