"""The power side of a bound: what load draws at the meter, and what the meter costs.

Everything is the simulator's own accounting, relaxed from below where it is not linear; see
:mod:`computenet.optimization.bound` for the model as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.energy import load_penalty, site_sum
from computenet.optimization.bound_periods import Periods, slot_hours
from computenet.optimization.sparse import Block, ModelBuilder
from computenet.units import WATTS_PER_MW

__all__ = ["Charges", "FacilityLoad", "Meters", "add_meters", "facility_load"]


@dataclass(frozen=True, slots=True)
class Charges:
    """What is paid besides the tariff and the network; the defaults charge nothing."""

    green_premium_cny_per_mwh: float = 0.0
    certificate_share: float = 0.0
    certificate_cny_per_mwh: float = 0.0
    carbon_cny_per_kg: float = 0.0
    voucher_share: float = 0.0
    voucher_budget_cny: float = 0.0


@dataclass(frozen=True, slots=True)
class FacilityLoad:
    """Facility energy as a function of the IT energy of work, from below; ``(I, T)``, MWh.

    ``facility >= idle + slope x work - saving x off``, where `work` is the IT energy above idle
    and `off` the idle energy that is switched off.
    """

    idle: F8
    slope: F8
    saving: F8
    most: F8  # with everything busy


def facility_load(
    compiled: CompiledScenario, periods: Periods, available: F8, switch_off: bool
) -> FacilityLoad:
    """Return the chord of facility energy over IT energy.

    With annual PUE the facility draws ``PUE x IT``. With cooling by load it draws
    ``f(IT) = IT max(PUE + k (0.65 - IT / IT_max), 1)``: the first of the two under the maximum is
    concave in IT, so it lies above its chord between the least and the most IT energy of a slot,
    and f above it. A period takes the sum of its slots' chords at idle load, the least of their
    slopes for what work adds and the largest for what switching off saves. Above IT_max, which IT
    energy may pass while a lent replica finishes its requests, f is straight and steeper than the
    chord.

    Parameters
    ----------
    available
        ``(I, S)`` share of each slot in which the site was up.
    switch_off
        Whether idle accelerators of job pools may be off.
    """
    p, sites = compiled.pools, len(compiled.sites.ids)
    hours = slot_hours(compiled)
    on_h = available[p.site] * hours  # (P, S)

    def energy(watts: F8) -> F8:
        return site_sum(watts[:, None] * on_h / WATTS_PER_MW, p.site, sites)

    serving = max(compiled.requests.prefill_activity, compiled.requests.decode_activity)
    activity = float(compiled.jobs.activity.max(initial=0.0))
    still_w = p.idle_w + p.overhead_w
    idle = energy(still_w * (p.accelerators + p.serving_accelerators))
    count = p.accelerators + p.serving_accelerators  # jobs may have all of them, if they are lent
    top = idle + energy(p.active_w * (activity * count + serving * p.serving_accelerators))
    off_share = compiled.energy.off_power_share
    low = idle - energy((1.0 - off_share) * still_w * count) if switch_off else idle
    pue = np.broadcast_to(compiled.energy.pue, idle.shape)
    if compiled.energy.full:
        most_w = (still_w + p.active_w) * count
        whole = site_sum(np.outer(most_w / WATTS_PER_MW, hours), p.site, sites)

        def draw(it: F8) -> F8:
            load = np.divide(it, whole, out=np.zeros_like(it), where=whole > 0.0)
            power: F8 = it * (pue + load_penalty(load))
            return power

        high = np.minimum(top, whole)
        spread = high - low
        rise = draw(high) - draw(low)
        slope = np.divide(rise, spread, out=np.array(pue), where=spread > 0.0)
        at_idle = draw(low) + slope * (idle - low)
        most = np.maximum(draw(top), top)
    else:
        slope, at_idle, most = np.array(pue), pue * idle, pue * top
    return FacilityLoad(
        idle=periods.total(at_idle),
        slope=periods.least(slope),
        saving=-periods.least(-slope),
        most=periods.total(most),
    )


@dataclass(frozen=True, slots=True)
class Meters:
    """Where the load of sites enters the model.

    Attributes
    ----------
    load
        ``(I, T)`` columns of facility energy, MWh.
    bill
        Columns, what a unit of each costs, CNY, and their upper bounds; the costs are in the
        objective already unless vouchers pay a part.
    """

    load: I8
    bill: list[tuple[I8, F8, F8]]


def add_meters(
    builder: ModelBuilder,
    compiled: CompiledScenario,
    charges: Charges,
    periods: Periods,
    facility: FacilityLoad,
    unserved_mwh: F8,
    *,
    carbon: bool,
) -> Meters:
    """Add import, storage and generation of every site, and the bill.

    ::

        used + import + discharge + unserved = load + charge             (site, period)
        level_b = level_(b-1) + sum_(t in b) (eta charge - discharge / eta)    (site, block)
        peak_m >= import_t / hours_t                                     (site, period of month m)
        contract >= share sum_t (used + import) - sum_t used             (site)

    with ``import <= limit``, ``used <= generation``, ``level <= capacity``, ``unserved`` at most
    what it was in any of the runs (it costs nothing in the accounts), and the bill::

        sum_t import (price + carbon price x factor) + demand charge x share of month x peak
          + generation price x used + wear x discharge + premium x contract
          + certificate price x min(certificate share, 1 - contract share) x import

    Contracts are exact; certificates are from below, ``min(c (used + import), import) >= c import``
    for c <= 1. Vouchers pay ``min(v bill, budget)``, so what is left is the larger of ``(1 - v)
    bill`` and ``bill - budget``, two rows. A site that only imports has one column a period.

    Parameters
    ----------
    unserved_mwh
        ``(I, T)``.
    carbon
        Whether the objective is kg of location-based emissions instead of CNY.
    """
    sites, physical = compiled.sites, compiled.energy
    n, count, hours = len(sites.ids), periods.count, periods.hours
    slots_h = slot_hours(compiled)
    generation = periods.total((physical.onsite_mw + physical.direct_mw) * slots_h)
    limit_slot = np.broadcast_to(physical.limit_mw, (n, compiled.n_slots))
    limit = periods.total(limit_slot * slots_h)
    battery = physical.battery
    stores = (battery.power_mw > 0.0) & (battery.energy_mwh > 0.0)
    rich = stores | (generation > 0.0).any(axis=1) | np.isfinite(limit_slot).any(axis=1)
    rich |= (unserved_mwh > 0.0).any(axis=1)
    share = sites.green_contract_share
    premium = charges.green_premium_cny_per_mwh if physical.full else 0.0
    certificate = np.minimum(charges.certificate_share, 1.0 - share)
    emission = np.broadcast_to(physical.emission_kg_per_mwh, (n, compiled.n_slots))
    per_mwh = sites.price_cny_per_mwh + charges.carbon_cny_per_kg * emission
    per_mwh = per_mwh + (charges.certificate_cny_per_mwh * certificate)[:, None]
    per_mwh = per_mwh + np.where(rich, 0.0, premium * share)[:, None]
    voucher = charges.voucher_share > 0.0 and not carbon
    bill: list[tuple[I8, F8, F8]] = []

    def charged(name: str, shape: tuple[int, ...], cost: F8, upper: F8) -> Block:
        cost = np.broadcast_to(0.0 if carbon else cost, shape)
        block = builder.add_columns(name, shape, cost=0.0 if voucher else cost, upper=upper)
        bill.append((block.index().ravel(), cost.ravel(), np.broadcast_to(upper, shape).ravel()))
        return block

    # A hair more than there can be, for the rounding of the accounts.
    most = facility.most * (1.0 + 1e-9) + np.where(stores, battery.power_mw, 0.0)[:, None] * hours
    most = np.minimum(most, limit)
    if carbon:
        imported = builder.add_columns(
            "import", (n, count), cost=periods.least(emission), upper=most
        )
    else:
        imported = charged("import", (n, count), periods.least(per_mwh), most)
        _add_peaks(builder, compiled, periods, imported, most, charged)
    load = imported.index().copy()
    at = np.flatnonzero(rich)
    if not at.size:
        return Meters(load, bill)
    shape = (len(at), count)
    which, when = np.ogrid[: len(at), :count]
    drawn = builder.add_columns("load", shape, upper=facility.most[at] * (1.0 + 1e-9))
    used = charged(
        "generation used", shape, periods.least(physical.generation_cny_per_mwh)[at], generation[at]
    )
    power = np.where(stores, battery.power_mw, 0.0)[at][:, None] * hours
    charge = builder.add_columns("charge", shape, upper=power)
    discharge = charged("discharge", shape, physical.cycle_cny_per_mwh[at][:, None], power)
    unserved = builder.add_columns("unserved", shape, upper=unserved_mwh[at])
    rows = builder.add_rows("power balance", shape, lower=0.0, upper=0.0)
    place = rows.index(which, when)
    for block, sign in (
        (used, 1.0),
        (discharge, 1.0),
        (unserved, 1.0),
        (drawn, -1.0),
        (charge, -1.0),
    ):
        builder.add_terms(place, block.index(which, when), sign)
    builder.add_terms(place, imported.index(at[:, None], when), 1.0)
    load[at] = drawn.index()
    _add_levels(builder, compiled, periods, at[stores[at]], at, charge, discharge)
    paid = np.flatnonzero(premium * share[at] > 0.0)
    if paid.size and not carbon:
        here = at[paid]
        contract = charged(
            "contract",
            (len(paid),),
            np.full(len(paid), premium),
            (most + generation)[here].sum(axis=1),
        )
        row = builder.add_rows("contract", (len(paid),), lower=0.0)
        builder.add_terms(row.index(), contract.index(), 1.0)
        places = row.index()[:, None]
        builder.add_terms(places, imported.index(here[:, None], when), -share[here][:, None])
        builder.add_terms(places, used.index(paid[:, None], when), (1.0 - share[here])[:, None])
    return Meters(load, bill)


def _add_peaks(
    builder: ModelBuilder, compiled: CompiledScenario, periods: Periods, imported: Block,
    most: F8, charged: Callable[[str, tuple[int, ...], F8, F8], Block],
) -> None:  # fmt: skip
    """Add the highest power of each month where it is charged."""
    fee = compiled.sites.demand_charge_cny_per_mw_month
    at = np.flatnonzero(fee > 0.0)
    months = len(compiled.month_share)
    if not at.size:
        return
    highest = np.max(most[at] / periods.hours, axis=1, keepdims=True)
    peak = charged(
        "peak", (len(at), months), fee[at][:, None] * compiled.month_share,
        np.repeat(highest, months, axis=1),
    )  # fmt: skip
    which, when = np.ogrid[: len(at), : periods.count]
    rows = builder.add_rows("peak", (len(at), periods.count), lower=0.0)
    builder.add_terms(rows.index(), peak.index(which, periods.month[None, :]), 1.0)
    builder.add_terms(rows.index(), imported.index(at[:, None], when), -1.0 / periods.hours)


def _add_levels(
    builder: ModelBuilder, compiled: CompiledScenario, periods: Periods, stores: I8, at: I8,
    charge: Block, discharge: Block,
) -> None:  # fmt: skip
    """Add what batteries hold at the end of every block."""
    if not stores.size:
        return
    battery = compiled.energy.battery
    eta = np.sqrt(battery.efficiency[stores])[:, None]
    full = battery.energy_mwh[stores][:, None]
    shape = (len(stores), periods.blocks)
    level = builder.add_columns("stored", shape, upper=np.broadcast_to(full, shape))
    first = np.zeros(shape)
    first[:, 0] = battery.initial[stores] * battery.energy_mwh[stores]
    rows = builder.add_rows("store", shape, lower=first, upper=first)
    builder.add_terms(rows.index(), level.index(), 1.0)
    which = np.arange(len(stores))[:, None]
    later = np.arange(1, periods.blocks)[None, :]
    builder.add_terms(rows.index(which, later), level.index(which, later - 1), -1.0)
    place = np.searchsorted(at, stores)[:, None]
    when = np.arange(periods.count)[None, :]
    ends = rows.index(which, periods.block[None, :])
    builder.add_terms(ends, charge.index(place, when), -eta)
    builder.add_terms(ends, discharge.index(place, when), 1.0 / eta)
