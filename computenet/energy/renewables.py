"""Wind and solar power by the hour, calibrated to a capacity factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.energy.usual import MONTH_DAYS, month_of_hour
from computenet.energy.weather import HOURS

__all__ = ["pv_profile", "wind_profile"]

F8 = NDArray[np.float64]

#: Turbine: cut-in, rated and cut-out speed, m/s (an onshore machine of class III; assumed).
CUT_IN, RATED, CUT_OUT = 2.5, 10.5, 22.0
#: Weibull shape of wind speeds (Rayleigh).
WEIBULL_SHAPE = 2.0
#: Steps of the bisection for the scale that meets a capacity factor.
STEPS = 60


def _calibrated(shape: F8, capacity_factor: float) -> F8:
    """Return ``min(c x shape, 1)`` with the mean asked for."""
    low, high = 0.0, 1.0 / max(float(shape.max()), 1e-12)
    while float(np.minimum(high * shape, 1.0).mean()) < capacity_factor:
        high *= 2.0
        if high > 1e12:
            break
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        if float(np.minimum(middle * shape, 1.0).mean()) < capacity_factor:
            low = middle
        else:
            high = middle
    return np.minimum(high * shape, 1.0)


def pv_profile(
    latitude: float, longitude: float, utc_offset_h: float, cloud: F8, capacity_factor: float
) -> F8:
    """Return output over capacity, ``(8760,)``, with the annual mean given.

    Clear-sky irradiance on the horizontal (Haurwitz 1945, through pvlib) times
    ``1 - 0.75 n^3.4`` for cloudiness `n` (Kasten and Czeplak, Solar Energy 24, 1980), scaled.

    Parameters
    ----------
    cloud
        ``(8760,)`` cloud index, standard normal; `n` is its distribution function.
    capacity_factor
        Annual mean of output over capacity.
    """
    import pandas as pd
    from pvlib import clearsky, solarposition
    from scipy.special import ndtr

    hour = np.arange(HOURS) + 0.5
    day = np.floor(hour / 24.0) + 1.0
    tilt = solarposition.declination_spencer71(day)
    minutes = solarposition.equation_of_time_spencer71(day)
    solar_h = hour % 24.0 - utc_offset_h + longitude / 15.0 + minutes / 60.0
    angle = np.radians(15.0 * (solar_h - 12.0))
    zenith = solarposition.solar_zenith_analytical(np.radians(latitude), angle, tilt)
    sky = clearsky.haurwitz(pd.Series(np.degrees(zenith)))
    clear = sky["ghi"].to_numpy(dtype=np.float64)
    seen = clear * (1.0 - 0.75 * ndtr(cloud) ** 3.4)
    return _calibrated(seen, capacity_factor)


def power_curve(speed: F8) -> F8:
    """Return output over capacity of a turbine: cubic from cut-in to rated speed."""
    rising = (speed**3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    power = np.clip(rising, 0.0, 1.0)
    return np.where((speed < CUT_IN) | (speed > CUT_OUT), 0.0, power)


def wind_profile(index: F8, monthly: F8, hourly: F8, capacity_factor: float) -> F8:
    """Return output over capacity, ``(8760,)``, with the means of year and months given.

    Speeds are Weibull by the index's distribution function, times the hour's multiplier; in every
    month their scale is what meets its capacity factor through the power curve, as a typical year
    is made of typical months.

    Parameters
    ----------
    index
        ``(8760,)`` wind index, standard normal and persistent.
    monthly, hourly
        ``(12,)`` and ``(24,)`` relative energy; of speed, the hour's cube root.
    capacity_factor
        Annual mean of output over capacity.
    """
    from scipy.special import ndtr

    day = np.cbrt(np.tile(hourly / hourly.mean(), HOURS // 24))
    speed = (-np.log1p(-np.clip(ndtr(index), 0.0, 1.0 - 1e-12))) ** (1.0 / WEIBULL_SHAPE) * day
    month, days = month_of_hour(), np.asarray(MONTH_DAYS, dtype=np.float64)
    wanted = capacity_factor * monthly * (days.sum() / (monthly * days).sum())
    profile = np.empty(HOURS)
    for m in range(12):
        here = speed[month == m]
        low, high = 0.5, 40.0
        for _ in range(STEPS):
            middle = 0.5 * (low + high)
            if float(power_curve(middle * here).mean()) < wanted[m]:
                low = middle
            else:
                high = middle
        # What bisection leaves (cut-outs make the mean stop rising) is scaled away.
        profile[month == m] = _calibrated(power_curve(high * here), float(wanted[m]))
    return profile
