"""What a hook is, and the fault of one that does not do its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Hook = Callable[..., Any]
"""A function (activation, hook) that returns the new activation."""


class InterventionError(RuntimeError):
    """An intervention did not do what it says: its hook never ran, or left what it had to change as it was."""
