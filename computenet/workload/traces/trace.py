"""What a reader returns, and what a reader is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.opening import Content

__all__ = ["Labels", "NodeGroup", "Origin", "Trace", "TraceReader"]

#: The offset at the end of a time of day.
OFFSET = re.compile(r":\d{2}(?:\.\d+)?\s*([+-])(\d{2}):?(\d{2})$")


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of words beside a table.

    Attributes
    ----------
    names
        The different words, in order of their first row.
    code
        ``(n,)`` index into `names` for every row of the table; -1 = none.
    """

    names: tuple[str, ...]
    code: NDArray[np.int32]

    @classmethod
    def of(cls, words: Any, rows: NDArray[np.int64] | None = None) -> Labels:
        """Return the labels of words, one for each of `rows`; empty words are none."""
        text = pd.Series(words).astype(object).fillna("").astype(str).str.strip()
        code, names = pd.factorize(text.where(text != "", None).to_numpy(dtype=object))
        return cls(
            tuple(str(name) for name in names),
            code.astype(np.int32) if rows is None else code[rows].astype(np.int32),
        )


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes of one GPU model.

    Attributes
    ----------
    model
        As the trace calls it.
    nodes, accelerators
        How many.
    accelerators_per_node
        The most frequent number.
    """

    model: str
    nodes: int
    accelerators: int
    accelerators_per_node: int


@dataclass(frozen=True, slots=True)
class Origin:
    """The wall clock at time 0 of a trace, in the zone of its times.

    Attributes
    ----------
    second_s
        Seconds since midnight.
    weekday
        0 to 6 = Monday to Sunday; ``None`` = unknown.
    """

    second_s: float
    weekday: int | None = None

    @classmethod
    def of(cls, stamp_ns: int, written: str = "", *, offset_s: float = 0.0) -> Origin:
        """Return the clock at nanoseconds since 1970, UTC.

        Parameters
        ----------
        written
            A time of the trace as it stands there; where it has a zone, the clock is that zone's.
        offset_s
            Of the zone, where `written` has none.
        """
        zone = OFFSET.search(written.strip())
        if zone is not None:
            sign, hours, minutes = zone.groups()
            offset_s = float(f"{sign}1") * (3600.0 * int(hours) + 60.0 * int(minutes))
        local_s = stamp_ns / 1e9 + offset_s
        # The first day of 1970 was a Thursday.
        return cls(local_s % 86_400.0, int(local_s // 86_400.0 + 3) % 7)


@dataclass(frozen=True)
class Trace:
    """A trace that was read.

    Attributes
    ----------
    jobs, requests
        Tables for replay; ``None`` where the trace has none.
    facts
        What ``trace describe`` prints, or what computes it when it is asked for.
    notices
        What a user should know: rows sorted, rows that cannot be replayed and why.
    rows
        ``(n,)`` row of the source for every row of the table; ``None`` = the same.
    labels
        Words beside the table by name: ``gpu_type`` (alternatives joined by ``|``), ``region``,
        ``site``.
    nodes
        What a list of nodes holds, by GPU model.
    origin
        The wall clock at time 0, where it is on record.
    format, bytes
        The reader's name and the file's size.
    """

    jobs: JobTable | None
    requests: RequestTable | None
    facts: dict[str, Any] | Callable[[], dict[str, Any]]
    notices: tuple[str, ...] = field(default=())
    rows: NDArray[np.int64] | None = None
    labels: Mapping[str, Labels] = field(default_factory=dict)
    nodes: tuple[NodeGroup, ...] = ()
    origin: Origin | None = None
    format: str = ""
    bytes: int = 0

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Return what ``trace describe`` prints."""
        facts = self.facts() if callable(self.facts) else self.facts
        return {**facts, "format": self.format, "bytes": self.bytes}


@runtime_checkable
class TraceReader(Protocol):
    """Reads one format. One class in one file; it has no state."""

    #: Name for ``--format``.
    name: str

    def sniff(self, content: Content) -> bool:
        """Return whether a file is of this format, by its head."""
        ...

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the trace.

        Parameters
        ----------
        content
            The file.
        strict
            Refuse rows out of order instead of sorting them.

        Raises
        ------
        TraceError
            A row cannot be read; every kind of fault is reported with its first lines.
        """
        ...
