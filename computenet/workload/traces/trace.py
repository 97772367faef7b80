"""What a reader returns, and what a reader is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.opening import Content

__all__ = ["Trace", "TraceReader"]


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace read whole.

    Attributes
    ----------
    jobs, requests
        Tables for replay; ``None`` where the trace has none.
    figures
        What ``trace describe`` prints.
    notices
        What a user should know: rows sorted, rows that cannot be replayed and why.
    """

    jobs: JobTable | None
    requests: RequestTable | None
    figures: dict[str, Any]
    notices: tuple[str, ...] = field(default=())


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
            The whole file.
        strict
            Refuse rows out of order instead of sorting them.

        Raises
        ------
        TraceError
            A row cannot be read; every kind of fault is reported with its first lines.
        """
        ...
