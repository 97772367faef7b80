"""What happened during a run."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MOST_NAMED", "EventLog"]

#: Failures, reclaims and rejected jobs named one by one; all are counted.
MOST_NAMED = 1000


@dataclass(slots=True)
class EventLog:
    """Outages, cuts, repairs, tariff and month changes, and notes of the policy."""

    time_s: list[float] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)
    detail: list[str] = field(default_factory=list)

    def add(self, time_s: float, kind: str, subject: str, detail: str = "") -> None:
        """Append an event."""
        self.time_s.append(time_s)
        self.kind.append(kind)
        self.subject.append(subject)
        self.detail.append(detail)
