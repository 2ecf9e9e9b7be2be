"""Where a run gets its models: the digest first, which needs no memory, the model itself only to measure."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class ModelSource(Protocol):
    """What a run asks of models. An analysis with `models(config)` brings its own."""

    def digest(self, name: str) -> str:
        """SHA-256 over everything that decides what the model computes."""
        ...

    def load(self, name: str) -> Any:
        """The model, ready to measure."""
        ...


class Checkpoints:
    """Checkpoints by name, folder or hub id, as the settings `revision`, `dtype` and `device` want them."""

    def __init__(self, config: Any) -> None:
        self._revision: str | None = getattr(config, "revision", None)
        self._dtype: str = getattr(config, "dtype", "float32")
        self._device: str = getattr(config, "device", "cpu")

    def digest(self, name: str) -> str:
        """SHA-256 over weights, config and tokenizer files, the same as the loaded model's."""
        from workbench.models.digest import digest
        from workbench.models.files import checkpoint_files
        from workbench.models.source import locate

        return digest(checkpoint_files(locate(name, self._revision).folder).all)

    def load(self, name: str) -> Any:
        """The loaded `workbench.models.model.Model`."""
        import torch

        from workbench.models.load import load

        return load(name, revision=self._revision, dtype=getattr(torch, self._dtype), device=self._device)
