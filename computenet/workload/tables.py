"""Demand as columns sorted by time: never a Python object a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["JobTable", "RequestTable", "concat_jobs"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


def _sorted(times: F8) -> bool:
    return bool((times[1:] >= times[:-1]).all())


@dataclass(frozen=True, slots=True)
class JobTable:
    """Jobs, sorted by submission.

    Attributes
    ----------
    job_id
        ``(n,)`` number in the source.
    submit_s
        ``(n,)`` seconds from the start, not decreasing.
    duration_s
        ``(n,)`` run time at reference speed, s.
    estimate_s
        ``(n,)`` run time expected by the user, at reference speed, s.
    accelerators
        ``(n,)`` gang size, at least 1.
    user
        ``(n,)`` tenant; -1 = unknown.
    data_gb
        ``(n,)`` input data to move before the start.
    recorded_wait_s
        ``(n,)`` waiting time on record; NaN where there is none.
    job_class, region
        ``(n,)`` indices; 0 until assigned.
    share
        ``(n,)`` part of each accelerator the job holds, above 0, at most 1.
    whole_nodes
        ``(n,)`` 1 = takes whole servers.
    kind
        ``(n,)`` index of the accelerator types it may run on; -1 = any.
    site
        ``(n,)`` index of the site where it ran on record; -1 = unknown.
    fails
        ``(n,)`` 1 = ends by failing.
    deadline_s
        ``(n,)`` time by which it should have ended; NaN = none.
    data_region
        ``(n,)`` region where its data lies; -1 = its own.
    held_s
        ``(n,)`` time before `submit_s` at which it was asked for, where a record is followed.
    job_classes, kinds
        Names of the classes; accelerator types of each kind, joined by ``|``.
    """

    job_id: I8
    submit_s: F8
    duration_s: F8
    estimate_s: F8
    accelerators: I8
    user: I4
    data_gb: F8
    recorded_wait_s: F8
    job_class: I4
    region: I4
    share: F8
    whole_nodes: I4
    kind: I4
    site: I4
    held_s: F8
    fails: I4
    deadline_s: F8
    data_region: I4
    job_classes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = {len(getattr(self, field.name)) for field in fields(self)[:-2]}
        if len(rows) != 1:
            raise ValueError("columns of a table have one length")
        if not _sorted(self.submit_s):
            raise ValueError("jobs are not sorted by submission")
        if self.rows and int(self.accelerators.min()) < 1:
            raise ValueError("a gang has at least 1 accelerator")
        if self.rows and not (self.share.min() > 0.0 and self.share.max() <= 1.0):
            raise ValueError("a share of an accelerator is above 0 and at most 1")

    @property
    def rows(self) -> int:
        """Number of jobs."""
        return len(self.submit_s)

    @classmethod
    def of(
        cls,
        submit_s: F8,
        duration_s: F8,
        accelerators: I8,
        *,
        job_id: I8 | None = None,
        estimate_s: F8 | None = None,
        user: I4 | None = None,
        data_gb: F8 | None = None,
        recorded_wait_s: F8 | None = None,
        job_class: I4 | None = None,
        region: I4 | None = None,
        share: F8 | None = None,
        whole_nodes: I4 | None = None,
        kind: I4 | None = None,
        site: I4 | None = None,
        held_s: F8 | None = None,
        fails: I4 | None = None,
        deadline_s: F8 | None = None,
        data_region: I4 | None = None,
        job_classes: tuple[str, ...] = (),
        kinds: tuple[str, ...] = (),
    ) -> JobTable:
        """Return a table with defaults for what is not given; sorts by submission, stably."""
        n = len(submit_s)
        order = None if _sorted(submit_s) else np.argsort(submit_s, kind="stable")

        def column(values: NDArray[np.generic] | None, default: float, kind: str) -> NDArray:  # type: ignore[type-arg]
            if values is None:
                return np.full(n, default, dtype=kind)
            return np.array(values if order is None else values[order], dtype=kind)

        return cls(
            job_id=column(np.arange(n) if job_id is None else job_id, 0, "i8"),
            submit_s=column(submit_s, 0.0, "f8"),
            duration_s=column(duration_s, 0.0, "f8"),
            estimate_s=column(duration_s if estimate_s is None else estimate_s, 0.0, "f8"),
            accelerators=column(accelerators, 1, "i8"),
            user=column(user, -1, "i4"),
            data_gb=column(data_gb, 0.0, "f8"),
            recorded_wait_s=column(recorded_wait_s, np.nan, "f8"),
            job_class=column(job_class, 0, "i4"),
            region=column(region, 0, "i4"),
            share=column(share, 1.0, "f8"),
            whole_nodes=column(whole_nodes, 0, "i4"),
            kind=column(kind, -1, "i4"),
            site=column(site, -1, "i4"),
            held_s=column(held_s, 0.0, "f8"),
            fails=column(fails, 0, "i4"),
            deadline_s=column(deadline_s, np.nan, "f8"),
            data_region=column(data_region, -1, "i4"),
            job_classes=job_classes,
            kinds=kinds,
        )

    @classmethod
    def empty(cls, job_classes: tuple[str, ...] = ()) -> JobTable:
        """Return a table without rows."""
        none = np.zeros(0)
        return cls.of(none, none, np.zeros(0, dtype=np.int64), job_classes=job_classes)

    def held_back(self, held_s: F8, site: I4) -> JobTable:
        """Return the jobs queueing only `held_s` after they were asked for, at known sites."""
        submit_s = self.submit_s + held_s
        order = np.argsort(submit_s, kind="stable")
        columns: dict[str, Any] = {
            field.name: value[order]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        columns |= {"submit_s": submit_s[order], "held_s": held_s[order], "site": site[order]}
        return replace(self, **columns)


@dataclass(frozen=True, slots=True)
class RequestTable:
    """Requests, sorted by arrival.

    Attributes
    ----------
    arrival_s
        ``(n,)`` seconds from the start, not decreasing.
    input_tokens, output_tokens
        ``(n,)`` at least 0; a request of no output tokens is answered by its first.
    cached_tokens
        ``(n,)`` prompt tokens whose key-value cache is there already (prefix reuse).
    service_class, region
        ``(n,)`` indices; 0 until assigned.
    """

    arrival_s: F8
    input_tokens: I4
    output_tokens: I4
    cached_tokens: I4
    service_class: I4
    region: I4

    def __post_init__(self) -> None:
        if len({len(getattr(self, field.name)) for field in fields(self)}) != 1:
            raise ValueError("columns of a table have one length")
        if not _sorted(self.arrival_s):
            raise ValueError("requests are not sorted by arrival")

    @property
    def rows(self) -> int:
        """Number of requests."""
        return len(self.arrival_s)

    @classmethod
    def of(
        cls,
        arrival_s: F8,
        input_tokens: I8 | I4,
        output_tokens: I8 | I4,
        *,
        cached_tokens: I8 | I4 | None = None,
    ) -> RequestTable:
        """Return a table; sorts by arrival, stably. Columns of the right type are not copied."""
        order = None if _sorted(arrival_s) else np.argsort(arrival_s, kind="stable")
        none = np.broadcast_to(np.int32(0), len(arrival_s))

        def column(values: NDArray[np.generic], kind: str) -> NDArray:  # type: ignore[type-arg]
            return np.ascontiguousarray(values if order is None else values[order], dtype=kind)

        return cls(
            column(arrival_s, "f8"),
            column(input_tokens, "i4"),
            column(output_tokens, "i4"),
            none if cached_tokens is None else column(cached_tokens, "i4"),
            none,
            none,
        )

    @classmethod
    def merged(cls, tables: Sequence[RequestTable]) -> RequestTable:
        """Return the rows of several tables in order of time."""
        if not tables:
            return cls.of(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
        if len(tables) == 1:
            return tables[0]
        columns = {
            field.name: np.concatenate([getattr(table, field.name) for table in tables])
            for field in fields(cls)
        }
        order = np.argsort(columns["arrival_s"], kind="stable")
        return cls(**{name: values[order] for name, values in columns.items()})

    def assigned(self, *, service_class: I4, region: I4) -> RequestTable:
        """Return the table with classes and regions."""
        return replace(self, service_class=service_class, region=region)


def concat_jobs(tables: Sequence[JobTable]) -> JobTable:
    """Return the rows of several tables in order of time; tenants of different tables differ.

    Kinds are those of the first table; all have the same.
    """
    if len(tables) == 1:
        return tables[0]
    users: list[I4] = []
    base = 0
    for table in tables:
        users.append(np.where(table.user >= 0, table.user + base, -1).astype(np.int32))
        base += int(table.user.max(initial=-1)) + 1

    def joined(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(table, name) for table in tables])

    return JobTable.of(
        joined("submit_s"),
        joined("duration_s"),
        joined("accelerators").astype(np.int64),
        job_id=np.arange(sum(table.rows for table in tables), dtype=np.int64),
        estimate_s=joined("estimate_s"),
        user=np.concatenate(users),
        data_gb=joined("data_gb"),
        recorded_wait_s=joined("recorded_wait_s"),
        share=joined("share"),
        whole_nodes=joined("whole_nodes").astype(np.int32),
        kind=joined("kind").astype(np.int32),
        site=joined("site").astype(np.int32),
        held_s=joined("held_s"),
        fails=joined("fails").astype(np.int32),
        deadline_s=joined("deadline_s"),
        data_region=joined("data_region").astype(np.int32),
        job_class=joined("job_class").astype(np.int32),
        region=joined("region").astype(np.int32),
        kinds=tables[0].kinds if tables else (),
    )
