"""What the tests of gates share: settings that train in a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.gates.settings import PRESETS, Training


@pytest.fixture(scope="session")
def tiny_training() -> Training:
    """Four items a step, few steps, each a long one."""
    return replace(
        PRESETS["mini"], learning_rate=0.4, training_items=8, validation_items=2, training_batch=4, epochs=10
    )
