"""One look: fixed colours, dark twins, seed styles."""

from __future__ import annotations

import itertools

import plotly.graph_objects as go
import plotly.io as pio
import pytest

from workbench.views import theme

MASKS = ["TTF", "FTF", "TFF", "FFT", "FTT", "TFT", "TTT", "mask_all", "FFF"]


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_mask_has_its_own_colour_and_symbol():
    assert len({theme.mask_colour(mask) for mask in MASKS}) == len(MASKS)
    assert len({theme.mask_symbol(mask) for mask in MASKS}) == len(MASKS)


def test_an_unknown_mask_keeps_one_colour():
    assert theme.mask_colour("my mask") == theme.mask_colour("my mask")
    assert theme.mask_colour("my mask") in theme.CYCLE
    assert theme.mask_symbol("my mask") in theme.SYMBOLS


def test_every_colour_has_a_twin():
    used = {*theme.CYCLE, *theme.OTHERS, *theme.MASK_COLOURS.values(), theme.INK, theme.GREY, theme.FAINT}
    assert used <= set(theme.TWINS)


@pytest.mark.parametrize("colour", [*theme.CYCLE, *theme.OTHERS, theme.GREY])
def test_lines_stand_out_from_both_pages(colour):
    assert contrast(colour, theme.LIGHT_PAGE["surface"]) >= 2.4
    assert contrast(theme.TWINS[colour], theme.DARK_PAGE["surface"]) >= 4.5


@pytest.mark.parametrize("page", [theme.LIGHT_PAGE, theme.DARK_PAGE])
def test_text_is_readable_on_both_pages(page):
    assert contrast(page["ink"], page["surface"]) >= 10
    assert contrast(page["grey"], page["surface"]) >= 4.5


def test_templates_are_registered():
    assert pio.templates["workbench"].layout.paper_bgcolor == "#FFFFFF"
    assert pio.templates["workbench_dark"].layout.paper_bgcolor == theme.DARK_PAGE["surface"]
    assert theme.LIGHT.layout.hovermode == "closest"


def test_seeds_differ_in_line_style():
    dashes = [theme.seed_dash(seed) for seed in ("0", "1", "2", "3")]
    assert all(first != second for first, second in itertools.combinations(dashes, 2))
    assert theme.seed_dash("odd name") == theme.seed_dash("odd name")


def test_assigned_hands_out_in_order_and_starts_again():
    assert theme.assigned(["b", "a", "b", "c"], ("1", "2")) == {"b": "1", "a": "2", "c": "1"}


def test_translucent():
    assert theme.translucent("#0072B2", 0.2) == "rgba(0,114,178,0.2)"


def test_darkened_turns_colours_and_leaves_text_and_numbers():
    line = {"color": theme.BLUE}
    figure = go.Figure(
        go.Scatter(x=[1, 2], y=[3.5, 4], name=theme.BLUE, line=line, fillcolor=theme.translucent(theme.BLUE, 0.2))
    )
    dark = theme.darkened(figure)
    assert dark.data[0].line.color == theme.TWINS[theme.BLUE]
    assert dark.data[0].fillcolor == theme.translucent(theme.TWINS[theme.BLUE], 0.2)
    assert dark.data[0].name == theme.BLUE
    assert list(dark.data[0].y) == [3.5, 4]
    assert dark.layout.template.layout.paper_bgcolor == theme.DARK_PAGE["surface"]
    assert figure.data[0].line.color == theme.BLUE


def test_an_unknown_colour_stays():
    figure = go.Figure(go.Scatter(x=[1], y=[1], marker={"color": "rgba(1,2,3,0.5)"}, line={"color": "pink"}))
    dark = theme.darkened(figure)
    assert dark.data[0].marker.color == "rgba(1,2,3,0.5)"
    assert dark.data[0].line.color == "pink"


def test_no_figure_has_a_button_that_sends_it_elsewhere():
    for template in (theme.LIGHT, theme.DARK):
        assert "sendDataToCloud" in template.layout.modebar.remove
