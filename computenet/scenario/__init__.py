"""What a user writes: specs, YAML, the built-in catalogue."""

from computenet.scenario.catalogue import (
    list_scenarios,
    list_shocks,
    list_studies,
    list_suites,
    list_topologies,
    list_workloads,
)
from computenet.scenario.loading import dump_scenario, load_scenario
from computenet.scenario.scenario import (
    DemandSurge,
    GridEvent,
    GridShift,
    LinkCut,
    PolicySpec,
    RunSpec,
    Scenario,
    SiteOutage,
    WeatherShift,
)
from computenet.scenario.topology import TopologySpec
from computenet.scenario.workload import WorkloadSpec

__all__ = [
    "DemandSurge",
    "GridEvent",
    "GridShift",
    "LinkCut",
    "PolicySpec",
    "RunSpec",
    "Scenario",
    "SiteOutage",
    "TopologySpec",
    "WeatherShift",
    "WorkloadSpec",
    "dump_scenario",
    "list_scenarios",
    "list_shocks",
    "list_studies",
    "list_suites",
    "list_topologies",
    "list_workloads",
    "load_scenario",
]
