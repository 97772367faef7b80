"""With NUMBA_DISABLE_JIT=1 the kernels run as plain Python and give the same tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

CODE = """
import sys
import computenet as cn
scenario = cn.load("two-hubs", overrides={
    "days": 0.05, "workload.request_rate_per_day": 40000,
    "workload.job_classes.short.rate_per_day": 800,
    "events": [
        {"kind": "site-outage", "site": "west", "at_h": 0.3, "duration_h": 0.3},
        {"kind": "link-cut", "link": "east-west", "at_h": 0.5, "duration_h": 0.2},
    ],
})
results = cn.simulate(scenario)
for name in ("jobs", "requests", "pools", "sites", "links"):
    results.tables[name].to_pickle(f"{sys.argv[1]}/{name}.pkl")
"""


OUTAGE_AT_THE_END = """
import computenet as cn
scenario = cn.load("two-hubs", overrides={
    "days": 0.55, "run.slot_s": 60, "run.epoch_s": 3600, "workload.request_rate_per_day": 0,
    "workload.job_classes.short.rate_per_day": 400, "workload.job_classes.long.rate_per_day": 40,
    "events": [{"kind": "site-outage", "site": "east", "at_h": 13.2, "duration_h": 1}],
})
assert scenario.horizon_s > 47520.0 and cn.simulate(scenario).summary["jobs"]["submitted"] > 0
"""


def test_a_run_that_ends_a_rounding_after_its_last_slot_stays_within_its_arrays() -> None:
    subprocess.run(
        [sys.executable, "-W", "error", "-c", OUTAGE_AT_THE_END], check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip


def test_interpreted_kernels_give_the_same_tables(tmp_path: Path) -> None:
    for mode in ("0", "1"):
        (tmp_path / mode).mkdir()
        subprocess.run(
            [sys.executable, "-W", "error", "-c", CODE, str(tmp_path / mode)], check=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": mode},
        )  # fmt: skip
    for path in sorted((tmp_path / "0").iterdir()):
        compiled, plain = pd.read_pickle(path), pd.read_pickle(tmp_path / "1" / path.name)
        assert len(compiled) > 0
        # Library functions (log, exp) may differ in the last bit between the two.
        pd.testing.assert_frame_equal(compiled, plain, rtol=1e-12, atol=1e-12)
