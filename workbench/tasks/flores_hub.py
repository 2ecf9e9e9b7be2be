"""FLORES sentences from the hub: data files only, never a loading script."""

from __future__ import annotations

from workbench.errors import UserError
from workbench.tasks import hub

REPOSITORY = "openlanguagedata/flores_plus"
_RENAMED = {"zho_Hans": "cmn_Hans", "zho_Hant": "cmn_Hant"}
"""FLORES-200 codes that FLORES+ has renamed."""
_FOLDER = "or give a local copy with --data FOLDER (dev and devtest of FLORES-200)"


def read(code: str, split: str, instead: str = _FOLDER, *, repository: str = REPOSITORY) -> list[str]:
    """The sentences of one language and split, in order; `instead` says what else to do where that fails.

    `repository` may be a folder that it was downloaded to.

    Raises:
        UserError: no access, no such language, no connection.
    """
    code = _RENAMED.get(code, code)
    try:
        rows = hub.load(repository, code, split, instead=instead)
    except ValueError as error:
        if "BuilderConfig" in str(error):
            raise UserError(f"{repository} has no language {code!r}; codes look like fra_Latn.") from error
        raise
    pairs = sorted(zip(rows["id"], rows["text"], strict=True))
    return [text for _, text in pairs]
