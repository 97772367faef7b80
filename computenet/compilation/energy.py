"""Weather, cooling, generation, storage and grid of the sites, by accounting slot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta, timezone
from pathlib import Path

import numpy as np

from computenet.compiled import F8, I8, EnergyArrays, SiteArrays
from computenet.energy import Battery, Climate, Usual, Weather
from computenet.energy.balance import RULES
from computenet.energy.cooling import calibrate, plant_pue, plant_water
from computenet.energy.renewables import OutOfReachError, pv_profile, wind_profile
from computenet.energy.usual import usual_year
from computenet.energy.weather import HOURS, read_weather, typical_year
from computenet.errors import InputError, Problem
from computenet.scenario import Scenario
from computenet.scenario.energy import GeneratorSpec
from computenet.scenario.scenario import GridShift, WeatherShift
from computenet.scenario.topology import SiteSpec
from computenet.streams import named_stream

__all__ = ["compile_energy"]

#: Rise of the wet bulb with the dry one in a heat wave, degrees a degree (assumed).
WET_PER_DRY = 0.6


def compile_energy(
    scenario: Scenario, sites: SiteArrays, n_slots: int, emission_kg_per_mwh: F8
) -> EnergyArrays:
    """Return the physical side of every site.

    Raises
    ------
    InputError
        A weather file cannot be read, or a generator cannot have its capacity factor.
    """
    n = len(sites.ids)
    full = scenario.energy.model == "full"
    states = scenario.energy.power_states
    edges_s = np.minimum(
        np.arange(n_slots + 1, dtype=np.float64) * scenario.run.slot_s, scenario.horizon_s
    )
    flat = np.ones((n, n_slots))
    none = np.zeros((n, n_slots))
    own = [site.import_limit_mw for site in scenario.topology.sites]
    limit = np.asarray([np.inf if most is None else most for most in own])[:, None] * flat
    price, emission = flat.copy(), flat.copy()
    for event in scenario.events:
        if not isinstance(event, GridShift):
            continue
        part = _covered(edges_s, event.at_h, event.duration_h)
        for name in event.sites:
            i = sites.ids.index(name)
            price[i] *= 1.0 + part * (event.price_factor - 1.0)
            emission[i] *= 1.0 + part * (event.emission_factor - 1.0)
            if event.import_limit_share < 1.0:
                # Beside the event a site may draw all that its IT does: a slot's mean lies between.
                share = 1.0 - part * (1.0 - event.import_limit_share)
                cap = share * sites.it_capacity_mw[i] * sites.pue[i]
                limit[i] = np.where(part > 0.0, np.minimum(limit[i], cap), limit[i])
    base = EnergyArrays(
        full=full,
        pue=sites.pue[:, None] * flat,
        water_l_per_kwh=sites.water_l_per_kwh[:, None] * flat,
        temperature_c=np.full((n, n_slots), np.nan),
        usual_pue=Usual(sites.pue[:, None] * flat, none, np.ones(n)),
        price_factor=price,
        emission_factor=emission,
        emission_kg_per_mwh=emission_kg_per_mwh * emission,
        onsite_mw=none,
        direct_mw=none.copy(),
        pv_mw=none.copy(),
        wind_mw=none.copy(),
        usual_mw=Usual(none, none, np.ones(n)),
        generation_cny_per_mwh=none.copy(),
        limit_mw=limit,
        battery=_no_batteries(n),
        cycle_cny_per_mwh=np.zeros(n),
        off_power_share=states.off_power_share if states else 0.0,
        carbon_cny_per_t=scenario.energy.carbon_price_cny_per_t,
    )
    return _full(scenario, sites, base, edges_s) if full else base


def _covered(edges_s: F8, at_h: float, duration_h: float) -> F8:
    """Return the part of each slot that a window covers, ``(S,)``."""
    begin_s, end_s = 3600.0 * at_h, 3600.0 * (at_h + duration_h)
    inside = np.minimum(edges_s[1:], end_s) - np.maximum(edges_s[:-1], begin_s)
    part: F8 = np.clip(inside, 0.0, None) / np.diff(edges_s)
    return part


def _no_batteries(n: int) -> Battery:
    zero = np.zeros(n)
    return Battery(zero, zero, np.ones(n), zero, np.zeros(n, dtype=np.int64), zero)


def _hours_of_year(scenario: Scenario, hours: int) -> tuple[I8, float]:
    """Return the typical year's hour for each hour of the run, and seconds into the first."""
    local = scenario.start.astimezone(timezone(timedelta(hours=scenario.topology.utc_offset_h)))
    first = local.replace(minute=0, second=0, microsecond=0)
    out = np.empty(hours, dtype=np.int64)
    for at in range(hours):
        when = first + timedelta(hours=at)
        day = 28 if (when.month, when.day) == (2, 29) else when.day
        place = date(2025, when.month, day).timetuple().tm_yday - 1
        out[at] = 24 * place + when.hour
    return out, (local - first).total_seconds()


def _to_slots(hourly: F8, lead_s: float, edges_s: F8) -> F8:
    """Return means over slots of values by hour of the run, ``(I, S)``."""
    knots_s = np.arange(hourly.shape[1] + 1) * 3600.0 - lead_s
    integral = np.concatenate(
        [np.zeros((len(hourly), 1)), np.cumsum(hourly * 3600.0, axis=1)], axis=1
    )
    at_edges = np.stack([np.interp(edges_s, knots_s, row) for row in integral])
    mean: F8 = np.diff(at_edges, axis=1) / np.diff(edges_s)
    return mean


def _climate(scenario: Scenario) -> Climate:
    sites = scenario.topology.sites
    given = [site.climate for site in sites]

    def column(name: str, default: float) -> F8:
        return np.asarray(
            [default if item is None else getattr(item, name) for item in given], dtype=np.float64
        )

    return Climate(
        np.asarray([site.latitude for site in sites], dtype=np.float64),
        np.asarray([site.longitude for site in sites], dtype=np.float64),
        column("annual_c", 15.0),
        column("january_c", 5.0),
        column("july_c", 25.0),
        column("daily_range_c", 10.0),
        column("humidity", 0.6),
    )


def _files(scenario: Scenario, weather: Weather, ids: tuple[str, ...]) -> None:
    """Put weather files in place of typical years; all faults are told at once."""
    problems: list[Problem] = []
    for name, file in scenario.energy.weather_files.items():
        path = f"energy.weather_files.{name}"
        if name not in ids:
            problems.append(Problem(path, file, "names no site", ", ".join(ids)))
            continue
        try:
            dry, wet = read_weather(Path(file))
        except (OSError, ValueError) as error:
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            problems.append(
                Problem(path, file, f"cannot be read: {message}", "an EPW or TMY3 file")
            )
            continue
        weather.temperature_c[ids.index(name)] = dry
        weather.wet_bulb_c[ids.index(name)] = wet
    if problems:
        raise InputError(problems)


def _full(scenario: Scenario, sites: SiteArrays, base: EnergyArrays, edges_s: F8) -> EnergyArrays:
    topology = scenario.topology
    n, slots = base.pue.shape
    weather = typical_year(_climate(scenario), named_stream(scenario.seed, "weather"))
    _files(scenario, weather, sites.ids)
    hours = int(np.ceil(scenario.horizon_s / 3600.0)) + 2
    index, lead_s = _hours_of_year(scenario, hours)
    shift = np.zeros((n, hours))
    clock_s = np.arange(hours + 1, dtype=np.float64) * 3600.0 - lead_s
    for event in scenario.events:
        if isinstance(event, WeatherShift):
            part = _covered(clock_s, event.at_h, event.duration_h)
            for name in event.sites:
                shift[sites.ids.index(name)] += event.temperature_c * part
    dry = weather.temperature_c[:, index] + shift
    wet = np.minimum(weather.wet_bulb_c[:, index] + WET_PER_DRY * shift, dry)
    pue, water = np.empty((n, hours)), np.empty((n, hours))
    pue_year, power_year = np.empty((n, HOURS)), np.zeros((n, HOURS))
    onsite, direct, pv, wind = (np.zeros((n, slots)) for _ in range(4))
    generation_price = np.zeros((n, slots))
    problems: list[Problem] = []
    for i, site in enumerate(topology.sites):
        if site.climate is None and site.id not in scenario.energy.weather_files:
            pue[i], water[i] = site.pue, site.water_l_per_kwh
            pue_year[i], dry[i] = site.pue, np.nan
        else:
            plant = calibrate(
                site.cooling, weather.temperature_c[i], weather.wet_bulb_c[i], site.pue
            )
            pue_year[i] = plant_pue(plant, weather.temperature_c[i], weather.wet_bulb_c[i])
            pue[i] = plant_pue(plant, dry[i], wet[i])
            water[i] = site.water_l_per_kwh * plant_water(plant, dry[i], wet[i])
        paid = np.zeros(slots)
        for item in site.generators:
            try:
                year = _generated_year(scenario, site, item, weather.cloud[i], weather.wind[i])
            except OutOfReachError as error:
                path = f"topology.sites.{site.id}.generators.{item.id}.capacity_factor"
                most = np.floor(1e4 * error.most) / 1e4
                problems.append(
                    Problem(path, item.capacity_factor, f"is out of reach: {error}",
                            f"at most {most:g}")
                )  # fmt: skip
                continue
            power_year[i] += item.capacity_mw * year
            power = item.capacity_mw * _to_slots(year[None, index], lead_s, edges_s)[0]
            (onsite if item.connection == "on-site" else direct)[i] += power
            (pv if item.kind == "pv" else wind)[i] += power
            paid += item.price_cny_per_mwh * power
        generation_price[i] = _mean_price(site.generators, paid, onsite[i] + direct[i])

    if problems:
        raise InputError(problems)

    def usual(year: F8) -> Usual:
        found = usual_year(year)
        mean, spread = (
            _to_slots(values[:, index], lead_s, edges_s) for values in (found.mean, found.spread)
        )
        return Usual(mean, spread, found.memory_h)

    return EnergyArrays(
        full=True,
        pue=_to_slots(pue, lead_s, edges_s),
        water_l_per_kwh=_to_slots(water, lead_s, edges_s),
        temperature_c=_to_slots(dry, lead_s, edges_s),
        usual_pue=usual(pue_year),
        price_factor=base.price_factor,
        emission_factor=base.emission_factor,
        emission_kg_per_mwh=base.emission_kg_per_mwh,
        onsite_mw=onsite,
        direct_mw=direct,
        pv_mw=pv,
        wind_mw=wind,
        usual_mw=usual(power_year),
        generation_cny_per_mwh=generation_price,
        limit_mw=base.limit_mw,
        battery=_batteries(scenario),
        cycle_cny_per_mwh=np.asarray(
            [site.battery.cycle_cny_per_mwh if site.battery else 0.0 for site in topology.sites]
        ),
        off_power_share=base.off_power_share,
        carbon_cny_per_t=base.carbon_cny_per_t,
    )


def _generated_year(
    scenario: Scenario, site: SiteSpec, item: GeneratorSpec, cloud: F8, wind: F8
) -> F8:
    """Return output over capacity in the site's weather, ``(8760,)``."""
    if item.kind == "pv":
        return pv_profile(
            site.latitude, site.longitude, scenario.topology.utc_offset_h, cloud,
            item.capacity_factor,
        )  # fmt: skip
    months, hours = item.months or np.ones(12), item.hours or np.ones(24)
    return wind_profile(wind, np.asarray(months), np.asarray(hours), item.capacity_factor)


def _mean_price(generators: Sequence[GeneratorSpec], paid: F8, power: F8) -> F8:
    """Return the mean price of a site's generation by slot, ``(S,)``, CNY/MWh.

    Parameters
    ----------
    paid, power
        ``(S,)`` CNY/h and MW of all that is generated; where that is nothing, the mean of a year.
    """
    if not generators:
        return np.zeros_like(power)
    prices = np.asarray([item.price_cny_per_mwh for item in generators], dtype=np.float64)
    yearly = np.asarray([item.capacity_mw * item.capacity_factor for item in generators])
    usual = float(np.average(prices, weights=yearly)) if np.ptp(prices) > 0.0 else prices[0]
    mean: F8 = np.divide(
        paid, power, out=np.full_like(power, usual), where=(power > 0.0) & (np.ptp(prices) > 0.0)
    )
    return mean


def _batteries(scenario: Scenario) -> Battery:
    items = [site.battery for site in scenario.topology.sites]

    def column(name: str, default: float) -> F8:
        values = [None if item is None else getattr(item, name) for item in items]
        return np.asarray(
            [default if value is None else value for value in values], dtype=np.float64
        )

    return Battery(
        column("power_mw", 0.0),
        column("energy_mwh", 0.0),
        column("efficiency", 1.0),
        column("initial", 0.0),
        np.asarray(
            [RULES["none" if item is None else item.rule] for item in items], dtype=np.int64
        ),
        column("target_mw", 0.0),
    )
