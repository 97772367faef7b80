"""Days of a plan in the simulator, on one process or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool

from computenet.errors import RunError
from computenet.study.bench_runs import processes
from computenet.study.planning.simulated import DayRun, run_day
from computenet.study.planning.stage_days import DayTask

__all__ = ["run_days"]


def run_days(
    tasks: Sequence[DayTask], workers: int, progress: Callable[[int], None]
) -> list[DayRun]:
    """Return the runs in the order of the tasks, whatever the number of workers.

    Raises
    ------
    InputError, RunError
        Of the day that failed; the others are stopped.
    """
    if workers == 1:
        runs = []
        for number, task in enumerate(tasks):
            runs.append(run_day(task))
            progress(number + 1)
        return runs
    found: dict[int, DayRun] = {}
    with processes(min(workers, len(tasks))) as pool:
        sent = {pool.submit(run_day, task): index for index, task in enumerate(tasks)}
        try:
            for future in as_completed(sent):
                found[sent[future]] = future.result()
                progress(len(found))
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process ended before its day was simulated (memory?); one worker "
                "needs less"
            ) from error
    return [found[index] for index in range(len(tasks))]
