"""What a bound is made of: a scenario, and the work that its runs did."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.optimization.bound_power import Charges

__all__ = ["ROUNDING", "BoundCase", "Parcels", "Work"]

#: Taken off a bound, and off what has to be done, for the rounding of the accounts, relative.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Parcels:
    """Work of jobs whose data has the same way to go, axis ``N``.

    A parcel holds jobs of one class and one region with much the same data for their work.

    Attributes
    ----------
    job_class
        ``(N,)``.
    work_h
        ``(N,)`` useful reference accelerator-hours there are.
    excess_cny_per_h
        ``(N, I)`` least cost of moving the data of an accelerator-hour to a site, over that to the
        cheapest site.
    """

    job_class: I8
    work_h: F8
    excess_cny_per_h: F8


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done, and what there is to do; sums from the start to each slot's end.

    Attributes
    ----------
    jobs_h
        ``(C,)`` useful reference accelerator-hours that every run did.
    jobs_most_h
        ``(C, S)`` most that can be done by then.
    prefill_least, prefill_most, decode_least, decode_most
        ``(M, S)`` tokens of prompts, and tokens decoded, by model: what every run had done by
        then, and what had arrived.
    network_cny
        Least cost of the data that every run moved.
    bulk_cny
        Least cost of the bulk moves, which are made whatever work is done.
    parcels
        What more it costs to work elsewhere; ``None`` = nothing.
    """

    jobs_h: F8
    jobs_most_h: F8
    prefill_least: F8
    prefill_most: F8
    decode_least: F8
    decode_most: F8
    network_cny: float = 0.0
    bulk_cny: float = 0.0
    parcels: Parcels | None = None

    def without(self) -> Work:
        """Return no work at all, beside the bulk moves."""
        parcels = self.parcels
        return Work(
            np.zeros_like(self.jobs_h), np.zeros_like(self.jobs_most_h),
            np.zeros_like(self.prefill_least), np.zeros_like(self.prefill_most),
            np.zeros_like(self.decode_least), np.zeros_like(self.decode_most),
            bulk_cny=self.bulk_cny,
            parcels=None if parcels is None else replace(parcels, work_h=0.0 * parcels.work_h),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BoundCase:
    """A scenario and the work of its runs.

    Attributes
    ----------
    available
        ``(I, S)`` share of each slot in which the site was up.
    unserved_mwh
        ``(I, S)`` most load beyond the import limit in any run; it costs nothing.
    overlap_h
        ``(P, S)`` accelerator-hours counted twice in any run, lent to jobs and serving still.
    switch_off
        Whether idle accelerators of job pools may be off.
    """

    compiled: CompiledScenario
    charges: Charges
    work: Work
    available: F8
    unserved_mwh: F8
    overlap_h: F8
    switch_off: bool
