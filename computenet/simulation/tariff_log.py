"""Changes of prices, and of the month, in the log of events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from computenet.compiled import I8, CompiledScenario
from computenet.simulation.agenda import Agenda, Rank
from computenet.simulation.events import EventLog

__all__ = ["schedule_tariffs"]


def schedule_tariffs(compiled: CompiledScenario, agenda: Agenda, log: EventLog) -> None:
    """Have every change of a site's price, and every new month, logged at its slot."""
    differs = np.diff(compiled.sites.price_cny_per_mwh, axis=1) != 0.0
    month = np.diff(compiled.month_of_slot) != 0
    for before in np.flatnonzero(differs.any(axis=0) | month):
        slot = int(before) + 1
        changed = np.flatnonzero(differs[:, before])
        action = _entry(compiled, log, slot, changed, bool(month[before]))
        agenda.at(slot * compiled.slot_s, Rank.TARIFF, action)


def _entry(
    compiled: CompiledScenario, log: EventLog, slot: int, sites: I8, month: bool
) -> Callable[[float], None]:
    def act(now_s: float) -> None:
        if month:
            number = int(compiled.month_of_slot[slot])
            log.add(now_s, "month", "", f"month {number + 1} of the run begins")
        for site in sites:
            price = compiled.sites.price_cny_per_mwh[site, slot]
            log.add(now_s, "tariff", compiled.sites.ids[site], f"{price:g} CNY/MWh")

    return act
