"""The wide-area network as pure array functions."""

from computenet.network.alternatives import Alternatives, alternative_routes
from computenet.network.routes import LATENCY_FACTORS, Links, Routes, shortest_routes

__all__ = [
    "LATENCY_FACTORS",
    "Alternatives",
    "Links",
    "Routes",
    "alternative_routes",
    "shortest_routes",
]
