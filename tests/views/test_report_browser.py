"""The report in a real Chromium: from disk, the network blocked, light and dark, wide and narrow."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.views import (
    Picture,
    Table,
    comparison_figure,
    figures,
    recognition_figure,
    recognition_table,
    write_report,
)
from workbench.views.data import csv_text
from workbench.views.layer_profiles import masking_profile
from workbench.views.overview import overview_figure
from workbench.views.text import escape

pytestmark = pytest.mark.browser


def _profiles(curves, recognition, hostile):
    """The masking curves, and a rank with a name that attacks."""
    masking = masking_profile(curves, recognition).assign(analysis=hostile["sentence"])
    ranks = masking.assign(quantity=f"rank {hostile['sentence']}", value=1 + (8 - masking["layer"]) ** 3.0)
    return pd.concat([masking, ranks.drop_duplicates(["task", "layer"]).assign(low=None, high=None)])


@pytest.fixture(scope="module")
def report(tmp_path_factory, tables, hostile):
    """Writes the report, once as a folder and once as one file; returns the path of its page."""
    written = {}

    def write(inline=False):
        if inline not in written:
            written[inline] = _written(tmp_path_factory.mktemp("reports") / "a run", tables, hostile, inline)
        return written[inline]

    return write


def _written(folder, tables, hostile, inline):
    curves = tables["curves"](models=((hostile["model"], 8),))
    recognition = tables["recognition"](curves)
    completions = tables["completions"](models=((hostile["model"], 8),))
    completions = completions[completions["source"] == hostile["sentence"]]
    pictures = [
        Picture("overview", overview_figure(_profiles(curves, recognition, hostile), recognition), "overview"),
        Picture("comparison", comparison_figure(curves, recognition), hostile["sentence"]),
        Picture("layers", recognition_figure(curves, recognition), "layers"),
    ]
    pictures += [Picture(name, figure, name) for name, figure in figures(curves, recognition, completions).items()]
    attack = pd.DataFrame({hostile["sentence"]: [hostile["sentence"]], "number": [0.25]})
    return write_report(
        folder,
        title=hostile["sentence"],
        pictures=pictures,
        tables=[Table("Layers", recognition_table(recognition)), Table(hostile["sentence"], attack)],
        recognition=recognition,
        completions=completions,
        command=hostile["sentence"],
        inline=inline,
    )


@pytest.fixture
def opened(chromium):
    """Opens a page and fails afterwards if it wrote to the console, raised, or asked for anything outside the disk."""
    troubles = []
    contexts = []

    def open_page(path, width=1280, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        # Other programs on the machine are not what is tested.
        page.set_default_timeout(120_000)
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: _check_request(request.url, troubles))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def _check_request(url, troubles):
    if not url.startswith(("file:", "data:", "blob:")):
        troubles.append(f"request: {url}")


def background(page, selector):
    return page.eval_on_selector(selector, "element => getComputedStyle(element).backgroundColor")


def texts_and_overlaps(page):
    """How many texts the figures have, and pairs within one figure whose boxes overlap by more than a hair."""
    return page.evaluate(
        """() => {
          const found = [];
          let count = 0;
          document.querySelectorAll('.plot').forEach(plot => {
            const texts = [...plot.querySelectorAll(
              '.gtitle, .gtitle-subtitle, .legendtext, .textpoint text, .g-xtitle text, .g-x2title text, .annotation text, '
              + '.xtick text, .x2tick text, .y2tick text, .ytick text'
            )].map(node => [node.textContent.trim(), node.getBoundingClientRect()]).filter(pair => pair[0] && pair[1].width);
            count += texts.length;
            for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length; j++) {
              const [a, b] = [texts[i][1], texts[j][1]];
              const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
              const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
              if (wide > 3 && high > 4) found.push([plot.id, texts[i][0], texts[j][0], Math.round(high)]);
            }
          });
          return [count, found];
        }"""
    )


@pytest.mark.parametrize("inline", [False, True])
def test_every_figure_has_drawn_marks(report, opened, inline):
    page = opened(report(inline=inline))
    plots = page.locator(".plot")
    assert plots.count() == 6
    for index in range(plots.count()):
        assert plots.nth(index).locator(".scatterlayer path.point").count() > 5
        assert plots.nth(index).locator(".main-svg").first.bounding_box()["width"] > 300


def test_hostile_text_appears_as_text(report, opened, hostile):
    page = opened(report())
    assert page.title() == hostile["sentence"]
    assert page.inner_text("h1") == hostile["sentence"]
    assert page.inner_text("figcaption >> nth=1").startswith(hostile["sentence"])
    assert hostile["sentence"] in page.inner_text(".card .pair >> nth=0")
    assert page.inner_text("pre code") == hostile["sentence"]
    assert page.inner_text("#tables h3 >> nth=1") == hostile["sentence"]
    assert hostile["sentence"] in page.inner_text("table.data >> nth=1")
    for index in range(6):
        assert hostile["model"] in page.text_content(f".gtitle-subtitle >> nth={index}")
    drawn = " ".join(page.locator("#figure-overview .annotation-text").all_text_contents())
    assert "<script>alert(1)</script>" in drawn
    assert "</script>" in drawn.replace("alert(1)</script>", "")


def test_hover_shows_the_completion_letter_for_letter(report, opened, hostile):
    page = opened(report())
    plot = page.locator("[id='figure-translate-en-fr.bleu']")
    plot.scroll_into_view_if_needed()
    plot.evaluate(
        """element => {
          const index = element.data.findIndex(trace => trace.meta && trace.meta.role === 'mean');
          Plotly.Fx.hover(element, [{curveNumber: index, pointNumber: 8}], ['xy2']);
        }"""
    )
    text = plot.locator(".hoverlayer").text_content()
    assert "never hidden (ceiling)" in text
    assert hostile["sentence"] in text
    assert "le <script>alert(1)</script> chat & le </script> chien" in text


def test_light_and_dark(report, opened):
    index = report()
    light, dark = opened(index), opened(index, scheme="dark")
    assert background(light, "figure") == "rgb(255, 255, 255)"
    assert background(dark, "figure") == "rgb(23, 28, 35)"
    colour = "document.querySelector('.plot').layout.template.layout.paper_bgcolor"
    assert light.evaluate(colour) == "#FFFFFF"
    assert dark.evaluate(colour) == "#171C23"
    lines = (
        "[...document.querySelectorAll('.plot')].pop().data.filter(t => t.meta.role === 'mean').map(t => t.line.color)"
    )
    assert light.evaluate(lines) == ["#0072B2", "#D55E00"]
    assert dark.evaluate(lines) == ["#4BA8E8", "#FF8243"]


def test_a_change_of_scheme_is_followed(report, opened):
    page = opened(report())
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelector('.plot').layout.template.layout.paper_bgcolor === '#171C23'")
    assert page.locator(".scatterlayer path.point").count() > 5


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_page_fits_its_window_and_no_texts_overlap(report, opened, width):
    page = opened(report(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    count, overlapping = texts_and_overlaps(page)
    assert count > 120
    assert overlapping == []


def test_a_figure_opens_alone(report, opened):
    index = report()
    page = opened(index.parent / "figures" / "comparison.html")
    assert page.locator(".plot .scatterlayer path.point").count() > 5


def downloaded(page, link):
    with page.expect_download() as waiting:
        link.click()
    return waiting.value


@pytest.mark.parametrize("inline", [False, True])
def test_the_data_of_a_figure_are_saved_from_disk(report, opened, inline):
    page = opened(report(inline=inline))
    links = page.locator("figure[id='translate-en-fr.bleu'] .saves a.save")
    csv, parquet = downloaded(page, links.nth(0)), downloaded(page, links.nth(1))
    assert (csv.suggested_filename, parquet.suggested_filename) == (
        "translate-en-fr.bleu.csv",
        "translate-en-fr.bleu.parquet",
    )
    shown = pd.read_parquet(io.BytesIO(parquet.path().read_bytes()))
    assert csv.path().read_text(encoding="utf-8") == csv_text(shown)
    drawn = page.evaluate(
        "document.getElementById('figure-translate-en-fr.bleu').data.filter(t => t.meta.role === 'mean').map(t => t.y)"
    )
    assert shown[shown["role"] == "mean"]["y"].tolist() == pytest.approx([value for line in drawn for value in line])


def test_the_picture_and_the_table_are_saved_too(report, opened, hostile):
    page = opened(report())
    buttons = page.locator("figure[id='comparison'] .saves button")
    svg = downloaded(page, buttons.nth(0))
    assert svg.suggested_filename == "comparison.svg"
    assert "Tasks compared" in svg.path().read_text(encoding="utf-8")
    table = downloaded(page, page.locator("#tables .saves >> nth=1").locator("a.save >> nth=0"))
    assert hostile["sentence"] in table.path().read_text(encoding="utf-8")


def column(page, place):
    cells = page.locator(f"table.data >> nth=0 >> tbody tr:visible td:nth-child({place})")
    return [text.strip() for text in cells.all_text_contents()]


def test_tables_sort_by_a_click(report, opened):
    page = opened(report())
    heads = page.locator("table.data >> nth=0 >> th button")
    names = heads.all_text_contents()
    place = names.index("Recognition layer") + 1
    before = column(page, place)
    heads.nth(place - 1).click()
    rising = column(page, place)
    heads.nth(place - 1).click()
    falling = column(page, place)
    found = sorted((text for text in before if text != "none"), key=lambda text: int(text.split()[0]))
    gaps = ["none"] * before.count("none")
    assert len(set(found)) > 2
    assert gaps
    assert rising == found + gaps
    assert [text.split()[0] for text in falling] == [text.split()[0] for text in found[::-1] + gaps]
    assert page.locator("table.data >> nth=0 >> th[aria-sort=descending]").count() == 1


def test_tables_filter_by_words(report, opened):
    page = opened(report())
    typed = page.locator("#tables input[type=search]")
    assert typed.count() == 1, "a table of one row needs no filter"
    everything = len(column(page, 1))
    typed.fill("first-noun FTF")
    assert len(column(page, 1)) == 1
    assert page.inner_text("#tables .filter .quiet") == f"1 of {everything} rows"
    typed.fill("")
    assert len(column(page, 1)) == everything


def test_a_figure_whose_name_attacks(opened, tmp_path, hostile):
    attack = hostile["sentence"]
    figure = go.Figure(go.Scatter(x=[0, 1], y=[1, 2], hovertext=[escape(attack)] * 2, name=escape(attack)))
    for inline in (False, True):
        index = write_report(
            tmp_path / attack.replace("/", "-"), title="t", pictures=[Picture(attack, figure)], inline=inline
        )
        page = opened(index)
        assert page.locator(".plot path.point").count() == 2
        saved = downloaded(page, page.locator("a.save >> nth=0"))
        assert attack in saved.path().read_text(encoding="utf-8")


def test_the_overview_names_its_layers_under_the_pointer(report, opened):
    page = opened(report())
    plot = page.locator("#figure-overview")
    plot.scroll_into_view_if_needed()
    plot.evaluate(
        """element => {
          const index = element.data.findIndex(trace => trace.meta.role === 'mean');
          const axes = element.data[index].yaxis;
          Plotly.Fx.hover(element, [{curveNumber: index, pointNumber: 3}], ['x' + axes]);
        }"""
    )
    text = plot.locator(".hoverlayer").text_content()
    assert "layer 3" in text
    assert "95 % interval" in text


def test_a_missing_plotly_file_is_said(report, chromium, tmp_path):
    index = Path(shutil.copy(report(), tmp_path))
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(index.as_uri())
    assert "plotly.min.js is missing" in page.inner_text(".plot >> nth=0")
    assert "Recognised at layer" in page.inner_text("#findings")
    context.close()
