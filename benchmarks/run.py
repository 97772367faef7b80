"""Run the benchmarks: ``python -m benchmarks.run [SUITE …]``."""

from __future__ import annotations

import sys
from importlib import import_module

SUITES = (
    "startup",
    "requests",
    "jobs",
    "disciplines",
    "readers",
    "runs",
    "sharding",
    "bounds",
    "studies",
    "optimizer.clearing",
    "optimizer.fairness",
    "optimizer.gang",
    "optimizer.matching",
    "optimizer.dispatch",
    "optimizer.planning",
    "optimizer.routing",
)
#: Run only when named: minutes, and gigabytes.
LONG = ("optimizer.matching_large",)


def main() -> None:
    """Run the suites named, or all, and say what was met."""
    names = sys.argv[1:] or list(SUITES)
    unknown = [name for name in names if name not in SUITES + LONG]
    if unknown:
        raise SystemExit(f"no suite {', '.join(unknown)}; there are {', '.join(SUITES + LONG)}")
    missed = 0
    for name in names:
        print(name)
        for figure in import_module(f"benchmarks.{name}").run():
            print("  " + figure.line(), flush=True)
            missed += not figure.met
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
