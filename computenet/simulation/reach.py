"""What can be reached over the links that are up: times, latency circles, ways for data."""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, F8, CompiledScenario
from computenet.network import Routes

__all__ = ["Reach"]


class Reach:
    """What the links that are up allow; sites that are down are not looked at.

    Attributes
    ----------
    rtt_s
        ``(D, G)`` network round trip of requests.
    circle_ok
        ``(D, G)`` whether the group lies within the class's latency circle.
    requests
        ``(D, G)`` whether there is a way to a group that serves the class.
    jobs
        ``(Q, P)`` whether there is a way for the data to a pool that runs the class.
    """

    def __init__(self, compiled: CompiledScenario, routes: Routes) -> None:
        self._compiled = compiled
        self.rtt_s: F8 = compiled.requests.rtt_s
        self.circle_ok: B1 = compiled.requests.circle_ok
        self.requests: B1 = compiled.requests.feasible
        self.jobs = self._job_arcs(routes)

    def follow(self, routes: Routes) -> F8:
        """Take the ways there are now; return what a request's bytes cost, ``(D, G)``, CNY."""
        compiled = self._compiled
        requests = compiled.requests
        classes = len(requests.classes)
        site = compiled.pools.site[compiled.groups.pool]
        oneway = np.repeat(routes.oneway_ms[:, site], classes, axis=0)
        price = np.repeat(routes.price_cny_per_gb[:, site], classes, axis=0)
        circle_ms = np.tile(requests.circle_ms, len(compiled.regions))
        oneway *= np.tile(requests.latency_factor, len(compiled.regions))[:, None]
        self.rtt_s = 2e-3 * oneway
        self.circle_ok = oneway <= circle_ms[:, None]
        self.requests = np.isfinite(requests.replica_s) & np.isfinite(oneway)
        self.jobs = self._job_arcs(routes)
        cost: F8 = requests.gb_per_request[:, None] * price
        return cost

    def _job_arcs(self, routes: Routes) -> B1:
        compiled = self._compiled
        reach = np.isfinite(routes.oneway_ms)[:, compiled.pools.site]
        runs = compiled.jobs.speed > 0.0
        arcs: B1 = (reach[:, None, :] & runs[None, :, :]).reshape(-1, len(compiled.pools.ids))
        return arcs
