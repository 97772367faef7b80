"""One replica serving a trace, beside what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from computenet import engines
from computenet.errors import InputError, Problem, TraceError, nearest
from computenet.workload.traces import read_trace
from computenet.workload.traces.vllm import latency_figures

__all__ = ["serve"]


def serve(
    trace: str | Path,
    *,
    model: str,
    accelerator: str,
    parallel: int = 1,
    slots: int = 256,
    budget: int = 2048,
    cache_tokens: int | None = None,
    law: str = "continuous-batching",
    asynchronous: bool = True,
) -> dict[str, Any]:
    """Serve the requests of a trace by one replica; beside measured latencies where there are any.

    Parameters
    ----------
    model, accelerator
        Names in `computenet.engines.MODELS` and `DEVICES`.
    parallel
        Accelerators of the replica (tensor parallel).
    slots, budget
        Most requests running, most tokens of a step.
    cache_tokens
        Tokens of key-value cache; ``None`` = what fits beside the weights.
    law
        ``continuous-batching`` or ``processor-sharing``.
    asynchronous
        The engine decides a step while the one before it runs.

    Raises
    ------
    InputError
        A name is not in the tables, a number is out of range, the model does not fit in memory.
    TraceError
        The trace cannot be read or has no requests.
    """
    problems = [
        Problem(name, value, "is out of range", "1 or more")
        for name, value in (
            ("--parallel", parallel),
            ("--slots", slots),
            ("--budget", budget),
            ("--cache-tokens", 1 if cache_tokens is None else cache_tokens),
        )
        if value < 1
    ]
    if law not in engines.LAWS:
        problems.append(
            Problem("--law", law, "is no law", ", ".join(engines.LAWS), nearest(law, engines.LAWS))
        )
    if not asynchronous and law == "processor-sharing":
        problems.append(Problem("--sync", None, "is not used by processor sharing"))
    if problems:
        raise InputError(problems, "nothing was run")
    chosen = engines.find(engines.MODELS, model, "--model")
    device = engines.find(engines.DEVICES, accelerator, "--accelerator")
    room = engines.cache_capacity_tokens(chosen, device, parallel)
    limits = engines.EngineLimits(
        slots, budget, room if cache_tokens is None else cache_tokens, int(asynchronous)
    )
    read = read_trace(trace)
    if read.requests is None or not read.requests.rows:
        raise TraceError([Problem(str(trace), None, "holds no requests", "a trace of requests")])
    table = read.requests
    served = engines.serve_alone(
        table.arrival_s,
        np.maximum(table.input_tokens, 1).astype(np.int64),
        np.maximum(table.output_tokens, 1).astype(np.int64),
        chosen,
        device,
        parallel,
        limits,
        law,
    )
    tpot = served.tpot_s[np.isfinite(served.tpot_s)]
    simulated: dict[str, Any] = {}
    for name, values in (("ttft", served.ttft_s), ("tpot", tpot), ("e2e", served.e2e_s)):
        if len(values):
            simulated |= latency_figures(name, values)
    measured = {name: read.figures[name] for name in simulated if name in read.figures}
    return {
        "requests": table.rows,
        "served": len(served.arrival_s),
        "dropped": served.dropped,
        "law": law,
        "cache_tokens": limits.cache_tokens,
        "model_grade": chosen.grade,
        "accelerator_grade": device.grade,
        "accelerator_source": device.source,
        "simulated": simulated,
        "measured": measured,
        "error": {name: simulated[name] / value - 1.0 for name, value in measured.items() if value},
    }
