"""The report in a real Chromium: from disk, the network blocked, light and dark, wide and narrow."""

from __future__ import annotations

import shutil

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

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def report(tmp_path, tables, hostile):
    curves = tables["curves"](models=((hostile["model"], 8),))
    recognition = tables["recognition"](curves)
    completions = tables["completions"](models=((hostile["model"], 8),))
    completions = completions[completions["source"] == hostile["sentence"]]
    pictures = [
        Picture("comparison", comparison_figure(curves, recognition), hostile["sentence"]),
        Picture("layers", recognition_figure(curves, recognition), "layers"),
    ]
    pictures += [Picture(name, figure, name) for name, figure in figures(curves, recognition, completions).items()]

    def write(**options):
        return write_report(
            tmp_path / "a run",
            title=hostile["sentence"],
            pictures=pictures,
            tables=[Table("Layers", recognition_table(recognition))],
            recognition=recognition,
            completions=completions,
            command=hostile["sentence"],
            **options,
        )

    return write


@pytest.fixture
def opened(chromium):
    """Opens a page and fails afterwards if it wrote to the console, raised, or asked for anything outside the disk."""
    troubles = []
    contexts = []

    def open_page(path, width=1280, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
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
    assert plots.count() == 5
    for index in range(plots.count()):
        assert plots.nth(index).locator(".scatterlayer path.point").count() > 5
        assert plots.nth(index).locator(".main-svg").first.bounding_box()["width"] > 300


def test_hostile_text_appears_as_text(report, opened, hostile):
    page = opened(report())
    assert page.title() == hostile["sentence"]
    assert page.inner_text("h1") == hostile["sentence"]
    assert page.inner_text("figcaption >> nth=0").startswith(hostile["sentence"])
    assert hostile["sentence"] in page.inner_text(".card .pair >> nth=0")
    assert page.inner_text("pre code") == hostile["sentence"]
    assert hostile["model"] in page.text_content(".gtitle-subtitle >> nth=0")


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


@pytest.mark.parametrize("width", [480, 1280, 1920])
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


def test_a_missing_plotly_file_is_said(report, opened, chromium):
    index = report()
    (index.parent / "plotly.min.js").unlink()
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto(index.as_uri())
    assert "plotly.min.js is missing" in page.inner_text(".plot >> nth=0")
    assert "Recognised at layer" in page.inner_text("#findings")
    context.close()
