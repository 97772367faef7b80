"""Generators fitted to traces, and how well they fit."""

from computenet.workload.fitting.fit import Fit, fit_trace
from computenet.workload.fitting.goodness import goodness
from computenet.workload.fitting.servegen import draw_servegen

__all__ = ["Fit", "draw_servegen", "fit_trace", "goodness"]
