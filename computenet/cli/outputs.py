"""Directories that commands write, held from before a run until it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from computenet.results.reservation import Reservation

__all__ = ["give_back", "reserve"]

_reserved: list[Reservation] = []


def reserve(out: Path, *, overwrite: bool, mark: str | None = None) -> None:
    """Hold the directory of ``--out`` for this command.

    Parameters
    ----------
    mark
        The file that tells what may be replaced; a run's by default.

    Raises
    ------
    InputError
        It cannot be written, or another process holds it.
    """
    from computenet.results import reservation

    _reserved.append(
        reservation.reserve(out, overwrite=overwrite, mark=mark or reservation.RUN_MARK)
    )


def give_back() -> list[Path]:
    """Give up all that is held, and return what was written of it."""
    written = []
    while _reserved:
        held = _reserved.pop()
        held.release()
        if held.written is not None:
            written.append(held.written)
    return written
