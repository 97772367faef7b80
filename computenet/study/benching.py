"""Scheduler benchmarks: policies by suites by seeds, with confidence intervals."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import computenet
from computenet.arguments import checked
from computenet.results.storage import complete_directory
from computenet.study.bench_runs import FIGURES, Run, run_tasks
from computenet.study.bench_setup import Policies, Preparation, SuiteSource, prepare_bench
from computenet.study.intervals import (
    CONFIDENCE,
    Difference,
    Interval,
    mean_interval,
    paired_difference,
)
from computenet.study.runs import check_workers
from computenet.study.suites import Suite

__all__ = ["MARK", "Benchmark", "PolicyResult", "SuiteResult", "bench", "run_bench"]

#: The file that marks a directory as a benchmark's.
MARK = "bench.json"


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """A policy on a suite.

    Attributes
    ----------
    figures
        Mean and 95 % interval over seeds by figure, see `FIGURES`.
    against
        Differences from the baseline over the same seeds; empty for the baseline itself.
    gap_to_bound, gap_above_idle
        Means over all runs, see `Run`; ``None`` without a bound.
    decisions, decision_ms
        Plans made in all, and the median over runs of a plan's median wall time.
    """

    figures: dict[str, Interval]
    against: dict[str, Difference]
    gap_to_bound: float | None
    gap_above_idle: float | None
    decisions: int
    decision_ms: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return what ``bench --json`` prints of a policy."""
        cost, slo = self.figures["cost_cny"], self.figures["slo_attainment"]
        return {
            "cost_cny": [cost.low, cost.mean, cost.high],
            "gap_to_bound": self.gap_to_bound,
            "slo_attainment": slo.mean,
            "decision_ms": self.decision_ms,
        }


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """A suite that has been run.

    Attributes
    ----------
    suite
        What was run.
    seeds
        Over which figures are means.
    baseline
        The policy others are compared with.
    policies
        Results by policy.
    bound_status
        ``optimal``, or why there is no bound.
    runs
        Every run.
    """

    suite: Suite
    seeds: tuple[int, ...]
    baseline: str
    policies: dict[str, PolicyResult]
    bound_status: str
    runs: tuple[Run, ...] = field(repr=False)

    def details(self) -> dict[str, Any]:
        """Return all figures for ``bench.json``."""
        spec = self.suite.spec
        return {
            "title": spec.title.model_dump(),
            "stresses": spec.stresses.model_dump(),
            "seeds": list(self.seeds),
            "cases": [case.name for case in self.suite.cases],
            "baseline": self.baseline,
            "bound_status": self.bound_status,
            "policies": {
                name: {
                    **one.as_dict(),
                    "gap_above_idle": one.gap_above_idle,
                    "decisions": one.decisions,
                    "figures": {key: value.as_dict() for key, value in one.figures.items()},
                    "against_baseline": {
                        key: value.as_dict() for key, value in one.against.items()
                    },
                }
                for name, one in self.policies.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Suites that have been run, and those left out with the reason."""

    suites: dict[str, SuiteResult]
    skipped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return what ``bench --json`` prints."""
        return {
            "suites": {
                name: {policy: one.as_dict() for policy, one in suite.policies.items()}
                for name, suite in self.suites.items()
            }
        }

    def details(self) -> dict[str, Any]:
        """Return what ``bench.json`` holds: all that is known."""
        return {
            "computenet": computenet.__version__,
            "confidence": CONFIDENCE,
            "suites": {name: suite.details() for name, suite in self.suites.items()},
            "skipped": self.skipped,
            "runs": [asdict(run) for suite in self.suites.values() for run in suite.runs],
        }

    def table(self) -> list[dict[str, Any]]:
        """Return a row a suite and policy, as in ``bench.csv``."""
        rows: list[dict[str, Any]] = []
        for suite_name, suite in self.suites.items():
            for name, one in suite.policies.items():
                row: dict[str, Any] = {
                    "suite": suite_name, "policy": name, "seeds": len(suite.seeds),
                }  # fmt: skip
                for key, value in one.figures.items():
                    row |= {key: value.mean, f"{key}_low": value.low, f"{key}_high": value.high}
                for key in FIGURES:
                    told = one.against.get(key)
                    row |= {
                        f"{key}_difference": told.interval.mean if told else None,
                        f"{key}_significant": told.significant if told else None,
                    }
                row |= {
                    "gap_to_bound": one.gap_to_bound,
                    "gap_above_idle": one.gap_above_idle,
                    "decision_ms": one.decision_ms,
                }
                rows.append(row)
        return rows

    def save(self, directory: str | Path, *, overwrite: bool = False, lang: str = "en") -> Path:
        """Write ``bench.html``, ``bench.csv`` and ``bench.json``, all of them or none."""
        import pandas as pd

        from computenet.report.bench_page import render_bench

        root, details = Path(directory), self.details()
        with complete_directory(root, overwrite=overwrite, mark=MARK) as part:
            html = render_bench(details, "zh" if lang == "zh" else "en")
            (part / "bench.html").write_text(html, encoding="utf-8")
            pd.DataFrame(self.table()).to_csv(part / "bench.csv", index=False)
            text = json.dumps(details, ensure_ascii=False, indent=1, allow_nan=False)
            (part / MARK).write_text(text + "\n", encoding="utf-8")
        return root


@checked("nothing was run")
def bench(
    suites: SuiteSource | Sequence[SuiteSource] | None = None,
    *,
    policies: Policies | None = None,
    policy_files: Sequence[str | Path] = (),
    seeds: int | None = None,
    baseline: str | None = None,
    workers: int = 1,
    progress: Callable[[int, str], None] | None = None,
) -> Benchmark:
    """Run suites of scheduler benchmarks.

    Figures are the same for any number of workers, except decision times.

    Parameters
    ----------
    suites
        Built-in names, YAML files or mappings; all built-in ones by default. Of these a suite whose
        recorded demand is not there is left out, with the reason in ``skipped``.
    policies
        Names take the place of the suites' own policies; objects (or classes, made without
        arguments) join them. A mapping gives objects other names than their classes'.
    policy_files
        Python files whose policies join, see `computenet.policies.from_file.policy_classes`.
    seeds
        How many seeds: the suite's first ones, and from its largest upwards if it has fewer.
    baseline
        The policy that others are compared with; the first by default.
    workers
        Processes. With more than one, a script must call this inside of
        ``if __name__ == "__main__"``.
    progress
        Called with a number of runs done and their suite's name.

    Raises
    ------
    InputError
        A suite, a scenario or a policy cannot be used; nothing was run.
    RunError
        A run failed.
    """
    prepared = prepare_bench(
        suites, policies=policies, policy_files=policy_files, seeds=seeds, baseline=baseline
    )
    return run_bench(prepared, workers=workers, progress=progress)


def run_bench(
    prepared: Preparation, *, workers: int = 1, progress: Callable[[int, str], None] | None = None
) -> Benchmark:
    """Run what `prepare_bench` made; see `bench`."""
    check_workers(workers)
    tasks = prepared.tasks
    runs = run_tasks(tasks, workers, progress) if tasks else []
    return Benchmark(
        suites={
            suite.spec.name: _summed(
                suite,
                prepared.seeds[suite.spec.name],
                prepared.baselines[suite.spec.name],
                [run for run in runs if run.suite == suite.spec.name],
            )
            for suite in prepared.suites
        },
        skipped=prepared.skipped,
    )


def _summed(
    suite: Suite, seeds: tuple[int, ...], baseline: str, runs: Sequence[Run]
) -> SuiteResult:
    names = list(dict.fromkeys(run.policy for run in runs))
    by_seed = {
        name: {
            key: [
                _mean([r.figures[key] for r in runs if r.policy == name and r.seed == seed])
                for seed in seeds
            ]
            for key in FIGURES
        }
        for name in names
    }
    policies: dict[str, PolicyResult] = {}
    for name in names:
        own = [run for run in runs if run.policy == name]
        decision = [run.decision_ms for run in own if run.decision_ms is not None]
        policies[name] = PolicyResult(
            figures={key: mean_interval(values) for key, values in by_seed[name].items()},
            against={} if name == baseline else {
                key: paired_difference(values, by_seed[baseline][key])
                for key, values in by_seed[name].items()
            },
            gap_to_bound=_mean([run.gap_to_bound for run in own]),
            gap_above_idle=_mean([run.gap_above_idle for run in own]),
            decisions=sum(run.decisions for run in own),
            decision_ms=statistics.median(decision) if decision else None,
        )  # fmt: skip
    statuses = list(dict.fromkeys(run.bound_status for run in runs))
    status = next((s for s in statuses if s != "optimal"), "optimal")
    return SuiteResult(suite, seeds, baseline, policies, status, tuple(runs))


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; ``None`` if one of the values is missing."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None
