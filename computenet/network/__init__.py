"""The wide-area network as pure array functions."""

from computenet.network.routes import Links, Routes, shortest_routes

__all__ = ["Links", "Routes", "shortest_routes"]
