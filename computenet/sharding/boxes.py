"""Memory that processes share without a name, so none can be left behind."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.request_shards import ROUTED

__all__ = ["SharedBoxes", "anonymous_file"]


def anonymous_file() -> int:
    """Return the descriptor of an empty file in memory that has no name.

    It is gone when the last process that holds it has ended, however it ended.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("computenet-boxes")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SharedBoxes:
    """Routed requests of one worker, which it writes and all others read.

    Parameters
    ----------
    descriptor
        Of an `anonymous_file`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None
        self._rows = 0

    def room(self, count: int) -> NDArray[Any]:
        """Return a place for so many requests; makes the memory larger where it has to."""
        if count > self._rows:
            os.ftruncate(self._descriptor, (count + count // 8) * ROUTED.itemsize)
        return self.view(0, count)

    def view(self, first: int, last: int) -> NDArray[Any]:
        """Return the requests ``first .. last - 1``."""
        if first == last:
            return np.empty(0, dtype=ROUTED)
        if last > self._rows or self._map is None:
            size = os.fstat(self._descriptor).st_size
            self._map = mmap.mmap(self._descriptor, size)
            self._rows = size // ROUTED.itemsize
        return np.frombuffer(self._map, ROUTED, last - first, first * ROUTED.itemsize)
