"""The masking curve: its traces carry the table's numbers, its words say what they are."""

from __future__ import annotations

import html
import re

import pytest

from workbench.errors import UserError
from workbench.views.curves import figures, file_name, layer_ticks, task_figure


def by_role(figure, role):
    return [trace for trace in figure.data if (trace.meta or {}).get("role") == role]


@pytest.fixture
def figure(curves, recognition, completions):
    return task_figure(curves, recognition, completions, task="translate-en-fr", score="bleu")


def rows_of(curves, mask, seed="all"):
    rows = curves[(curves["task"] == "translate-en-fr") & (curves["mask"] == mask) & (curves["seed"] == seed)]
    return rows.sort_values("from_layer")


def test_the_heavy_line_is_the_table(figure, curves):
    for line, mask in zip(by_role(figure, "mean"), ("TTF", "FTF"), strict=True):
        assert list(line.y) == list(rows_of(curves, mask)["value"])
        assert list(line.x) == list(range(9))


def test_the_band_is_the_interval(figure, curves):
    band, rows = by_role(figure, "band")[0], rows_of(curves, "TTF")
    assert list(band.y) == [*rows["high"], *list(rows["low"])[::-1]]
    assert list(band.x) == [*range(9), *range(8, -1, -1)]


def test_each_seed_is_a_thin_line_of_its_own_style(figure, curves):
    lines = by_role(figure, "seed")
    assert len(lines) == 6
    assert list(lines[1].y) == list(rows_of(curves, "TTF", "1")["value"])
    assert len({line.line.dash for line in lines}) == 3
    assert max(line.line.width for line in lines) < min(line.line.width for line in by_role(figure, "mean"))
    assert [key.name for key in by_role(figure, "seed key")] == ["seed 0", "seed 1", "seed 2"]


def test_recognition_is_marked_at_its_layer(figure):
    assert [line.x[0] for line in by_role(figure, "recognition layer")] == [5.0, 4.0]


def test_hover_shows_value_interval_n_and_a_completion(figure):
    hover = by_role(figure, "mean")[0].hovertext
    assert "hidden from layer 0 on" in hover[0]
    assert "never hidden (ceiling)" in hover[8]
    assert "BLEU <b>94.0</b>  95 % interval [93.0, 95.0]  n = 60 prompts" in hover[8]
    assert "<b>source</b>  the small cats do not see the red house ." in hover[0]
    assert "<b>completion</b>  the small cats" in hover[0]
    assert "<b>completion</b>  les petits chats ne voient pas la maison rouge ." in hover[8]


def test_hover_stays_with_one_prompt(figure):
    texts = "".join(by_role(figure, "mean")[0].hovertext)
    assert set(re.findall(r"prompt (sentence-\d)", texts)) == {"sentence-0"}


def test_hover_is_escaped(curves, recognition, completions, hostile):
    only = completions[completions["source"] == hostile["sentence"]]
    figure = task_figure(curves, recognition, only, task="translate-en-fr", score="bleu")
    text = by_role(figure, "mean")[0].hovertext[0]
    assert "<script" not in text
    assert "</script" not in text
    assert hostile["sentence"] in html.unescape(text.replace("<br>", " "))


def test_without_completions_the_hover_has_numbers_only(curves):
    figure = task_figure(curves, task="translate-en-fr", score="bleu")
    assert "source" not in by_role(figure, "mean")[0].hovertext[0]
    assert "BLEU" in by_role(figure, "mean")[0].hovertext[0]


def test_the_model_and_n_stand_on_the_picture(figure):
    subtitle = figure.layout.title.subtitle.text
    assert "model <b>mini</b>" in subtitle
    assert "n = 60 prompts" in subtitle
    assert "3 seeds" in subtitle
    assert "5 examples" in subtitle
    assert figure.layout.title.text == "translate-en-fr"


def test_a_model_name_is_escaped(tables, hostile):
    curves = tables["curves"](models=((hostile["model"], 8),), tasks=("translate-en-fr",))
    figure = task_figure(curves, task="translate-en-fr", score="bleu")
    assert "mini &lt;b&gt;&amp;" in figure.layout.title.subtitle.text


def test_axes_say_how_layers_count_and_what_is_measured(figure):
    title = figure.layout.xaxis.title.text
    assert "first layer from which the context is hidden" in title
    assert "(0 = every layer; 8 = never)" in title
    assert figure.layout.yaxis2.title.text == "BLEU (0 to 100; lower case, first sentence)"


def test_a_label_of_ones_own(curves):
    figure = task_figure(curves, task="translate-en-fr", score="bleu", label="BLEU <mine>")
    assert figure.layout.yaxis2.title.text == "BLEU &lt;mine&gt;"


def test_scores_lie_over_the_hidden_axis(figure):
    assert figure.layout.yaxis2.overlaying == "y"
    assert figure.layout.yaxis.visible is False
    assert tuple(figure.layout.yaxis.range) == (0, 1)


def test_everything_measured_is_inside_the_axes(figure):
    low, high = figure.layout.yaxis2.range
    for trace in figure.data:
        if trace.yaxis == "y2" and trace.y[0] is not None:
            assert all(low <= value <= high for value in trace.y)


def test_no_recognition_layer_is_said_in_the_legend(curves, recognition):
    figure = task_figure(curves, recognition, task="first-noun-fr", score="bleu")
    names = [line.name for line in by_role(figure, "mean")]
    assert names[1] == "FTF: examples hidden (no recognition layer)"
    assert "no recognition" not in names[0]


def test_models_of_different_depth(tables):
    curves = tables["curves"](models=(("mini", 8), ("bigger", 16)), tasks=("translate-en-fr",))
    figure = task_figure(curves, tables["recognition"](curves), task="translate-en-fr", score="bleu")
    lines = by_role(figure, "mean")
    assert [max(line.x) for line in lines] == [8, 8, 16, 16]
    assert "each curve's last point = never" in figure.layout.xaxis.title.text
    assert "model <b>mini, bigger</b>" in figure.layout.title.subtitle.text


def test_relative_depth(tables):
    curves = tables["curves"](models=(("mini", 8), ("bigger", 16)), tasks=("translate-en-fr",))
    figure = task_figure(curves, task="translate-en-fr", score="bleu", relative=True)
    assert {max(line.x) for line in by_role(figure, "mean")} == {1.0}
    assert "share of the layers" in figure.layout.xaxis.title.text


def test_negative_scores_are_not_forced_to_zero(tables):
    curves = tables["curves"](tasks=("translate-en-fr",), scores=("log_probability",))
    figure = task_figure(curves, task="translate-en-fr", score="log_probability")
    low, high = figure.layout.yaxis2.range
    assert low < -4
    assert high < 1


def test_a_curve_at_zero_has_an_axis_that_a_share_could_have(curves):
    figure = task_figure(curves.assign(value=0.0, low=0.0, high=0.0), task="translate-en-fr", score="bleu")
    low, high = figure.layout.yaxis2.range
    assert -0.1 < low <= 0
    assert high >= 1


def test_a_long_label_takes_two_lines(tables):
    curves = tables["curves"](tasks=("translate-en-fr",), scores=("log_probability",))
    figure = task_figure(curves, task="translate-en-fr", score="log_probability")
    assert figure.layout.yaxis2.title.text == "log-probability of the reference<br>(nats per token)"


def test_missing_intervals_leave_no_band(curves):
    bare = curves.assign(low=float("nan"), high=float("nan"))
    figure = task_figure(bare, task="translate-en-fr", score="bleu")
    assert list(by_role(figure, "band")[0].x) == []
    assert "interval" not in by_role(figure, "mean")[0].hovertext[0]


def test_published_curves_lie_behind(curves, published):
    figure = task_figure(curves, task="translate-en-fr", score="bleu", published=published)
    assert figure.data[0].meta["role"] == "published"
    assert list(figure.data[0].y) == list(published["score"])


def test_figures_draws_every_task_and_score(tables, published):
    curves = tables["curves"](scores=("bleu", "log_probability"))
    found = figures(curves, tables["recognition"](curves), published=published, labels={"bleu": "mine"})
    assert list(found)[:2] == ["translate-en-fr.bleu", "translate-en-fr.log_probability"]
    assert len(found) == 6
    assert found["translate-en-fr.bleu"].layout.yaxis2.title.text == "mine"
    assert by_role(found["translate-en-fr.bleu"], "published")
    assert not by_role(found["translate-en-fr.log_probability"], "published")


def test_unknown_task_or_score(curves):
    with pytest.raises(UserError, match="no curve with task 'x'"):
        task_figure(curves, task="x", score="bleu")
    with pytest.raises(UserError, match="no curve with score 'chrf': the table has bleu"):
        task_figure(curves, task="translate-en-fr", score="chrf")


@pytest.mark.parametrize("n_layers", [1, 2, 4, 8, 12, 13, 16, 24, 32, 61, 80, 126])
def test_layer_ticks_end_with_never_and_keep_apart(n_layers):
    ticks = layer_ticks(n_layers)
    assert ticks[0] == 0
    assert ticks[-1] == n_layers
    assert len(ticks) <= 14
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("flores:eng_Latn-fra_Latn.bleu", "flores-eng_Latn-fra_Latn.bleu"),
        ("../../etc/passwd", "etc-passwd"),
        ("</script>", "script"),
        ("::", "figure"),
    ],
)
def test_file_names_are_safe(name, safe):
    assert file_name(name) == safe
