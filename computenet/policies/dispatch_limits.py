"""Green-share targets and a carbon cap for the dispatch, and what has been used of them so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.optimization.dispatch import Dispatch, GreenRules
from computenet.policies.protocol import SystemView
from computenet.units import KG_PER_TONNE, SECONDS_PER_DAY, SECONDS_PER_HOUR

__all__ = ["DispatchLimits"]

F8 = NDArray[np.float64]


class DispatchLimits:
    """What the scenario, or the policy, asks of energy besides its price.

    The zones of the dispatch are the sites where green targets are looked at, and otherwise the
    network as a whole. Energy so far is the site's load as read at every call, its generation and
    import as the set-points of storage leave them; rules of storage other than ``plan`` are not
    read.

    Parameters
    ----------
    compiled
        The scenario.
    carbon_cny_per_t
        Price of carbon.
    carbon_cap_t_per_day
        Most location-based emissions of the network from the start of the run, tonnes a day;
        ``None`` = no cap. What one day leaves the next may use.
    green_short_cny_per_mwh
        What a megawatt-hour is worth that a site is short of its green-share target; 0 = targets
        are not looked at.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        carbon_cny_per_t: float,
        carbon_cap_t_per_day: float | None,
        green_short_cny_per_mwh: float,
    ) -> None:
        self._compiled = compiled
        self._carbon_cny_per_t = carbon_cny_per_t
        self._cap_t_per_day = carbon_cap_t_per_day
        self.green_short_cny_per_mwh = green_short_cny_per_mwh
        sites = len(compiled.sites.ids)
        self._share = compiled.sites.green_generation_min
        self._by_site = green_short_cny_per_mwh > 0.0 and bool((self._share > 0.0).any())
        self._zone = np.arange(sites) if self._by_site else np.zeros(sites, dtype=np.int64)
        self._green_mwh, self._consumed_mwh = np.zeros(sites), np.zeros(sites)
        self._carbon_kg = np.zeros(sites)

    def observe(self, view: SystemView, hours: float, setpoint_mw: F8) -> None:
        """Add what was used since the last call, `hours` ago, with storage at its set-points."""
        if hours <= 0.0:
            return
        physical = self._compiled.energy
        begin = view.now_s - SECONDS_PER_HOUR * hours
        slot = min(int(begin / self._compiled.slot_s + 1e-9), self._compiled.n_slots - 1)
        needed = np.maximum(view.site_load_mw - setpoint_mw, 0.0)
        generation = (physical.onsite_mw + physical.direct_mw)[:, slot]
        used = np.minimum(generation, needed)
        self._green_mwh += hours * used
        self._consumed_mwh += hours * needed
        self._carbon_kg += hours * (needed - used) * physical.emission_kg_per_mwh[:, slot]

    @property
    def asked(self) -> bool:
        """Whether anything is asked for."""
        return self._by_site or self._cap_t_per_day is not None or self._carbon_cny_per_t > 0.0

    def rules(self, emission_kg_per_mwh: F8, end_s: float) -> GreenRules | None:
        """Return the rules of a window that ends at `end_s`; ``None`` = there are none.

        Parameters
        ----------
        emission_kg_per_mwh
            ``(T, I)``.
        """
        if not self.asked:
            return None
        names = self._compiled.sites.ids if self._by_site else ("network",)
        cap_kg = np.inf
        if self._cap_t_per_day is not None:
            cap_kg = KG_PER_TONNE * self._cap_t_per_day * end_s / SECONDS_PER_DAY
        return GreenRules(
            zones=names,
            zone=self._zone,
            share_min=self._share if self._by_site else np.zeros(1),
            # Contracts are the site's own and not a decision: see `green_generation_min`.
            green_limit_mw=np.zeros(1),
            emission_kg_per_mwh=emission_kg_per_mwh,
            carbon_cny_per_t=self._carbon_cny_per_t,
            carbon_cap_kg=np.full(len(names), cap_kg),
        )

    def carried(self) -> dict[str, F8]:
        """Return what was used before the window, by zone: fields of the dispatch's `Carry`."""
        zones = int(self._zone.max(initial=0)) + 1

        def by_zone(values: F8) -> F8:
            return np.bincount(self._zone, values, zones).astype(np.float64)

        return {
            "green_mwh": by_zone(self._green_mwh),
            "consumed_mwh": by_zone(self._consumed_mwh),
            "carbon_kg": by_zone(self._carbon_kg),
        }

    def shadow_cny_per_mwh(self, answer: Dispatch, slot: int, emission_kg_per_mwh: F8) -> F8 | None:
        """Return what a megawatt-hour of facility load is worth to the limits now, ``(I,)``.

        An imported one takes of the carbon cap and asks for its share of green energy; one of
        generation that would be left gives green energy beyond its share.
        """
        if not (self._by_site or self._cap_t_per_day is not None):
            return None
        imports = answer.import_mw[slot] > 1e-9
        carbon = emission_kg_per_mwh[slot] / KG_PER_TONNE * answer.carbon_cny_per_t[self._zone]
        out: F8 = np.where(imports, carbon, 0.0)
        if self._by_site:
            green = answer.green_cny_per_mwh[self._zone]
            out += np.where(self._share > 0.0, green * (self._share - ~imports), 0.0)
        return out
