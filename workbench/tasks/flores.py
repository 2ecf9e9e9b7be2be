"""Translation of FLORES-200 sentences, from a local folder or from the hub.

Splits are paper A's (Sia, Mueller and Duh 2024): of the 997 lines of `dev`, 1 to 800 are left to training and
the rest are the pool of examples; `devtest` is the test set.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from workbench.errors import UserError
from workbench.tasks import flores_hub
from workbench.tasks.checksums import verify
from workbench.tasks.family import Family
from workbench.tasks.rows import items
from workbench.tasks.task import Item, Task

TRAINING_LINES = 800
SPLITS = ("dev", "devtest")
_FOLDERS = ("flores200", "flores200_dataset")
"""What the folder of FLORES-200 is called here, and in the published archive."""


def build(name: str, data: Path | None = None) -> Task:
    """The task `flores:SOURCE-TARGET`, FLORES codes such as `flores:eng_Latn-fra_Latn`.

    Args:
        name: the task's name.
        data: the folder that holds `dev` and `devtest`, or the folder above it; without one the hub is asked.

    Raises:
        UserError: no such language, the folder is missing or half empty, files of unequal length, no access
            to the hub.
    """
    codes = _codes(name)
    folder = None if data is None else find_folder(data)
    lines = {}
    for split in SPLITS:
        lines[split] = _parallel(split, codes, folder)
    if len(lines["dev"]) <= TRAINING_LINES:
        raise UserError(
            f"{name} has {len(lines['dev'])} lines in dev; more than {TRAINING_LINES} are expected, since "
            f"the first {TRAINING_LINES} are left to training. For data of your own use tsv:PATH or "
            "jsonl:PATH."
        )
    source, target = map(language_name, codes)
    return Task(
        name=name,
        kind="translate",
        instruction=f"Translate {source} to {target}",
        pool=items(name, "pool", lines["dev"][TRAINING_LINES:]),
        test=items(name, "test", lines["devtest"]),
        score="bleu",
        target_language=codes[1],
        max_new_tokens=50,
        digest=_digest(lines.values()),
    )


def training_items(name: str, count: int, data: Path | None = None) -> tuple[Item, ...]:
    """The first `count` of the lines that paper A leaves to training.

    Raises:
        UserError: more are asked for than there are, or as `build`.
    """
    if not 0 < count <= TRAINING_LINES:
        raise UserError(f"Task {name!r} has {TRAINING_LINES} lines to train on; {count} were asked for.")
    lines = _parallel("dev", _codes(name), None if data is None else find_folder(data))
    return items(name, "train", lines[:count])


FAMILIES = (
    Family(
        "flores:SOURCE-TARGET",
        "translate",
        "FLORES-200 sentences, for instance flores:eng_Latn-fra_Latn",
        build,
    ),
)


@cache
def _language_names() -> dict[str, str]:
    file = resources.files("workbench.tasks").joinpath("flores_languages.tsv")
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines(), delimiter="\t")
    return {row["code"]: row["name"] for row in rows}


def language_name(code: str) -> str:
    """The English name of a FLORES code, as an instruction says it; the code itself where there is none."""
    return _language_names().get(code, code)


def _codes(name: str) -> tuple[str, str]:
    source, dash, target = name.removeprefix("flores:").partition("-")
    if not (source and dash and target) or "-" in target or "/" in name:
        raise UserError(
            f"Task {name!r} should look like 'flores:eng_Latn-fra_Latn': the FLORES code of the source, a "
            "hyphen, that of the target."
        )
    if source == target:
        raise UserError(f"Task {name!r} translates {source} into itself; give two languages.")
    return source, target


def find_folder(data: Path) -> Path:
    """The folder that holds dev and devtest: the one given, or one in it that is called as FLORES-200 is.

    Raises:
        UserError: there is none, or it lacks one of the two.
    """
    if not data.is_dir():
        raise UserError(
            f"There is no folder {data}; give with --data the folder that holds FLORES-200's dev and devtest."
        )
    for folder in (data, *(data / name for name in _FOLDERS)):
        there = [split for split in SPLITS if (folder / split).is_dir()]
        if len(there) == len(SPLITS):
            return folder
        if there:
            missing = next(split for split in SPLITS if split not in there)
            raise UserError(f"{folder} holds {there[0]} but no folder {missing}; FLORES-200 needs both.")
    raise UserError(
        f"{data} holds neither the folders dev and devtest nor a folder flores200 with them; give with "
        "--data the folder of FLORES-200 or the one above it."
    )


def _parallel(split: str, codes: Sequence[str], folder: Path | None) -> list[tuple[str, str]]:
    """The lines of a split in both languages, side by side."""
    if folder is None:
        places = [f"{code} in {split} of {flores_hub.REPOSITORY}" for code in codes]
        both = [flores_hub.read(code, split) for code in codes]
    else:
        places = [str(_path(folder, split, code)) for code in codes]
        both = [_read(_path(folder, split, code)) for code in codes]
    for place, lines in zip(places, both, strict=True):
        if not lines:
            raise UserError(f"{place} is empty; one sentence per line is expected: fetch FLORES-200 again.")
        if not all(line.strip() for line in lines):
            number = next(number for number, line in enumerate(lines, 1) if not line.strip())
            raise UserError(f"Line {number} of {place} is blank; one sentence per line is expected.")
    if len(both[0]) != len(both[1]):
        raise UserError(
            f"{places[0]} has {len(both[0])} lines and {places[1]} has {len(both[1])}; line by line the one "
            "should translate the other: fetch FLORES-200 again."
        )
    return list(zip(*both, strict=True))


def _path(folder: Path, split: str, code: str) -> Path:
    path = folder / split / f"{code}.{split}"
    if path.is_file():
        return path
    for other in SPLITS:
        if (folder / other / f"{code}.{other}").is_file():
            raise UserError(
                f"{path} is missing, though {other} has {code}; FLORES-200 needs both files: fetch it again."
            )
    present = sorted(file.stem for file in (folder / split).glob(f"*.{split}"))
    if not present:
        raise UserError(f"{folder / split} holds no file named like {path.name}; is it FLORES-200's?")
    near = difflib.get_close_matches(code, present, n=3, cutoff=0.5)
    shown = ", ".join(present[:20]) + (f" and {len(present) - 20} more" if len(present) > 20 else "")
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(f"{folder} has no language {code!r}; {hint}There are {shown}.")


def _read(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        verify(path, content)
        return sentences(content)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); fetch FLORES-200 again.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def sentences(content: bytes) -> list[str]:
    """The lines of a file of FLORES-200.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    # Not splitlines: some sentences hold characters that it takes for the end of a line.
    lines = [line.removesuffix("\r") for line in content.decode("utf-8").split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _digest(splits: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Hash of the sentences, the same for a folder and for the hub where their sentences are."""
    digest = hashlib.sha256()
    for lines in splits:
        digest.update(repr(list(lines)).encode())
    return digest.hexdigest()
