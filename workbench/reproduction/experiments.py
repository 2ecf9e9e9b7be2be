"""What a paper ran on a model, as runs of this project's analyses."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.lora.settings import PRESETS
from workbench.published.papers import ANY, Paper

PLAIN = "instr_none_QA"
TRANSLATION = "instr_machine_translation"
MASKS, PLAIN_MASKS = ("TTF", "FTF", "FFT", "TTT"), ("FTF",)
"""Of the prompts with an instruction, and of those without: the five series of the paper."""
EXAMPLES = 5
"""In the prompt, where a paper's table does not say."""
PENALTIES = (0.0, 0.1, 0.01, 0.001, 0.0001)
"""Of the gates; the paper's table has gates without one beside its best."""
SMALL = "mini"
"""Preset of the trainings that take minutes: of single-layer LoRA and of the gates."""
_CODES = {"en": "eng_Latn", "fr": "fra_Latn", "pt": "por_Latn", "de": "deu_Latn", "es": "spa_Latn", "it": "ita_Latn"}


@dataclass(frozen=True)
class Asked:
    """What a person asked for; what is None is as in the paper."""

    model: str
    revision: str | None = None
    data: Path | None = None
    directions: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    limit: int | None = None
    examples: int | None = None
    seeds: tuple[int, ...] = ()
    small: bool = False
    """Trainings with the settings made for `mini`."""
    official_defects: bool = False
    """Adapters trained as the official code does by mistake."""
    allow_code_execution: bool = False
    batch_size: int | None = None
    dtype: str = "float32"
    device: str = "cpu"


@dataclass(frozen=True)
class Part:
    """One run of an analysis, and what it is a part of."""

    experiment: str
    direction: str
    version: str
    """Of the paper."""
    analysis: str
    settings: Mapping[str, Any]
    figures: str
    note: str
    """What the paper says of it."""

    @property
    def name(self) -> str:
        """Its folder, under those of the runs."""
        told = [
            str(self.settings[name]) for name in ("preset", "training_items") if self.settings.get(name) is not None
        ]
        return re.sub(r"[^A-Za-z0-9._-]+", "-", ".".join([self.analysis, self.direction, *told]))


def parts(paper: Paper, model: str | None, asked: Asked) -> list[Part]:
    """The runs, in the order of the paper.

    Args:
        paper: the paper.
        model: what it calls the model; None if it did not measure it.
        asked: what the person wants of it.

    Raises:
        UserError: an experiment or a direction that is not known.
    """
    unknown = [name for name in asked.only if name not in EXPERIMENTS]
    if unknown:
        raise UserError(f"Unknown experiment {unknown[0]!r}; there are {', '.join(EXPERIMENTS)}.")
    table = paper.experiments[paper.experiments["model"] == (model or ANY)]
    chosen = [row for _, row in table.iterrows() if not asked.only or row["experiment"] in asked.only]
    lacking = [name for name in asked.only if name not in set(table["experiment"])]
    if lacking:
        raise UserError(
            f"{paper.name} has no experiment {lacking[0]} with {model or 'a model that it did not measure'}; it has "
            f"{', '.join(dict.fromkeys(table['experiment']))}."
        )
    return [
        Part(
            str(row["experiment"]),
            direction,
            str(row["version"]),
            analysis,
            {**_common(asked), **settings},
            str(row["figures"]),
            str(row["note"]),
        )
        for row in chosen
        for direction in _directions(row, asked)
        for analysis, settings in _BUILDERS[row["experiment"]](paper, row, direction, asked)
    ]


def _common(asked: Asked) -> dict[str, Any]:
    """Settings that every run has."""
    names = ("model", "revision", "dtype", "device", "limit", "data")
    batch = {} if asked.batch_size is None else {"batch_size": asked.batch_size}
    return {**{name: getattr(asked, name) for name in names}, **batch}


def task_name(direction: str, asked: Asked) -> str:
    """The task of a direction: FLORES where data are given, else the embedded grammar's sentences."""
    if direction == "code":
        return "humaneval"
    source, dash, target = direction.partition("-")
    if not (source and dash and target):
        raise UserError(f"Direction {direction!r} should look like en-fr, or eng_Latn-fra_Latn.")
    if asked.data is None:
        return f"translate-{source}-{target}"
    return f"flores:{_CODES.get(source, source)}-{_CODES.get(target, target)}"


def config_of(part: Part, config: type[Any]) -> Any:
    """The part's settings as the analysis has them."""
    known = {field.name for field in dataclasses.fields(config)}
    return config(**{name: value for name, value in part.settings.items() if name in known})


def tested_on(task: str) -> str:
    """What the settings call the test set of a task."""
    if task.startswith("flores:"):
        return "FLORES devtest"
    if task.startswith("humaneval"):
        return "HumanEval"
    return f"the embedded {task}" if task.startswith("translate-") else task


def _directions(row: Any, asked: Asked) -> Sequence[str]:
    own = str(row["directions"]).split()
    if own == ["code"]:
        return own
    if asked.directions:
        return asked.directions
    # The embedded grammar has Portuguese, but mini was not trained on it.
    return [direction for direction in own if asked.data is not None or "pt" not in direction]


Built = list[tuple[str, dict[str, Any]]]


def _numbers(paper: Paper, row: Any, setting: str) -> tuple[int, ...]:
    """Numbers in a setting of the paper, or in the column `examples` of an experiment."""
    if setting == "counts":
        return tuple(int(word) for word in str(row["examples"]).split())
    value = paper.setting(row["experiment"], row["version"], setting)
    return tuple(int(word) for word in (value or "").split())


def _seeds(paper: Paper, row: Any, asked: Asked) -> tuple[int, ...]:
    return asked.seeds or _numbers(paper, row, "seeds") or (0,)


def _examples(paper: Paper, row: Any, asked: Asked) -> int:
    if asked.examples is not None:
        return asked.examples
    found = _numbers(paper, row, "examples")
    return found[0] if found else EXAMPLES


def _longest(paper: Paper, row: Any) -> int | None:
    found = _numbers(paper, row, "longest completion")
    return found[0] if found else None


def _masking(paper: Paper, row: Any, direction: str, asked: Asked) -> Built:
    settings = {
        "task": (task_name(direction, asked),),
        "masks": MASKS,
        "plain_masks": PLAIN_MASKS,
        "instruction_format": "instr_code_gen" if direction == "code" else TRANSLATION,
        "plain_format": PLAIN,
        "examples": _examples(paper, row, asked),
        "seeds": _seeds(paper, row, asked),
        "max_new_tokens": _longest(paper, row),
        "allow_code_execution": asked.allow_code_execution and direction == "code",
    }
    return [("context-masking", settings)]


def _counts(paper: Paper, row: Any, direction: str, asked: Asked) -> Built:
    settings = {
        "task": (task_name(direction, asked),),
        "examples": (asked.examples,) if asked.examples is not None else _numbers(paper, row, "counts"),
        "format": PLAIN,
        "mask": "FTF",
        "seeds": _seeds(paper, row, asked),
        "max_new_tokens": _longest(paper, row),
    }
    return [("number-of-examples", settings)]


def _removal(paper: Paper, row: Any, direction: str, asked: Asked) -> Built:
    settings = {
        "task": (task_name(direction, asked),),
        "examples": _examples(paper, row, asked),
        "prompts": ("both", "examples", "neither"),
        # Its masking curve is an experiment of its own.
        "masking": False,
        "instruction_format": TRANSLATION,
        "plain_format": PLAIN,
        "seeds": _seeds(paper, row, asked),
        "max_new_tokens": _longest(paper, row),
    }
    return [("attention-removal", settings)]


def _lora(paper: Paper, row: Any, direction: str, asked: Asked) -> Built:
    """A run for each number of training pairs."""
    settings = {
        "task": (task_name(direction, asked),),
        "preset": _preset(paper, row, asked) or "neurips",
        "targets": ("output",),
        "formats": tuple((paper.setting("single-layer-lora", row["version"], "formats") or PLAIN).split()),
        "official_defects": asked.official_defects,
        "validation_items": _validation(asked),
        "masking_examples": 0,  # The masking curve is an experiment of its own here.
        "seeds": _seeds(paper, row, asked),
        "max_new_tokens": _longest(paper, row),
    }
    pairs = (PRESETS[SMALL].training_items,) if asked.small else _numbers(paper, row, "training pairs")
    return [("single-layer-lora", {**settings, "training_items": count}) for count in pairs]


def _gates(paper: Paper, row: Any, direction: str, asked: Asked) -> Built:
    """Trained on one direction; tested on another one too, as in the paper, where there are data of it."""
    source, _, target = direction.partition("-")
    further = (task_name(f"{source}-pt", asked),) if asked.data is not None and target != "pt" else ()
    examples = (0, EXAMPLES if asked.examples is None else asked.examples)
    settings = {
        "task": (task_name(direction, asked),),
        "test_tasks": further,
        "preset": _preset(paper, row, asked) or "paper",
        "penalties": PENALTIES,
        "training_examples": tuple(dict.fromkeys(examples)),
        "test_examples": tuple(dict.fromkeys(examples)),
        "validation_items": _validation(asked),
        "format": TRANSLATION,
        "seeds": _seeds(paper, row, asked),
        "max_new_tokens": _longest(paper, row),
    }
    return [("head-gates", settings)]


def _preset(paper: Paper, row: Any, asked: Asked) -> str | None:
    return SMALL if asked.small else paper.setting(row["experiment"], row["version"], "preset")


def _validation(asked: Asked) -> int | None:
    """The preset's; half of their pool of 100 for the embedded model's own tasks, which have no more."""
    return None if asked.small or asked.data is not None else 50


_BUILDERS: Mapping[str, Callable[[Paper, Any, str, Asked], Built]] = {
    "context-masking": _masking,
    "number-of-examples": _counts,
    "code-generation": _masking,
    "attention-removal": _removal,
    "single-layer-lora": _lora,
    "head-gates": _gates,
}
EXPERIMENTS = tuple(_BUILDERS)
"""By name."""
