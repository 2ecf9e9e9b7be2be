"""Data sets from the Hugging Face hub: data files only, never a loading script."""

from __future__ import annotations

from typing import Any

from workbench.errors import UserError


def load(repository: str, configuration: str, split: str, *, instead: str) -> Any:
    """One split of a data set.

    Args:
        repository: its id on the hub, or a folder that it was downloaded to.
        configuration: which of the repository's data sets; for FLORES+ a language.
        split: which part of it.
        instead: ends every error message: what else a person can do.

    Raises:
        UserError: no access, or no connection.
        ValueError: the repository has no such configuration.
    """
    # Imported here: a run on a local folder should not wait for it.
    import datasets
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    # The hub's own error derives from that of the HTTP package it uses now.
    unreachable: tuple[type[Exception], ...] = (OSError, HfHubHTTPError, *HfHubHTTPError.__bases__)
    try:
        return datasets.load_dataset(repository, configuration, split=split)
    except (DatasetNotFoundError, GatedRepoError) as error:
        raise UserError(
            f"{repository} on the hub is gated: accept its terms on "
            f"https://huggingface.co/datasets/{repository} and give the workbench your token (`hf auth "
            f"login`, or the environment variable HF_TOKEN), {instead}."
        ) from error
    except ValueError as error:
        if "BuilderConfig" not in str(error) and "cache" in str(error):
            raise _unreachable(repository, error, instead) from error
        raise
    except unreachable as error:
        raise _unreachable(repository, error, instead) from error


def _unreachable(repository: str, error: Exception, instead: str) -> UserError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return UserError(
        f"{repository} is not in the local cache and the hub cannot be reached ({reason}): connect and try again, "
        f"{instead}."
    )
