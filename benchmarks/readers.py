"""Readers against Arrow's own read of the same files, and a replay of 50 million requests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.measure import Figure, median_s
from computenet.workload.traces import read_trace

ROWS, JOBS, MANY, PART = 5_000_000, 1_000_000, 50_000_000, 5_000_000
LIMIT_GIB = 2.0
REPLAY = """
import json, resource, sys
from computenet.study import prepare_replay, run_replay
prepared = prepare_replay([sys.argv[1]], overrides={"run.epoch_s": 3600.0})
results = run_replay(prepared)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"gib": peak, "served": results.summary["requests"]["served"]}))
"""


def _requests(rng: np.random.Generator, n: int, from_s: float = 0.0) -> pa.Table:
    return pa.table(
        {
            "arrival_s": from_s + np.sort(rng.random(n) * 0.00173 * n).round(5),
            "input_tokens": rng.integers(20, 3000, n).astype("i4"),
            "output_tokens": rng.integers(1, 500, n).astype("i4"),
        }
    )


def _swf(path: Path, rng: np.random.Generator) -> None:
    submit = np.sort(rng.integers(0, 30_000_000, JOBS))
    gang, run = rng.integers(1, 65, JOBS), rng.integers(60, 5000, JOBS)
    with path.open("w") as out:
        out.write("; Version: 2.2\n; MaxProcs: 400\n")
        out.writelines(
            f"{i + 1:6d} {submit[i]:9d} {5:6d} {run[i]:6d} {gang[i]:4d} -1 -1 {gang[i]:4d} "
            f"{3600:6d} -1 1 {i % 97:3d} {1:3d} -1 1 -1 -1 -1\n"
            for i in range(JOBS)
        )


def run() -> list[Figure]:
    """Return the figures."""
    rng = np.random.default_rng(1)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        table = _requests(rng, ROWS)
        stamps = np.datetime64("2024-05-10", "ns") + (table["arrival_s"].to_numpy() * 1e9).astype(
            "m8[ns]"
        )
        azure = pa.table(
            {
                "TIMESTAMP": pa.array(stamps),
                "ContextTokens": table["input_tokens"],
                "GeneratedTokens": table["output_tokens"],
            }
        )
        options = pyarrow.csv.WriteOptions(quoting_style="none")
        for name, rows in (("native.csv", table), ("azure-llm.csv", azure)):
            path = root / name
            pyarrow.csv.write_csv(rows, path, options)
            arrow, ours = (
                median_s(lambda path=path, read=read: read(path), 7)
                for read in (pyarrow.csv.read_csv, read_trace)
            )
            figures.append(
                Figure(
                    f"{name}, time over Arrow's own read",
                    ours / arrow,
                    "x",
                    "<= 2",
                    ours / arrow <= 2.0,
                )
            )
        pq.write_table(table, root / "native.parquet")
        speed = ROWS / 1e6 / median_s(lambda: read_trace(root / "native.parquet"), 7)
        figures.append(Figure("native.parquet", speed, "M rows/s", ">= 10", speed >= 10.0))
        _swf(root / "log.swf", rng)
        speed = JOBS / 1e6 / median_s(lambda: read_trace(root / "log.swf"), 5)
        figures.append(Figure("log.swf", speed, "M rows/s", ">= 1", speed >= 1.0))
        path = root / "many.csv"
        with pa.OSFile(str(path), "wb") as out:
            for part in range(MANY // PART):
                rows = _requests(rng, PART, float(part * 10_000))
                header = pyarrow.csv.WriteOptions(include_header=part == 0, quoting_style="none")
                pyarrow.csv.write_csv(rows, out, header)
        found = json.loads(
            subprocess.run(
                [sys.executable, "-c", REPLAY, str(path)], check=True, capture_output=True
            ).stdout
        )
        assert found["served"] == MANY
        gib = found["gib"]
        name = "replay of 50 M requests, peak memory"
        figures.append(Figure(name, gib, "GiB", f"<= {LIMIT_GIB:g}", gib <= LIMIT_GIB))
    return figures
