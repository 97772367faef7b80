"""Load and check scenarios, simulate them, write runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.arguments import checked
from computenet.policies import Policy, make_policy, policy_names
from computenet.results import Results
from computenet.results.storage import save_run
from computenet.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from computenet.simulation import Progress

__all__ = ["Source", "check_workers", "listing", "load", "save", "simulate", "validate"]

Source = str | Path | Mapping[str, Any] | Scenario


def load(
    source: Source, *, overrides: Mapping[str, object] | None = None, **fields: object
) -> Scenario:
    """Return a scenario.

    Parameters
    ----------
    source
        A built-in name, the path of a YAML file, a mapping, or a scenario.
    overrides
        Values by dotted path, e.g. ``{"topology.sites.zhongwei.pue": 1.15}``.
    **fields
        Overrides of top-level fields: ``days=7``, ``seed=3``, ``policy="cheapest"``.

    Raises
    ------
    InputError
        With every problem found.
    """
    changes: dict[str, object] = {**(overrides or {}), **fields}
    if isinstance(source, Scenario):
        if not changes:
            return source
        return load_scenario(source.model_dump(mode="json"), changes)
    return load_scenario(source, changes)


@checked("nothing was run")
def simulate(
    scenario: Source,
    *,
    policy: str | Policy | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    workers: int = 1,
    engine: str = "local",
    address: str | None = None,
) -> Results:
    """Simulate a scenario and return its results; the audit has passed.

    Parameters
    ----------
    scenario
        A scenario, or anything `load` takes.
    policy
        A policy's name or object, instead of the scenario's.
    seed
        Instead of the scenario's.
    progress
        Called a few times a second with the simulated time.
    workers
        How many share the request queues of the run; the results are equal bit for bit.
    engine
        What they are: ``local`` = processes of this machine that share memory, ``ray`` = actors of
        a Ray cluster, ``threads`` = threads of this process.
    address
        Of the Ray cluster; ``None`` = the one in ``RAY_ADDRESS``, or one started for the run.

    Raises
    ------
    InputError
        The scenario or the policy cannot be used.
    RunError
        The audit fails, or a worker is lost.
    """
    from computenet.simulation import run_scenario

    changes: dict[str, object] = {}
    if seed is not None:
        changes["seed"] = seed
    if isinstance(policy, str):
        changes["policy"] = policy
    loaded = load(scenario, overrides=changes)
    chosen = (
        make_policy(loaded.policy.name, dict(loaded.policy.parameters))
        if policy is None or isinstance(policy, str)
        else policy
    )
    return run_scenario(
        loaded, chosen, progress=progress, workers=workers, engine=engine, address=address
    )


def check_workers(workers: int, engine: str = "local", address: str | None = None) -> None:
    """Check how a run is shared, as `simulate` does.

    Raises
    ------
    InputError
        No such engine, or no number of workers that may be asked for.
    """
    from computenet.simulation import require_workers

    require_workers(workers, engine, address)


def save(
    results: Results, directory: str | Path, *, overwrite: bool = False, lang: str = "en"
) -> Path:
    """Write a run directory with its report inside."""
    from computenet.report import render_report

    html = render_report(results, "zh" if lang == "zh" else "en")
    return save_run(results, Path(directory), overwrite=overwrite, report_html=html)


def listing() -> dict[str, list[dict[str, str]]]:
    """Return what is built in: topologies, layouts, workloads, scenarios, policies and more."""
    from computenet.scenario import (
        list_layouts,
        list_plannings,
        list_scenarios,
        list_shocks,
        list_studies,
        list_suites,
        list_topologies,
        list_workloads,
    )
    from computenet.workload.traces import reader_titles

    def rows(pairs: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "title": title} for name, title in pairs.items()]

    return {
        "topologies": rows(list_topologies()),
        "layouts": rows(list_layouts()),
        "workloads": rows(list_workloads()),
        "scenarios": rows(list_scenarios()),
        "shocks": rows(list_shocks()),
        "plannings": rows(list_plannings()),
        "studies": rows(list_studies()),
        "suites": rows(list_suites()),
        "policies": rows({name: _first_line(name) for name in policy_names()}),
        "traces": rows(reader_titles()),
    }


def _first_line(policy: str) -> str:
    return (type(make_policy(policy, {})).__doc__ or "").strip().splitlines()[0]


def validate(scenario: Source) -> dict[str, object]:
    """Check a scenario wholly, compiling it, and return what it holds.

    Raises
    ------
    InputError
        With every problem found.
    """
    from computenet.compilation import compile_scenario

    loaded = load(scenario)
    make_policy(loaded.policy.name, dict(loaded.policy.parameters))
    compiled = compile_scenario(loaded)
    topology = loaded.topology
    return {
        "scenario": loaded.name,
        "sites": len(topology.sites),
        "pools": len(topology.pools),
        "regions": len(topology.regions),
        "links": len(topology.links),
        "accelerators": sum(pool.count for pool in topology.pools),
        "eflops_fp16": float(
            (
                (compiled.pools.accelerators + compiled.pools.serving_accelerators)
                * compiled.pools.fp16_tflops
            ).sum()
            / 1e6
        ),
        "it_capacity_mw": sum(site.it_capacity_mw for site in topology.sites),
        "requests_per_day": float(compiled.requests.mean_rate_per_s.sum() * 86400.0),
        "replicas": int(compiled.groups.replicas_real.sum()),
        "simulated_replicas": int(compiled.groups.replicas.sum()),
        "sampling": loaded.run.sampling,
        "days": loaded.days,
        "policy": loaded.policy.name,
        "notes": list(compiled.notes),
    }
