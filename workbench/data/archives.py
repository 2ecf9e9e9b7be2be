"""Reading what was downloaded, without trusting it.

Nothing is ever extracted to a place that an archive names: the files wanted are found by a pattern, read into memory
within limits, and written by the caller under names of its own. Links and devices are passed over.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from re import Pattern
from typing import Protocol, runtime_checkable

from workbench.errors import UserError

ARCHIVE_LIMIT = 1 << 30
"""Bytes that an archive may hold in all, unpacked; FLORES-200 has about a tenth."""
FILE_LIMIT = 1 << 26
"""Bytes that one file may hold, unpacked; the largest of FLORES-200 has half a million."""
_GZIP = b"\x1f\x8b"
_DAMAGED = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@runtime_checkable
class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


class Limited(io.BufferedIOBase):
    """A stream that refuses to give more than `limit` bytes: a small file may unpack to a very large one."""

    def __init__(self, stream: Readable, limit: int, path: Path) -> None:
        self._stream, self._left, self._limit, self._path = stream, limit, limit, path

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, at most `size` of them; all that are left for None or a negative one.

        Raises:
            UserError: there are more than the limit.
        """
        wanted = self._left + 1 if size is None or size < 0 else min(size, self._left + 1)
        content = self._stream.read(wanted)
        self._left -= len(content)
        if self._left < 0:
            raise UserError(
                f"{self._path} unpacks to more than {self._limit >> 20} MiB, far more than the data set has; "
                "download it again."
            )
        return content


def read_file(path: Path, limit: int = FILE_LIMIT) -> bytes:
    """The content of a file, unpacked if it is gzip.

    Raises:
        UserError: it cannot be read, is damaged, or holds more than `limit` bytes.
    """
    try:
        with _opened(path) as stream:
            return Limited(stream, limit, path).read()
    except _DAMAGED as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def read_members(
    path: Path, wanted: Pattern[str], archive_limit: int = ARCHIVE_LIMIT, file_limit: int = FILE_LIMIT
) -> Iterator[tuple[str, bytes]]:
    """The regular files of a tar archive (gzip or plain) whose names match, one after another.

    Args:
        path: the archive.
        wanted: matched against the whole name; its group `name` is what the file is called from here on.
        archive_limit: bytes that the whole archive may unpack to.
        file_limit: bytes that one wanted file may have.

    Raises:
        UserError: it cannot be read, is no tar archive, is damaged, or unpacks to more than the limits.
    """
    try:
        with (
            _opened(path) as stream,
            # "r|": read once from beginning to end, so that every byte passes the limit.
            tarfile.open(fileobj=Limited(stream, archive_limit, path), mode="r|") as archive,
        ):
            for member in archive:
                match = wanted.fullmatch(member.name)
                if match is None or not member.isreg():
                    continue
                content = archive.extractfile(member)
                if content is not None:
                    yield match["name"], Limited(content, file_limit, path).read()
    except _DAMAGED as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _opened(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP)) == _GZIP
    return gzip.open(path) if packed else path.open("rb")


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged or no archive ({error}); download it again.")
