"""Datasets kept at a site."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["Store"]


class Store:
    """Keeps datasets within a limit; the least recently used make room.

    Parameters
    ----------
    limit_gb
        What fits.
    """

    def __init__(self, limit_gb: float) -> None:
        self._limit_gb = limit_gb
        self._kept: OrderedDict[Hashable, float] = OrderedDict()
        self.held_gb = 0.0

    def holds(self, dataset: Hashable) -> bool:
        """Return whether a dataset is there, and count that as a use of it."""
        if dataset not in self._kept:
            return False
        self._kept.move_to_end(dataset)
        return True

    def keep(self, dataset: Hashable, size_gb: float) -> None:
        """Keep a dataset that has arrived; one that is larger than the store is not kept."""
        if size_gb > self._limit_gb:
            return
        self.held_gb += size_gb - self._kept.pop(dataset, 0.0)
        self._kept[dataset] = size_gb
        while self.held_gb > self._limit_gb:
            _, freed_gb = self._kept.popitem(last=False)
            self.held_gb -= freed_gb
