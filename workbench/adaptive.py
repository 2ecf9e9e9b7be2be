"""Which layers to measure next, where only the recognition layer is wanted and not the whole curve.

Search where the curve crosses its threshold, fill in the recognition layer's interval, and check four layers spread
over those above it, since one of them may yet fall below. What is not measured is not assumed: the rule is applied to
the layers that were.
"""

from __future__ import annotations

from collections.abc import Collection

CHECKS = 4
"""Layers above the recognition layer that are measured in any case (all of them where there are fewer)."""


def next_layers(
    measured: Collection[int], n_layers: int, layer: int | None, low: int | None, high: int | None
) -> tuple[int, ...]:
    """The layers to measure next; none where the answer stands.

    Args:
        measured: layers measured so far, `n_layers` (never hidden) aside.
        n_layers: depth of the model.
        layer: recognition layer among those measured, None for none.
        low: lower end of its interval, None if there is none.
        high: upper end, `n_layers` for "none".
    """
    known = sorted({each for each in measured if each < n_layers})
    if not known:
        return tuple(sorted({part * n_layers // 4 for part in range(4)}))
    if layer is None:
        return _between(known[-1], n_layers)
    below = max((each for each in known if each < layer), default=-1)
    if layer - below > 1:
        return _between(below, layer)
    if low is not None and high is not None:
        inside = [each for each in range(max(0, low - 1), min(high + 1, n_layers)) if each not in known]
        if inside:
            return tuple(inside)
    return _checks(known, layer, n_layers)


def _between(below: int, above: int) -> tuple[int, ...]:
    """Two layers that part a gap in three: one walk up the layers measures both for little more than one."""
    gap = above - below
    parts = {below + round(gap / 3), below + round(2 * gap / 3)}
    return tuple(sorted(each for each in parts if below < each < above)) or tuple(range(below + 1, above))[:1]


def _checks(known: list[int], layer: int, n_layers: int) -> tuple[int, ...]:
    later = list(range(layer + 1, n_layers))
    checked = [each for each in later if each in known]
    missing = min(CHECKS, len(later)) - len(checked)
    if missing <= 0:
        return ()
    chosen: list[int] = []
    for _ in range(missing):
        # Always the layer farthest from everything measured, so that the checks spread.
        marks = [*known, *chosen, n_layers]
        open_layers = [each for each in later if each not in marks]
        chosen.append(max(open_layers, key=lambda each: (min(abs(each - mark) for mark in marks), -each)))
    return tuple(sorted(chosen))
