"""The page: whole, escaped, without a network, the same bytes for the same input."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import stat
import subprocess
import sys

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from pandas.testing import assert_frame_equal

from workbench.errors import UserError
from workbench.views.data import csv_text, figure_table
from workbench.views.embedding import figure_json, script_json
from workbench.views.report import Picture, Table, write_report

PLOTLY_INLINE_SIZE = 3_000_000


@pytest.fixture
def everything(curves, recognition, completions):
    from workbench.views import comparison_figure, figures, recognition_figure, recognition_table

    pictures = [
        Picture("comparison", comparison_figure(curves, recognition), "All tasks.", "All tasks"),
        Picture("recognition layers", recognition_figure(curves, recognition), "All layers.", "All tasks"),
    ]
    drawn = figures(curves, recognition, completions)
    pictures += [Picture(name, figure, f"Caption of {name}", "One by one") for name, figure in drawn.items()]
    return {
        "title": "Task recognition",
        "pictures": pictures,
        "tables": [Table("Recognition layers", recognition_table(recognition), "The rule.")],
        "recognition": recognition,
        "completions": completions,
        "summary": ["One sentence."],
        "provenance": {"versions": {"torch": "2.13"}, "seeds": [0, 1], "note": None, "empty": []},
        "config": {"model": "mini", "masks": ["TTF", "FTF"]},
        "command": "workbench run task-recognition --model mini",
    }


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def embedded(page, name):
    found = re.search(rf'<script type="application/json" id="data-{re.escape(name)}">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def without_scripts(page):
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)


def test_the_folder_is_whole(tmp_path, everything):
    index = write_report(tmp_path / "run", **everything)
    assert index == tmp_path / "run" / "index.html"
    names = [
        "comparison",
        "first-noun-fr.bleu",
        "recognition-layers",
        "translate-en-fr.bleu",
        "translate-past-en-de.bleu",
    ]
    figures = [f"figures/{name}.{ending}" for name in names for ending in ("csv", "html", "parquet")]
    assert sorted(files_of(tmp_path / "run")) == [*figures, "index.html", "plotly.min.js"]


def test_plotly_is_shared_by_relative_paths(tmp_path, everything):
    page = write_report(tmp_path, **everything).read_text()
    assert '<script src="plotly.min.js"></script>' in page
    assert '<script src="../plotly.min.js"></script>' in (tmp_path / "figures" / "comparison.html").read_text()
    assert len(page) < PLOTLY_INLINE_SIZE / 3


def test_the_same_input_gives_the_same_bytes(tmp_path, everything):
    write_report(tmp_path / "first", **everything)
    write_report(tmp_path / "second", **everything)
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second")


def test_writing_twice_into_one_folder_changes_nothing(tmp_path, everything):
    write_report(tmp_path, **everything)
    before = files_of(tmp_path)
    write_report(tmp_path, **everything)
    assert files_of(tmp_path) == before


def test_nothing_is_loaded_from_the_network(tmp_path, everything):
    page = write_report(tmp_path, **everything).read_text()
    single = (tmp_path / "figures" / "comparison.html").read_text()
    for text in (page, single):
        assert not re.search(r"""(src|href|url|@import)\s*[=( ]\s*["']?(https?:)?//""", text)
        assert "http://" not in text
        assert "https://" not in text


def test_inline_is_one_file(tmp_path, everything):
    page = write_report(tmp_path, **everything, inline=True).read_text()
    assert sorted(files_of(tmp_path)) == ["index.html"]
    assert len(page) > PLOTLY_INLINE_SIZE
    assert "<script src=" not in page
    assert "open alone" not in page
    assert page.count("<script") - page.count("<\\/script") >= 7
    scripts = re.findall(r"<script[^>]*>", without_scripts(page))
    assert scripts == []


def saved(page, name):
    return json.loads(re.search(rf'id="save-{re.escape(name)}">(.*?)</script>', page, re.S)[1])


def test_the_data_of_every_figure_lie_beside_it(tmp_path, everything):
    page = write_report(tmp_path, **everything).read_text()
    for picture in everything["pictures"]:
        name = picture.name.replace(" ", "-")
        table = figure_table(picture.figure)
        assert (tmp_path / "figures" / f"{name}.csv").read_text() == csv_text(table)
        assert_frame_equal(pd.read_parquet(tmp_path / "figures" / f"{name}.parquet"), table, check_dtype=False)
        for ending in ("csv", "parquet"):
            assert f'href="figures/{name}.{ending}"' in page
            assert f'href="{name}.{ending}"' in (tmp_path / "figures" / f"{name}.html").read_text()


def test_one_file_holds_the_data_itself(tmp_path, everything):
    page = write_report(tmp_path, **everything, inline=True).read_text()
    held = saved(page, "translate-en-fr.bleu")
    assert held["csv"] == csv_text(figure_table(everything["pictures"][2].figure))
    assert base64.b64decode(held["parquet"])[:4] == b"PAR1"
    assert 'href="figures/' not in page


def test_a_table_is_saved_with_all_its_digits(tmp_path):
    frame = pd.DataFrame({"name": ["</script>", "b"], "value": [93.14159, None], "layer": pd.array([1, None], "Int64")})
    page = write_report(tmp_path, title="t", tables=[Table("My table", frame)]).read_text()
    held = saved(page, "table-1-My-table")
    assert held["csv"] == "name,value,layer\n</script>,93.14159,1\nb,,\n"
    back = pd.read_parquet(io.BytesIO(base64.b64decode(held["parquet"])))
    assert back["value"].tolist()[0] == 93.14159
    assert back["name"].tolist() == ["</script>", "b"]


def test_figures_reach_the_page_unchanged(tmp_path, everything):
    page = write_report(tmp_path, **everything).read_text()
    figure = everything["pictures"][2].figure
    found = embedded(page, "translate-en-fr.bleu")
    assert len(found["data"]) == len(figure.data)
    mean = next(trace for trace in found["data"] if trace["meta"]["role"] == "mean")
    assert mean["y"] == list(next(trace for trace in figure.data if trace.meta["role"] == "mean").y)
    assert found["layout"]["title"]["text"] == "translate-en-fr"


def test_the_page_has_one_template_for_each_scheme(tmp_path, everything):
    page = write_report(tmp_path, **everything).read_text()
    theme = json.loads(re.search(r'id="theme">(.*?)</script>', page, re.S)[1])
    assert theme["light"]["layout"]["paper_bgcolor"] == "#FFFFFF"
    assert theme["dark"]["layout"]["paper_bgcolor"] != "#FFFFFF"
    assert embedded(page, "comparison")["layout"].keys().isdisjoint({"template"})
    assert "prefers-color-scheme: dark" in page


def test_figure_elements_have_fixed_names(tmp_path, everything):
    page = write_report(tmp_path, **everything).read_text()
    ids = re.findall(r'class="plot" id="([^"]+)"', page)
    assert ids[:2] == ["figure-comparison", "figure-recognition-layers"]
    assert len(re.findall(r' id="([^"]+)"', page)) == len(set(re.findall(r' id="([^"]+)"', page)))


def test_every_part_is_on_the_page(tmp_path, everything):
    text = html.unescape(without_scripts(write_report(tmp_path, **everything).read_text()))
    for part in (
        "Task recognition",
        "model <b>mini</b>",
        "One sentence.",
        "Recognised at layer 5 of 8 (95 % interval [4, 6])",
        "Caption of translate-en-fr.bleu",
        "The rule.",
        "les petits chats ne voient pas la maison rouge .",
        "workbench run task-recognition --model mini",
        "torch",
        "2.13",
        "TTF, FTF",
    ):
        assert part in text


def test_hostile_text_is_text_everywhere(tmp_path, everything, tables, hostile):
    attack = hostile["sentence"]
    curves = tables["curves"](models=((hostile["model"], 8),), tasks=("translate-en-fr",))
    figure = go.Figure(go.Scatter(x=[1], y=[1], hovertext=[attack]))
    page = write_report(
        tmp_path,
        title=attack,
        pictures=[Picture(attack, figure, attack, attack)],
        tables=[Table(attack, pd.DataFrame({attack: [attack]}), attack)],
        recognition=tables["recognition"](curves).assign(reason=attack, task=attack),
        completions=everything["completions"].assign(task=attack, prompt=attack, format=attack),
        summary=[attack],
        provenance={attack: {attack: attack}},
        config={attack: [attack, attack]},
        command=attack,
    )
    for path in (page, *(tmp_path / "figures").glob("*.html")):
        text = path.read_text()
        assert "<script>alert" not in text
        assert html.escape(attack).replace("&#x27;", "&#39;") in text
        assert embedded(text, path.stem if path != page else "the-script-alert-1-script-cat-the-script-dog")
    assert page.read_text().count("<script") == page.read_text().count("</script>")


def test_script_json_cannot_end_its_element():
    value = {"text": "</script><!-- & \u2028", "more": [1, None, True]}
    encoded = str(script_json(value))
    assert not set("<>&\u2028") & set(encoded)
    assert json.loads(encoded) == value


def test_figure_json_keeps_gaps_and_arrays():
    figure = go.Figure(go.Scatter(x=np.arange(3), y=[1.0, float("nan"), 2.0], text=["a < b"]))
    found = json.loads(figure_json(figure))
    assert found["data"][0]["y"] == [1.0, None, 2.0]
    assert found["data"][0]["text"] == ["a < b"]


def test_figure_json_leaves_the_figure_alone(everything):
    figure = everything["pictures"][2].figure
    before = figure.to_json()
    figure_json(figure)
    assert figure.to_json() == before


def test_equal_file_names_are_refused(tmp_path):
    pictures = [Picture("a:b", go.Figure()), Picture("a/b", go.Figure())]
    with pytest.raises(UserError, match=r"'a:b' and 'a/b' would both be figures/a-b\.html"):
        write_report(tmp_path, title="t", pictures=pictures)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="cannot write the report into"):
        write_report(tmp_path / "taken", title="t")


def test_files_are_readable_by_others(tmp_path):
    index = write_report(tmp_path, title="t")
    assert index.stat().st_mode & stat.S_IRUSR


def test_an_empty_report_is_a_page(tmp_path):
    page = write_report(tmp_path, title="Nothing yet").read_text()
    assert "<h1>Nothing yet</h1>" in page
    assert 'id="findings"' not in page
    assert 'id="figures"' not in page
    assert 'id="making"' in page


def test_several_runs_keep_their_provenance_apart(tmp_path):
    page = write_report(
        tmp_path, title="t", provenance={"run one": {"git": "abc"}, "run two": {"git": "def"}}
    ).read_text()
    assert page.index("run one") < page.index("abc") < page.index("run two") < page.index("def")


def test_a_list_of_records_in_the_provenance_is_shown(tmp_path):
    page = write_report(tmp_path, title="t", provenance={"starts": [{"host": "red"}, {"host": "blue"}]}).read_text()
    assert page.index("<dt>starts") < page.index("<dd>red") < page.index("<dd>blue")


def test_tables_align_numbers_and_show_gaps(tmp_path):
    frame = pd.DataFrame({"name": ["a", "b"], "value": [93.14159, float("nan")], "count": [1, 2]})
    page = write_report(tmp_path, title="t", tables=[Table("x", frame)]).read_text()
    assert '<th>name</th><th class="number">value</th><th class="number">count</th>' in page
    assert '<td>a</td><td class="number">93.1</td><td class="number">1</td>' in page
    assert '<td>b</td><td class="number">–</td><td class="number">2</td>' in page


def test_style_sheet_and_theme_agree_on_the_masks(tmp_path):
    from workbench.views import theme

    page = write_report(tmp_path, title="t").read_text()
    for mask, colour in theme.MASK_COLOURS.items():
        assert f"--mask-{mask}: {colour.lower()}" in page
        assert f"--mask-{mask}: {theme.TWINS[colour].lower()}" in page


def test_an_unknown_mask_has_a_colour_too(tmp_path, recognition, completions):
    page = write_report(
        tmp_path, title="t", recognition=recognition.assign(mask="own"), completions=completions.assign(mask="own")
    ).read_text()
    assert "var(--mask-other)" in page


def test_views_never_import_models():
    code = (
        "import sys, pkgutil, importlib, workbench.views as v\n"
        "[importlib.import_module(f'workbench.views.{m.name}') for m in pkgutil.iter_modules(v.__path__)]\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('torch', 'transformers', 'transformer_lens')"
        " or m.startswith('workbench.models')]\n"
        "print(bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
