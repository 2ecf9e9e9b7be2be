"""`workbench convert` on the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

Command = Callable[..., tuple[int, str, str]]


def test_what_was_written_is_printed(command: Command, tiny_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint("opt"), tmp_path / "copy"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert command("convert", str(folder)) == (0, f"{folder / 'model.safetensors'}\n", "")
    status, out, err = command("convert", str(folder))
    assert (status, out) == (2, "")
    assert err == f"workbench: {folder} has safetensors already: it loads as it is.\n"
