"""Scenarios turned into arrays."""

from computenet.compilation.scenario import DISCIPLINES, compile_scenario

__all__ = ["DISCIPLINES", "compile_scenario"]
