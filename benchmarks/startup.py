"""Start-up of the command line, and what compilation costs a first and a second run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Figure, median_s

BINARY = str(Path(sys.executable).with_name("computenet"))


def call(*words: str, cache: str | None = None) -> None:
    """Run the command line."""
    environment = dict(os.environ)
    if cache is not None:
        environment["COMPUTENET_CACHE_DIR"] = cache
    subprocess.run([BINARY, *words], check=True, capture_output=True, env=environment)


def run() -> list[Figure]:
    """Measure start-up and compilation."""
    call("--help")
    helps = median_s(lambda: call("--help"), 9)
    words = ("simulate", "two-hubs", "--days", "0.05")
    with tempfile.TemporaryDirectory() as cache:
        first = median_s(lambda: call(*words, cache=cache), 1)
        second = median_s(lambda: call(*words, cache=cache), 5)
    return [
        Figure("computenet --help", helps, "s", "< 0.7", helps < 0.7),
        Figure("first run after installation (kernels compiled)", first, "s", "", True),
        Figure("second run (compiled kernels read from disk)", second, "s", "", True),
    ]
