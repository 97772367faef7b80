"""Every public trace that holds jobs or requests, alone and in pairs, on ``china-2025``.

``python -m benchmarks.replays`` prints the table of ``docs/replays.md``. The policy is called every
hour; a trace's jobs and requests are what is read, not scaled to the network.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from computenet.errors import ComputenetError, TraceError
from computenet.study import prepare_replay, run_replay
from computenet.workload.traces import read_trace

#: Traces replayed together: jobs and requests.
PAIRS = (
    ("alibaba-pai-2020/pai_1k.csv", "azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz"),
    ("swf/NASA-iPSC-1993-3.1-cln.swf.gz", "mooncake/conversation_trace.jsonl.gz"),
    ("philly/philly.csv.gz", "azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz"),
    ("swf/HPC2N-2002-2.2-head.swf.gz", "opendc/surf_week/tasks.parquet"),
)
HEAD = (
    "| trace | jobs | requests | days | wall, s | mean wait, s | SLO | TTFT p99, ms | audit |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def replayable(root: Path) -> list[str]:
    """Return the traces below `root` that hold jobs or requests."""
    found = []
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.suffix == ".md" or "vllm-measured" in path.parts:
            continue
        try:
            trace = read_trace(path)
        except TraceError:
            continue
        rows = (trace.jobs.rows if trace.jobs else 0) + (
            trace.requests.rows if trace.requests else 0
        )
        if rows:
            found.append(str(path.relative_to(root)))
    return found


def line(root: Path, names: tuple[str, ...]) -> str:
    """Replay traces together and return a row of the table."""
    begin = time.perf_counter()
    prepared = prepare_replay([root / name for name in names], overrides={"run.epoch_s": 3600.0})
    results = run_replay(prepared)
    wall = time.perf_counter() - begin
    s = results.summary
    wait, slo = s["jobs"]["wait_s"]["mean"], s["requests"]["slo_attainment"]
    ttft = s["requests"]["ttft_ms"]["p99"]
    return (
        f"| {' + '.join(names)} | {s['jobs']['submitted']:,} | {s['requests']['arrived']:,} | "
        f"{results.scenario.days:g} | {wall:.1f} | "
        f"{'-' if wait is None else f'{wait:.1f}'} | {'-' if slo is None else f'{slo:.1%}'} | "
        f"{'-' if ttft is None else f'{ttft:,.0f}'} | "
        f"{'closes' if not results.audit.failures() else 'fails'} |"
    )


def main() -> None:
    """Print the table."""
    if "COMPUTENET_TRACES" not in os.environ:
        raise SystemExit("COMPUTENET_TRACES is not set")
    root = Path(os.environ["COMPUTENET_TRACES"])
    print(HEAD)
    failed = 0
    for names in [*((name,) for name in replayable(root)), *PAIRS]:
        try:
            print(line(root, names), flush=True)
        except ComputenetError as error:
            failed += 1
            print(f"| {' + '.join(names)} | {error} |", file=sys.stderr)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
