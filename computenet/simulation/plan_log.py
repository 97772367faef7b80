"""What a policy decided in a run."""

from __future__ import annotations

from dataclasses import dataclass

from computenet.compiled import F8
from computenet.policies.protocol import PriceRow

__all__ = ["PlanLog"]


@dataclass(frozen=True, slots=True)
class PlanLog:
    """What the policy decided.

    Attributes
    ----------
    changes
        Every change of shares: (time, request shares or None, job shares or None).
    prices
        Every set of prices: (time, prices).
    setpoint_mw
        ``(I, S)`` set-points of storage, by slot.
    decision_s
        Wall time of every plan.
    expected_cny
        (time, what the plan expects energy and network to cost in an epoch), where it says.
    """

    changes: list[tuple[float, F8 | None, F8 | None]]
    prices: list[tuple[float, tuple[PriceRow, ...]]]
    setpoint_mw: F8
    decision_s: list[float]
    expected_cny: list[tuple[float, float]]
