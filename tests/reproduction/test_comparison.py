"""Published beside own: covered, not covered, refused with the difference named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.errors import UserError
from workbench.published.papers import Paper, find_paper
from workbench.reproduction.comparison import ModelMatch, Own, match_model, paper_model, setting_differences, sheet
from workbench.reproduction.experiments import Part
from workbench.reproduction.measured import COLUMNS

SERIES = "examples hidden, instructions kept"
SETTINGS = {"task": ["translate-en-fr"], "examples": 1, "seeds": [0], "max_new_tokens": 3}


def point(layer: object, value: float, low: float, high: float, model: str = "Toy") -> list[object]:
    """A published number."""
    text = "" if layer is None else layer
    return [
        "context-masking",
        "first",
        model,
        "en-fr",
        SERIES,
        "bleu",
        text,
        value,
        low,
        high,
        "figure 1",
        "plot",
        "a note",
    ]


def own(measured: Sequence[tuple[object, float, float | None, float | None]], prompts: int = 4, **settings: Any) -> Own:
    """A run that measured (layer, value, low, high)."""
    rows = [
        ("context-masking", "en-fr", SERIES, "bleu", layer, value, low, high, 4) for layer, value, low, high in measured
    ]
    points = pd.DataFrame(rows, columns=list(COLUMNS))
    points = points.astype({"layer": "Int64", "value": float, "low": float, "high": float})
    whole: Mapping[str, Any] = {**SETTINGS, **settings}
    return Own(Part("context-masking", "en-fr", "first", "context-masking", whole, "", ""), whole, points, prompts)


def verdicts(paper: Paper, mine: Own, match: ModelMatch | None = None) -> dict[object, tuple[str, object]]:
    table = sheet(paper, match or ModelMatch("Toy"), [mine])
    rows = zip(table["layer"], table["verdict"], table["difference"], strict=True)
    return {None if pd.isna(layer) else layer: (verdict, difference) for layer, verdict, difference in rows}


def test_covered_and_not_covered(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6), point(1, 5, 4, 6), point(2, 5, 4, 6), point(None, 40, 40, 40))))
    found = verdicts(paper, own([(0, 8, 5.5, 10), (1, 8, 6.5, 10), (2, 3, 1, 3.9), (pd.NA, 40.5, 39, 42)]))
    assert found == {
        0: ("covered", 3),
        1: ("not covered", 3),
        2: ("not covered", -2),
        None: ("covered", 0.5),
    }


def test_a_number_without_an_interval_must_lie_in_the_range(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6), point(1, 5, 4, 6))))
    found = verdicts(paper, own([(0, 5.9, None, None), (1, 6.1, None, None)]))
    assert {layer: verdict for layer, (verdict, _) in found.items()} == {0: "covered", 1: "not covered"}


def test_what_only_one_of_both_has(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6))))
    table = sheet(paper, ModelMatch("Toy"), [own([(1, 5, 4, 6)])])
    assert dict(zip(table["layer"], table["verdict"], strict=True)) == {0: "not measured", 1: "nothing published"}
    assert table["difference"].isna().all()


@pytest.mark.parametrize(
    ("mine", "why"),
    [
        ({"prompts": 3}, "3 test prompts where the paper has 4"),
        ({"examples": 5}, "5 examples where the paper has 1"),
        ({"max_new_tokens": 50}, "longest completion 50 where the paper has 3"),
        ({"prompts": 20, "examples": 2}, "20 test prompts where the paper has 4"),
    ],
)
def test_other_settings_are_not_compared(made_up: Callable[..., Path], mine: dict[str, Any], why: str) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6))))
    table = sheet(paper, ModelMatch("Toy"), [own([(0, 5, 4, 6)], **mine)])
    assert table["verdict"].tolist() == ["not compared"]
    assert why in table["why"][0].split("; ")
    assert table["difference"].isna().all()
    # Both numbers stay in the sheet.
    assert table[["published", "yours"]].to_numpy().tolist() == [[5, 5]]


def test_another_data_split_is_not_compared(made_up: Callable[..., Path]) -> None:
    folder = made_up(point(0, 5, 4, 6))
    settings = folder / "settings.tsv"
    settings.write_text(settings.read_text() + "context-masking\tany\ttest set\tFLORES devtest\tmust agree\ttext\n")
    paper = find_paper(str(folder))
    refused, _ = setting_differences(paper, own([(0, 5, 4, 6)]))
    assert refused == ["test set the embedded translate-en-fr where the paper has FLORES devtest"]
    assert setting_differences(paper, own([], task=["flores:eng_Latn-fra_Latn"])) == ([], [])


def test_what_is_only_noted_is_compared(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6))))
    match = match_model(paper, "Toy", {"layers": 4, "heads": 4, "parameters": 9}, None, "bfloat16")
    table = sheet(paper, match, [own([(0, 5, 4, 6)], seeds=[0, 1])])
    assert table["verdict"].tolist() == ["covered"]
    assert table["noted"].tolist() == ["bfloat16 where the paper has float32; seeds 0 1 where the paper has 0"]


def of_lora(**settings: Any) -> Own:
    """A run as the NeurIPS version has it, but for what is given."""
    lora = {"task": ["flores:fra_Latn-eng_Latn"], "preset": "neurips", "training_items": 800, "seeds": [0, 1]}
    lora |= {"targets": ["output"], "formats": ["instr_none_QA"], "examples": 0, "max_new_tokens": 50}
    whole = {**lora, **settings}
    version = str(whole.pop("version", "NeurIPS"))
    part = Part("single-layer-lora", "fr-en", version, "single-layer-lora", whole, "", "")
    return Own(part, whole, pd.DataFrame(columns=list(COLUMNS)), 1012)


def test_how_an_adapter_is_trained_is_compared() -> None:
    paper = find_paper("paper-a")
    assert setting_differences(paper, of_lora()) == (
        [],
        ["loss target where the paper has sequence", "50 epochs where the paper has 3"],
    )
    assert setting_differences(paper, of_lora(official_defects=True)) == ([], [])
    v1 = {"version": "arXiv", "preset": "v1", "seeds": [0]}
    assert setting_differences(paper, of_lora(**v1))[0] == [
        "formats instr_none_QA where the paper has instr_none_QA instr_machine_translation"
    ]
    both = ["instr_none_QA", "instr_machine_translation"]
    assert setting_differences(paper, of_lora(**v1, formats=both)) == ([], [])
    assert "3 epochs where the paper has 50" in setting_differences(paper, of_lora(**v1, official_defects=True))[0]


def test_another_size_is_not_compared(made_up: Callable[..., Path]) -> None:
    """Small is gpt-neo-125M, of which the registry knows the shape."""
    paper = find_paper(str(made_up(point(0, 5, 4, 6, model="Small"))))
    same = match_model(paper, "Small", {"layers": 12, "heads": 12, "parameters": 125198592}, None, "float32")
    assert (same.refused, same.noted) == ((), ("float32 where the paper has 8 bits",))
    other = match_model(paper, "Small", {"layers": 24, "heads": 12, "parameters": 1315575808}, "step10", "float32")
    assert other.refused == (
        "your model has 24 layers where Small has 12",
        "your model has 1,315,575,808 parameters where Small has 125,198,592",
        "your model is revision step10",
    )
    table = sheet(paper, other, [own([(0, 5, 4, 6)])])
    assert table["verdict"].tolist() == ["not compared"]
    assert table["why"][0].startswith("your model has 24 layers")


def test_a_model_that_was_not_measured_has_nothing_beside_it(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6))))
    assert paper_model(paper, "mini", None) is None
    assert match_model(paper, None, {}, None, "float32") == ModelMatch(None)
    table = sheet(paper, ModelMatch(None), [own([(0, 5, 4, 6)])])
    assert table["verdict"].tolist() == ["nothing published"]


def test_numbers_whose_model_is_not_named_are_never_compared(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6, model="not named"))))
    table = sheet(paper, ModelMatch("Toy"), [own([(0, 5, 4, 6)])])
    assert table["why"].tolist() == ["the paper does not name the model of this number"]


def test_the_user_says_which_model_it_is(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up()))
    assert paper_model(paper, "mini", "Small") == "Small"
    assert paper_model(paper, "mini", "gpt-neo-125M") == "Small"
    assert paper_model(paper, "gpt-neo-125m", None) == "Small"
    with pytest.raises(UserError, match="made-up has no model 'Large'; its models are Toy, Small"):
        paper_model(paper, "mini", "Large")


def test_two_runs_of_one_experiment_are_one_comparison(made_up: Callable[..., Path]) -> None:
    paper = find_paper(str(made_up(point(0, 5, 4, 6), point(1, 5, 4, 6))))
    table = sheet(paper, ModelMatch("Toy"), [own([(0, 5, 4, 6)]), own([(0, 5, 4, 6), (1, 9, 8, 10)], prompts=2)])
    assert dict(zip(table["layer"], table["verdict"], strict=True)) == {0: "covered", 1: "not compared"}
