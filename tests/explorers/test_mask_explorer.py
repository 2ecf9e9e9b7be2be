"""The mask explorer, used through its controls as a person would."""

from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.explorers import Asked, MaskExplorer
from workbench.explorers import mask as module


@pytest.fixture
def explorer(small):
    return MaskExplorer(small.model, Asked("toy", examples=2), mask="FTF", tasks=small.names)


def ring(explorer):
    return explorer.graph.data[1]


def test_moving_the_layer_moves_the_mark_and_computes_nothing(explorer, monkeypatch):
    monkeypatch.setattr(module, "masked_answers", None)
    _, answers = explorer.answers()
    for layer in (3, 4, 0):
        explorer.from_layer.value = layer
        assert list(ring(explorer).x) == [layer]
        assert ring(explorer).y[0] == answers[layer].log_probability
        assert list(explorer.graph.data[0].y) == [answer.log_probability for answer in answers]
        said = "never hidden" if layer == 4 else f"from layer {layer} on"
        assert said in explorer._words.value


def test_another_task_brings_its_sentences_and_its_curve(explorer):
    before = list(explorer.graph.data[0].y)
    explorer.sentence.value = 4
    assert list(explorer.graph.data[0].y) != before
    explorer.task.value = "other"
    assert len(explorer.sentence.options) == 3
    assert explorer.asked.sentence == 0
    assert "other" in explorer.graph.layout.title.text


def test_what_cannot_be_shown_is_said_and_what_can_be_comes_back(explorer):
    shown = explorer.children
    explorer.mask.value = "TFF"
    assert "hides instructions" in explorer._words.value
    assert explorer.graph not in explorer.children
    explorer.task.value = "missing"
    assert "has no test item" in explorer._words.value
    explorer.task.value, explorer.mask.value = "toy", "FTF"
    assert explorer.children == shown
    with pytest.raises(UserError, match="hides instructions"):
        MaskExplorer(explorer.model, explorer.asked, mask="TFF", tasks=["toy"])


def test_the_static_figure_is_what_is_on_screen(explorer):
    explorer.from_layer.value = 2
    figure = explorer.figure()
    assert [trace.meta["role"] for trace in figure.data] == ["curve", "chosen"]
    for static, live in zip(figure.data, explorer.graph.data, strict=True):
        assert list(static.x) == list(live.x)
        assert list(static.y) == list(live.y)
    assert figure.layout.title.text == explorer.graph.layout.title.text


def test_what_changed_before_it_is_shown_is_shown(explorer):
    explorer.from_layer.value = 3
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert list(explorer.graph._widget_data[1]["x"]) == [3]


def test_a_click_on_the_curve_moves_the_slider(explorer):
    from types import SimpleNamespace

    explorer._clicked(None, SimpleNamespace(xs=[3]), None)
    assert explorer.from_layer.value == 3
    assert list(ring(explorer).x) == [3]


def test_the_export_is_one_file_in_which_text_is_text(explorer, tmp_path):
    explorer.sentence.value = 1
    path = explorer.export(tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    assert page.count("alert(1)") >= 2, "the figure and the panel hold the sentence"
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script src" not in page
    assert "plotly.js v" in page
    with pytest.raises(UserError, match="can be written"):
        explorer.export(tmp_path / "nowhere" / "page.html")


def test_the_panel_escapes_what_it_shows(explorer, small):
    explorer.sentence.value = 1
    assert small.hostile not in explorer._words.value
    assert "<script>" not in explorer._words.value
    assert "&lt;script&gt;" in explorer._words.value


@pytest.mark.parametrize(
    "wrong", [{"mask": "FFF"}, {"mask": "XYZ"}, {"from_layer": 5}, {"asked": Asked("toy", 9, examples=2)}]
)
def test_a_wrong_beginning_is_refused(small, wrong):
    settings = {"asked": Asked("toy", examples=2), "mask": "FTF", **wrong}
    with pytest.raises(UserError):
        MaskExplorer(small.model, tasks=small.names, **settings)
