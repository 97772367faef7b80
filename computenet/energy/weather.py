"""A typical year of weather at every site, hour by hour; or a real one from a file.

Typical years are made from monthly climate: a seasonal curve through the annual, January and July
means, a daily swing, and anomalies that last for days and are alike at neighbouring sites. They are
weather-like, not a record: means and persistence are right, single days mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOURS", "Climate", "Weather", "read_weather", "typical_year", "wet_bulb_c"]

F8 = NDArray[np.float64]

#: Hours of a typical year.
HOURS = 8760
#: Day of the year with the warmest mean (mid July), hour of the day with the highest temperature.
WARMEST_DAY, WARMEST_HOUR = 196.0, 15.0
#: Anomalies: persistence from day to day, standard deviation in degrees, and the distance in km
#: over which sites lose their likeness (all assumed, after mid-latitude synoptic weather).
DAY_PERSISTENCE, ANOMALY_C, ALIKE_KM = 0.75, 3.0, 900.0
CLOUD_PERSISTENCE, CLOUD_ALIKE_KM = 0.5, 600.0
WIND_PERSISTENCE, WIND_ALIKE_KM = 0.97, 500.0
EARTH_KM = 6371.0
#: What files may hold by pvlib's name, degrees and percent: the ranges of EPW's data dictionary
#: (EnergyPlus, Auxiliary Programs), beyond which lie the marks of missing values of either format.
PLAUSIBLE = {"temp_air": (-70.0, 70.0), "relative_humidity": (0.0, 110.0)}


@dataclass(frozen=True, slots=True)
class Climate:
    """Climate of sites, axis ``I``.

    Attributes
    ----------
    latitude, longitude
        Degrees.
    annual_c, january_c, july_c
        Mean temperatures.
    daily_range_c
        Mean difference of a day's highest and lowest temperature.
    humidity
        Mean relative humidity, 0 to 1.
    """

    latitude: F8
    longitude: F8
    annual_c: F8
    january_c: F8
    july_c: F8
    daily_range_c: F8
    humidity: F8


@dataclass(frozen=True, slots=True)
class Weather:
    """A year of weather, ``(I, 8760)`` from 0 h on 1 January, local time.

    Attributes
    ----------
    temperature_c, wet_bulb_c
        Dry and wet bulb.
    cloud
        Cloud index, standard normal: larger is cloudier.
    wind
        Wind index, standard normal.
    """

    temperature_c: F8
    wet_bulb_c: F8
    cloud: F8
    wind: F8


def wet_bulb_c(temperature_c: F8, humidity: F8) -> F8:
    """Return the wet bulb at sea-level pressure (R. Stull, J. Appl. Meteor. Climatol. 50, 2011).

    Parameters
    ----------
    temperature_c
        Dry bulb; the fit holds from -20 to 50 degrees.
    humidity
        Relative humidity, 0 to 1; the fit holds from 0.05 to 0.99.
    """
    t = np.clip(temperature_c, -20.0, 50.0)
    percent = 100.0 * np.clip(humidity, 0.05, 0.99)
    wet: F8 = (
        t * np.arctan(0.151977 * np.sqrt(percent + 8.313659))
        + np.arctan(t + percent)
        - np.arctan(percent - 1.676331)
        + 0.00391838 * percent**1.5 * np.arctan(0.023101 * percent)
        - 4.686035
    )
    # Below the fit's range dry and wet bulb are as good as equal.
    return np.minimum(np.where(temperature_c < -20.0, temperature_c, wet), temperature_c)


def distances_km(latitude: F8, longitude: F8) -> F8:
    """Return great-circle distances, ``(I, I)``, km."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    half = (
        np.sin((phi[:, None] - phi[None, :]) / 2.0) ** 2
        + np.cos(phi[:, None]) * np.cos(phi[None, :])
        * np.sin((lam[:, None] - lam[None, :]) / 2.0) ** 2
    )  # fmt: skip
    distance: F8 = 2.0 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return distance


def _alike(climate: Climate, km: float) -> F8:
    """Return the factor that makes independent normal numbers alike at neighbouring sites."""
    likeness = np.exp(-distances_km(climate.latitude, climate.longitude) / km)
    return np.asarray(np.linalg.cholesky(likeness + 1e-9 * np.eye(len(likeness))), dtype=np.float64)


def _persistent(rng: np.random.Generator, factor: F8, steps: int, keep: float) -> F8:
    """Return a stationary first-order autoregression, ``(I, steps)``, alike between sites."""
    from scipy.signal import lfilter

    noise = factor @ rng.standard_normal((len(factor), steps))
    noise[:, 1:] *= np.sqrt(1.0 - keep**2)
    series: F8 = lfilter([1.0], [1.0, -keep], noise, axis=1)
    return series


def typical_year(climate: Climate, seed: np.random.SeedSequence) -> Weather:
    """Return a typical year of the sites' climate.

    The seasonal curve is ``a + b cos + c cos 2`` of the year's angle from mid July, which meets the
    annual, January and July means; anomalies have mean zero over the year.
    """
    rng = np.random.default_rng(seed)
    hours = np.arange(HOURS, dtype=np.float64)
    angle = 2.0 * np.pi * (hours / 24.0 - WARMEST_DAY) / 365.0
    half = 0.5 * (climate.july_c - climate.january_c)
    second = 0.5 * (climate.july_c + climate.january_c) - climate.annual_c
    season = (
        climate.annual_c[:, None]
        + half[:, None] * np.cos(angle)
        + second[:, None] * np.cos(2.0 * angle)
    )
    swing = 0.5 * np.cos(2.0 * np.pi * (hours - WARMEST_HOUR) / 24.0)
    days = np.arange(366) * 24.0 + 12.0
    daily = ANOMALY_C * _persistent(rng, _alike(climate, ALIKE_KM), 366, DAY_PERSISTENCE)
    cloudy = _persistent(rng, _alike(climate, CLOUD_ALIKE_KM), 366, CLOUD_PERSISTENCE)
    wind = _persistent(rng, _alike(climate, WIND_ALIKE_KM), HOURS, WIND_PERSISTENCE)

    def hourly(values: F8) -> F8:
        return np.stack([np.interp(hours, days, row) for row in values])

    anomaly = hourly(daily)
    cloud = hourly(cloudy)
    # A cloudy day is cooler by day and warmer by night: the swing shrinks.
    damp = np.clip(1.0 - 0.25 * cloud, 0.3, 1.7)
    drawn = season + anomaly + climate.daily_range_c[:, None] * swing * damp
    temperature = np.asarray(
        drawn + (climate.annual_c - drawn.mean(axis=1))[:, None], dtype=np.float64
    )
    humidity = np.clip(climate.humidity[:, None] - 0.35 * swing + 0.06 * cloud, 0.1, 0.98)
    return Weather(temperature, wet_bulb_c(temperature, humidity), cloud, wind)


def read_weather(path: Path) -> tuple[F8, F8]:
    """Return dry and wet bulb, ``(8760,)`` each, of an EPW or TMY3 file.

    Raises
    ------
    ValueError
        The file is of neither format, has not 8,760 hours, or lacks a temperature or a humidity:
        blank, marked as missing (99.9 and 999, -9900), or out of :data:`PLAUSIBLE`.
    """
    import pandas as pd
    import pvlib

    read = pvlib.iotools.read_epw if path.suffix.lower() == ".epw" else _read_tmy3
    try:
        table, _ = read(str(path))
        columns = {name: pd.to_numeric(table[name], errors="coerce") for name in PLAUSIBLE}
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"lines are not where the format has them ({error})") from error
    if len(table) != HOURS:
        raise ValueError(f"holds {len(table):,} hours, not {HOURS:,}")
    found: dict[str, F8] = {}
    for name, (low, high) in PLAUSIBLE.items():
        values = found[name] = columns[name].to_numpy(dtype=np.float64)
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if wrong.size:
            first = "blank" if np.isnan(values[wrong[0]]) else f"{values[wrong[0]]:g}"
            raise ValueError(
                f"{name} of hour {wrong[0] + 1} is {first}, not {low:g} to {high:g} "
                f"({wrong.size:,} such hours)"
            )
    temperature = found["temp_air"]
    return temperature, wet_bulb_c(temperature, found["relative_humidity"] / 100.0)


def _read_tmy3(path: str) -> Any:
    import pvlib

    return pvlib.iotools.read_tmy3(path, map_variables=True)
