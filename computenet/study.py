"""Load, simulate, replay, compare: the Python interface, of which the command line is a layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.errors import InputError, Problem
from computenet.policies import Policy, make_policy, policy_names
from computenet.results import Results, load_run
from computenet.results.storage import complete_directory, save_run
from computenet.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from computenet.simulation import Progress
    from computenet.workload.replay import ReplayDemand

__all__ = [
    "Comparison",
    "Row",
    "check_policies",
    "compare",
    "compare_runs",
    "listing",
    "load",
    "prepare_replay",
    "replay",
    "run_replay",
    "save",
    "serve",
    "simulate",
    "validate",
]

#: Fields of the workload that only its generators read.
_GENERATORS = (
    "workload.scale",
    "workload.request_rate_per_day",
    "workload.request_shape",
    "workload.job_shape",
    "workload.bursts",
)

Source = str | Path | Mapping[str, Any] | Scenario
OnProgress = "Callable[[Progress], None] | None"


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


def simulate(
    scenario: Source,
    *,
    policy: str | Policy | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
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

    Raises
    ------
    InputError
        The scenario or the policy cannot be used.
    RunError
        The audit fails.
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
    return run_scenario(loaded, chosen, progress=progress)


@dataclass(frozen=True, slots=True)
class Replay:
    """A scenario and the recorded demand that takes the place of its generators."""

    scenario: Scenario
    demand: ReplayDemand
    notices: tuple[str, ...]


def prepare_replay(
    traces: Sequence[str | Path],
    *,
    topology: str = "china-2025",
    format: str = "auto",
    policy: str = "nearest",
    seed: int | None = None,
    strict: bool = False,
    overrides: Mapping[str, object] | None = None,
) -> Replay:
    """Read traces and lay them over a topology.

    Raises
    ------
    TraceError
        A trace cannot be read.
    InputError
        The topology or the policy is not known.
    """
    from computenet.workload.replay import read_demand

    make_policy(policy, {})
    unused = [path for path in overrides or {} if path.startswith(_GENERATORS)]
    if unused:
        raise InputError(
            [
                Problem(path, None, "shapes generated demand and is not used in a replay")
                for path in unused
            ],
            "nothing was run",
        )
    changes: dict[str, object] = {"policy": policy, "run.sampling": 1, **(overrides or {})}
    if seed is not None:
        changes["seed"] = seed
    scenario = load_scenario(topology, changes)
    demand, notices = read_demand(
        [Path(trace) for trace in traces], scenario, format=format, strict=strict
    )
    if "days" not in changes:
        scenario = load(scenario, overrides={"days": demand.days})
    return Replay(scenario, demand, tuple(notices))


def run_replay(prepared: Replay, *, progress: Callable[[Progress], None] | None = None) -> Results:
    """Simulate what `prepare_replay` made."""
    from computenet.simulation import run_scenario

    scenario = prepared.scenario
    policy = make_policy(scenario.policy.name, dict(scenario.policy.parameters))
    return run_scenario(scenario, policy, demand=prepared.demand, progress=progress)


def replay(
    traces: str | Path | Sequence[str | Path],
    *,
    topology: str = "china-2025",
    format: str = "auto",
    policy: str = "nearest",
    seed: int | None = None,
    strict: bool = False,
    overrides: Mapping[str, object] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Results:
    """Replay recorded jobs and requests on a topology; see `prepare_replay`."""
    paths = [traces] if isinstance(traces, (str, Path)) else list(traces)
    prepared = prepare_replay(
        paths,
        topology=topology,
        format=format,
        policy=policy,
        seed=seed,
        strict=strict,
        overrides=overrides,
    )
    return run_replay(prepared, progress=progress)


def save(
    results: Results, directory: str | Path, *, overwrite: bool = False, lang: str = "en"
) -> Path:
    """Write a run directory with its report inside."""
    from computenet.report import render_report

    html = render_report(results, "zh" if lang == "zh" else "en")
    return save_run(results, Path(directory), overwrite=overwrite, report_html=html)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a comparison."""

    name: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    runs
        Results by name.
    bound
        Lower bound on cost and carbon, with its solver status. No bound is computed in this
        version: the status says so and the figures are ``None``.
    """

    runs: dict[str, Results] = field(repr=False)
    bound: dict[str, Any] = field(
        default_factory=lambda: {
            "cost_cny": None,
            "carbon_kg": None,
            "status": "not computed",
            "gap": None,
        }
    )

    def as_dict(self) -> dict[str, Any]:
        """Return what ``compare --json`` prints."""
        return {
            "runs": {
                name: {**results.summary, "gap_to_bound": None}
                for name, results in self.runs.items()
            },
            "bound": self.bound,
        }

    def rows(self) -> list[Row]:
        """Return the figures that tell runs apart, formatted."""
        return [
            Row(name, [show(results.summary) for results in self.runs.values()])
            for name, show in _FIGURES
        ]

    def save(self, directory: str | Path, *, overwrite: bool = False, lang: str = "en") -> Path:
        """Write every run below `directory`, and ``comparison.json`` beside them."""
        from computenet.report import render_report

        root = Path(directory)
        with complete_directory(root, overwrite=overwrite) as part:
            for name, results in self.runs.items():
                html = render_report(results, "zh" if lang == "zh" else "en")
                save_run(results, part / name, report_html=html)
            text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False)
            (part / "comparison.json").write_text(text + "\n", encoding="utf-8")
        return root


def _millions(value: float) -> str:
    return f"{value / 1e6:,.2f}"


_FIGURES: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("cost, million CNY", lambda s: _millions(s["cost"]["total_cny"])),
    ("  energy", lambda s: _millions(s["cost"]["energy_cny"])),
    ("  network", lambda s: _millions(s["cost"]["network_cny"])),
    ("carbon, t CO2", lambda s: f"{s['carbon']['kg'] / 1000:,.0f}"),
    ("facility, MWh", lambda s: f"{s['energy']['facility_mwh']:,.0f}"),
    ("green share", lambda s: _share(s["energy"]["green_share"])),
    ("SLO attainment", lambda s: _share(s["requests"]["slo_attainment"])),
    ("TTFT p50 / p99, ms", lambda s: _pair(s["requests"]["ttft_ms"])),
    ("requests dropped", lambda s: f"{s['requests']['dropped']:,}"),
    ("jobs completed", lambda s: f"{s['jobs']['completed']:,}"),
    ("job wait mean, s", lambda s: _number(s["jobs"]["wait_s"]["mean"])),
    ("job wait p99, s", lambda s: _number(s["jobs"]["wait_s"]["p99"])),
    ("work in the west", lambda s: _share(s["network"]["west_share"])),
    ("utilisation", lambda s: _share(s["capacity"]["utilisation"])),
)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _pair(values: Mapping[str, float | None]) -> str:
    low, high = values["p50"], values["p99"]
    return "-" if low is None or high is None else f"{low:,.0f} / {high:,.0f}"


def check_policies(names: Sequence[str]) -> None:
    """Raise `InputError` naming every policy that is not known, and repeated names."""
    problems: list[Problem] = []
    if not names:
        problems.append(Problem("--policies", "", "names no policy", ", ".join(policy_names())))
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(Problem("--policies", name, "is named twice"))
            continue
        try:
            make_policy(name, {})
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems, "nothing was run")


def compare(
    scenario: Source,
    policies: Sequence[str | Policy],
    *,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Comparison:
    """Run one scenario under several policies, with the same demand.

    Parameters
    ----------
    policies
        Names or objects; an object is named after its class.
    """
    loaded = load(scenario, overrides={} if seed is None else {"seed": seed})
    check_policies([policy for policy in policies if isinstance(policy, str)] or ["nearest"])
    runs: dict[str, Results] = {}
    for policy in policies:
        name = policy if isinstance(policy, str) else type(policy).__name__
        while name in runs:
            name += "'"

        def named(state: Progress, name: str = name) -> None:
            if progress is not None:
                progress(replace(state, run=name))

        runs[name] = simulate(loaded, policy=policy, progress=named)
    return Comparison(runs)


def compare_runs(directories: Sequence[str | Path]) -> Comparison:
    """Compare runs made earlier, named after their directories."""
    runs: dict[str, Results] = {}
    for directory in directories:
        name = Path(directory).name if Path(directory).name not in runs else str(directory)
        runs[name] = load_run(directory)
    return Comparison(runs)


def listing() -> dict[str, list[dict[str, str]]]:
    """Return what is built in: topologies, workloads, scenarios, policies, traces."""
    from computenet.scenario import list_scenarios, list_topologies, list_workloads
    from computenet.workload.traces import reader_titles

    def rows(pairs: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "title": title} for name, title in pairs.items()]

    return {
        "topologies": rows(list_topologies()),
        "workloads": rows(list_workloads()),
        "scenarios": rows(list_scenarios()),
        "policies": rows({name: _first_line(name) for name in policy_names()}),
        "traces": rows(reader_titles()),
    }


def serve(
    trace: str | Path,
    *,
    model: str,
    accelerator: str,
    parallel: int = 1,
    slots: int = 256,
    budget: int = 2048,
    cache_tokens: int | None = None,
    law: str = "continuous-batching",
    asynchronous: bool = True,
) -> dict[str, Any]:
    """Serve the requests of a trace by one replica; beside measured latencies where there are any.

    Parameters
    ----------
    model, accelerator
        Names in `computenet.engines.MODELS` and `DEVICES`.
    parallel
        Accelerators of the replica (tensor parallel).
    slots, budget
        Most requests running, most tokens of a step.
    cache_tokens
        Tokens of key-value cache; ``None`` = what fits beside the weights.
    law
        ``continuous-batching`` or ``processor-sharing``.
    asynchronous
        The engine decides a step while the one before it runs.

    Raises
    ------
    InputError
        A name is not in the tables, a number is out of range, the model does not fit in memory.
    TraceError
        The trace cannot be read or has no requests.
    """
    import numpy as np

    from computenet import engines
    from computenet.errors import TraceError, nearest
    from computenet.workload.traces import read_trace
    from computenet.workload.traces.vllm import latency_figures

    problems = [
        Problem(name, value, "is out of range", "1 or more")
        for name, value in (
            ("--parallel", parallel),
            ("--slots", slots),
            ("--budget", budget),
            ("--cache-tokens", 1 if cache_tokens is None else cache_tokens),
        )
        if value < 1
    ]
    if law not in engines.LAWS:
        problems.append(
            Problem("--law", law, "is no law", ", ".join(engines.LAWS), nearest(law, engines.LAWS))
        )
    if not asynchronous and law == "processor-sharing":
        problems.append(Problem("--sync", None, "is not used by processor sharing"))
    if problems:
        raise InputError(problems, "nothing was run")
    chosen = engines.find(engines.MODELS, model, "--model")
    device = engines.find(engines.DEVICES, accelerator, "--accelerator")
    room = engines.cache_capacity_tokens(chosen, device, parallel)
    limits = engines.EngineLimits(
        slots, budget, room if cache_tokens is None else cache_tokens, int(asynchronous)
    )
    read = read_trace(trace)
    if read.requests is None or not read.requests.rows:
        raise TraceError([Problem(str(trace), None, "holds no requests", "a trace of requests")])
    table = read.requests
    served = engines.serve_alone(
        table.arrival_s,
        np.maximum(table.input_tokens, 1).astype(np.int64),
        np.maximum(table.output_tokens, 1).astype(np.int64),
        chosen,
        device,
        parallel,
        limits,
        law,
    )
    tpot = served.tpot_s[np.isfinite(served.tpot_s)]
    simulated: dict[str, Any] = {}
    for name, values in (("ttft", served.ttft_s), ("tpot", tpot), ("e2e", served.e2e_s)):
        if len(values):
            simulated |= latency_figures(name, values)
    measured = {name: read.figures[name] for name in simulated if name in read.figures}
    return {
        "requests": table.rows,
        "served": len(served.arrival_s),
        "dropped": served.dropped,
        "law": law,
        "cache_tokens": limits.cache_tokens,
        "model_grade": chosen.grade,
        "accelerator_grade": device.grade,
        "accelerator_source": device.source,
        "simulated": simulated,
        "measured": measured,
        "error": {name: simulated[name] / value - 1.0 for name, value in measured.items() if value},
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
