"""One run from scenario to results, the audit included."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from computenet.compilation import compile_scenario
from computenet.errors import InputError, Problem, nearest
from computenet.policies.protocol import Policy
from computenet.results import Results
from computenet.scenario import Scenario
from computenet.sharding import ENGINES, hire
from computenet.simulation.accounting import settle_accounts
from computenet.simulation.auditing import audit_run
from computenet.simulation.demand import STREAM_OVER, demand_of
from computenet.simulation.engine import Engine
from computenet.simulation.job_sink import JobSink
from computenet.simulation.job_totals import job_samples, job_totals, sample_of
from computenet.simulation.manifest import make_manifest
from computenet.simulation.progress import Progress
from computenet.simulation.summary import summarise
from computenet.simulation.tables import job_frame, make_tables

if TYPE_CHECKING:
    from computenet.workload.replay import ReplayDemand

__all__ = ["FOLLOWS_RECORD", "most_workers", "require_workers", "run_scenario"]

#: Policy for which jobs start when and where a trace says.
FOLLOWS_RECORD = "replay"


def run_scenario(
    scenario: Scenario,
    policy: Policy,
    *,
    demand: ReplayDemand | None = None,
    progress: Callable[[Progress], None] | None = None,
    tick_s: float | None = None,
    stream_over: int = STREAM_OVER,
    scratch: Path | None = None,
    workers: int = 1,
    engine: str = "local",
    address: str | None = None,
    one_core: bool = False,
) -> Results:
    """Simulate a scenario under a policy.

    Parameters
    ----------
    scenario
        What to run.
    policy
        Who decides.
    demand
        Recorded demand in place of the scenario's generators.
    progress
        Called a few times a second.
    tick_s
        Advance the data plane at least every so many seconds; changes no result.
    stream_over
        Where more jobs than this are expected they come in chunks and go to disk as they end.
    scratch
        Directory for what goes to disk; ``None`` = the system's place for temporary files. It is
        removed when the results are not needed any more.
    workers
        Who share the request queues; changes no result. One = this process alone, unless by Ray.
    engine, address
        What the workers are, and a Ray cluster's address: see `computenet.sharding.hire`.
    one_core
        Draw nothing ahead on a second core, for runs of which there are many at a time; changes no
        result.

    Raises
    ------
    InputError
        The scenario cannot run, or the policy's plan cannot be carried out.
    RunError
        The audit fails, or a worker is lost.
    """
    require_workers(workers, engine, address)
    wall: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        wall[name] = now - clock
        clock = now

    if scenario.policy.name == FOLLOWS_RECORD and demand is None:
        raise InputError(
            [
                Problem(
                    "policy.name", FOLLOWS_RECORD, "follows a trace, and this run has none",
                    "computenet replay TRACE --policy replay",
                )
            ],
            "nothing was run",
        )  # fmt: skip
    transport = None
    if workers > 1 or engine == "ray":
        transport = hire(engine, workers, address)
    sink = None
    try:
        compiled = compile_scenario(scenario)
        lap("compile")
        work = demand_of(scenario, compiled, demand, stream_over, transport is not None, one_core)
        lap("demand")
        sink = None if work.later_jobs is None else JobSink(compiled, scratch)
        take = None if sink is None else sink.take
        outcome = Engine(scenario, compiled, work, policy, progress, tick_s, take, transport).run()
        del work
        lap("simulate")
        if sink is None:
            totals = job_totals(compiled, outcome.jobs)
            samples = job_samples(sample_of(outcome.jobs, compiled.warmup_s))
        else:
            totals = sink.close(outcome.jobs)
            samples = job_samples(sink.sample(compiled.warmup_s))
    except BaseException:
        if sink is not None:
            sink.abandon()
        raise
    finally:
        if transport is not None:
            transport.close()
    accounts = settle_accounts(
        compiled, scenario.energy, outcome.pools, totals, outcome.requests,
        outcome.faults.bulk_moves_cny, outcome.plans.setpoint_mw,
    )  # fmt: skip
    audit = audit_run(
        compiled, accounts, outcome.pools, totals, outcome.requests, outcome.links,
        outcome.job_rows,
    )  # fmt: skip
    audit.require()
    summary = summarise(
        scenario,
        compiled,
        accounts,
        outcome.pools,
        totals,
        samples,
        outcome.requests,
        outcome.links,
        outcome.faults,
        outcome.plans,
        audit,
    )
    tables = make_tables(scenario, compiled, outcome, totals, accounts)
    streamed = {}
    if sink is None:
        tables = {"jobs": job_frame(compiled, outcome.jobs), **tables}
    else:
        streamed = {"jobs": sink.table}
    lap("results")
    manifest = make_manifest(
        scenario, compiled, policy, wall, outcome.plans.decision_s, demand, streamed
    )
    manifest["workers"] = {
        "engine": "alone" if transport is None else engine,
        "count": workers,
        "idle": 0 if transport is None else transport.idle,
    }
    return Results(scenario, summary, manifest, tables, audit, streamed)


def most_workers(engine: str = "local") -> int:
    """Return how many workers may be asked for: 1,024 of a cluster, else some for every core."""
    return 1024 if engine == "ray" else max(64, 4 * (os.cpu_count() or 1))


def require_workers(workers: int, engine: str = "local", address: str | None = None) -> None:
    """Refuse numbers and engines that are none.

    Raises
    ------
    InputError
        With every problem; more workers than this machine can be asked for among them.
    """
    problems = []
    most = most_workers(engine)
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= most:
        problems.append(Problem("workers", workers, "is no number of workers", f"1 to {most}"))
    if engine not in ENGINES:
        problems.append(
            Problem("engine", engine, "is no engine", ", ".join(ENGINES), nearest(engine, ENGINES))
        )
    elif address is not None and engine != "ray":
        problems.append(Problem("address", address, "is used by engine ray only"))
    if problems:
        raise InputError(problems, "nothing was run")
