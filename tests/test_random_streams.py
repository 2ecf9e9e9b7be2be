from __future__ import annotations

import numpy as np
import pytest

from workbench.random_streams import stream


def test_a_stream_depends_on_its_names_only() -> None:
    before = stream(0, "bootstrap", "mini", "translate").random(5)
    stream(0, "another").random(1000)
    assert (stream(0, "bootstrap", "mini", "translate").random(5) == before).all()


def test_a_stream_is_the_same_on_every_machine() -> None:
    assert stream(7, "bootstrap", "mini").integers(0, 10**6, 3).tolist() == [512153, 872441, 803994]


@pytest.mark.parametrize(
    "other", [(1, "a", "bc"), (0, "ab", "c"), (0, "a", "b", "c"), (0, "a"), (0, "bc", "a"), (0, "a", "bc", 1)]
)
def test_other_names_give_another_stream(other: tuple[int | str, ...]) -> None:
    assert not np.allclose(stream(0, "a", "bc").random(4), stream(*other).random(4))  # type: ignore[arg-type]


def test_a_number_is_not_its_text() -> None:
    assert not np.allclose(stream(0, 1).random(4), stream(0, "1").random(4))
