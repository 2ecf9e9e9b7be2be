"""FLORES sentences from the hub: data files only, never a loading script."""

from __future__ import annotations

from typing import Any

from workbench.errors import UserError

REPOSITORY = "openlanguagedata/flores_plus"
_RENAMED = {"zho_Hans": "cmn_Hans", "zho_Hant": "cmn_Hant"}
"""FLORES-200 codes that FLORES+ has renamed."""
_FOLDER = "or give a local copy with --data FOLDER (dev and devtest of FLORES-200)"


def read(code: str, split: str) -> list[str]:
    """The sentences of one language and split, in order.

    Raises:
        UserError: no access, no such language, no connection.
    """
    rows = _load(_RENAMED.get(code, code), split)
    pairs = sorted(zip(rows["id"], rows["text"], strict=True))
    return [text for _, text in pairs]


def _load(code: str, split: str) -> Any:
    # Imported here: a run on a local folder should not wait for it.
    import datasets
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    # The hub's own error derives from that of the HTTP package it uses now.
    unreachable: tuple[type[Exception], ...] = (OSError, HfHubHTTPError, *HfHubHTTPError.__bases__)
    try:
        return datasets.load_dataset(REPOSITORY, code, split=split)
    except (DatasetNotFoundError, GatedRepoError) as error:
        raise UserError(
            f"{REPOSITORY} on the hub is gated: accept its terms on "
            f"https://huggingface.co/datasets/{REPOSITORY} and give the workbench your token (`hf auth "
            f"login`, or the environment variable HF_TOKEN), {_FOLDER}."
        ) from error
    except ValueError as error:
        if "BuilderConfig" in str(error):
            raise UserError(f"{REPOSITORY} has no language {code!r}; codes look like fra_Latn.") from error
        if "cache" in str(error):
            raise _unreachable(error) from error
        raise
    except unreachable as error:
        raise _unreachable(error) from error


def _unreachable(error: Exception) -> UserError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return UserError(
        f"{REPOSITORY} is not in the local cache and the hub cannot be reached ({reason}): connect and try "
        f"again, {_FOLDER}."
    )
