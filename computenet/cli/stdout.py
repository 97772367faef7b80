"""Standard output that tells in words what keeps it from being written."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from computenet.errors import RunError

__all__ = ["finish_stdout", "guard_stdout"]

T = TypeVar("T")


class _Stdout(io.TextIOWrapper):
    """A text stream whose errors are problems of the run, but for a reader that has gone away."""

    def write(self, text: str, /) -> int:
        return self._told(super().write, text)

    def flush(self) -> None:
        self._told(super().flush)

    def _told(self, call: Callable[..., T], *given: Any) -> T:
        try:
            return call(*given)
        except BrokenPipeError:
            raise
        except OSError as error:
            _let_go()
            raise RunError(f"cannot write to stdout: {error.strerror or error}") from error


def guard_stdout() -> None:
    """Make standard output one that raises `RunError` where it cannot be written, e.g. a full disk.

    Characters that its encoding does not have are replaced.
    """
    stream = sys.stdout
    if type(stream) is io.TextIOWrapper:
        encoding, by_line, through = stream.encoding, stream.line_buffering, stream.write_through
        sys.stdout = _Stdout(
            stream.detach(), encoding, "replace", line_buffering=by_line, write_through=through
        )


def finish_stdout() -> None:
    """Write what is kept back.

    Raises
    ------
    RunError
        It cannot be written.
    SystemExit
        The reader has gone away: 1, without a word.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        raise SystemExit(1) from None


def _let_go() -> None:
    """Lose what is kept back: the program would try to write it once more as it ends."""
    sys.stdout = io.StringIO()
