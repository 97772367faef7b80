"""Recorded demand replayed on a topology."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.arguments import checked
from computenet.errors import InputError, Problem
from computenet.policies import Policy, make_policy
from computenet.results import Results
from computenet.scenario import Scenario, load_scenario
from computenet.study.runs import load
from computenet.workload.replay import ReplayDemand, ReplayOptions, read_demand

if TYPE_CHECKING:
    from computenet.simulation import Progress

__all__ = ["Replay", "prepare_replay", "replay", "run_replay"]

#: Fields of the workload that only its generators read.
_GENERATORS = (
    "workload.scale",
    "workload.request_rate_per_day",
    "workload.request_shape",
    "workload.job_shape",
    "workload.bursts",
    "workload.job_bursts",
)


@dataclass(frozen=True, slots=True)
class Replay:
    """A scenario and the recorded demand that takes the place of its generators."""

    scenario: Scenario
    demand: ReplayDemand
    notices: tuple[str, ...]


def prepare_replay(
    traces: Sequence[str | Path],
    *,
    topology: str | Path | Mapping[str, Any] = "china-2025",
    policy: str = "nearest",
    seed: int | None = None,
    overrides: Mapping[str, object] | None = None,
    options: ReplayOptions | None = None,
) -> Replay:
    """Read traces and lay them over a topology.

    Parameters
    ----------
    topology
        A scenario whose topology and workload classes are used; its generators are not.
    policy
        By name; ``replay`` follows the recorded starts and sites.
    overrides
        Values by dotted path.
    options
        How traces are read and what their rows become.

    Raises
    ------
    TraceError
        A trace cannot be read.
    InputError
        The topology or the policy is not known, or an option is not used.
    """
    from computenet.simulation import FOLLOWS_RECORD

    make_policy(policy, {})
    options = options or ReplayOptions()
    unused = [path for path in overrides or {} if path.startswith(_GENERATORS)]
    problems = [
        Problem(path, None, "shapes generated demand and is not used in a replay")
        for path in unused
    ]
    changes: dict[str, object] = {"policy": policy, "run.sampling": 1, **(overrides or {})}
    if options.drain_h is not None and not 0.0 < options.drain_h < float("inf"):
        problems.append(Problem("--drain-h", options.drain_h, "is out of range", "above 0"))
    if options.drain_h is not None and "days" in changes:
        problems.append(Problem("--drain-h", options.drain_h, "is not used when days are given"))
    if problems:
        raise InputError(problems, "nothing was run")
    if seed is not None:
        changes["seed"] = seed
    warmup_h = changes.pop("run.warmup_h", None)
    scenario = load_scenario(topology, changes)
    follow = scenario.policy.name == FOLLOWS_RECORD
    demand = read_demand(
        [Path(trace) for trace in traces], scenario, replace(options, follow=follow)
    )
    late: dict[str, object] = {} if warmup_h is None else {"run.warmup_h": warmup_h}
    if "days" not in changes:
        late["days"] = demand.days
    return Replay(load(scenario, overrides=late), demand, demand.notices)


def run_replay(
    prepared: Replay,
    *,
    policy: Policy | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Results:
    """Simulate what `prepare_replay` made.

    Parameters
    ----------
    policy
        An object in place of the policy that the replay names.
    """
    from computenet.simulation import run_scenario

    scenario = prepared.scenario
    if policy is None:
        policy = make_policy(scenario.policy.name, dict(scenario.policy.parameters))
    return run_scenario(scenario, policy, demand=prepared.demand, progress=progress)


@checked("nothing was run")
def replay(
    traces: str | Path | Sequence[str | Path],
    *,
    topology: str = "china-2025",
    policy: str = "nearest",
    seed: int | None = None,
    overrides: Mapping[str, object] | None = None,
    options: ReplayOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Results:
    """Replay recorded jobs and requests on a topology; see `prepare_replay`."""
    paths = [traces] if isinstance(traces, (str, Path)) else list(traces)
    prepared = prepare_replay(
        paths, topology=topology, policy=policy, seed=seed, overrides=overrides, options=options
    )
    return run_replay(prepared, progress=progress)
