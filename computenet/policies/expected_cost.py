"""What a plan's requests and jobs will cost, so that it can be held against what was paid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.policies.costs import job_energy_mwh, job_transfer_cny, pue_now
from computenet.policies.protocol import SystemView
from computenet.policies.serving_load import replica_load
from computenet.policies.site_power import idle_mw, running_jobs_mw
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["expected_cny"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]


def expected_cny(
    view: SystemView, up: B1, own_mw: F8 | None, requests: F8, jobs: F8, replicas: F8
) -> float:
    """Return what the grid's energy and network cost in an hour, idle power included.

    Running jobs go on; before any run, jobs are where the plan would have them.

    Parameters
    ----------
    up
        ``(I,)`` sites that are up.
    own_mw
        ``(I, slots)`` what own plant gives now and later, where there is any.
    requests, jobs
        ``(D, G)`` requests a second and ``(Q, P)`` reference accelerators.
    replicas
        ``(G,)`` that serve.
    """
    compiled = view.compiled
    p, groups, sites = compiled.pools, compiled.groups, len(compiled.sites.ids)
    of_group = p.site[groups.pool]
    watts = replicas * groups.accelerators_per_replica * p.active_w[groups.pool]
    serving_mw = watts * replica_load(view, requests, replicas) * pue_now(view)[of_group]
    load_mw = idle_mw(view, up)
    load_mw += np.bincount(of_group, serving_mw / WATTS_PER_MW, minlength=sites)
    if view.pool_running.any():
        load_mw += running_jobs_mw(view)
    else:
        begun = SECONDS_PER_HOUR * (jobs * job_energy_mwh(view)).sum(axis=0)
        load_mw += np.bincount(p.site, begun, minlength=sites)
    if own_mw is not None:
        load_mw = np.maximum(load_mw - own_mw[:, 0], 0.0)
    moved = (requests * compiled.requests.transfer_cny).sum() + (
        jobs * job_transfer_cny(view)
    ).sum()
    return float(load_mw @ view.price_cny_per_mwh + SECONDS_PER_HOUR * moved)
