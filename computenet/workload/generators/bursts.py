"""Bursts of demand."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Burst"]


@dataclass(frozen=True, slots=True)
class Burst:
    """A component of a burst factor: log-normal, mean 1, Ornstein-Uhlenbeck in logs."""

    cv: float
    correlation_s: float
