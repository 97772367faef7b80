"""The runs of a benchmark, here or in other processes."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnContext, SpawnProcess

import numpy as np

from computenet.errors import ComputenetError, InputError, Problem, RunError
from computenet.policies import Policy
from computenet.policies.from_file import FilePolicy
from computenet.results import Results
from computenet.scenario import Scenario
from computenet.study.bounds import bound_runs, gaps_of
from computenet.study.comparing import named_policy
from computenet.study.replays import Replay, run_replay
from computenet.study.runs import simulate
from computenet.study.starting import listen, undisturbed
from computenet.study.suites import Suite

__all__ = ["FIGURES", "Entrant", "Run", "Task", "run_tasks"]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A policy that takes part.

    Attributes
    ----------
    name
        What it is called in tables.
    source
        A registered name, a class of a policy file, or an object, of which every run gets a copy.
    """

    name: str
    source: str | FilePolicy | Policy

    def make(self) -> str | Policy:
        """Return what a run takes: a name, or a new object."""
        if isinstance(self.source, str):
            return self.source
        return self.source() if isinstance(self.source, FilePolicy) else copy.deepcopy(self.source)

    def why_not_sent(self) -> str | None:
        """Return why the policy cannot run in another process, if it cannot."""
        if isinstance(self.source, str):
            return None
        main = sys.modules.get("__main__")
        if type(self.source).__module__ == "__main__" and not hasattr(main, "__file__"):
            return "its class was typed in and stands in no file"
        try:
            pickle.dumps(self.source)
        except Exception as error:  # Whatever its attributes raise.
            return f"{type(error).__name__}: {error}"
        return None


@dataclass(frozen=True, slots=True)
class Task:
    """All policies on one case and seed of a suite: the same demand for each."""

    suite: Suite
    case: int
    seed: int
    entrants: tuple[Entrant, ...]

    def where(self, policy: str) -> str:
        """Return what is run, in words."""
        case = self.suite.cases[self.case].name
        return f"suite {self.suite.spec.name}, case {case}, seed {self.seed}, policy {policy}"


@dataclass(frozen=True, slots=True)
class Run:
    """What is kept of one run.

    Attributes
    ----------
    figures
        See `FIGURES`; ``None`` where a run has no such figure.
    gap_to_bound
        Cost above the perfect-foresight bound for the work that this run did, relative to it;
        ``None`` without a bound. Who else takes part does not change it.
    gap_above_idle
        The same of what both cost above a network that does no work.
    bound_status
        ``optimal``, or why there is no bound.
    decisions, decision_ms
        Plans made, and their median wall time.
    """

    suite: str
    case: str
    seed: int
    policy: str
    figures: dict[str, float | None]
    gap_to_bound: float | None
    gap_above_idle: float | None
    bound_status: str
    decisions: int
    decision_ms: float | None


def _completed(run: Results) -> float | None:
    jobs = run.summary["jobs"]
    return jobs["completed"] / jobs["submitted"] if jobs["submitted"] else None


def _deadlines_met(run: Results) -> float | None:
    """Return the share of jobs due within the run that ended in time.

    Unlike the summary's share this counts jobs that have not ended: else leaving them would pay.
    """
    deadline_s = run.jobs["deadline_s"].to_numpy(np.float64)
    due = deadline_s <= run.scenario.horizon_s
    if not due.any():
        return None
    finish_s = run.jobs["finish_s"].to_numpy(np.float64)[due]
    return float((finish_s <= deadline_s[due]).mean())


#: Figures of a run by name, in the order they are shown.
FIGURES: dict[str, Callable[[Results], float | None]] = {
    "cost_cny": lambda run: run.summary["cost"]["total_cny"],
    "carbon_kg": lambda run: run.summary["carbon"]["kg"],
    "slo_attainment": lambda run: run.summary["requests"]["slo_attainment"],
    "ttft_p99_ms": lambda run: run.summary["requests"]["ttft_ms"]["p99"],
    "wait_s": lambda run: run.summary["jobs"]["wait_s"]["mean"],
    "deadlines_met": _deadlines_met,
    "completed_share": _completed,
}


def run_task(task: Task) -> list[Run]:
    """Run every policy of a task, and bound what each could have cost."""
    case = task.suite.cases[task.case]
    prepared, parameters = task.suite.prepare(case, task.seed), task.suite.parameters(case)
    runs: list[Run] = []
    for entrant in task.entrants:
        with _said_where(task.where(entrant.name)), contextlib.redirect_stdout(sys.stderr):
            results = _simulate(prepared, entrant.make(), parameters)
            bound = bound_runs({entrant.name: results})
        gaps, decisions = gaps_of(bound, results.summary), results.manifest["decisions"]
        runs.append(
            Run(
                suite=task.suite.spec.name,
                case=case.name,
                seed=task.seed,
                policy=entrant.name,
                figures={key: figure(results) for key, figure in FIGURES.items()},
                gap_to_bound=gaps["gap_to_bound"],
                gap_above_idle=gaps["gap_above_idle"],
                bound_status=bound.status,
                decisions=decisions["count"],
                decision_ms=decisions["p50_ms"],
            )
        )
    return runs


def _simulate(
    prepared: Scenario | Replay, policy: str | Policy, parameters: Mapping[str, object]
) -> Results:
    if isinstance(policy, str):
        if not isinstance(prepared, Replay):
            return simulate(named_policy(prepared, policy, parameters))
        named = named_policy(prepared.scenario, policy, parameters)
        return run_replay(replace(prepared, scenario=named))
    if isinstance(prepared, Replay):
        return run_replay(prepared, policy=policy)
    return simulate(prepared, policy=policy)


@contextlib.contextmanager
def _said_where(where: str) -> Iterator[None]:
    """Say in every error which run it comes from."""
    try:
        yield
    except InputError as error:
        raise InputError(error.problems, f"{error.title}: {where}") from error
    except ComputenetError as error:
        raise RunError(f"{where}: {error}") from error
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise RunError(
            f"{where}: {type(error).__name__}: {error} ({frame.filename}: line {frame.lineno})"
        ) from error


# ---- processes --------------------------------------------------------------------------------


def run_tasks(
    tasks: Sequence[Task], workers: int, progress: Callable[[int, str], None] | None = None
) -> list[Run]:
    """Run tasks and return their runs in the order of the tasks, whatever the number of workers.

    Parameters
    ----------
    workers
        Processes; with 1 everything runs in this one.
    progress
        Called after every task with the number of its runs and its suite.

    Raises
    ------
    InputError, RunError
        Of the run that failed; the others are stopped.
    """

    def told(task: Task) -> None:
        if progress is not None:
            progress(len(task.entrants), task.suite.spec.name)

    if workers == 1:
        runs = []
        for task in tasks:
            runs += run_task(task)
            told(task)
        return runs
    _check_sent(tasks)
    found: dict[int, list[Run]] = {}
    with processes(min(workers, len(tasks))) as pool:
        number: dict[Future[list[Run]], int] = {
            pool.submit(run_task, task): index for index, task in enumerate(tasks)
        }
        try:
            for future in as_completed(number):
                found[number[future]] = future.result()
                told(tasks[number[future]])
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process ended before its run did (memory, or a script that calls bench "
                'outside of if __name__ == "__main__"); one worker needs neither'
            ) from error
    return [run for index in range(len(tasks)) for run in found[index]]


def _check_sent(tasks: Sequence[Task]) -> None:
    entrants = {entrant.name: entrant for task in tasks for entrant in task.entrants}
    problems = [
        Problem("policies", name, f"cannot run in another process: {reason}",
                "one worker, or a class of a module or policy file")
        for name, entrant in entrants.items()
        if (reason := entrant.why_not_sent()) is not None
    ]  # fmt: skip
    if problems:
        raise InputError(problems, "nothing was run")


class _Worker(SpawnProcess):
    """A process that the interrupt key does not reach, not even while it starts."""

    def start(self) -> None:
        with undisturbed():
            super().start()


class _Context(SpawnContext):
    Process = _Worker


@contextlib.contextmanager
def processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes of one thread each; on any error they are stopped at once."""
    context = _Context()
    before = set(multiprocessing.active_children())
    with _environment(NUMBA_NUM_THREADS="1", OMP_NUM_THREADS="1"):
        with undisturbed():
            pool = ProcessPoolExecutor(number, mp_context=context, initializer=_begin)
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True)


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for processes started meanwhile."""
    old = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    """Make a process a worker: its parent hears the interrupt key, and it ends with its parent."""
    listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
