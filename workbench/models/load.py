"""Loading a model: one path, whatever it is called and wherever it lies.

    model = load("mini")
    model = load("checkpoints/my-llama", dtype=torch.float64)
    model = load("EleutherAI/gpt-neo-125m", revision="main", device="cuda")

Only `config.json`, safetensors and tokenizer files are read: no pickles, no code from a checkpoint. A folder
needs no network.
"""

from __future__ import annotations

import os

import torch

from workbench.errors import UserError
from workbench.models.digest import digest
from workbench.models.files import checkpoint_files
from workbench.models.model import Model
from workbench.models.quiet import quiet
from workbench.models.source import locate
from workbench.models.tokenizer import check_vocabulary, end_tokens, load_tokenizer, prepended_token
from workbench.models.weights import load_weights

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def load(
    name_or_folder: str | os.PathLike[str],
    *,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Model:
    """The model of that name.

    Args:
        name_or_folder: `mini` (embedded), a checkpoint folder, a name of `workbench models`, or a hub id.
        revision: branch, tag or commit, for models from the hub.
        dtype: float32, float64, bfloat16 or float16, whatever the files hold.
        device: where the weights go, `cpu` or `cuda` for instance; several in a row, as in `cuda:0,cuda:1`, for a model
            that one does not hold (the reference sweep only).

    Returns:
        The model with logits as Hugging Face gives them: weights neither folded nor centred.

    Raises:
        UserError: no such model, not to be had, or not to be loaded so that its numbers are right.
    """
    devices = [usable_device(one) for one in (device.split(",") if isinstance(device, str) else [device])]
    if dtype not in DTYPES:
        raise UserError(f"{dtype} is no dtype for a model: expected {', '.join(map(_short, DTYPES))}.")
    source = locate(os.fspath(name_or_folder), revision)
    files = checkpoint_files(source.folder)
    with quiet():
        # The tokenizer comes first: what can be refused without reading gigabytes is.
        tokenizer = load_tokenizer(files.folder)
        bos = prepended_token(tokenizer)
        hooked = load_weights(files, source.name, dtype, devices)
    check_vocabulary(tokenizer, hooked.cfg.d_vocab, files.folder)
    return Model(
        name=source.name,
        hooked=hooked,
        tokenizer=tokenizer,
        window=hooked.cfg.n_ctx,
        bos=bos,
        eos=end_tokens(files.folder, tokenizer),
        digest=digest(files.all),
        source=source.described,
    )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def usable_device(device: str | torch.device) -> torch.device:
    """The device of that name; UserError if it cannot be used here."""
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"Device {str(device)!r} cannot be used here ({reason}): expected cpu, or cuda with a GPU."
        ) from error
    return place
