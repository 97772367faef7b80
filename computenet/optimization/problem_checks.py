"""Checks of arrays handed to a model: every problem found is kept, then all are told at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.errors import InputError, Problem

__all__ = ["ProblemChecks", "as_indices", "as_numbers"]


def as_numbers(values: ArrayLike) -> NDArray[np.float64]:
    """Return contiguous numbers, without a copy where they are so already."""
    return np.ascontiguousarray(values, dtype=np.float64)


def as_indices(values: ArrayLike) -> NDArray[np.generic]:
    """Return contiguous int32 where all are whole and fit; else as they are, for the checks."""
    given = np.ascontiguousarray(values)
    if given.dtype == np.int32:
        return given
    if given.dtype.kind not in "iuf":
        given = given.astype(np.float64)
    with np.errstate(invalid="ignore"):
        whole = given.astype(np.int32)
    return whole if np.array_equal(whole, given) else given


class ProblemChecks:
    """Collects problems of arrays.

    Parameters
    ----------
    title
        What is checked, in a word; the first line of the error and the root of its paths.
    """

    #: Places shown of one array; the rest is counted.
    SHOWN = 3

    def __init__(self, title: str) -> None:
        self._title = title
        self._problems: list[Problem] = []

    @property
    def count(self) -> int:
        """Number of problems so far."""
        return len(self._problems)

    def add(self, path: str, value: object, message: str, allowed: str) -> None:
        """Keep one problem."""
        self._problems.append(Problem(f"{self._title}.{path}", value, message, allowed))

    def _shape(self, path: str, values: NDArray[np.generic], shape: tuple[int, ...]) -> bool:
        if values.shape != shape:
            self.add(path, values.shape, "has the wrong shape", f"{shape}")
        return values.shape == shape

    def _each(
        self,
        path: str,
        values: NDArray[np.generic],
        wrong: NDArray[np.bool_],
        names: tuple[str, ...],
        message: str,
        allowed: str,
    ) -> None:
        places = np.argwhere(wrong)
        for place in places[: self.SHOWN]:
            first = int(place[0])
            label = [names[first] if first < len(names) else str(first), *map(str, place[1:])]
            self.add(f"{path}[{', '.join(label)}]", values[tuple(place)].item(), message, allowed)
        if len(places) > self.SHOWN:
            self.add(path, None, f"{len(places) - self.SHOWN} more places: {message}", allowed)

    def numbers(
        self,
        path: str,
        values: NDArray[np.float64],
        shape: tuple[int, ...],
        names: tuple[str, ...] = (),
        *,
        negative: bool = False,
        infinite: bool = True,
    ) -> None:
        """Check shape and range: at least 0 unless `negative`, finite unless `infinite`.

        Minus infinity never passes.
        """
        if not self._shape(path, values, shape):
            return
        least = float(values.min(initial=0.0))  # NaN where there is one
        if (negative or least >= 0.0) and np.isfinite(values).all():
            return
        allowed = "numbers" if negative else "numbers of at least 0"
        if infinite:
            allowed += " or infinity"
        nan = np.isnan(values)
        self._each(path, values, nan, names, "is not a number", allowed)
        if not infinite:
            self._each(path, values, np.isinf(values), names, "is not finite", allowed)
        if not negative:
            self._each(path, values, np.isfinite(values) & (values < 0.0), names,
                       "is negative", allowed)  # fmt: skip
        if infinite:
            what = "is minus infinity" if negative else "is negative"
            self._each(path, values, np.isneginf(values), names, what, allowed)

    def counts(
        self,
        path: str,
        values: NDArray[np.float64],
        shape: tuple[int, ...],
        names: tuple[str, ...] = (),
        *,
        whole: bool = True,
    ) -> None:
        """Check shape, and that there are finite numbers of at least 1, `whole` ones or any."""
        if self._shape(path, values, shape):
            wrong = ~((values >= 1.0) & np.isfinite(values))
            if whole:
                wrong |= values != np.floor(values)
            allowed = f"{'whole' if whole else 'finite'} numbers of at least 1"
            self._each(path, values, wrong, names, f"is no {'count' if whole else 'size'}", allowed)

    def indices(
        self,
        path: str,
        values: NDArray[np.int32],
        shape: tuple[int, ...],
        count: int,
        *,
        least: int = 0,
    ) -> None:
        """Check that whole numbers point at one of `count` things."""
        if not self._shape(path, values, shape):
            return
        allowed = f"{least} … {count - 1}"
        wrong = (values < least) | (values >= count)
        self._each(path, values, wrong, (), "points at nothing", allowed)
        if values.dtype.kind == "f":
            broken = ~wrong & (values != np.floor(values))
            self._each(path, values, broken, (), "is no whole number", allowed)

    def done(self) -> None:
        """Raise what was found.

        Raises
        ------
        InputError
            Anything was.
        """
        if self._problems:
            raise InputError(self._problems, f"{self._title} problem cannot be used")
