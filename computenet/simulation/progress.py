"""How far a run has come, for whoever draws the bar."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a run.

    Attributes
    ----------
    now_s
        Simulated seconds since the start.
    wall_s
        Real seconds since the data plane started.
    jobs, requests
        Jobs submitted and requests simulated so far.
    run
        Name of the run, where several follow one another.
    """

    now_s: float
    wall_s: float
    jobs: int
    requests: int
    run: str = ""
