"""Fitted generators replayed against their sources: ``python -m benchmarks.fits`` prints tables.

Jobs queue under EASY for one pool that the source loads to 0.8; requests are served, step by step,
by one replica of an 8-billion model on an H100. Five synthetic
traces each, their median and range beside the source.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from computenet.compilation import DISCIPLINES
from computenet.engines import (
    DEVICES,
    MODELS,
    EngineLimits,
    cache_capacity_tokens,
    serve_alone,
)
from computenet.kernels.job_queue import advance_jobs, push_arrivals
from computenet.kernels.job_state import make_job_inputs, make_job_out, make_job_state
from computenet.workload.fitting import fit_trace, goodness
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces import read_trace

JOBS = (
    "alibaba-pai-2020/pai-100k.csv.gz",
    "philly/philly.csv.gz",
    "swf/NASA-iPSC-1993-3.1-cln.swf.gz",
    "azure-vm-2017/azure-100k.csv.gz",
)
#: Requests, and how much slower than recorded they come, so that one replica can serve them.
REQUESTS = (
    ("azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz", 1.0),
    ("mooncake/conversation_trace.jsonl.gz", 6.0),
)
LOAD, SEEDS = 0.8, 5
TTFT_S, TPOT_S = 1.0, 0.05


def waits(jobs: JobTable, size: int) -> list[float]:
    """Return mean, p95 and p99 of waiting, s."""
    n = jobs.rows
    gang = np.minimum(jobs.accelerators, size)
    inputs = make_job_inputs(
        accelerators=gang,
        work_s=jobs.duration_s,
        estimate_s=jobs.estimate_s,
        discipline=np.asarray([DISCIPLINES["easy"]], dtype=np.int32),
        speed=np.ones((1, 1)),
        slot_s=1e9,
    )
    state = make_job_state(inputs, np.asarray([size]))
    push_arrivals(np.arange(n), jobs.submit_s, np.zeros(n, dtype=np.int32), n, state)
    advance_jobs(state, inputs, np.inf, make_job_out(1, 1, 1))
    wait = state.start_s - jobs.submit_s
    return [float(wait.mean()), *np.quantile(wait, [0.95, 0.99]).tolist()]


def latencies(requests: RequestTable, slower: float) -> list[float]:
    """Return TTFT p50 and p99, TPOT p99 in ms, and the share within the objectives."""
    model, device = MODELS["llama-3.1-8b"], DEVICES["h100-sxm"]
    limits = EngineLimits(256, 2048, cache_capacity_tokens(model, device, 1))
    served = serve_alone(
        slower * requests.arrival_s,
        np.maximum(requests.input_tokens, 1).astype(np.int64),
        np.maximum(requests.output_tokens, 1).astype(np.int64),
        model, device, 1, limits,
    )  # fmt: skip
    tpot = np.nan_to_num(served.tpot_s)
    good = (served.ttft_s <= TTFT_S) & (tpot <= TPOT_S)
    return [
        *(1000.0 * np.quantile(served.ttft_s, [0.5, 0.99])).tolist(),
        float(1000.0 * np.quantile(tpot, 0.99)),
        100.0 * float(good.mean()),
    ]


def _cells(source: list[float], drawn: list[list[float]]) -> str:
    many = np.asarray(drawn)
    return " | ".join(
        f"{one:,.0f} / {np.median(column):,.0f} ({column.min():,.0f} to {column.max():,.0f})"
        for one, column in zip(source, many.T, strict=True)
    )


def main() -> None:
    """Print both tables."""
    root = Path(os.environ["COMPUTENET_TRACES"])
    print("| jobs | KS gaps, run times, sizes | wait mean, s | p95 | p99 |\n|---|---|---|---|---|")
    for name in JOBS:
        fit = fit_trace(read_trace(root / name), "fit")
        source = fit.table
        assert isinstance(source, JobTable)
        work = float((source.accelerators * source.duration_s).sum())
        size = max(int(work / fit.span_s / LOAD), int(source.accelerators.max()))
        tables = [fit.draw(seed) for seed in range(SEEDS)]
        figures = goodness(source, tables[0], fit.span_s)["marginals"]
        ks = ", ".join(
            f"{figures[key]['ks']:.2f}" for key in ("interarrival_s", "duration_s", "accelerators")
        )
        drawn = [waits(table, size) for table in tables if isinstance(table, JobTable)]
        print(f"| {name.split('/')[1]} | {ks} | {_cells(waits(source, size), drawn)} |", flush=True)
    print("\n| requests | KS gaps, input, output | TTFT p50, ms | p99 | TPOT p99, ms | SLO, % |")
    print("|---|---|---|---|---|---|")
    for name, slower in REQUESTS:
        fit = fit_trace(read_trace(root / name), "fit")
        source_requests = fit.table
        assert isinstance(source_requests, RequestTable)
        tables = [fit.draw(seed) for seed in range(SEEDS)]
        figures = goodness(source_requests, tables[0], fit.span_s)["marginals"]
        ks = ", ".join(
            f"{figures[key]['ks']:.2f}"
            for key in ("interarrival_s", "input_tokens", "output_tokens")
        )
        made = [latencies(table, slower) for table in tables if isinstance(table, RequestTable)]
        cells = _cells(latencies(source_requests, slower), made)
        print(f"| {name.split('/')[1]} | {ks} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
