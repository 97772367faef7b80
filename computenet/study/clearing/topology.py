"""What a built-in or own scenario knows of sites, accelerators, classes and the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from computenet.compilation import compile_scenario
from computenet.network import Routes, shortest_routes
from computenet.scenario import Scenario
from computenet.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from computenet.compiled import CompiledScenario

__all__ = ["SiteFacts", "TopologyFacts", "reference_accelerator", "topology_facts"]

F8 = NDArray[np.float64]
KW = 1000.0


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What is known of a site; prices and emissions are means of the scenario's first day."""

    pue: float
    electricity_cny_per_mwh: float
    emission_kg_per_mwh: float
    power_mw: float  # most facility power
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class TopologyFacts:
    """Facts of a scenario by name.

    Attributes
    ----------
    kw
        IT power of a busy accelerator with its share of the server, by type.
    speeds
        Work of an accelerator over that of the reference one, by class and type; a type that is
        missing does not run the class.
    regions
        Latitude and longitude by region.
    region_index, site_index
        Rows and columns of the routes, ``region * sites + site``.
    routes
        Ways of least latency.
    link_ids, link_gbps
        Links by number.
    """

    name: str
    kw: dict[str, float]
    sites: dict[str, SiteFacts]
    speeds: dict[str, dict[str, float]]
    regions: dict[str, tuple[float, float]]
    region_index: dict[str, int]
    site_index: dict[str, int]
    routes: Routes
    link_ids: tuple[str, ...]
    link_gbps: F8


def topology_facts(scenario: Scenario) -> tuple[TopologyFacts, CompiledScenario]:
    """Return a scenario's facts, and the scenario compiled with every replica counted."""
    # Sampling would leave small pools without the replicas that tell how fast they serve.
    whole = scenario.model_copy(update={"run": scenario.run.model_copy(update={"sampling": 1})})
    compiled = compile_scenario(whole)
    topology = scenario.topology
    day = max(min(round(SECONDS_PER_DAY / compiled.slot_s), compiled.n_slots), 1)
    price = compiled.sites.price_cny_per_mwh[:, :day].mean(axis=1)
    emission = compiled.energy.emission_kg_per_mwh[:, :day].mean(axis=1)
    sites = {
        site.id: SiteFacts(
            pue=site.pue,
            electricity_cny_per_mwh=float(price[i]),
            emission_kg_per_mwh=float(emission[i]),
            power_mw=min(site.it_capacity_mw * site.pue, site.import_limit_mw or np.inf),
            latitude=site.latitude,
            longitude=site.longitude,
        )
        for i, site in enumerate(topology.sites)
    }
    network = compiled.network
    routes = shortest_routes(network, network.capacity_gbps > 0.0, len(topology.regions))
    activity = float(compiled.jobs.activity.max(initial=0.0))
    facts = TopologyFacts(
        name=scenario.name,
        kw={
            kind.id: (
                kind.idle_w
                + activity * (kind.tdp_w - kind.idle_w)
                + kind.server_overhead_w / kind.accelerators_per_server
            )
            / KW
            for kind in topology.accelerators
        },
        sites=sites,
        speeds={**_job_speeds(scenario), **_service_speeds(scenario, compiled)},
        regions={region.id: (region.latitude, region.longitude) for region in topology.regions},
        region_index={region.id: r for r, region in enumerate(topology.regions)},
        site_index={site.id: i for i, site in enumerate(topology.sites)},
        routes=routes,
        link_ids=network.link_ids,
        link_gbps=network.capacity_gbps,
    )
    return facts, compiled


def reference_accelerator(scenario: Scenario) -> str:
    """Return the type that demand is counted in: the one of speed 1 for all jobs, or the first."""
    kinds = scenario.topology.accelerators
    for kind in kinds:
        if all(kind.speed.get(item.name) == 1.0 for item in scenario.workload.job_classes):
            return kind.id
    return kinds[0].id


def _job_speeds(scenario: Scenario) -> dict[str, dict[str, float]]:
    """Return speeds of job classes: as the topology has them."""
    return {
        item.name: {
            kind.id: kind.speed[item.name]
            for kind in scenario.topology.accelerators
            if kind.speed.get(item.name, 0.0) > 0.0
        }
        for item in scenario.workload.job_classes
    }


def accelerator_s_per_request(compiled: CompiledScenario) -> dict[str, dict[str, float]]:
    """Return the accelerator-seconds of a mean request by service class and accelerator type."""
    groups, requests = compiled.groups, compiled.requests
    used = requests.replica_s * groups.accelerators_per_replica
    out: dict[str, dict[str, float]] = {name: {} for name in requests.classes}
    for k, name in enumerate(requests.classes):
        for g, pool in enumerate(groups.pool):
            # Rows of the first region; what a request takes is the same for all.
            if np.isfinite(used[k, g]):
                out[name].setdefault(compiled.pools.accelerator[pool], float(used[k, g]))
    return out


def _service_speeds(scenario: Scenario, compiled: CompiledScenario) -> dict[str, dict[str, float]]:
    """Return speeds of service classes: accelerator-seconds of the reference over a type's."""
    reference = reference_accelerator(scenario)
    speeds: dict[str, dict[str, float]] = {}
    for name, seconds in accelerator_s_per_request(compiled).items():
        one = seconds.get(reference, next(iter(seconds.values()), 1.0))
        speeds[name] = {kind: one / each for kind, each in seconds.items()}
    return speeds
