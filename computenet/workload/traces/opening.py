"""Content of plain, gzip and zstd files, told apart by their first bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import zstandard

from computenet.errors import Problem, TraceError

__all__ = ["Content", "read_content"]

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
#: Bytes that tell a format.
HEAD = 4096


@dataclass(frozen=True)
class Content:
    """A file in memory, decompressed.

    Attributes
    ----------
    where
        The file's name for messages.
    raw
        Its bytes.
    """

    where: str
    raw: bytes

    @property
    def head(self) -> str:
        """Return the beginning as text, for telling formats apart; empty where it is no text."""
        if b"\0" in self.raw[:HEAD]:
            return ""
        return _plain_ends(self.raw[:HEAD].decode("utf-8-sig", errors="replace"))

    @cached_property
    def text(self) -> str:
        """Return the text; line ends become ``\\n`` and a byte-order mark is dropped.

        Raises
        ------
        TraceError
            It is no UTF-8 text.
        """
        try:
            return _plain_ends(self.raw.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise TraceError([Problem(self.where, None, "is not UTF-8 text")]) from error


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_content(path: Path) -> Content:
    """Return a file's content, decompressed.

    Raises
    ------
    TraceError
        The file cannot be read, is truncated or empty.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TraceError([Problem(str(path), None, error.strerror or "cannot be read")]) from error
    try:
        if raw[:2] == GZIP:
            raw = gzip.decompress(raw)
        elif raw[:4] == ZSTD:
            raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).readall()
    except EOFError as error:
        raise TraceError(
            [Problem(str(path), None, "the gzip file is truncated", "a complete file")]
        ) from error
    except (OSError, zlib.error, zstandard.ZstdError) as error:
        raise TraceError(
            [Problem(str(path), None, f"the compressed file is damaged: {error}")]
        ) from error
    if not raw.removeprefix(b"\xef\xbb\xbf").strip():
        raise TraceError([Problem(str(path), None, "is empty")])
    return Content(str(path), raw)
