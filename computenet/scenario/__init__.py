"""What a user writes: specs, YAML, the built-in catalogue."""

from computenet.scenario.catalogue import (
    list_layouts,
    list_plannings,
    list_scenarios,
    list_shocks,
    list_studies,
    list_suites,
    list_topologies,
    list_workloads,
)
from computenet.scenario.layouts import LayoutSpec, apply_layout, dump_layout, layout_between
from computenet.scenario.loading import dump_scenario, load_scenario
from computenet.scenario.planning import PlanningSpec
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
    "LayoutSpec",
    "LinkCut",
    "PlanningSpec",
    "PolicySpec",
    "RunSpec",
    "Scenario",
    "SiteOutage",
    "TopologySpec",
    "WeatherShift",
    "WorkloadSpec",
    "apply_layout",
    "dump_layout",
    "dump_scenario",
    "layout_between",
    "list_layouts",
    "list_plannings",
    "list_scenarios",
    "list_shocks",
    "list_studies",
    "list_suites",
    "list_topologies",
    "list_workloads",
    "load_scenario",
]
