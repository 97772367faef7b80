"""The directory of a study: for one study and one process at a time."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from computenet.errors import InputError, Problem, RunError
from computenet.results.reservation import require_place
from computenet.study.sweeps.dataset import MARK, Dataset

__all__ = ["opened"]


@contextlib.contextmanager
def opened(
    directory: Path,
    key: str,
    begin: Callable[[Dataset], None],
    *,
    overwrite: bool,
    resume: bool,
) -> Iterator[Dataset]:
    """Give the data set of a study, new or resumed, to this process alone.

    A study that ends before its first row leaves no directory, and the one it was to overwrite.

    Parameters
    ----------
    key
        Hash of all that decides on results.
    begin
        Called once, before the first row is written, to mark the directory and to say what runs.

    Raises
    ------
    InputError
        The directory is something else, another study's, or in use.
    """
    _check(directory, key, overwrite=overwrite, resume=resume)
    made = [place for place in (directory, *directory.parents) if not os.path.lexists(place)]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / ".lock").open("a+b")
    except OSError as error:
        words = f"cannot be written: {error.strerror or error}"
        raise InputError(
            [Problem("--out", str(directory), words, "a directory that can be made")],
            "nothing was run",
        ) from error
    with lock:
        _lock(lock, directory)

        new = overwrite or not os.path.isfile(directory / MARK)

        def prepared() -> None:
            if new:
                _clear(directory)
            begin(data)

        data = Dataset(directory, prepared, new=new)
        try:
            yield data
        finally:
            if made and not os.path.isfile(directory / MARK):
                (directory / ".lock").unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    for place in made:
                        place.rmdir()


def _clear(directory: Path) -> None:
    """Remove an earlier study but for its mark, which is written over: without one it is none."""
    try:
        for entry in directory.iterdir():
            if entry.name not in (".lock", MARK):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    except OSError as error:
        raise RunError(f"cannot remove {directory}: {error.strerror or error}") from error


def _lock(lock: IO[bytes], directory: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Not on this system: its user keeps two studies apart.
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(
            [Problem("--out", str(directory), "is being written by another process")],
            "nothing was run",
        ) from error


def _check(directory: Path, key: str, *, overwrite: bool, resume: bool) -> None:
    """Refuse a directory that is not free, or not of this study."""
    if not os.path.exists(directory):
        require_place(directory)
        return
    if os.path.isdir(directory) and not any(e for e in directory.iterdir() if e.name != ".lock"):
        return
    mark = directory / MARK
    if not os.path.isdir(directory) or not os.path.isfile(mark):
        words = "exists already and is not a study"
        raise InputError(
            [Problem("--out", str(directory), words, "a new directory")], "nothing was run"
        )
    if overwrite:
        return
    if not resume:
        raise InputError(
            [Problem("--out", str(directory), "exists already",
                     "a new directory, --resume to go on with it, or --overwrite")],
            "nothing was run",
        )  # fmt: skip
    try:
        told = json.loads(mark.read_text(encoding="utf-8"))
        other = told["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError([Problem(str(mark), None, "is damaged")], "nothing was run") from error
    if other != key:
        version = told.get("computenet")
        import computenet

        words = (
            "was made by another study: its scenario, axes, points or seeds differ"
            if version == computenet.__version__
            else f"was made by computenet {version}, whose results may differ from those of "
            f"{computenet.__version__}"
        )
        raise InputError(
            [Problem("--out", str(directory), words, "the study it was made by, a new directory, "
                     "or --overwrite")],
            "nothing was run",
        )  # fmt: skip
