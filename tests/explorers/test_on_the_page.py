"""What an explorer does with what it knows of the page: its width, its colours, and a place to save."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.explorers import Asked, HeadExplorer, LensExplorer, MaskExplorer
from workbench.views.data import figure_table
from workbench.views.theme import DARK, LIGHT, TWINS


@pytest.fixture(params=["mask", "lens", "heads"])
def explorer(request, small):
    asked = Asked("toy", examples=2)
    made = {
        "mask": lambda: MaskExplorer(small.model, asked, mask="FTF", tasks=small.names),
        "lens": lambda: LensExplorer(small.model, asked, mask="FTF", tasks=small.names),
        "heads": lambda: HeadExplorer(small.model, asked, tasks=small.names),
    }
    return made[request.param]()


def test_the_figure_takes_the_width_of_its_cell(explorer):
    assert explorer.graph.layout.width is None
    explorer.surroundings.width = 300
    assert explorer.graph.layout.width == 300
    assert "<br>" in explorer.graph.layout.title.text
    height = explorer.graph.layout.height
    explorer.surroundings.width = 1500
    assert explorer.graph.layout.width == 1500
    assert explorer.graph.layout.height < height
    assert explorer.figure().layout.width is None, "the static figure is of no cell"


def test_a_figure_that_appears_is_drawn_anew(explorer):
    explorer.surroundings.width = 800
    widths = []
    for _ in range(3):
        explorer.surroundings.appeared += 1
        widths.append(explorer.graph.layout.width)
    assert widths == [799, 800, 799]


def test_a_dark_page_has_dark_figures(explorer):
    explorer.surroundings.dark = True
    assert explorer.graph.layout.template.layout.paper_bgcolor == DARK.layout.paper_bgcolor
    chosen = explorer.graph.data[1].marker.color
    assert chosen in TWINS.values()
    explorer.surroundings.dark = False
    assert explorer.graph.layout.template.layout.paper_bgcolor == LIGHT.layout.paper_bgcolor
    assert TWINS[explorer.graph.data[1].marker.color] == chosen


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_the_figure_shows_is_saved_as_a_table(explorer, ending, tmp_path):
    explorer.sentence.value = 1
    path = explorer.export(tmp_path / f"shown.{ending}")
    table = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    expected = figure_table(explorer.figure())
    assert list(table.columns) == list(expected.columns)
    assert len(table) == len(expected) > 4
    number = "value" if "value" in table else "y"
    assert table[number].tolist() == pytest.approx(expected[number].tolist(), nan_ok=True)


def test_the_button_saves_and_says_where(explorer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    box = explorer.save_box
    assert box.name.value.endswith("-explorer.html")
    box.button.click()
    written = tmp_path / box.name.value
    assert str(written) in box.said
    assert "<html" in written.read_text(encoding="utf-8")
    box.name.value = "<script>alert(1)</script>.csv"
    box.button.click()
    assert "<script>" not in box.said
    assert "&lt;script&gt;" in box.said, "a name with a slash names a folder that is not there"
    box.name.value = "figure.docx"
    box.button.click()
    assert "ends in .docx" in box.said


def test_an_ending_of_another_kind_is_refused(explorer, tmp_path):
    with pytest.raises(UserError, match=r"ends in nothing; give a name that ends in \.html, \.csv or \.parquet"):
        explorer.export(tmp_path / "page")
    with pytest.raises(UserError, match="can be written"):
        explorer.export(tmp_path / "nowhere" / "page.csv")


def test_the_same_screen_gives_the_same_page(explorer, tmp_path):
    one, two = (explorer.export(tmp_path / name).read_bytes() for name in ("one.html", "two.html"))
    assert one == two
