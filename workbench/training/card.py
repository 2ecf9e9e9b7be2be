"""The embedded model's card: what it is, how it was made, and what it scores, every number from a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from workbench.tasks import bitwise
from workbench.tasks.grammar.languages import HELD_OUT_LANGUAGE, LANGUAGES, TRAINED_LANGUAGES
from workbench.tasks.grammar.lexicon import PARTS, concepts
from workbench.tasks.grammar.meaning import HELD_OUT_TRANSFORMATION, TRANSFORMATIONS
from workbench.tasks.grammar.parts import NULL
from workbench.training.evaluation import by_kind
from workbench.training.mini import checkpoint_steps
from workbench.training.mixture import LONGEST, OPERATOR_EVERY, OPERATORS, REFINED, SHARES, SHORTEST
from workbench.training.recipe import Recipe

_CARD = """---
license: mit
language: [{codes}]
---
# mini

The model embedded in Workbench: a Llama-architecture checkpoint of {parameters:,} parameters ({layers} layers, width
{width}, {heads} heads, window {window}), trained by the project itself so that in-context learning can be watched on
any laptop. It is an instrument for showing the method, not a language model to be used for anything else.

**What it learned.** In-context tasks of six kinds. Over sentences of a grammar written for the project ({concepts} content
words in each of {languages}): translation between any two languages,
translation with a transformation ({transformations}), and the first word of a part of speech (or, as a class without
a rule, any word). Over the same words alone: the opposite, the plural, the past, the word in another language. Over
functions of numbers and lists that a sentence describes: an expression in Python, Lisp or postfix notation. Over two
five-digit binary numbers: {operators}, or, as a class without a rule, random digits. No query gives its task away: every
sentence may be asked for in any language, transformed or not, or for one of its words; every function in any notation;
every two numbers under any operator.

**Held out.** Every sentence whose content words hash into one of 32 of 256 buckets, in every language and form: examples
come from 16 of them, tests from the other 16. Functions and numbers are held out likewise, by their structure and digits.
Word pairs are facts, and every one occurs in training: there, only the prompt (these examples with this query) is new.

**Left out on purpose**, for studies that teach it something new: {held_out_language} and the {held_out_transformation}.

**How it was made.** `{command}`: {steps:,} steps of {prompts} prompts of {shortest} to {longest} tokens each,
AdamW at {learning_rate} with warm-up and cosine decay; then {restart:,} more with a fresh optimiser at {restart_rate}
with warm-up and a straight fall; {tokens:,} tokens together, seed {seed}; loss on the targets only. Mixture: {mixture};
in the second cycle, which is there for the languages' rarer words: {refined}. Bitwise operators join one by one, every
{operator_every} steps: asked all at once, they are not learned. {seconds} s of training with {threads} threads (PyTorch
{torch}). `training.json` holds the record; its seconds are wall-clock time, and other work on the machine counts into
them. Checkpoints of this training, in bfloat16, are {revisions}:
`workbench run task-recognition --model mini --revision {late}`.

**What it scores** on held-out prompts ({n} a task, examples drawn by seed 0). Exact match and same value (the expression
gives what it should) are shares; BLEU is sacrebleu's, lower-case, 13a tokeniser; "worst" is the lowest of the tasks.
Classes without a rule are left out of this table; they stand below with the others: there a guess is right once in eight
(random-word) or once in 32 (bitwise-null).

{table}

Translation with {shot} examples and no instructions, BLEU:

{directions}

Part of speech with {shot} examples and no instructions, exact match:

{parts}

The other tasks with {shot} examples and no instructions, mean over the languages where there are several:

{others}

What was left out of training, asked in the same way:

{left_out}
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
    revisions = [f"step-{step}" for step in checkpoint_steps(Recipe(**recipe))]
    text = _CARD.format(
        **recipe,
        **{key: record[key] for key in ("parameters", "tokens", "torch")},
        seconds=round(record["seconds"]),
        codes=", ".join(TRAINED_LANGUAGES),
        languages=", ".join(LANGUAGES[code].name for code in TRAINED_LANGUAGES),
        concepts=sum(len(concepts(part)) for part in PARTS),
        transformations=", ".join(TRANSFORMATIONS),
        operators=", ".join(operator.upper() for operator in OPERATORS),
        operator_every=OPERATOR_EVERY,
        held_out_language=LANGUAGES[HELD_OUT_LANGUAGE].name,
        held_out_transformation=HELD_OUT_TRANSFORMATION,
        mixture=_in_words(SHARES),
        refined=_in_words(REFINED),
        shortest=SHORTEST,
        longest=LONGEST,
        command="workbench train mini" + (" --compile" if recipe["compile"] else ""),
        revisions=", ".join(revisions),
        late=revisions[-3],
        n=int(scores["n"].max()),
        shot=_SHOT,
        table=_markdown(_summary(scores)),
        directions=_markdown(_directions(scores)),
        parts=_markdown(_parts(scores)),
        others=_markdown(_others(scores)),
        left_out=_markdown(by_kind(scores[scores["training_share"] == 0]).round(3)),
    )
    scores.round(6).to_csv(folder / "scores.csv", index=False)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return folder / "README.md"


def _in_words(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())


def _shown(scores: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    rows = scores[scores["kind"].isin(kinds) & (scores["format"] == "instr_none_QA") & (scores["training_share"] > 0)]
    return rows[rows["examples"] == _SHOT]


def _summary(scores: pd.DataFrame) -> pd.DataFrame:
    lawless = scores["task"].str.startswith(f"{NULL}-") | (scores["task"] == f"bitwise-{bitwise.NULL}")
    return by_kind(scores[~lawless & (scores["training_share"] > 0)]).round(3)


def _directions(scores: pd.DataFrame) -> pd.DataFrame:
    rows = _shown(scores, "translate")
    names = rows["task"].str.split("-", expand=True)
    table = rows.assign(source=names[1], target=names[2]).pivot(index="source", columns="target", values="value")
    return table.round(1).astype(object).where(table.notna(), "").reset_index(names="from / into")


def _parts(scores: pd.DataFrame) -> pd.DataFrame:
    rows = _shown(scores, "part-of-speech")
    split = rows["task"].str.rsplit("-", n=1, expand=True)
    table = rows.assign(word=split[0], language=split[1]).pivot(index="word", columns="language", values="value")
    return table.round(2).reset_index()


def _others(scores: pd.DataFrame) -> pd.DataFrame:
    rows = _shown(scores, "word-pair", "code", "bitwise")
    # The tail of a word pair's name is its languages.
    heads = rows["task"].where(rows["kind"] != "word-pair", rows["task"].str.replace(r"(-\w\w)+$", "", regex=True))
    grouped = rows.assign(task=heads).groupby(["kind", "task", "score"], sort=False)
    return (
        grouped.agg(tasks=("n", "size"), value=("value", "mean"), worst_value=("value", "min")).round(3).reset_index()
    )


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns)]
    rows += [[str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
