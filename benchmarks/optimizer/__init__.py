"""Optimisation models: how fast they are built and solved."""
