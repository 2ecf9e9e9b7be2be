from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from workbench.models.registry import MINI
from workbench.tasks.grammar.languages import LANGUAGES, TRAINED_LANGUAGES
from workbench.tasks.grammar.lexicon import concepts, forms
from workbench.training.tokenizer import train_tokenizer

TOKENIZER = PreTrainedTokenizerFast.from_pretrained(str(MINI))


def pieces(text):
    return [TOKENIZER.decode([token]) for token in TOKENIZER(text, add_special_tokens=False)["input_ids"]]


@given(st.text(max_size=40))
def test_any_text_comes_back(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    # A text may happen to spell a special token.
    if not any(token in text for token in ("<s>", "</s>", "<pad>")):
        assert TOKENIZER.decode(ids) == text


def test_bos_comes_first_and_nothing_last():
    ids = TOKENIZER("the cat")["input_ids"]
    assert ids[0] == TOKENIZER.bos_token_id
    assert TOKENIZER.eos_token_id not in ids


def test_digits_are_single_tokens():
    assert pieces("10110") == list("10110")


def test_a_word_has_one_token_wherever_it_stands():
    assert pieces("l'oiseau n'aime ") == ["l'", "oiseau ", "n'", "aime "]
    assert pieces("Q:cats see cats .\nA:cats ") == ["Q:", "cats ", "see ", "cats ", ".", "\n", "A:", "cats "]


@pytest.mark.parametrize("language", TRAINED_LANGUAGES)
def test_every_noun_and_verb_of_the_trained_languages_is_one_token(language):
    assert language in LANGUAGES
    split = []
    for part, cells in (("noun", ("singular", "plural")), ("verb", ("present_singular", "past_plural"))):
        for concept in concepts(part):
            for cell in cells:
                text = forms(language, part)[concept.name][cell] + " "
                if len(pieces(text)) > 1:
                    split.append(text)
    assert not split


@pytest.mark.long
def test_training_it_again_gives_the_embedded_tokenizer():
    assert train_tokenizer.__wrapped__().backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()
