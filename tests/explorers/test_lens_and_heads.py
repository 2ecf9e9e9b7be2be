"""The lens and the head explorer, used through their controls."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from workbench.errors import UserError
from workbench.explorers import Asked, HeadExplorer, LensExplorer
from workbench.explorers.attention import attention_from_answer
from workbench.explorers.markup import shares


@pytest.fixture
def lens(small):
    return LensExplorer(small.model, Asked("toy", examples=2), mask="FTF", tasks=small.names)


@pytest.fixture
def heads(small):
    return HeadExplorer(small.model, Asked("toy", examples=2), tasks=small.names)


def test_the_last_depth_of_the_lens_is_the_models_own_answer(lens, small):
    passage, readings = lens.readings()
    logits = small.model.hooked(torch.tensor([passage.token_ids]))[0, list(passage.positions)]
    expected = logits.log_softmax(-1).gather(-1, torch.tensor(passage.next_tokens()).unsqueeze(-1)).squeeze(-1)
    assert torch.allclose(readings[-1].log_probability[-1, :, 0], expected, atol=1e-4)


def test_hiding_changes_the_depths_above_and_none_below(lens):
    whole = torch.tensor(lens.graph.data[0].z)
    lens.from_layer.value = 2
    hidden = torch.tensor(lens.graph.data[0].z)
    assert torch.allclose(hidden[:3], whole[:3], atol=1e-6)
    assert not torch.isclose(hidden[3:], whole[3:], atol=1e-6).any()


def test_a_click_on_a_cell_shows_its_distribution(lens):
    lens._clicked(None, SimpleNamespace(xs=[0], ys=[1]), None)
    assert (lens.depth.value, lens.token.value) == (1, 0)
    assert "what enters layer 1" in lens._words.value
    ring = lens.graph.data[1]
    assert (list(ring.x), list(ring.y)) == ([0], [1])


def test_the_map_of_heads_is_the_effect_on_the_log_probability(heads):
    _, _, answers = heads.effects()
    z = heads.graph.data[0].z
    assert len(z) == 4
    assert z[2][3] == pytest.approx(answers[2 * 4 + 3].log_probability - answers[-1].log_probability)
    before = [list(row) for row in z]
    heads.everywhere.value = True
    assert [list(row) for row in heads.graph.data[0].z] != before


def test_a_click_on_a_head_shows_the_answer_without_it(heads):
    heads._clicked(None, SimpleNamespace(xs=[3], ys=[2]), None)
    assert heads.head.value == (2, 3)
    assert "Head 2.3 set to zero" in heads._words.value
    ablated, _ = heads.without()
    assert ablated.log_probability == pytest.approx(heads.effects()[2][2 * 4 + 3].log_probability, abs=1e-5)


def test_attention_is_the_models_own_pattern(small):
    _, prompt = Asked("toy", examples=2).prompt(small.model)
    found = attention_from_answer(small.model, prompt)
    assert torch.allclose(found.sum(-1), torch.ones(4, 4), atol=1e-5)
    _, cache = small.model.hooked.run_with_cache(torch.tensor([prompt.token_ids]))
    for layer in range(4):
        assert torch.allclose(found[layer], cache["pattern", layer][0, :, -1], atol=1e-5)
    parts = shares(prompt, found[1, 0].tolist())
    assert sum(parts.values()) == pytest.approx(1, abs=1e-5)
    assert {"examples, sources", "examples, targets", "query, source"} <= set(parts)


@pytest.mark.parametrize("kind", ["lens", "heads"])
def test_the_export_holds_text_as_text(kind, request, tmp_path):
    explorer = request.getfixturevalue(kind)
    explorer.sentence.value = 1
    page = explorer.export(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("alert(1)") >= 2
    assert "<script>alert" not in page
    assert len(explorer.figure().data) == len(explorer.graph.data)


def test_a_head_or_mask_that_is_not_there_is_refused(small):
    with pytest.raises(UserError, match="layers 0 to 3"):
        HeadExplorer(small.model, Asked("toy", examples=2), head=(4, 0), tasks=small.names)
    with pytest.raises(UserError, match="'FFF'"):
        LensExplorer(small.model, Asked("toy", examples=2), mask="FFF", tasks=small.names)
