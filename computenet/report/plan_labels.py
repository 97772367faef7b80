"""Where the names of sites stand on a map so that none covers another, and long names in lines."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["label_places", "wrapped"]

F8 = NDArray[np.float64]

#: Where a name may stand, the best first, and the direction of its middle from the point.
SIDES: dict[str, tuple[int, int]] = {
    "top center": (0, 1), "bottom center": (0, -1), "middle right": (1, 0), "middle left": (-1, 0),
    "top right": (1, 1), "bottom right": (1, -1), "top left": (-1, 1), "bottom left": (-1, -1),
}  # fmt: skip
#: Pixels of a letter and of a line, at the size in which names are set.
LATIN_PX, HAN_PX, LINE_PX = 6.3, 11.0, 13.0


def wrapped(name: str, longest: int = 16) -> str:
    """Return a name as HTML, one longer than this (half as many in Chinese) in two lines."""
    if len(name) <= (longest if name.isascii() else longest // 2):
        return escape(name)
    middle = len(name) // 2
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    at = min(spaces, key=lambda place: abs(place - middle)) if spaces else middle
    return f"{escape(name[:at].rstrip())}<br>{escape(name[at:].lstrip())}"


def _width(text: str) -> float:
    return sum(LATIN_PX if letter.isascii() else HAN_PX for letter in text)


def label_places(
    spots: F8, radii: Sequence[float], lines: Sequence[Sequence[str]], km_per_px: float
) -> list[str | None]:
    """Return where each name stands; ``None`` where it would cover another one anywhere.

    Parameters
    ----------
    spots
        ``(n, 2)`` points in km, the most important first: they choose first.
    radii
        Of their marks, pixels.
    lines
        Lines of text of each.
    km_per_px
        Scale of the map.
    """
    at = spots / km_per_px
    marks = [_box(at[i], radii[i], radii[i]) for i in range(len(at))]
    taken: list[F8] = []
    out: list[str | None] = []
    for i, text in enumerate(lines):
        half = np.asarray([max(map(_width, text)) / 2.0, LINE_PX * len(text) / 2.0])
        best: tuple[float, str, F8] | None = None
        for side, (x, y) in SIDES.items():
            away = np.asarray([x, y]) * (half + radii[i])
            box = _box(at[i] + away, half[0], half[1])
            if any(_overlap(box, other) > 0.0 for other in taken):
                continue
            covered = sum(_overlap(box, mark) for j, mark in enumerate(marks) if j != i)
            if best is None or covered < best[0] - 1e-9:
                best = (covered, side, box)
        free = best is not None and best[0] < 0.35 * 4.0 * half[0] * half[1]
        if best is None or not free:
            out.append(None)
        else:
            taken.append(best[2])
            out.append(best[1])
    return out


def _box(middle: F8, half_width: float, half_height: float) -> F8:
    """Return left, bottom, right, top."""
    half = np.asarray([half_width, half_height])
    return np.concatenate([middle - half, middle + half])


def _overlap(one: F8, other: F8) -> float:
    """Return the area that two boxes share."""
    shared = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(shared, 0.0)))
