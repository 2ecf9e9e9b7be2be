"""From a command line, and a YAML file that it may name, to an analysis's settings."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import tyro
import yaml

from workbench.errors import UserError

ANALYSIS = "analysis"
"""The one line of a run folder's config.yaml that is no setting."""

_OUT = "Folder of the run; by default under runs/, by analysis, model and settings."
_CONFIG = "YAML file with the same settings; what is typed here wins. A run folder's config.yaml is one."
_QUIET = "Show no progress bars."


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a person asked for."""

    settings: Any
    """A `Config` of the analysis."""
    out: Path | None
    quiet: bool


def parse(config: type[Any], name: str, summary: str, arguments: Sequence[str]) -> Asked:
    """The settings of the analysis `name` that a command line and the file it may name ask for.

    Prints help or what is wrong with an argument, and leaves by SystemExit, as tyro does.

    Raises:
        UserError: the file cannot be used.
    """
    file = _named_file(arguments)
    given = [] if file is None else file_arguments(config, file, name)
    options = dataclasses.make_dataclass(
        "Options",
        [
            ("settings", Annotated[config, tyro.conf.arg(name="")]),
            ("out", Annotated[Path | None, tyro.conf.arg(help=_OUT)], None),
            ("config", Annotated[Path | None, tyro.conf.arg(help=_CONFIG)], None),
            ("quiet", Annotated[bool, tyro.conf.arg(help=_QUIET)], False),
        ],
    )
    # Of a setting given twice, in the file and here, the later one counts.
    parsed: Any = tyro.cli(options, prog=f"workbench run {name}", description=summary, args=[*given, *arguments])
    return Asked(parsed.settings, parsed.out, parsed.quiet)


def file_arguments(config: type[Any], path: Path, name: str) -> list[str]:
    """The settings in a YAML file as a command line.

    Raises:
        UserError: the file cannot be read, or holds a setting or a value that the analysis does not know.
    """
    content = _read(path)
    written_for = content.pop(ANALYSIS, name)
    if written_for != name:
        raise UserError(f"{path} holds settings of the analysis {written_for}, not of {name}.")
    types = get_type_hints(config, include_extras=True)
    arguments: list[str] = []
    for key, value in content.items():
        setting = str(key).replace("-", "_")
        if setting not in types:
            raise UserError(f"{path}: unknown setting {key!r}; {_settings_like(setting, list(types))}")
        arguments += _checked(path, setting, types[setting], value)
    return arguments


def _named_file(arguments: Sequence[str]) -> Path | None:
    """The last FILE of `--config FILE` or `--config=FILE`, found before the rest can be understood."""
    found = None
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        if argument == "--config" and following is not None:
            found = Path(following)
        elif argument.startswith("--config="):
            found = Path(argument.partition("=")[2])
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read {path} ({error.strerror}): give a YAML file as --config.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML ({reason}): correct it.") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}: expected lines like `examples: 5`.")
    return dict(content)


def _checked(path: Path, setting: str, kind: Any, value: Any) -> list[str]:
    """One setting as arguments, tried on its own so that an error can name the file."""
    arguments = _as_arguments(setting, kind, value)
    # A truth value is an option of its own only where it has a default.
    alone = dataclasses.make_dataclass("Alone", [(setting, kind, False) if kind is bool else (setting, kind)])
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            tyro.cli(alone, args=arguments)
    except SystemExit as error:
        # `tuple` alone would not say of what; the whole annotation does.
        wanted = kind.__name__ if type(kind) is type else str(kind).replace("typing.", "")
        raise UserError(f"{path}: {setting} is {value!r}, which cannot be read as {wanted}.") from error
    return arguments


def _as_arguments(setting: str, kind: Any, value: Any) -> list[str]:
    option = f"--{setting.replace('_', '-')}"
    if kind is bool and isinstance(value, bool):
        return [option if value else option.replace("--", "--no-", 1)]
    if isinstance(value, list | tuple):
        return [option, *map(str, value)]
    return [option, str(value)]


def _settings_like(setting: str, known: list[str]) -> str:
    near = difflib.get_close_matches(setting, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
