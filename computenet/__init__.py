"""computenet: simulate and plan a national network of computing hubs.

>>> import computenet as cn
>>> scenario = cn.load("two-hubs", days=1)
>>> results = cn.simulate(scenario)
>>> sorted(results.summary["jobs"])[0]
'bounded_slowdown'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from computenet.errors import ComputenetError, InputError, RunError
    from computenet.interop import export, layout_from_sites
    from computenet.policies import Plan, Policy, SystemView, check_policy
    from computenet.results import Results, load_run
    from computenet.results.settlement import link_earnings, settlement, site_earnings
    from computenet.scenario import (
        LayoutSpec,
        Scenario,
        apply_layout,
        dump_layout,
        layout_between,
    )
    from computenet.study import (
        Benchmark,
        Comparison,
        MatchOutcome,
        PlanOutcome,
        StudyOutcome,
        bench,
        compare,
        load,
        match,
        match_template,
        plan,
        replay,
        simulate,
        sweep,
    )
    from computenet.workload.traces import (
        convert_trace,
        describe_trace,
        read_trace,
        scale_trace,
    )

__version__ = "0.1.0"

_HOME = {
    "Benchmark": "computenet.study",
    "Comparison": "computenet.study",
    "ComputenetError": "computenet.errors",
    "InputError": "computenet.errors",
    "LayoutSpec": "computenet.scenario",
    "MatchOutcome": "computenet.study",
    "Plan": "computenet.policies",
    "PlanOutcome": "computenet.study",
    "Policy": "computenet.policies",
    "Results": "computenet.results",
    "RunError": "computenet.errors",
    "Scenario": "computenet.scenario",
    "StudyOutcome": "computenet.study",
    "SystemView": "computenet.policies",
    "apply_layout": "computenet.scenario",
    "bench": "computenet.study",
    "check_policy": "computenet.policies",
    "convert_trace": "computenet.workload.traces",
    "compare": "computenet.study",
    "describe_trace": "computenet.workload.traces",
    "dump_layout": "computenet.scenario",
    "export": "computenet.interop",
    "layout_between": "computenet.scenario",
    "layout_from_sites": "computenet.interop",
    "load": "computenet.study",
    "link_earnings": "computenet.results.settlement",
    "load_run": "computenet.results",
    "match": "computenet.study",
    "match_template": "computenet.study",
    "plan": "computenet.study",
    "read_trace": "computenet.workload.traces",
    "replay": "computenet.study",
    "scale_trace": "computenet.workload.traces",
    "settlement": "computenet.results.settlement",
    "simulate": "computenet.study",
    "site_earnings": "computenet.results.settlement",
    "sweep": "computenet.study",
}

__all__ = [
    "Benchmark",
    "Comparison",
    "ComputenetError",
    "InputError",
    "LayoutSpec",
    "MatchOutcome",
    "Plan",
    "PlanOutcome",
    "Policy",
    "Results",
    "RunError",
    "Scenario",
    "StudyOutcome",
    "SystemView",
    "apply_layout",
    "bench",
    "check_policy",
    "compare",
    "convert_trace",
    "describe_trace",
    "dump_layout",
    "export",
    "layout_between",
    "layout_from_sites",
    "link_earnings",
    "load",
    "load_run",
    "match",
    "match_template",
    "plan",
    "read_trace",
    "replay",
    "scale_trace",
    "settlement",
    "simulate",
    "site_earnings",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: start-up stays fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'computenet' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
