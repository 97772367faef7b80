"""The request kernel alone, TTFT, TPOT and end-to-end histograms recorded."""

from __future__ import annotations

import numpy as np

import computenet as cn
from benchmarks.measure import Figure, median_s
from computenet.compilation import compile_scenario
from computenet.kernels.arrivals import Draws
from computenet.policies.shares import normal_rows
from computenet.simulation.demand import request_source
from computenet.simulation.request_plane import RequestPlane

COUNT = 4_000_000


class Ready:
    """A source whose chunks are drawn beforehand."""

    def __init__(self, chunks: list[tuple[Draws, float]]) -> None:
        self._chunks = chunks
        self._at = 0
        self.chunk = Draws(*[column[:0].copy() for column in chunks[0][0][:-1]], np.zeros(1, int))

    def next_chunk(self) -> float:
        """Hand over the next chunk."""
        self.chunk, until_s = self._chunks[self._at]
        self._at += 1
        return until_s


def run() -> list[Figure]:
    """Measure requests a second on one core."""
    scenario = cn.load("china-2025", days=1)
    compiled = compile_scenario(scenario)
    source = request_source(scenario, compiled)
    chunks: list[tuple[Draws, float]] = []
    drawn = 0
    while drawn < COUNT:
        until_s = source.next_chunk()
        count = int(source.chunk.count[0])
        chunks.append(
            (Draws(*[column[: max(count, 1)].copy() for column in source.chunk]), until_s)
        )
        drawn += count
    chunks[-1] = (chunks[-1][0], np.inf)
    end_s = chunks[-2][1] + 3600.0
    capacity = compiled.groups.replicas_real / np.where(
        np.isfinite(compiled.requests.replica_s), compiled.requests.replica_s, np.inf
    )
    shares = normal_rows(capacity, compiled.requests.feasible)

    def once() -> None:
        plane = RequestPlane(compiled, Ready(chunks), "random")
        plane.set_shares(shares)
        plane.advance(end_s)
        plane.settle(end_s)

    once()
    rate = drawn / median_s(once, 5)
    return [
        Figure(
            "request kernel, TTFT and TPOT recorded, one core", rate / 1e6, "M requests/s", ">= 5",
            rate >= 5e6,
        )
    ]  # fmt: skip
