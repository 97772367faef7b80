"""The HTML report: map, key figures, series, targets, and what the numbers stand on."""

from computenet.report.page import render_report

__all__ = ["render_report"]
