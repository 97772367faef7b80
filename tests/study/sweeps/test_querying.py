"""Queries over a study's tables: what is damaged is told, and the interrupt key is heard."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from computenet.errors import InputError
from computenet.study import query_study
from computenet.study.sweeps.dataset import MARK


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / MARK).write_text("{}")
    pd.DataFrame({"run": [0, 1], "seed": [1, 2]}).to_parquet(tmp_path / "runs.parquet")
    return tmp_path


def test_a_damaged_table_is_told(study: Path) -> None:
    assert query_study(study, "SELECT sum(seed) AS s FROM runs")["s"].tolist() == [3]
    whole = (study / "runs.parquet").read_bytes()
    (study / "runs.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as caught:
        query_study(study, "SELECT 1")
    (problem,) = caught.value.problems
    assert problem.path == str(study / "runs.parquet")
    assert "damaged" in problem.message


def test_the_interrupt_key_ends_a_query(study: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    key = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    try:
        key.start()
        with pytest.raises(KeyboardInterrupt):
            query_study(study, "SELECT sum(sin(a.range * b.range)) FROM range(9000000) a, "
                        "range(9000000) b")  # fmt: skip
    finally:
        key.join()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 30.0
