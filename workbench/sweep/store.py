"""Keys and values of own tokens while a batch is walked, at each layer: of the trunks, and of each view's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from workbench.sweep.attention import Keys, laid_out

Place = tuple[int, int]
"""Layer and view; the trunks have the view `TRUNK`."""
TRUNK = -1
SPARE = 16
"""Columns that there is room for, when it grows, behind those needed at once."""


class Store:
    """Room for the columns of a batch, at each place for the rows that are there.

    There is room for what is read, `first` columns; where rows go on to be decoded, it grows by a few at a time to `capacity`,
    so that what is moved when other rows stop is little more than what is there.
    """

    def __init__(self, first: int, capacity: int, unread: Callable[[int], int]) -> None:
        """`unread` tells of a layer how many of the columns read at first nothing reads there: they are not stored."""
        self.capacity = capacity
        self._unread = unread
        self._first = first
        self._kept: dict[Place, tuple[Tensor, Tensor]] = {}
        self._lead: dict[Place, int] = {}

    def places(self) -> list[Place]:
        """Where something is stored."""
        return list(self._kept)

    def tensors(self) -> Iterator[Tensor]:
        """All that is stored."""
        for pair in self._kept.values():
            yield from pair

    def rows(self, place: Place) -> int:
        """How many rows are stored at a place."""
        return len(self._kept[place][0])

    def write(
        self,
        place: Place,
        key: Float[Tensor, "rows token kv_head d_head"],
        value: Float[Tensor, "rows token kv_head d_head"],
        column: int,
        lead: Keys | None,
        shown: int,
    ) -> tuple[Float[Tensor, "rows kv_head d_head shown"], Float[Tensor, "rows kv_head shown d_head"]]:
        """Put keys and values at a column and those behind it; back come all that queries are compared with.

        Args:
            place: layer and view.
            key: the new keys.
            value: the new values.
            column: the first own column written.
            lead: columns of the context that stand before the own ones, for every row.
            shown: how many own columns come back.
        """
        before = 0 if lead is None else lead.key.shape[-1]
        missing = self._unread(place[0])
        start = before + max(column - missing, 0)
        end, shown = start + key.shape[1], before + shown - missing
        if place not in self._kept:
            self._kept[place], self._lead[place] = self._room(place, key, lead, before, end), before
        elif end > self._kept[place][0].shape[-1]:
            self._kept[place] = self._grown(place, end, before + self.capacity - missing)
        keys, values = self._kept[place]
        keys[..., start:end], values[:, :, start:end] = laid_out(key, value)
        return keys[..., :shown], values[:, :, :shown]

    def keep(self, place: Place, rows: Sequence[int]) -> None:
        """Go on with some rows, each as often as it is named."""
        if list(rows) != list(range(self.rows(place))):
            self._kept[place] = self._of(place, rows)

    def join(self, place: Place, trunks: Sequence[int], order: Sequence[int]) -> None:
        """Let rows branch off their trunks with what these have stored: behind the rows of a view, then put in order."""
        joining = self._of((place[0], TRUNK), trunks)
        if place in self._kept:
            joining = torch.cat([self._kept[place][0], joining[0]]), torch.cat([self._kept[place][1], joining[1]])
        self._kept[place], self._lead[place] = joining, self._lead[place[0], TRUNK]
        self.keep(place, order)

    def _room(self, place: Place, key: Tensor, lead: Keys | None, before: int, end: int) -> tuple[Tensor, Tensor]:
        rows, _, heads, width = key.shape
        columns = before + self._first - self._unread(place[0])
        keys, values = key.new_empty(rows, heads, width, columns), key.new_empty(rows, heads, columns, width)
        # Columns that nothing has been written to are compared with too, and then hidden: they must be numbers.
        keys[..., end:], values[:, :, end:] = 0, 0
        if lead is not None:
            keys[..., :before], values[:, :, :before] = lead.key, lead.value
        return keys, values

    def _of(self, place: Place, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Copies of what some rows have stored."""
        keys, values = self._kept[place]
        index = torch.tensor(list(rows), dtype=torch.long, device=keys.device)
        return keys.index_select(0, index), values.index_select(0, index)

    def _grown(self, place: Place, end: int, most: int) -> tuple[Tensor, Tensor]:
        """What is stored at a place with room up to `end` and some columns more, at most `most` in all."""
        fewer_keys, fewer_values = self._kept[place]
        used, room = fewer_keys.shape[-1], min(most, end + SPARE)
        keys = functional.pad(fewer_keys, (0, room - used))
        values = functional.pad(fewer_values, (0, 0, 0, room - used))
        return keys, values
