"""What really comes, for policies that ask for perfect foresight by name."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, CompiledScenario
from computenet.scenario import Scenario
from computenet.simulation.demand import Demand, second_source

__all__ = ["Foresight"]


class Foresight:
    """Demand to come, counted from a second drawing of the same streams.

    Requests are drawn as far ahead as was asked for, counted by accounting slot and forgotten, so
    foresight costs the drawing once more and little memory. Times between two edges of slots count
    in proportion.
    """

    def __init__(self, scenario: Scenario, compiled: CompiledScenario, demand: Demand) -> None:
        self._compiled = compiled
        self._source = second_source(scenario, compiled, demand)
        self._complete_s = 0.0
        self._edges_s = np.minimum(
            np.arange(compiled.n_slots + 1) * compiled.slot_s, compiled.horizon_s
        )
        n_demands = len(compiled.requests.mean_rate_per_s)
        self._count = np.zeros((compiled.n_slots, n_demands))
        self._work = np.zeros((compiled.n_slots, len(demand.expected_load)))
        for jobs in [demand.jobs] if demand.all_jobs is None else demand.all_jobs():
            row = jobs.region * len(compiled.jobs.classes) + jobs.job_class
            slot = np.minimum(jobs.submit_s / compiled.slot_s, compiled.n_slots - 1)
            work = jobs.accelerators * jobs.share * jobs.duration_s
            np.add.at(self._work, (slot.astype(np.int64), row), work)

    def request_rate_per_s(self, edges_s: F8) -> F8:
        """Return the mean rate of every request demand between edges, ``(T, D)``."""
        self._draw(float(edges_s[-1]))
        total = self._between(self._count * self._compiled.sampling, edges_s)
        rate: F8 = total / np.diff(edges_s)[:, None]
        return rate

    def job_work_accelerator_s(self, edges_s: F8) -> F8:
        """Return the reference accelerator-seconds submitted between edges, ``(T, Q)``."""
        return self._between(self._work, edges_s)

    def _between(self, by_slot: F8, edges_s: F8) -> F8:
        """Return sums between edges; beyond the run there is nothing."""
        running = np.concatenate([np.zeros((1, by_slot.shape[1])), np.cumsum(by_slot, axis=0)])
        at = np.clip(edges_s, 0.0, self._edges_s[-1])
        slot = np.clip(np.searchsorted(self._edges_s, at, side="right") - 1, 0, len(by_slot) - 1)
        start_s, end_s = self._edges_s[slot], self._edges_s[slot + 1]
        part = (at - start_s) / (end_s - start_s)
        reached = running[slot] + part[:, None] * by_slot[slot]
        sums: F8 = np.diff(reached, axis=0)
        return sums

    def _draw(self, until_s: float) -> None:
        until_s = min(until_s, self._compiled.horizon_s)
        while self._complete_s < until_s:
            self._complete_s = self._source.next_chunk()
            chunk = self._source.chunk
            n = int(chunk.count[0])
            slot = np.minimum(
                chunk.arrival_s[:n] / self._compiled.slot_s, self._compiled.n_slots - 1
            ).astype(np.int64)
            demands = self._count.shape[1]
            self._count += np.bincount(
                slot * demands + chunk.source[:n], minlength=self._count.size
            ).reshape(self._count.shape)
