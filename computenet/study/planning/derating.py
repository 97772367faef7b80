"""What a plan may count on, after a simulation of it showed less."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.study.planning.inputs import PlanInputs

__all__ = ["Derating", "derated"]

F8 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Derating:
    """Factors on a plan's assumptions.

    Attributes
    ----------
    room
        ``(C, Y)`` on accelerators held for one that is busy, services first, then jobs: 1.2 = a
        class gets a fifth more than load and utilisation ask for.
    draw
        ``(Y,)`` on the power of accelerators, idle and busy.
    green
        ``(I, Y)`` added to the green share that is asked of a site.
    own
        On what wind and sun yield: what operation without foresight uses of what the plan would.
    price, peak, network
        On what electricity by the hour, its peak and transfers cost: what operation without
        foresight pays above the plan's perfect one.
    """

    room: F8
    draw: F8
    green: F8
    own: float = 1.0
    price: float = 1.0
    peak: float = 1.0
    network: float = 1.0

    @classmethod
    def none(cls, inputs: PlanInputs) -> Derating:
        """Return the factors of a plan that has not been simulated."""
        p = inputs.problem
        room, green = np.ones(p.demand.room.shape), np.zeros(p.energy.green_share.shape)
        return cls(room, np.ones(len(p.stages.years)), green)


def derated(inputs: PlanInputs, by: Derating) -> PlanInputs:
    """Return the inputs of a plan with its assumptions corrected."""
    p = inputs.problem
    asked = p.energy.green_share
    problem = replace(
        p,
        demand=replace(
            p.demand,
            room=p.demand.room * by.room,
            transfer_cost=p.demand.transfer_cost * by.network,
        ),
        chips=replace(p.chips, metered=p.chips.metered * by.draw),
        energy=replace(
            p.energy,
            output=p.energy.output * by.own,
            price=p.energy.price * by.price,
            peak_cost=p.energy.peak_cost * by.peak,
            green_share=np.where(asked > 0.0, np.minimum(asked + by.green, 1.0), asked),
        ),
    )
    return replace(inputs, problem=problem)
