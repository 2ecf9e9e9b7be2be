from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import first_sentence


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Le chat dort. Le chien court.", "Le chat dort."),
        ("Le chat dort", "Le chat dort"),
        ("Où est-il ? Ici.", "Où est-il ?"),
        ("Quoi ! Non.", "Quoi !"),
        ("Dr. Ehud Ur spoke. He left.", "Dr. Ehud Ur spoke."),
        ("Mr. Smith met Mrs. Jones. They talked.", "Mr. Smith met Mrs. Jones."),
        ("It costs 3.5 euros. Cheap.", "It costs 3.5 euros."),
        ("At 5 p.m. it began. It ended.", "At 5 p.m. it began."),
        ("Er kam z.B. nicht. Sie kam.", "Er kam z.B. nicht."),
        ("  \n Le chat dort.\nQ: The dog", "Le chat dort."),
        ("\n\t ", ""),
        ("", ""),
        ("...", "..."),
    ],
)
def test_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first


@given(st.text(alphabet=st.sampled_from("aB .?!\n«»3é,"), max_size=40))
def test_is_a_start_of_the_text(text: str) -> None:
    first = first_sentence(text)
    assert text.strip().startswith(first)
    assert first == first.strip()
    assert bool(first) == bool(text.strip())
