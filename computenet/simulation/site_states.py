"""Which sites are up, and when they were down."""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, F8, CompiledScenario

__all__ = ["SiteStates"]


class SiteStates:
    """The sites' state; outages may overlap, and a site is up when none lasts.

    Attributes
    ----------
    up
        ``(I,)`` whether a site is up; changed in place.
    """

    def __init__(self, compiled: CompiledScenario) -> None:
        self._compiled = compiled
        sites = len(compiled.sites.ids)
        self.up: B1 = np.ones(sites, dtype=np.bool_)
        self._outages = np.zeros(sites, dtype=np.int64)
        self._down: list[tuple[int, float, float]] = []

    def count(self, site: int, ends: bool) -> bool:
        """Count an outage that begins or ends; return whether the site's state is to change."""
        self._outages[site] += -1 if ends else 1
        return bool(self._outages[site] == 0) != bool(self.up[site])

    def turn(self, site: int, now_s: float) -> None:
        """Change a site's state."""
        self.up[site] = not self.up[site]
        if self.up[site]:
            index = max(i for i, row in enumerate(self._down) if row[0] == site)
            self._down[index] = (site, self._down[index][1], now_s)
        else:
            self._down.append((site, now_s, self._compiled.horizon_s))

    def available_s(self) -> F8:
        """Return the seconds every site was up in every slot, ``(I, S)``."""
        compiled = self._compiled
        edges = np.minimum(np.arange(compiled.n_slots + 1) * compiled.slot_s, compiled.horizon_s)
        up = np.tile(np.diff(edges), (len(compiled.sites.ids), 1))
        for site, start_s, end_s in self._down:
            overlap = np.minimum(edges[1:], end_s) - np.maximum(edges[:-1], start_s)
            up[site] -= np.maximum(overlap, 0.0)
        return up
