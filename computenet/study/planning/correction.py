"""What a plan's assumptions become after its simulation showed otherwise.

A class whose service falls short in a stage gets more accelerators for the same load there. Its
misses are taken to fall with a power of those accelerators: at first in proportion to the load
where replicas are chosen blindly, and with its square where the better of several is chosen
(the mean-field limit of the supermarket model: Mitzenmacher, IEEE Trans. Parallel Distrib. Syst.
12(10), 2001), then with the power that the last two rounds showed, at least 1: classes that share a
model share its replicas, and what looks like less was noise. One that has too little of its
target within its latency circle gets as much more as is missing there. Jobs that wait too long get
more too; the power of accelerators is corrected by what was metered in each stage, wind and sun by
what of them was used, a site must plan as much above its target of green energy as its last plan
lost of it in the simulation, and a megawatt-hour from the grid, the peak and transfers cost what
operation without foresight paid above the plan's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from computenet.study.planning.derating import Derating
from computenet.study.planning.rounds import Agreement, Round

__all__ = ["corrected"]

F8 = NDArray[np.float64]

#: Most a class's accelerators are raised by in one round, and least where they are raised at all.
MOST_STEP, LEAST_STEP = 2.0, 1.02
#: Part of the tolerance that a correction aims at.
GOAL = 0.8
#: Powers of accelerators with which misses may fall.
LEAST_POWER, MOST_POWER = 1.0, 4.0
#: The first power, by the choice of replicas.
FIRST_POWER = {"random": 1.0, "round-robin": 1.0, "least-work": 2.0, "two-choices": 2.0}
#: Most a price is raised or lowered by in one round.
MOST_PRICE = 1.5


def corrected(rounds: Sequence[Round], within: Agreement) -> Derating:
    """Return the assumptions of the next plan."""
    last = rounds[-1]
    inputs, before = last.outcome.inputs, last.derating
    planned = np.maximum(last.stages["energy_gwh_planned"].to_numpy(np.float64), 1e-12)
    drawn = last.stages["energy_gwh_simulated"].to_numpy(np.float64) / planned
    own = before.own * _ratio(last, "own_gwh")
    gaps = last.sites["green_gap"].fillna(0.0).to_numpy(np.float64)
    short: F8 = gaps.reshape(-1, len(inputs.problem.sites.names))
    asked = last.sites["green_target"].to_numpy(np.float64).reshape(short.shape).T
    green = np.where(asked > 0.0, np.clip(before.green + short.T, 0.0, 1.0 - asked), 0.0)
    price, peak, network = before.price, before.peak, before.network
    if abs(last.cost_gap) > within.cost:
        more = float(planned @ drawn) / float(planned.sum())
        price *= _ratio(last, "grid energy", _ratio(last, "import_gwh", most=np.inf))
        peak *= _ratio(last, "peak charge", more)
        network *= _ratio(last, "network")
    return Derating(_room(rounds, within), before.draw * drawn, green, own, price, peak, network)


def _room(rounds: Sequence[Round], within: Agreement) -> F8:
    """Return the accelerators for one that is busy, by class and stage."""
    last = rounds[-1]
    room = last.derating.room.copy()
    services = [item.name for item in last.outcome.inputs.scenario.workload.service_classes]
    n = len(services)
    lost = _lost(last, services)
    choice = last.outcome.inputs.scenario.run.replica_choice
    powers: F8 = np.full(lost.shape, FIRST_POWER[choice])
    if len(rounds) > 1:
        earlier = rounds[-2]
        rooms = (earlier.derating.room[:n], room[:n])
        powers = _powers(_lost(earlier, services), lost, *rooms, FIRST_POWER[choice])
    for k, y in np.argwhere(lost > within.service).tolist():
        step = float(lost[k, y] / (GOAL * within.service)) ** (1.0 / float(powers[k, y]))
        room[k, y] *= min(max(step, LEAST_STEP), MOST_STEP)
    short = _by_class(last, services, last.coverage_short)
    target = _by_class(last, services, last.services["coverage_target"].to_numpy(np.float64))
    for k, y in np.argwhere(short > 0.0).tolist():
        step = max(1.0 + float(short[k, y] / target[k, y]), LEAST_STEP)
        room[k, y] = max(room[k, y], step * last.derating.room[k, y])
    for y, delay in enumerate(last.stages["job_delay"].tolist()):
        if delay > within.delay:
            step = min(1.0 + delay - within.delay, MOST_STEP)
            room[n:, y] *= max(step, LEAST_STEP)
    return room


def _lost(of: Round, services: list[str]) -> F8:
    """Return the service that fell short, ``(K, Y)``."""
    return _by_class(of, services, of.services["gap"].to_numpy(np.float64))


def _by_class(of: Round, services: list[str], values: F8) -> F8:
    """Return values by row of the table of services as ``(K, Y)``."""
    table = of.services.assign(value=values)
    table = table.pivot(index="service_class", columns="stage", values="value")
    found: F8 = table.loc[services, list(of.outcome.stages)].to_numpy(np.float64)
    return found


def _powers(before: F8, now: F8, room_before: F8, room_now: F8, first: float) -> F8:
    """Return the power with which misses fell as accelerators rose, the first where none did."""
    powers = np.full(now.shape, first)
    for at in np.ndindex(*now.shape):
        raised = math.log(room_now[at] / room_before[at])
        if raised > 0.0 and before[at] > 0.0 and now[at] > 0.0:
            power = math.log(before[at] / now[at]) / raised
            powers[at] = min(max(power, LEAST_POWER), MOST_POWER)
    return powers


def _ratio(last: Round, part: str, more: float = 1.0, most: float = MOST_PRICE) -> float:
    """Return what a part was over what was planned for so much more, all stages together."""
    planned, simulated = (
        float(last.stages[f"{part} {name}"].sum()) for name in ("planned", "simulated")
    )
    if planned <= 0.0 or more <= 0.0:
        return 1.0
    return min(max(simulated / (planned * more), 1.0 / most), most)
