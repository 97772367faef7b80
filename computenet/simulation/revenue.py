"""What users pay for jobs: accelerator-hours by region and class, less compute vouchers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from computenet.compiled import F8, CompiledScenario
from computenet.scenario import Scenario
from computenet.simulation.totals import COMPLETED, FAILED, KILLED, RUNNING, JobRecords
from computenet.units import SECONDS_PER_HOUR

__all__ = ["Bills", "bill_jobs", "billed_accelerator_s", "billed_by_region", "vouchers_cny"]

OPERATIONS = ("reserved", "on-demand", "spot")


def _category(codes: Any, names: tuple[str, ...]) -> Any:
    kind = pd.CategoricalDtype(list(names))
    return pd.Categorical.from_codes(codes.astype(np.int64), dtype=kind)


@dataclass(frozen=True, slots=True)
class Bills:
    """Bills of a run, ``(R, C)`` unless said."""

    accelerator_h: F8
    price_cny: F8  # (C,) of an accelerator-hour
    bill_cny: F8
    voucher_cny: F8  # of the bill, paid by vouchers
    regions: tuple[str, ...]
    classes: tuple[str, ...]
    operations: tuple[str, ...]  # of each class

    @property
    def paid_cny(self) -> F8:
        """What users pay themselves, ``(R, C)``."""
        paid: F8 = self.bill_cny - self.voucher_cny
        return paid

    def table(self) -> pd.DataFrame:
        """Return a row a (region, class) that held accelerators."""
        row, column = np.nonzero(self.accelerator_h)
        kinds = np.asarray([OPERATIONS.index(kind) for kind in self.operations])
        return pd.DataFrame(
            {
                "region": _category(row, self.regions),
                "job_class": _category(column, self.classes),
                "operation": _category(kinds[column], OPERATIONS),
                "accelerator_h": self.accelerator_h[row, column],
                "price_cny_per_accelerator_h": self.price_cny[column],
                "bill_cny": self.bill_cny[row, column],
                "voucher_cny": self.voucher_cny[row, column],
                "paid_cny": self.paid_cny[row, column],
            }
        )

    def summary(self, cost_cny: float) -> dict[str, Any]:
        """Return sums; the margin is what comes in, vouchers included, less the run's cost."""
        bill = float(self.bill_cny.sum())

        def sums(rows: Any, columns: Any) -> dict[str, float]:
            part = np.ix_(rows, columns)
            return {
                "accelerator_h": float(self.accelerator_h[part].sum()),
                "bill_cny": float(self.bill_cny[part].sum()),
                "voucher_cny": float(self.voucher_cny[part].sum()),
                "paid_cny": float(self.paid_cny[part].sum()),
            }

        regions, classes = np.arange(len(self.regions)), np.arange(len(self.classes))
        kinds = np.asarray(self.operations)
        return {
            **sums(regions, classes),
            "margin_cny": bill - cost_cny if self.price_cny.any() else None,
            "by_operation": {
                kind: sums(regions, np.flatnonzero(kinds == kind))
                for kind in OPERATIONS
                if (kinds == kind).any()
            },
            "by_region": {name: sums([r], classes) for r, name in enumerate(self.regions)},
        }


def billed_accelerator_s(compiled: CompiledScenario, jobs: JobRecords) -> F8:
    """Return the accelerator-seconds that each job's user pays for, ``(n,)``.

    The run time of jobs that ended; for others what checkpoints keep, and of those that run what
    they have done since. What is lost to stops and what restarts take is not paid for.
    """
    speed = compiled.jobs.speed[jobs.job_class, np.maximum(jobs.pool, 0)]
    run_s = jobs.work_s / np.where(speed > 0.0, speed, 1.0)
    ended = np.isin(jobs.state, (COMPLETED, KILLED, FAILED))
    restart_s = np.where(jobs.restarts > 0, compiled.restart_s, 0.0)
    since_s = np.maximum(compiled.horizon_s - jobs.segment_s - restart_s, 0.0)
    kept_s = jobs.saved_s + np.where(jobs.state == RUNNING, since_s, 0.0)
    billed: F8 = np.where(ended, run_s, kept_s) * jobs.held_accelerators
    return np.where(jobs.pool >= 0, billed, 0.0)


def vouchers_cny(bill_cny: F8, share: float, budget_cny: float, has: F8) -> F8:
    """Return what vouchers pay of each bill: a share, cut in proportion to keep to the budget.

    Parameters
    ----------
    bill_cny
        ``(R, C)``.
    has
        ``(R,)`` 1 = the region's users have vouchers.
    """
    claimed = share * bill_cny * has[:, None]
    total = float(claimed.sum())
    granted: F8 = claimed * min(1.0, budget_cny / total) if total > 0.0 else claimed
    return granted


def billed_by_region(compiled: CompiledScenario, jobs: JobRecords) -> F8:
    """Return the accelerator-seconds that users of each region pay for by class, ``(R, C)``."""
    shape = (len(compiled.regions), len(compiled.jobs.classes))
    place = jobs.region.astype(np.int64) * shape[1] + jobs.job_class
    seconds = np.bincount(
        place, weights=billed_accelerator_s(compiled, jobs), minlength=shape[0] * shape[1]
    ).astype(np.float64)
    by_region: F8 = seconds.reshape(shape)
    return by_region


def bill_jobs(scenario: Scenario, compiled: CompiledScenario, billed_accelerator_s: F8) -> Bills:
    """Return every (region, class)'s bill: accelerator-hours times the class's price.

    Parameters
    ----------
    billed_accelerator_s
        ``(R, C)`` as of `billed_by_region`.
    """
    classes, regions = scenario.workload.job_classes, compiled.regions
    shape = (len(regions), len(classes))
    hours = billed_accelerator_s / SECONDS_PER_HOUR
    price = np.asarray([item.price_cny_per_accelerator_h for item in classes], dtype=np.float64)
    bill = hours * price
    spec = scenario.workload.vouchers
    voucher = np.zeros(shape)
    if spec is not None:
        has = np.asarray([not spec.regions or name in spec.regions for name in regions])
        voucher = vouchers_cny(bill, spec.share, spec.budget_cny, has.astype(np.float64))
    names = tuple(item.name for item in classes)
    kinds = tuple(item.operation for item in classes)
    return Bills(hours, price, bill, voucher, tuple(regions), names, kinds)
