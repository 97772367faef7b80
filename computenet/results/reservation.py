"""Names of directories, held from before a run until its results stand under them.

While a name is held there is a hidden directory beside it: a file that is locked as long as its
process lives, what is being written, and for a moment what it replaces. The next one to hold the
name clears away what a killed process left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import IO

from computenet.errors import InputError, Problem, RunError

__all__ = ["RUN_MARK", "Reservation", "require_free", "require_place", "reserve", "reserved"]

#: A directory is a run when it holds this file, which is written last.
RUN_MARK = "summary.json"
#: Times that a hidden directory may go away, with its process, just as it is to be taken over.
TRIES = 100
#: Most bytes of a name from which names of directories beside it are made.
MOST_BYTES = 200
_PLACE = "a directory that can be made, or replaced with --overwrite"

_held: dict[str, Reservation] = {}


def require_place(directory: Path, title: str = "nothing was run") -> None:
    """Raise `InputError` unless a directory can stand at `directory`, as far as can be seen.

    Parameters
    ----------
    title
        The first line of the error.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(directory)
        for place in (directory, *directory.parents):
            if os.path.lexists(place):
                break
        if not os.path.isdir(place):
            broken = os.path.islink(place) and not os.path.exists(place)
            what = "is a link that leads nowhere" if broken else "is a file"
            words = what if place == directory else f"{place} {what}"
            raise _refused(directory, words, "a path through directories", title)
    except (OSError, ValueError) as error:
        raise _unwritable(directory, error, title) from error


def require_free(
    directory: Path, *, overwrite: bool, mark: str = RUN_MARK, title: str = "nothing was run"
) -> None:
    """Raise `InputError` unless a run may be written to `directory`.

    With `overwrite` an existing *run* directory may be replaced, but nothing else.

    Parameters
    ----------
    mark
        The file that tells what may be replaced.
    title
        The first line of the error.
    """
    what = "run" if mark == RUN_MARK else mark.removesuffix(".json")
    allowed = f"a new directory, or --overwrite over an earlier {what}"
    if not os.path.exists(directory):
        require_place(directory, title)
        return
    if not overwrite:
        raise _refused(directory, "exists already", allowed, title)
    try:
        fine = os.path.isdir(directory) and (
            os.path.isfile(directory / mark) or not any(directory.iterdir())
        )
    except OSError as error:
        raise _unwritable(directory, error, title) from error
    if not fine:
        raise _refused(directory, f"exists already and is not a {what}", allowed, title)
    if os.path.ismount(directory):
        words = "is where a disk is mounted, which cannot be replaced"
        raise _refused(directory, words, "a directory below it", title)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _refused(directory, "may not be written to", allowed, title)


class Reservation:
    """A name that is held.

    Parameters
    ----------
    directory
        What the user named; where it is a link to a directory, that one is meant.
    overwrite, mark, title
        See `require_free`.

    Attributes
    ----------
    place
        A directory, empty at first, that `publish` gives the name.
    written
        Where the results stand once they do.

    Raises
    ------
    InputError
        The name cannot be used, or another process holds it. Nothing is left behind.
    """

    def __init__(
        self,
        directory: Path,
        *,
        overwrite: bool = False,
        mark: str = RUN_MARK,
        title: str = "nothing was run",
    ) -> None:
        self.directory, self._overwrite, self._mark = directory, overwrite, mark
        self.written: Path | None = None
        self._made: list[Path] = []
        self._lock: IO[bytes] | None = None
        require_free(directory, overwrite=overwrite, mark=mark, title=title)
        try:
            self._target = Path(os.path.realpath(directory))
            name = hashlib.sha256(os.fsencode(self._target.name)).hexdigest()[:12]
            self._hidden = self._target.with_name(f".computenet-{name}.part")
            self.place = self._hidden / "new" / self._target.name
            try:
                self._take(title)
                self._clear()
                # Now for good: it may have been written meanwhile, or put back.
                require_free(directory, overwrite=overwrite, mark=mark, title=title)
                self.place.mkdir(parents=True)
            except BaseException:
                self.release()
                raise
        except (OSError, ValueError) as error:
            raise _unwritable(directory, error, title) from error

    def _take(self, title: str) -> None:
        """Make the hidden directory, or take it over, and lock it."""
        for _ in range(TRIES):
            missing = [
                place for place in self._target.parents if not os.path.lexists(place)
            ]  # From the innermost out.
            self._made = list(dict.fromkeys([*self._made, *missing]))
            # Whoever held the name may be clearing all of this away.
            with contextlib.suppress(FileNotFoundError):
                self._target.parent.mkdir(parents=True, exist_ok=True)
                self._hidden.mkdir(exist_ok=True)
                lock = (self._hidden / "lock").open("a+b")
                if not _locked(lock):
                    lock.close()
                    words = "is being written by another process"
                    raise _refused(self.directory, words, "another directory, or wait", title)
                self._lock = lock
                if os.path.samestat(os.fstat(lock.fileno()), os.stat(self._hidden / "lock")):
                    return
            if self._lock is not None:
                self._lock.close()
                self._lock = None
        raise _refused(self.directory, "cannot be held", _PLACE, title)

    def _clear(self) -> None:
        """Clear away what a killed process left; what it was about to replace goes back."""
        old = self._hidden / "old"
        if old.exists() and not os.path.lexists(self._target):
            old.rename(self._target)
        for entry in self._hidden.iterdir():
            if entry.name != "lock":
                shutil.rmtree(entry)

    def publish(self) -> None:
        """Give what was written its name.

        Raises
        ------
        RunError
            The name was taken meanwhile, or cannot be given any more; what was written is kept
            beside it, and the message says where.
        """
        try:
            require_free(self.directory, overwrite=self._overwrite, mark=self._mark)
            self._swap()
            self.written = self.directory
            return
        except InputError as error:
            reason = error.problems[0].message
        except OSError as error:
            reason = error.strerror or str(error)
        self.written = self._beside()
        raise RunError(f"{self.directory} {_then(reason)}; the results are kept in {self.written}")

    def _swap(self) -> None:
        old = self._hidden / "old"
        try:
            if os.path.lexists(self._target):
                self._target.rename(old)
            self.place.rename(self._target)
        except BaseException:
            if old.exists() and not os.path.lexists(self._target):
                old.rename(self._target)
            raise

    def _beside(self) -> Path:
        """Move what was written to the first free name beside the one that was wanted."""
        name = os.fsencode(self._target.name)[:MOST_BYTES].decode(errors="ignore")
        number = 2
        while os.path.lexists(beside := self._target.with_name(f"{name}-{number}")):
            number += 1
        self.place.rename(beside)
        return beside

    def release(self) -> None:
        """Give the name up, and remove all that was made for it and is not a result."""
        _held.pop(_key(self.directory), None)
        if self._lock is None:
            self._remove_parents()
            return
        # The lock goes last: as long as it stands the name is not taken over.
        for name in ("new", "old"):
            shutil.rmtree(self._hidden / name, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self._hidden / "lock").unlink()
        with contextlib.suppress(OSError):
            self._hidden.rmdir()
        self._lock.close()
        self._lock = None
        self._remove_parents()

    def _remove_parents(self) -> None:
        """Remove directories made above the name, as far as nothing stands in them."""
        with contextlib.suppress(OSError):
            while self._made:
                self._made.pop(0).rmdir()


def reserve(directory: Path, *, overwrite: bool, mark: str = RUN_MARK) -> Reservation:
    """Hold a name for what `complete_directory` will write to it in this process.

    Raises
    ------
    InputError
        See `Reservation`.
    """
    held = Reservation(directory, overwrite=overwrite, mark=mark)
    _held[_key(directory)] = held
    return held


def reserved(directory: Path) -> Reservation | None:
    """Return what `reserve` has made for a name; it is the caller's to release."""
    return _held.pop(_key(directory), None)


def _key(directory: Path) -> str:
    return os.path.abspath(directory)


def _locked(lock: IO[bytes]) -> bool:
    """Lock a file until this process ends; ``False`` if another one has locked it."""
    try:
        import fcntl
    except ImportError:  # Not on this system: its user keeps two runs apart.
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # A disk without locks.
        return True
    return True


def _then(reason: str) -> str:
    """Return in the past what was said before a run."""
    if reason.startswith("exists already"):
        return "has been made by another process meanwhile"
    return f"cannot be written any more ({reason})"


def _refused(
    directory: Path, words: str, allowed: str, title: str = "nothing was run"
) -> InputError:
    return InputError([Problem("--out", str(directory), words, allowed)], title)


def _unwritable(
    directory: Path, error: OSError | ValueError, title: str = "nothing was run"
) -> InputError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _refused(directory, f"cannot be written: {reason}", _PLACE, title)
