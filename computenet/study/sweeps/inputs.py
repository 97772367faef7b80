"""Files that a scenario names and that are read when it runs: results depend on what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from computenet.study.sweeps.fields import Move, Place

__all__ = ["Inputs", "absolute", "different", "file_places", "renamed", "renamed_values"]

#: Where a scenario names files; ``*`` is any key.
_FILES = (
    ("energy", "weather_files", "*"),
    ("energy", "series_files", "*"),
    ("failures", "file"),
    ("failures", "reclaim", "*"),
)


class Inputs:
    """What the files of a study hold, each read once."""

    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of every file asked for, by its name; empty for one that cannot be read."""
        return self._hashes

    def content(self, name: str) -> str:
        """Return what stands for a file wherever it is: the hash of what it holds."""
        if name not in self._hashes:
            self._hashes[name] = _digest(name)
        return self._hashes[name] or name


def absolute(name: str) -> str:
    """Return a file's name as it is from any directory; what is no file here stays as it is."""
    path = Path(name)
    return str(path.absolute()) if os.path.isfile(path) else name


def different(hashes: Mapping[str, str]) -> str | None:
    """Return the first file that does not hold on this machine what it did on another."""
    return next((name for name, held in hashes.items() if _digest(name) != held), None)


def renamed(value: Any, change: Callable[[str], str], place: Place = ()) -> Any:
    """Return what stands at a place of a scenario with every name of a file in it changed."""
    found = [parts for parts in _FILES if _begins(parts, place)]
    if isinstance(value, str) and any(len(parts) == len(place) for parts in found):
        return change(value)
    if isinstance(value, dict) and found:
        return {key: renamed(item, change, (*place, key)) for key, item in value.items()}
    return value


def file_places(moves: Sequence[Move]) -> dict[int, Place]:
    """Return, by the number of every move that sets files or what names them, where it does."""
    out = {}
    for number, move in enumerate(moves):
        for place in move.places:
            if move.way == "set" and any(_begins(parts, place) for parts in _FILES):
                out[number] = place
                break
    return out


def renamed_values(
    places: Mapping[int, Place], values: tuple[Any, ...], change: Callable[[str], str]
) -> tuple[Any, ...]:
    """Return the values of moves with every name of a file that they set changed.

    Parameters
    ----------
    places
        Of the moves, by `file_places`.
    """
    if not places:
        return values
    return tuple(
        renamed(value, change, places[number]) if number in places else value
        for number, value in enumerate(values)
    )


def _begins(parts: Sequence[str], place: Place) -> bool:
    return len(place) <= len(parts) and all(
        part in ("*", key) for part, key in zip(parts, place, strict=False)
    )


def _digest(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
