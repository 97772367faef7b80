"""Latency between places of which nothing but coordinates is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DETOUR", "FIBRE_KM_PER_MS", "great_circle_km", "optical_ms"]

F8 = NDArray[np.float64]

EARTH_KM = 6371.0
#: Length of fibre over the great circle, calibrated on the latencies between China's hub cities
#: (CAICT, bulletin on the quality of the national compute network, 2024-Q1).
DETOUR = 1.8
#: Light in glass of refractive index 1.47.
FIBRE_KM_PER_MS = 204.0


def great_circle_km(latitude: F8, longitude: F8, other_latitude: F8, other_longitude: F8) -> F8:
    """Return great-circle distances, ``(R, I)``, km (haversine), between two sets of places."""
    phi, lam = np.radians(latitude)[:, None], np.radians(longitude)[:, None]
    phi2, lam2 = np.radians(other_latitude)[None, :], np.radians(other_longitude)[None, :]
    half = (
        np.sin((phi - phi2) / 2.0) ** 2
        + np.cos(phi) * np.cos(phi2) * np.sin((lam - lam2) / 2.0) ** 2
    )
    distance: F8 = 2.0 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return distance


def optical_ms(distance_km: F8) -> F8:
    """Return the one-way latency of the optical layer over a great-circle distance, ms."""
    latency: F8 = DETOUR * distance_km / FIBRE_KM_PER_MS
    return latency
