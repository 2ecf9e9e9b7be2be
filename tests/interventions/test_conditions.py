from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.interventions import Clean, ContextMask
from workbench.interventions.conditions import MASK_NAMES, check_layers


def test_letters_are_instructions_examples_query():
    assert ContextMask.named("TTF", 3).hidden == ("instructions", "examples")
    assert ContextMask.named("FFT", 3).hidden == ("query",)
    assert ContextMask.named("FFF", 3).hidden == ()
    assert ContextMask.named("mask_all", 3).hidden == (
        "bos",
        "instructions",
        "examples",
        "query",
        "completion",
    )


def test_nine_masks():
    assert len(MASK_NAMES) == len(set(MASK_NAMES)) == 9


@pytest.mark.parametrize("name", MASK_NAMES)
@pytest.mark.parametrize("keep_bos", [True, False])
def test_bos_is_a_setting(name, keep_bos):
    assert ("bos" in ContextMask.named(name, 0, keep_bos=keep_bos).hidden) is not keep_bos


def test_an_unknown_mask_names_the_nearest():
    with pytest.raises(UserError, match=r"'TTTF'.*Did you mean.*TTF"):
        ContextMask.named("TTTF", 0)


def test_first_layer():
    assert Clean().first_layer(8) == 8
    assert ContextMask.named("TTF", 3).first_layer(8) == 3
    assert ContextMask.named("TTF", 9).first_layer(8) == 8
    assert ContextMask.named("FFF", 3).first_layer(8) == 8


def test_layers_out_of_range_are_refused():
    check_layers((0, 7, 8), 8)
    for layer in (-1, 9):
        with pytest.raises(UserError, match=rf"Layer {layer} is out of range.*8 layers"):
            check_layers((0, layer), 8)
