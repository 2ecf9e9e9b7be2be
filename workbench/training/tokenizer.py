"""The embedded model's tokenizer: byte-level BPE, trained on the embedded model's tasks.

A space belongs to the word before it, so that a word has one token wherever it stands: in the middle of a sentence,
after `Q:` or as an answer after `A:`. Digits are single tokens. Any text tokenizes, since every byte has a token.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from workbench.formats import FORMATS
from workbench.random_streams import stream
from workbench.tasks import bitwise, word_pairs
from workbench.tasks.functions import tasks as functions
from workbench.tasks.grammar import tasks as grammar
from workbench.tasks.grammar.languages import LANGUAGES, TRAINED_LANGUAGES
from workbench.tasks.grammar.meaning import draw
from workbench.training.mixture import SHARES, describe, tasks_of

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
# An elided word keeps its apostrophe, `Q:` and `A:` their colon; a letter run, a run of signs: each takes one space.
_WORDS = r"\p{L}+['’](?=\p{L})|\p{L}+:?[ ]?|\p{N}|[^\s\p{L}\p{N}]+[ ]?|\s"
_MERGED_PIECES = 1024
"""Pieces learned as merges, for text outside the grammar."""
_LEAST_COUNT = 3
"""A word of the tasks gets a token of its own if it occurs this often in the sample."""
_SAMPLE = 30_000
"""Sentences, each in every trained language."""
_ITEMS = 300
"""Pairs of source and target of every trained task."""


@cache
def train_tokenizer(seed: int = 0) -> PreTrainedTokenizerFast:
    """Train the tokenizer on what the embedded model is trained on, and on every instruction."""
    text = list(_sample(seed))
    learner = _byte_level(models.BPE())
    learner.train_from_iterator(
        text,
        trainers.BpeTrainer(
            vocab_size=_MERGED_PIECES,
            special_tokens=[PAD, BOS, EOS],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return _finish(_with_whole_words(learner, text))


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write tokenizer.json and its configuration, in the Hugging Face format."""
    tokenizer.save_pretrained(str(folder))
    path = folder / "tokenizer_config.json"
    # The class that every version of transformers knows.
    config = json.loads(path.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _sample(seed: int) -> Iterable[str]:
    generator = stream(seed, "tokenizer")
    for _ in range(_SAMPLE):
        meaning = draw(generator)
        for code in TRAINED_LANGUAGES:
            yield f"Q:{LANGUAGES[code].sentence(meaning)} \nA:"
    for kind in SHARES:
        for name in tasks_of(kind):
            mapping = describe(kind, name)
            for _ in range(_ITEMS):
                source, target = mapping.pair(mapping.draw(generator), generator)
                yield f"Q:{source}\nA:{target} \n"
    for home in (grammar, word_pairs, functions, bitwise):
        # Language names and the words of every instruction, those for tasks left out of training too.
        for name in home.names():
            for format_ in FORMATS.values():
                yield format_.header.format(instruction=home.describe(name).instruction)


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _with_whole_words(learner: Tokenizer, text: list[str]) -> Tokenizer:
    """The same tokenizer with a token for every word of the tasks, looked up before merges (as in Llama 3)."""
    pre_tokenizer = learner.pre_tokenizer
    assert pre_tokenizer is not None
    counts = Counter(word for line in text for word, _ in pre_tokenizer.pre_tokenize_str(line))
    vocabulary = learner.get_vocab()
    words = sorted(word for word, count in counts.items() if count >= _LEAST_COUNT and word not in vocabulary)
    vocabulary |= {word: len(vocabulary) + index for index, word in enumerate(words)}
    merges = json.loads(learner.to_str())["model"]["merges"]
    whole = _byte_level(
        models.BPE(vocab=vocabulary, merges=[(left, right) for left, right in merges], ignore_merges=True)
    )
    whole.add_special_tokens([PAD, BOS, EOS])
    return whole


def _finish(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
