"""The embedded model's card: what it is, how it was made, and what it scores, every number from a run."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from workbench.tasks.grammar.languages import HELD_OUT_LANGUAGE, LANGUAGES, TRAINED_LANGUAGES
from workbench.tasks.grammar.lexicon import concepts
from workbench.tasks.grammar.meaning import HELD_OUT_TRANSFORMATION, TRANSFORMATIONS
from workbench.tasks.grammar.parts import NULL
from workbench.training.evaluation import by_kind
from workbench.training.mixture import SHARES

_CARD = """---
license: mit
language: [{codes}]
---
# mini

The model embedded in Workbench: a Llama-architecture checkpoint of {parameters:,} parameters ({layers} layers, width
{width}, {heads} heads, window {window}), trained by the project itself so that in-context learning can be watched on
any laptop. It is an instrument for showing the method, not a language model to be used for anything else.

**What it learned.** In-context tasks over sentences of a grammar written for the project ({concepts} content words in each
of {languages}): translation between any two languages, translation with a transformation ({transformations}), and the
first word of a part of speech (or, as a class without a rule, any word). No query gives its task away: every sentence
may be asked for in any language, transformed or not, or for one of its words. Every sentence whose content words hash
into one of 32 of 256 buckets is held out, in every language and form: examples come from 16 of them, tests from the
other 16.

**Left out on purpose**, for studies that teach it something new: {held_out_language} and the {held_out_transformation}.

**How it was made.** `workbench train mini`: {steps:,} steps of {prompts} prompts with {shortest} to {longest} pairs each,
{tokens:,} tokens, AdamW at {learning_rate} with warm-up and cosine decay, seed {seed}; loss on the targets only.
Mixture: {mixture}. {seconds} s of training with {threads} threads (PyTorch {torch}). `training.json` holds the
record; its seconds are wall-clock time, and other work on the machine counts into them.

**What it scores** on held-out sentences ({n} prompts a task, examples drawn by seed 0). Exact match is a share; BLEU is
sacrebleu's, lower-case, 13a tokeniser; "worst" is the lowest of the tasks. The part of speech "random-word" has no
rule to be found and is left out of this table; below it stands with the others.

{table}

Translation with {shot} examples and no instructions, BLEU:

{directions}

Part of speech with {shot} examples and no instructions, exact match:

{parts}
"""
_SHOT = 5


def write_card(folder: Path, scores: pd.DataFrame) -> Path:
    """Write README.md and scores.csv beside the model; returns the card's path.

    Args:
        folder: the finished model, with `training.json`.
        scores: as `workbench.training.evaluation.evaluate` returns them.
    """
    record = json.loads((folder / "training.json").read_text())
    recipe = record["recipe"]
    from workbench.training.mixture import LONGEST, SHORTEST

    text = _CARD.format(
        **recipe,
        **{key: record[key] for key in ("parameters", "tokens", "torch")},
        seconds=round(record["seconds"]),
        codes=", ".join(TRAINED_LANGUAGES),
        languages=", ".join(LANGUAGES[code].name for code in TRAINED_LANGUAGES),
        concepts=sum(len(concepts(part)) for part in ("noun", "verb", "adjective", "adverb")),
        transformations=", ".join(TRANSFORMATIONS),
        held_out_language=LANGUAGES[HELD_OUT_LANGUAGE].name,
        held_out_transformation=HELD_OUT_TRANSFORMATION,
        mixture=", ".join(f"{kind} {share:.0%}" for kind, share in SHARES.items()),
        shortest=SHORTEST,
        longest=LONGEST,
        n=int(scores["n"].iloc[0]),
        shot=_SHOT,
        table=_markdown(_summary(scores)),
        directions=_markdown(_directions(scores)),
        parts=_markdown(_parts(scores)),
    )
    scores.round(6).to_csv(folder / "scores.csv", index=False)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return folder / "README.md"


def _shown(scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    rows = scores[(scores["kind"] == kind) & (scores["format"] == "instr_none_QA")]
    return rows[rows["examples"] == _SHOT]


def _summary(scores: pd.DataFrame) -> pd.DataFrame:
    table = by_kind(scores[~scores["task"].str.startswith(NULL)]).round(3).astype(object)
    # One-word answers have no 4-grams, and so no BLEU.
    table.loc[table["kind"] == "part-of-speech", ["bleu", "worst_bleu"]] = ""
    return table


def _directions(scores: pd.DataFrame) -> pd.DataFrame:
    rows = _shown(scores, "translate")
    names = rows["task"].str.split("-", expand=True)
    table = rows.assign(source=names[1], target=names[2]).pivot(index="source", columns="target", values="bleu")
    return table.round(1).astype(object).where(table.notna(), "").reset_index(names="from / into")


def _parts(scores: pd.DataFrame) -> pd.DataFrame:
    rows = _shown(scores, "part-of-speech")
    split = rows["task"].str.rsplit("-", n=1, expand=True)
    table = rows.assign(word=split[0], language=split[1]).pivot(index="word", columns="language", values="exact_match")
    return table.round(2).reset_index()


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns)]
    rows += [[str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
