"""What the tests of adapters share: settings that train in a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.lora.settings import PRESETS, Training


@pytest.fixture(scope="session")
def tiny_training() -> Training:
    """Two items a step, no dropout."""
    return replace(
        PRESETS["mini"], rank=4, learning_rate=1e-2, training_items=8, validation_items=4, training_batch=2, epochs=2
    )
