"""The wide-area network as pure array functions."""

from computenet.network.alternatives import Alternatives, alternative_routes
from computenet.network.distance import great_circle_km, optical_ms
from computenet.network.routes import LATENCY_FACTORS, Links, Routes, shortest_routes

__all__ = [
    "LATENCY_FACTORS",
    "Alternatives",
    "Links",
    "Routes",
    "alternative_routes",
    "great_circle_km",
    "optical_ms",
    "shortest_routes",
]
