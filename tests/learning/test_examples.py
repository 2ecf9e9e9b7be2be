from __future__ import annotations

import pytest
import torch

from workbench.errors import UserError
from workbench.formats import FORMATS
from workbench.learning.examples import batch_of, examples_of, mean_loss
from workbench.prompts import build_prompt


@pytest.fixture(params=["llama", "gpt2"])
def model(request, tiny_model):
    return tiny_model(request.param)


def test_the_prompt_of_the_test_and_its_reference(model, tiny_task):
    item = tiny_task.pool[0]
    (example,) = examples_of(model, tiny_task, [item], format="instr_none_QA")
    prompt = build_prompt(model, FORMATS["instr_none_QA"], tiny_task, (), item)
    length = len(prompt.token_ids)
    assert example.token_ids[:length] == prompt.token_ids
    assert example.token_ids[length : length + len(prompt.reference_ids)] == prompt.reference_ids


def test_items_shown_before_it_are_in_the_prompt(model, tiny_task):
    item, shown = tiny_task.test[0], tiny_task.pool[:2]
    (example,) = examples_of(model, tiny_task, [item], format="instr_none_QA", shown=[shown])
    prompt = build_prompt(model, FORMATS["instr_none_QA"], tiny_task, shown, item)
    assert example.token_ids[: len(prompt.token_ids)] == prompt.token_ids
    assert not any(example.counted[: len(prompt.token_ids)])


def test_the_mean_loss_weighs_tokens_alike(model, tiny_task):
    examples = examples_of(model, tiny_task, tiny_task.pool[:3], format="instr_none_QA")
    sizes = [sum(example.counted) for example in examples]
    found = mean_loss(lambda batch: (batch.counted.sum() * 1.5, int(batch.counted.sum())), examples, 2)
    assert found == 1.5
    first = mean_loss(lambda batch: (torch.tensor(float(len(batch.real))), int(batch.counted.sum())), examples, 1)
    assert first == pytest.approx(3 / sum(sizes))


def test_the_loss_is_on_the_target_and_what_ends_it(model, tiny_task):
    item = tiny_task.pool[0]
    (example,) = examples_of(model, tiny_task, [item], format="instr_none_QA")
    counted = [token for token, counts in zip(example.token_ids, example.counted, strict=True) if counts]
    assert model.decode(counted).lstrip() == f"{item.target} \n"


def test_the_loss_on_the_whole_sequence_leaves_the_end_out(model, tiny_task):
    item = tiny_task.pool[0]
    (example,) = examples_of(model, tiny_task, [item], format="instr_none_QA", loss="sequence")
    assert not example.counted[0]
    counted = [token for token, counts in zip(example.token_ids, example.counted, strict=True) if counts]
    assert model.decode(counted).strip() == f"Q:{item.source}\nA:{item.target}"
    assert not all(example.counted[1:])


def test_an_item_longer_than_the_window(tiny_model, tiny_task):
    short = tiny_model("llama", max_position_embeddings=8)
    with pytest.raises(UserError, match=r"Item 'tiny/0' has \d+ tokens with what is around it; the model reads 8"):
        examples_of(short, tiny_task, tiny_task.pool[:1], format="instr_none_QA")


def test_a_batch_is_padded_on_the_right(model, tiny_task):
    examples = examples_of(model, tiny_task, tiny_task.pool, format="instr_none_QA")
    batch = batch_of(examples)
    for row, example in enumerate(examples):
        length = len(example.token_ids)
        assert batch.token_ids[row, :length].tolist() == list(example.token_ids)
        assert batch.real[row].sum() == length
        assert batch.real[row, :length].all()
        assert batch.counted[row].sum() == sum(example.counted)
    assert not (batch.counted & ~batch.real).any()
    assert batch.token_ids.dtype == torch.long
