"""Small plots of a trace for the terminal: arrivals over time, and how sizes are spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from computenet.workload.tables import JobTable, RequestTable

__all__ = ["bars", "print_plots"]

BARS = " ▁▂▃▄▅▆▇█"
#: Columns of a plot.
WIDTH = 60


def bars(values: NDArray[np.float64]) -> str:
    """Return a line of bars, the largest value full; a value above 0 always shows."""
    most = float(values.max(initial=0.0))
    if most <= 0.0:
        return " " * len(values)
    heights = np.ceil(values / most * (len(BARS) - 1)).astype(int)
    return "".join(BARS[height] for height in heights)


def _over_time(times_s: NDArray[np.float64]) -> tuple[str, str]:
    end_s = max(float(times_s[-1]), 1.0)
    counts = np.histogram(times_s, bins=WIDTH, range=(0.0, end_s))[0]
    hours = end_s / WIDTH / 3600.0
    return bars(counts.astype(np.float64)), f"a bar = {hours:.3g} h, most {counts.max():,}"


def _by_size(values: NDArray[np.float64], unit: str) -> tuple[str, str]:
    positive = np.maximum(values, 1.0)
    low, high = np.log10(positive.min()), np.log10(positive.max())
    counts = np.histogram(np.log10(positive), bins=WIDTH, range=(low, max(high, low + 0.1)))[0]
    return bars(counts.astype(np.float64)), f"{10**low:,.0f} to {10**high:,.0f} {unit}, log scale"


def print_plots(jobs: JobTable | None, requests: RequestTable | None) -> None:
    """Print what there is to see of jobs and requests; nothing for other traces."""
    lines: list[tuple[str, str, str]] = []
    if jobs is not None and jobs.rows:
        lines.append(("submissions", *_over_time(jobs.submit_s)))
        lines.append(("run times", *_by_size(jobs.duration_s, "s")))
        lines.append(("gangs", *_by_size(jobs.accelerators.astype(np.float64), "accelerators")))
    if requests is not None and requests.rows:
        lines.append(("arrivals", *_over_time(requests.arrival_s)))
        lines.append(("input", *_by_size(requests.input_tokens.astype(np.float64), "tokens")))
        lines.append(("output", *_by_size(requests.output_tokens.astype(np.float64), "tokens")))
    console = Console(highlight=False)
    for name, plot, legend in lines:
        console.print(f"{name:>12} [{plot}]", markup=False, soft_wrap=True)
        console.print(f"{'':>13} {legend}", markup=False, soft_wrap=True)
