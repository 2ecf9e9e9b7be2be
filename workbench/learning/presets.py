"""The settings of a training by the name of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from workbench.errors import UserError


@runtime_checkable
class Checked(Protocol):
    """Settings that know what they cannot be."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def check(self) -> None:
        """Refuse what cannot be trained with."""


T = TypeVar("T", bound=Checked)


def training_named(presets: Mapping[str, T], name: str, changes: Mapping[str, Any]) -> T:
    """The settings of that name, with the changes that are not None.

    Raises:
        UserError: no such preset, or a number that cannot be trained with.
    """
    if name not in presets:
        raise UserError(f"Unknown preset {name!r}; there are {', '.join(presets)}.")
    training = replace(presets[name], **{field: value for field, value in changes.items() if value is not None})
    training.check()
    return training
