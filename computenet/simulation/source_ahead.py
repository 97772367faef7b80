"""Requests drawn ahead in a thread of its own: the same requests in the same order."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from computenet.kernels.arrivals import Draws
from computenet.workload.generators.requests import RequestSource

__all__ = ["SourceAhead"]


class SourceAhead:
    """Draws the next chunk of a source while the last one is used, into the other of two buffers.

    One thread alone advances the source, so what is drawn does not depend on how fast either is.
    """

    def __init__(self, source: RequestSource) -> None:
        self._source = source
        self.expected = source.expected
        self.chunk = source.new_buffer()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="requests-ahead")
        self._coming: Future[tuple[float, Draws]] | None = None

    def _draw(self, buffer: Draws) -> tuple[float, Draws]:
        self._source.use_buffer(buffer)
        complete_s = self._source.next_chunk()
        return complete_s, self._source.chunk

    def next_chunk(self) -> float:
        """Fill `chunk`; return the time up to which it is complete, infinite at the end."""
        if self._coming is None:
            self._coming = self._thread.submit(self._draw, self._source.new_buffer())
        complete_s, chunk = self._coming.result()
        free, self.chunk = self.chunk, chunk
        if complete_s == float("inf"):
            self._thread.shutdown(wait=False)
        else:
            self._coming = self._thread.submit(self._draw, free)
        return complete_s
