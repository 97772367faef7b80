"""Requests simulated in windows of time only: what is counted, and what is expected in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.simulation.imputation import impute
from computenet.simulation.totals import RequestTotals, Served
from computenet.workload.generators.windows import Windows

__all__ = ["WindowBooks"]


class WindowBooks:
    """What a run with windows keeps besides: expected requests and work, and what was counted.

    In stretches requests are simulated; outside of them as many are taken to come as the rates say,
    and to be routed by the plan's shares. The work offered to each group is known all the time.

    Parameters
    ----------
    compiled, windows
        The scenario, and the stretches.
    expected
        ``(D, S)`` real requests expected in each slot; filled in as time goes on.
    """

    def __init__(self, compiled: CompiledScenario, windows: Windows, expected: F8) -> None:
        self._compiled, self.windows, self._expected = compiled, windows, expected
        replica_s = compiled.requests.replica_s
        self._replica_s = np.where(np.isfinite(replica_s), replica_s, 0.0)
        self.offered = np.zeros((replica_s.shape[1], compiled.n_slots))
        self.routed = np.zeros(replica_s.shape)  # real, outside stretches
        self.lost = np.zeros(len(replica_s))  # that no group may serve
        self._shares = np.zeros(replica_s.shape)
        self._until_s = 0.0
        self.inner, self._counted = windows.slots()  # inner slot of every slot, -1 = none
        self._load_ratio = np.zeros(replica_s.shape[1])
        self.edges = [
            (time_s, opens)
            for begin_s, end_s in windows.counted()
            for time_s, opens in ((begin_s, True), (end_s, False))
        ]
        self.measured: Served | None = None

    def requests(self, begin_s: float, end_s: float) -> F8:
        """Return the real requests expected in an interval, ``(D,)``."""
        total: F8 = np.zeros(len(self._expected))
        for slot, part in self._slots(begin_s, end_s):
            total += part * self._expected[:, slot]
        return total

    def _slots(self, begin_s: float, end_s: float) -> list[tuple[int, float]]:
        """Return the slots of an interval, and the part of each that lies in it."""
        slot_s, horizon_s = self._compiled.slot_s, self._compiled.horizon_s
        found = []
        slot = int(begin_s / slot_s + 1e-9)
        while slot * slot_s < end_s - 1e-9:
            edge_s = min((slot + 1) * slot_s, horizon_s)
            inside_s = min(edge_s, end_s) - max(slot * slot_s, begin_s)
            found.append((slot, inside_s / (edge_s - slot * slot_s)))
            slot += 1
        return found

    def account(self, until_s: float) -> None:
        """Book what is expected up to a time, under the shares that held till then."""
        windows = self.windows
        for slot, part in self._slots(self._until_s, until_s):
            expected = part * self._expected[:, slot]
            arcs = expected[:, None] * self._shares
            self.offered[:, slot] += (arcs * self._replica_s).sum(axis=0)
            begin_s = max(slot * self._compiled.slot_s, self._until_s)
            end_s = min((slot + 1) * self._compiled.slot_s, until_s)
            outside = windows.outside_s(begin_s, end_s) / (end_s - begin_s)
            if outside > 0.0:
                self.routed += outside * arcs
                self.lost += outside * np.where(self._shares.any(axis=1), 0.0, expected)
        self._until_s = max(until_s, self._until_s)

    def follow(self, shares: F8) -> None:
        """Go over to other shares, ``(D, G)``; everything before must be booked."""
        self._shares = shares.copy()

    def count(self, before: Served, now: Served) -> None:
        """Count what ended in a window."""
        fresh = [after - then for after, then in zip(now, before, strict=True)]
        if self.measured is not None:
            fresh = [old + new for old, new in zip(self.measured, fresh, strict=True)]
        self.measured = Served(*fresh)

    def imputed(self, values: F8) -> F8:
        """Return figures ``(V, G, S)`` of every slot from those of the inner slots."""
        models = self._compiled.groups.model.astype(np.int64)
        return impute(self._spread(values), self._counted, self.offered, models)

    def _spread(self, values: Any) -> Any:
        """Return figures by slot from those by inner slot; of other slots they mean nothing."""
        return values[:, :, np.clip(self.inner, 0, values.shape[2] - 1)]

    def arrivals(self, counts: I8) -> I8:
        """Return counts ``(4, M, S)`` of every slot: of other slots what is expected.

        Requests are expected to bring as many tokens as those of slots with nearly as many.
        """
        models = len(self._compiled.requests.models)
        model = np.tile(self._compiled.requests.model_of_class, len(self._compiled.regions))
        expected = np.zeros((models, self._expected.shape[1]))
        np.add.at(expected, model, self._expected / self._compiled.sampling)
        spread = self._spread(counts).astype(np.float64)
        filled = impute(spread, self.inner >= 0, expected, np.arange(models))
        return np.rint(filled).astype(np.int64)

    def saw_load(self, slot: int, load: F8) -> None:
        """Note the real activity-weighted accelerators of a simulated slot, ``(G,)``."""
        offered = self.offered[:, slot]
        np.divide(load, offered, out=self._load_ratio, where=offered > 0.0)

    def load_in_slot(self, slot: int) -> F8:
        """Return the load expected in a slot that was not simulated, ``(G,)``."""
        groups, demand = self._compiled.groups, self._compiled.requests
        activity = max(demand.decode_activity, demand.prefill_activity)
        most = groups.replicas_real * groups.accelerators_per_replica * activity
        load: F8 = np.minimum(self._load_ratio * self.offered[:, slot], most)
        return load

    def completed(self, totals: RequestTotals, gb_per_request: F8) -> RequestTotals:
        """Return totals of the whole run from those of what was simulated.

        What comes outside the stretches is taken to be served, unless nobody may serve it, and to
        attain its objective as often as what was counted.
        """
        routed, lost = (np.rint(item).astype(np.int64) for item in (self.routed, self.lost))
        more = routed.sum(axis=1)
        served, dropped = totals.served + more, totals.dropped + lost
        counted = self.measured or Served(*(np.zeros_like(item) for item in totals.measured))
        ended = counted.served + counted.dropped
        share = np.divide(counted.attained, ended, out=np.zeros(len(ended)), where=ended > 0)
        return replace(
            totals,
            arrived=totals.arrived + more + lost,
            served=served,
            dropped=dropped,
            routed=totals.routed + routed,
            measured=counted,
            counted=served + dropped,
            attained=np.rint(share * (served + dropped)).astype(np.int64),
            transfer_gb=totals.transfer_gb + float((more * gb_per_request).sum()),
        )
