"""How well a synthetic trace resembles its source, figure beside figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from computenet.workload.fitting.counts import autocorrelation, dispersion
from computenet.workload.tables import JobTable, RequestTable

__all__ = ["goodness"]

#: Time scales of the index of dispersion, s.
SCALES_S = (1.0, 10.0, 60.0, 600.0, 3600.0)
#: Bin and lags of the autocorrelation of counts.
BIN_S, LAGS = 60.0, (1, 5, 15, 60)


def _columns(table: JobTable | RequestTable) -> dict[str, NDArray[Any]]:
    if isinstance(table, JobTable):
        return {
            "interarrival_s": np.diff(table.submit_s),
            "duration_s": table.duration_s,
            "accelerators": table.accelerators,
            "accelerator_s": table.duration_s * table.accelerators,
        }
    return {
        "interarrival_s": np.diff(table.arrival_s),
        "input_tokens": table.input_tokens,
        "output_tokens": table.output_tokens,
    }


def goodness(
    source: JobTable | RequestTable, drawn: JobTable | RequestTable, span_s: float
) -> dict[str, Any]:
    """Return figures of both and their distances.

    Returns
    -------
    dict
        ``marginals``: by column the Kolmogorov-Smirnov distance with its p-value, mean and
        percentiles of both; ``dispersion``: index of dispersion of both by time scale;
        ``autocorrelation``: of counts a minute, of both, by lag in minutes.
    """
    one, other = _columns(source), _columns(drawn)
    times = source.submit_s if isinstance(source, JobTable) else source.arrival_s
    again = drawn.submit_s if isinstance(drawn, JobTable) else drawn.arrival_s
    times = times - times[0]
    return {
        "rows": {"source": source.rows, "fitted": drawn.rows},
        "marginals": {name: _marginal(values, other[name]) for name, values in one.items()},
        "dispersion": {
            f"{scale:g}_s": {
                "source": dispersion(times, span_s, scale),
                "fitted": dispersion(again, span_s, scale),
            }
            for scale in SCALES_S
        },
        "autocorrelation": {
            f"{lag}_min": {
                "source": autocorrelation(times, span_s, BIN_S, lag),
                "fitted": autocorrelation(again, span_s, BIN_S, lag),
            }
            for lag in LAGS
        },
    }


def _marginal(source: NDArray[Any], fitted: NDArray[Any]) -> dict[str, Any]:
    if not len(source) or not len(fitted):
        return {"ks": None, "p_value": None, "source": None, "fitted": None}
    test = ks_2samp(source, fitted, method="asymp")
    return {
        "ks": float(test.statistic),
        "p_value": float(test.pvalue),
        "source": _described(source),
        "fitted": _described(fitted),
    }


def _described(values: NDArray[Any]) -> dict[str, float]:
    p50, p90, p99 = np.quantile(values, [0.5, 0.9, 0.99])
    return {
        "mean": float(values.mean()),
        "p50": float(p50),
        "p90": float(p90),
        "p99": float(p99),
    }
