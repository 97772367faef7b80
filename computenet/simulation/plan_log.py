"""What a policy decided in a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from computenet.compiled import F8
from computenet.policies.protocol import PriceRow

__all__ = ["PlanLog"]


class PlanLog:
    """What the policy decided; of shares only the rows that changed, in small types.

    Attributes
    ----------
    prices
        Every set of prices: (time, prices).
    setpoint_mw
        ``(I, S)`` set-points of storage, by slot.
    decision_s
        Wall time of every plan.
    expected_cny
        (time, what the plan expects energy and network to cost in an epoch), where it says.
    """

    def __init__(self, setpoint_mw: F8) -> None:
        self.setpoint_mw = setpoint_mw
        self.prices: list[tuple[float, tuple[PriceRow, ...]]] = []
        self.decision_s: list[float] = []
        self.expected_cny: list[tuple[float, float]] = []
        self._last: list[F8 | None] = [None, None]
        self._parts: list[tuple[Any, ...]] = []

    def add(self, now_s: float, requests: F8 | None, jobs: F8 | None) -> None:
        """Note new shares of requests ``(D, G)`` and of jobs ``(Q, P)``; ``None`` = as before."""
        for kind, value in enumerate((requests, jobs)):
            if value is None:
                continue
            before = self._last[kind]
            changed = (
                np.arange(len(value))
                if before is None
                else np.flatnonzero((value != before).any(axis=1))
            )
            self._last[kind] = value.copy()
            row, target = np.nonzero(value[changed])
            row = changed[row]
            self._parts.append(
                (now_s, kind, row.astype(np.int32), target.astype(np.int32), value[row, target])
            )

    def columns(self) -> tuple[Any, ...]:
        """Return time, kind (0 = requests, 1 = jobs), row, column and share of positive shares."""
        parts = self._parts
        if not parts:
            return np.zeros(0), *(np.zeros(0, dtype=np.int32),) * 3, np.zeros(0)
        count = [len(part[2]) for part in parts]
        return (
            np.repeat(np.asarray([part[0] for part in parts], dtype=np.float64), count),
            np.repeat(np.asarray([part[1] for part in parts], dtype=np.int32), count),
            *(np.concatenate([part[item] for part in parts]) for item in (2, 3, 4)),
        )
