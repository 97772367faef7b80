"""Content of plain, gzip and zstd files, told apart by their first bytes.

A file is read in blocks that end at a line's end, so that a table of any length takes bounded
memory; only formats that cannot be cut (JSON documents) are read whole.
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import numpy as np
import zstandard

from computenet.errors import Problem, TraceError

__all__ = ["PARQUET", "Block", "Content", "ahead", "open_content"]

Item = TypeVar("Item")

NEWLINE = 10
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
#: Bytes 1 to 3 of a zstd frame that is passed over, and the most that the head of a frame takes.
SKIPPABLE, ZSTD_HEAD = b"\x2a\x4d\x18", 18
#: First bytes of a parquet file.
PARQUET = b"PAR1"
#: Bytes that tell a format, of a block, of the longest line, and of a file read whole.
HEAD, BLOCK, LINE, WHOLE = 65_536, 8 << 20, 64 << 20, 2 << 30


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file.

    Attributes
    ----------
    first
        Number of the first line, from 1.
    raw
        The lines, ended by ``\\n``.
    count
        How many lines.
    """

    first: int
    raw: bytes
    count: int


@dataclass(frozen=True)
class Content:
    """A file, decompressed as it is read.

    Attributes
    ----------
    path, where
        The file, and its name for messages.
    start
        Its first bytes.
    left_out
        Numbers of lines left out (lenient reading) by the file's name: those of this file, and of
        others that are read with it.
    faults
        Takes the faults of blocks that are gone over (lenient reading); without it the first is
        raised.
    """

    path: Path
    where: str
    start: bytes = field(repr=False)
    left_out: Mapping[str, frozenset[int]] = field(default_factory=dict)
    faults: list[Problem] | None = field(default=None, repr=False)

    @property
    def skip(self) -> frozenset[int]:
        """Return the numbers of this file's lines that are left out."""
        return self.left_out.get(self.where, frozenset())

    @cached_property
    def head(self) -> str:
        """Return the beginning as text, for telling formats apart; empty where it is no text."""
        if b"\0" in self.start:
            return ""
        return _plain_ends(self.start.decode("utf-8-sig", errors="replace"))

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """Read a part: where faults are taken and its have lines, it goes on after it.

        What was read is not to be used before `parts_read` has been called.
        """
        try:
            yield
        except TraceError as error:
            if self.faults is None or not all(problem.rows for problem in error.problems):
                raise
            self.faults.extend(error.problems)

    def parts_read(self) -> None:
        """Tell the faults of all parts.

        Raises
        ------
        TraceError
            There were any.
        """
        if self.faults:
            raise TraceError(self.faults)

    @property
    def is_parquet(self) -> bool:
        """Return whether the file begins as parquet does."""
        return self.start[:4] == PARQUET

    @cached_property
    def text(self) -> str:
        """Return the text; line ends become ``\\n`` and a byte-order mark is dropped.

        Raises
        ------
        TraceError
            It is no UTF-8 text, or larger than can be read whole.
        """
        return "\n".join(line for _, line in self.lines(blank=True))

    def lines(self, *, blank: bool = False) -> Iterator[tuple[int, str]]:
        """Return the lines with their numbers, without those skipped and the blank ones.

        Parameters
        ----------
        blank
            Blank lines too, and a limit to the whole.

        Raises
        ------
        TraceError
            The file is damaged, a line is too long or no UTF-8 text.
        """
        total = 0
        for block in self.blocks():
            total += len(block.raw)
            if blank and total > WHOLE:
                raise TraceError(
                    [Problem(self.where, None, "is too large to be read whole", "up to 2 GiB")]
                )
            raw = block.raw.removesuffix(b"\n")
            try:
                lines = raw.decode().split("\n")
            except UnicodeDecodeError as error:
                number = block.first + raw.count(b"\n", 0, error.start)
                raise TraceError(
                    [Problem(f"{self.where}: line {number}", None, "is not UTF-8 text",
                             rows=(number,))]
                ) from error  # fmt: skip
            for number, line in enumerate(lines, start=block.first):
                if blank or line.strip():
                    yield number, line

    def blocks(self) -> Iterator[Block]:
        """Return the file's lines in blocks; lines skipped are blank.

        Raises
        ------
        TraceError
            The file is damaged, or a line is longer than 64 MiB.
        """
        first, rest = 1, b""
        with _opened(self.path) as stream:
            while True:
                piece = _read(stream, BLOCK, self.where)
                if first == 1 and not rest:
                    piece = piece.removeprefix(b"\xef\xbb\xbf")
                raw = rest + piece
                if not raw:
                    return
                if b"\r" in raw:
                    held = b"\r" if piece and raw.endswith(b"\r") else b""
                    raw = raw.removesuffix(held) if held else raw
                    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                else:
                    held = b""
                end = raw.rfind(b"\n") + 1 if piece else len(raw)
                if end == 0:
                    if len(raw) > LINE:
                        raise TraceError(
                            [Problem(f"{self.where}: line {first}", f"{len(raw):,} bytes so far",
                                     "the line is too long", "up to 64 MiB")]
                        )  # fmt: skip
                    rest = raw + held
                    continue
                rest, raw = raw[end:] + held, raw[:end]
                if not raw.endswith(b"\n"):
                    raw += b"\n"
                count = int(np.count_nonzero(np.frombuffer(raw, dtype=np.uint8) == NEWLINE))
                skipped = [number for number in self.skip if first <= number < first + count]
                yield Block(first, _without(raw, skipped, first) if skipped else raw, count)
                first += count


def ahead(source: Iterator[Item]) -> Iterator[Item]:
    """Return the items of `source`, each made while the one before it is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, source, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, source, None)
            yield item


def _without(raw: bytes, skipped: list[int], first: int) -> bytes:
    lines = raw.split(b"\n")
    for number in skipped:
        lines[number - first] = b""
    return b"\n".join(lines)


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _opened(path: Path) -> BinaryIO:
    stream = path.open("rb")
    magic = stream.read(4)
    stream.seek(0)
    if magic[:2] == GZIP:
        stream.close()
        return cast("BinaryIO", gzip.open(path, "rb"))
    if magic == ZSTD:
        return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return stream


def _read(stream: BinaryIO, size: int, where: str) -> bytes:
    """Return exactly `size` bytes, fewer only at the end."""
    pieces: list[bytes] = []
    wanted = size
    try:
        while wanted:
            piece = stream.read(wanted)
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
    except EOFError as error:
        raise TraceError(
            [Problem(where, None, "the gzip file is truncated", "a complete file")]
        ) from error
    except (OSError, zlib.error, zstandard.ZstdError) as error:
        raise TraceError(
            [Problem(where, None, f"the compressed file is damaged: {error}")]
        ) from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _zstd_ends(path: Path) -> bool:
    """Return whether the last frame of a zstd file is complete; true of other files.

    The decompressor ends without a word where its input does, so the lengths of frames and blocks
    are followed (RFC 8878, section 3.1.1).
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        at = 0
        while at < size:
            stream.seek(at)
            head = stream.read(ZSTD_HEAD)
            if head[1:4] == SKIPPABLE and head[0] >> 4 == 5:
                at += 8 + int.from_bytes(head[4:8], "little")
                continue
            if head[:4] != ZSTD:
                # Of another format, which the decompressor tells of, or a frame hardly begun.
                return at == 0 or len(head) >= 4
            try:
                at += zstandard.frame_header_size(head)
                checksum = zstandard.get_frame_parameters(head).has_checksum
            except zstandard.ZstdError:
                return False
            last = False
            while not last:
                stream.seek(at)
                block = stream.read(3)
                if len(block) < 3:
                    return False
                bits = int.from_bytes(block, "little")
                last = bool(bits & 1)
                # A block of one byte repeated says how often, and has that byte alone.
                at += 3 + (1 if bits >> 1 & 3 == 1 else bits >> 3)
            at += 4 * checksum
    return at <= size


def open_content(path: Path) -> Content:
    """Return a file's content, of which only the beginning has been read.

    Raises
    ------
    TraceError
        The file cannot be read, its beginning is damaged, or it is empty.
    """
    where = str(path)
    try:
        with _opened(path) as stream:
            start = _read(stream, HEAD, where)
        if not _zstd_ends(path):
            raise TraceError(
                [Problem(where, None, "the zstd file is truncated", "a complete file")]
            )
    except OSError as error:
        raise TraceError([Problem(where, None, error.strerror or "cannot be read")]) from error
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise TraceError([Problem(where, None, "is empty")])
    return Content(path, where, start)
