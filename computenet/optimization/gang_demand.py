"""Gang jobs of demand rows: what a control plane knows by (region, class), as single gangs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.optimization.gang_problem import GangJobs
from computenet.optimization.problem_checks import ProblemChecks

__all__ = ["GangDemand", "gangs_of_demand"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]

#: Most gangs that a row may stand for.
MOST = 100_000


class GangDemand(NamedTuple):
    """Large jobs that wait or are expected, by demand row ``Q`` = (region, job class)."""

    work_accelerator_s: F8  # (Q,) reference accelerator-seconds, summed over the row's jobs
    gang: F8  # (Q,) typical gang size, reference accelerators
    run_s: F8  # (Q,) typical run time at speed 1
    job_class: I4  # (Q,)
    data_site: I4  # (Q,) where the row's data lie; -1 = nothing is moved
    data_gb: F8  # (Q,) of one job
    value_cny_per_accelerator_s: F8  # (Q,) worth of a reference accelerator-second done
    slack_s: F8  # (Q,) until a job should be done; infinite = no deadline
    late_cny_per_s: F8  # (Q,) of one job


def gangs_of_demand(demand: GangDemand) -> tuple[GangJobs, I8]:
    """Return the rows' work as equal waiting gangs, and the row of each.

    A row stands for ``round(work / (gang * run))`` jobs, at least one where there is any work; its
    work is shared equally among them, so no work is lost or made: each runs
    ``work / (number * gang)`` seconds.

    Raises
    ------
    InputError
        Values that are no numbers or negative, gangs or run times of nothing, and rows of more
        than 100,000 gangs: all of them at once.
    """
    checks = ProblemChecks("gang demand")
    rows = len(demand.gang)
    for name in ("work_accelerator_s", "run_s", "data_gb", "late_cny_per_s"):
        checks.numbers(name, _f8(getattr(demand, name)), (rows,), infinite=False)
    value = _f8(demand.value_cny_per_accelerator_s)
    checks.numbers("value_cny_per_accelerator_s", value, (rows,), infinite=False)
    checks.counts("gang", _f8(demand.gang), (rows,))
    checks.done()
    gang, work, run = _f8(demand.gang), _f8(demand.work_accelerator_s), _f8(demand.run_s)
    some = work > 0.0
    typical = np.where(run > 0.0, gang * run, np.inf)
    number = np.where(some, np.maximum(np.rint(work / typical), 1.0), 0.0)
    for row in np.flatnonzero((number > MOST) | (some & (run <= 0.0)))[:3].tolist():
        checks.add(
            f"run_s[{row}]", float(run[row]), f"makes no number of gangs of {work[row]:g}",
            f"run times that make 1 to {MOST:,} gangs",
        )  # fmt: skip
    checks.done()
    row = np.repeat(np.arange(rows), number.astype(np.int64))
    nothing = np.zeros(len(row))
    each = work[row] / number[row]
    jobs = GangJobs(
        accelerators=gang[row],
        job_class=np.asarray(demand.job_class)[row],
        work_s=each / gang[row],
        value_cny=value[row] * each,
        slack_s=_f8(demand.slack_s)[row],
        late_cny_per_s=_f8(demand.late_cny_per_s)[row],
        data_site=np.asarray(demand.data_site)[row],
        data_gb=_f8(demand.data_gb)[row],
        pool=np.full(len(row), -1, dtype=np.int32),
        checkpoint_gb=nothing,
        lost_s=nothing,
        restart_s=nothing,
    )
    return jobs, row


def _f8(values: ArrayLike) -> F8:
    return np.asarray(values, dtype=np.float64)
