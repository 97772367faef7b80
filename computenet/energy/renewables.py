"""Wind and solar power by the hour, calibrated to a capacity factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.energy.usual import MONTH_DAYS, month_of_hour
from computenet.energy.weather import HOURS

__all__ = ["OutOfReachError", "pv_profile", "wind_profile"]

F8 = NDArray[np.float64]

#: Turbine: cut-in, rated and cut-out speed, m/s (an onshore machine of class III; assumed).
CUT_IN, RATED, CUT_OUT = 2.5, 10.5, 22.0
#: Weibull shape of wind speeds (Rayleigh).
WEIBULL_SHAPE = 2.0
#: Steps of the bisection for the scale that meets a capacity factor.
STEPS = 60
#: How far a mean may miss the one asked for.
MISS = 1e-6
#: Scales of wind speeds that are looked at, m/s.
LEAST_SCALE, MOST_SCALE = 0.5, 40.0


class OutOfReachError(ValueError):
    """A capacity factor that no scale of the weather gives.

    Parameters
    ----------
    message
        What limits it.
    most
        The highest capacity factor that can be had.
    """

    def __init__(self, message: str, most: float) -> None:
        super().__init__(message)
        self.most = most


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

    Raises
    ------
    OutOfReachError
        The sun does not shine long enough.
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
    profile = _calibrated(seen, capacity_factor)
    if profile.mean() < capacity_factor - MISS:
        message = "the sun shines for no more of the year"
        raise OutOfReachError(message, float((seen > 0.0).mean()))
    return profile


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

    Raises
    ------
    OutOfReachError
        A month would need more than the power curve gives at any speed of the wind.
    """
    from scipy.special import ndtr

    day = np.cbrt(np.tile(hourly / hourly.mean(), HOURS // 24))
    speed = (-np.log1p(-np.clip(ndtr(index), 0.0, 1.0 - 1e-12))) ** (1.0 / WEIBULL_SHAPE) * day
    month, days = month_of_hour(), np.asarray(MONTH_DAYS, dtype=np.float64)
    wanted = capacity_factor * monthly * (days.sum() / (monthly * days).sum())
    profile, most = np.empty(HOURS), np.inf
    for m in range(12):
        here = speed[month == m]
        scale = _scale(here, float(wanted[m]), MOST_SCALE)
        if power_curve(scale * here).mean() < wanted[m]:
            # Cut-outs make the mean fall again beyond the best scale.
            best = _best_scale(here)
            scale = _scale(here, float(wanted[m]), best)
            reach = float(power_curve(best * here).mean())
            if reach < wanted[m] - MISS:
                most = min(most, capacity_factor * reach / float(wanted[m]))
        # What bisection leaves is scaled away.
        profile[month == m] = _calibrated(power_curve(scale * here), float(wanted[m]))
    if np.isfinite(most):
        raise OutOfReachError("at any speed of the wind a month gives less than its share", most)
    return profile


def _scale(speed: F8, wanted: float, high: float) -> float:
    """Return the scale of speeds, up to `high`, from which on the mean output is that wanted."""
    low = LEAST_SCALE
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        if float(power_curve(middle * speed).mean()) < wanted:
            low = middle
        else:
            high = middle
    return high


def _best_scale(speed: F8) -> float:
    """Return the scale of speeds at which the mean output is highest, m/s."""
    scales = np.linspace(LEAST_SCALE, MOST_SCALE, 400)
    return float(scales[np.argmax([power_curve(scale * speed).mean() for scale in scales])])
