"""Text out of plain, gzip and zstd files, told apart by their first bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import zstandard

from computenet.errors import Problem, TraceError

__all__ = ["read_text"]

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"


def read_text(path: Path) -> str:
    """Return a file's text; line ends become ``\\n`` and a byte-order mark is dropped.

    Raises
    ------
    TraceError
        The file cannot be read, is truncated, or is no text.
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
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TraceError([Problem(str(path), None, "is not UTF-8 text")]) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise TraceError([Problem(str(path), None, "is empty")])
    return text
