"""Where a run came from: versions, machine, times, memory, hashes."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

import computenet
from computenet.compiled import CompiledScenario
from computenet.scenario import Scenario, dump_scenario

if TYPE_CHECKING:
    from computenet.workload.replay import ReplayDemand

__all__ = ["make_manifest"]

PACKAGES = ("numpy", "numba", "simpy", "pandas", "pyarrow", "pydantic", "scipy", "plotly")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process, MB."""
    try:
        import resource

        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024.0
    except ImportError:
        return float(psutil.Process().memory_info().rss) / 1e6


def _decisions(decision_s: Sequence[float]) -> dict[str, Any]:
    """Return how many plans a policy made, and how long they took."""
    if not len(decision_s):
        return {"count": 0, "mean_ms": None, "p50_ms": None, "p95_ms": None}
    wall_ms = 1000.0 * np.asarray(decision_s, dtype=np.float64)
    p50, p95 = np.quantile(wall_ms, [0.5, 0.95])
    return {
        "count": len(decision_s),
        "mean_ms": round(float(wall_ms.mean()), 4),
        "p50_ms": round(float(p50), 4),
        "p95_ms": round(float(p95), 4),
    }


def make_manifest(
    scenario: Scenario,
    compiled: CompiledScenario,
    policy: object,
    wall_s: dict[str, float],
    decision_s: Sequence[float],
    recorded: ReplayDemand | None,
    streamed: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the manifest of a run.

    Parameters
    ----------
    wall_s
        Wall time by phase.
    decision_s
        Wall time of every call of the policy.
    recorded
        The demand replayed; ``None`` where it was generated.
    streamed
        Tables that were written while the run went on, whose rows are in no order.
    """
    text = dump_scenario(scenario)
    return {
        "computenet": computenet.__version__,
        "seed": scenario.seed,
        "policy": {
            "name": scenario.policy.name,
            "class": f"{type(policy).__module__}.{type(policy).__qualname__}",
            "parameters": dict(scenario.policy.parameters),
        },
        "demand": "generated" if recorded is None else "recorded",
        "sampling": {
            "factor": compiled.sampling,
            "request_window_h": scenario.run.request_window_h,
            "request_period_h": scenario.run.request_period_h,
            "notes": list(compiled.notes),
        },
        "packages": {"python": platform.python_version()}
        | {name: _version(name) for name in PACKAGES},
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        },
        "wall_s": {name: round(value, 3) for name, value in wall_s.items()},
        "decisions": _decisions(decision_s),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "streamed": list(streamed),
        "notices": list(recorded.notices) if recorded else [],
        "inputs": {
            "scenario.yaml": hashlib.sha256(text.encode()).hexdigest(),
            **(recorded.sha256 if recorded else {}),
        },
    }
