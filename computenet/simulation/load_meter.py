"""What sites draw now: the meter a policy may look at."""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, I8, CompiledScenario
from computenet.energy import site_sum
from computenet.simulation.job_plane import JobPlane
from computenet.simulation.request_plane import RequestPlane
from computenet.units import WATTS_PER_MW

__all__ = ["LoadMeter"]


class LoadMeter:
    """Facility load of sites at control epochs, and the month's peak of it beyond own plant.

    Jobs are read as they run now, serving as the mean of the last whole slot. The accounts at the
    end integrate exactly; this is a reading.
    """

    def __init__(self, compiled: CompiledScenario) -> None:
        self._compiled = compiled
        self._month = -1
        self.load_mw = np.zeros(len(compiled.sites.ids))
        self.peak_mw = np.zeros(len(compiled.sites.ids))

    def read(
        self,
        now_s: float,
        jobs: JobPlane,
        requests: RequestPlane,
        site_up: B1,
        off: I8 | None = None,
    ) -> None:
        """Read the load at a control epoch; `off`, ``(P,)``, are accelerators switched off."""
        compiled = self._compiled
        p = compiled.pools
        slot = min(int(now_s / compiled.slot_s + 1e-9), compiled.n_slots - 1)
        load = jobs.active_load()
        if slot > 0:
            np.add.at(load, compiled.groups.pool, requests.load_in_slot(slot - 1))
        on = (p.accelerators + p.serving_accelerators).astype(np.float64)
        if off is not None:
            on -= (1.0 - compiled.energy.off_power_share) * off
        watts = (p.idle_w + p.overhead_w) * (on * site_up[p.site]) + p.active_w * load
        it_mw = site_sum(watts[:, None] / WATTS_PER_MW, p.site, len(compiled.sites.ids))[:, 0]
        self.load_mw = it_mw * compiled.energy.pue[:, slot]
        month = int(compiled.month_of_slot[slot])
        if month != self._month:
            self._month = month
            self.peak_mw = np.zeros_like(self.load_mw)
        if now_s > 0.0:
            physical = compiled.energy
            own_mw = physical.onsite_mw[:, slot] + physical.direct_mw[:, slot]
            self.peak_mw = np.maximum(self.peak_mw, self.load_mw - own_mw)
