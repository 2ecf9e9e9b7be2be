"""Fetching a checkpoint from the Hugging Face hub: only files that cannot run code."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from workbench.errors import UserError
from workbench.models.files import CONFIG, GENERATION_CONFIG, INDEX, TOKENIZER
from workbench.models.registry import nearest

ALLOWED = [CONFIG, GENERATION_CONFIG, INDEX, "*.safetensors", *TOKENIZER]
# Subfolders repeat the weights in other formats, `consolidated*` in the author's own.
IGNORED = ["*/*", "consolidated*"]

# The hub's client library has changed its HTTP package twice; its own error derives from whichever it uses
# now, so these are its connection errors (and OSError, of which "not in the cache" is one).
_CONNECTION_ERRORS: tuple[type[Exception], ...] = HfHubHTTPError.__bases__


def fetch(hub_id: str, revision: str | None = None) -> Path:
    """The folder of the hub's files in the local cache, downloaded where they are missing.

    The folder's name is the commit they come from. Without a network, files fetched before are found.

    Raises:
        UserError: no such model or revision, gated without access, hub unreachable, no safetensors there.
    """
    try:
        folder = huggingface_hub.snapshot_download(
            hub_id, revision=revision, allow_patterns=ALLOWED, ignore_patterns=IGNORED
        )
    except GatedRepoError as error:
        raise UserError(
            f"{hub_id} is gated: accept its licence on https://huggingface.co/{hub_id}, then give the "
            "workbench your token (`hf auth login`, or the environment variable HF_TOKEN)."
        ) from error
    except RevisionNotFoundError as error:
        raise UserError(
            f"{hub_id} has no revision {revision!r}: expected a branch, tag or commit listed on "
            f"https://huggingface.co/{hub_id}/tree/main."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UserError(
            f"There is neither a folder nor a model on the hub called {hub_id!r}{suggestion(hub_id)}; "
            "if it is private, set HF_TOKEN."
        ) from error
    except _CONNECTION_ERRORS as error:
        raise UserError(
            f"{hub_id} is not in the local cache and the hub cannot be reached ({_first_line(error)}): "
            "connect and try again, or give the folder of a downloaded checkpoint."
        ) from error
    found = Path(str(folder))
    if not any(found.glob("*.safetensors")):
        which = f" --revision {revision}" if revision else ""
        raise UserError(
            f"{hub_id} has no safetensors on the hub: if it has pickled weights and you trust where they come from, "
            f"download them (`hf download {hub_id}{which} --local-dir FOLDER`), convert them once "
            "(`workbench convert FOLDER`), and give the folder."
        )
    return found


def suggestion(name: str) -> str:
    """`; did you mean ...?` for a name like a known one, else nothing."""
    near = nearest(name)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _first_line(error: BaseException) -> str:
    # The cause says what happened to the connection; the outer message is a paragraph of advice.
    text = str(error.__cause__ or error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
