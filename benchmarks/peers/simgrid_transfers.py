"""Transfers against SimGrid's fluid network model: when flows end, and how fast both are.

``python -m benchmarks.peers.simgrid_transfers`` (Debian: ``libsimgrid-dev`` and ``g++``). Random
trees of links with routes of one to six hops; flows of equal weight start at random times. SimGrid
runs its model CM02 with factors of 1, no latency, no window limit and no cross-traffic, so both
share links max-min fairly and nothing else.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from computenet.kernels.transfers import (
    Paths,
    advance_transfers,
    make_transfer_out,
    make_transfer_state,
)

SOURCE = Path(__file__).with_suffix(".cpp")
LINKS, ROUTES, FLOWS, SEEDS = 40, 120, 4000, (1, 2, 3, 4, 5)


def _case(seed: int) -> tuple[np.ndarray, list[list[int]], np.ndarray, np.ndarray, np.ndarray]:
    """Return capacities in GB/s, routes, and starts, routes and whole bytes of flows."""
    rng = np.random.default_rng(seed)
    capacity = rng.uniform(1.0, 50.0, LINKS)
    routes = [
        rng.choice(LINKS, size=rng.integers(1, 7), replace=False).tolist() for _ in range(ROUTES)
    ]
    start = np.sort(rng.uniform(0.0, 4000.0, FLOWS))
    size = np.rint(1e9 * rng.lognormal(3.0, 1.0, FLOWS))
    return capacity, routes, start, rng.integers(0, ROUTES, FLOWS), size


def _ours(
    capacity: np.ndarray,
    routes: list[list[int]],
    start: np.ndarray,
    route: np.ndarray,
    size: np.ndarray,
) -> tuple[np.ndarray, float]:
    users = [[r for r, way in enumerate(routes) if link in way] for link in range(LINKS)]
    paths = Paths(
        first=np.concatenate([[0], np.cumsum([len(way) for way in routes])]).astype(np.int64),
        link=np.asarray([link for way in routes for link in way], dtype=np.int64),
        users=np.concatenate([[0], np.cumsum([len(u) for u in users])]).astype(np.int64),
        user=np.asarray([r for u in users for r in u], dtype=np.int64),
        capacity_gb_s=capacity,
        open=np.ones(ROUTES, dtype=np.int64),
        weight=np.ones(ROUTES),
        slot_s=np.asarray([1e6]),
    )
    state = make_transfer_state(FLOWS, ROUTES, LINKS)
    out = make_transfer_out(FLOWS, LINKS, 1)
    began = time.perf_counter()
    advance_transfers(
        np.arange(FLOWS), start, route.astype(np.int64), size / 1e9, FLOWS, state, paths, np.inf,
        out,
    )  # fmt: skip
    wall = time.perf_counter() - began
    finish = np.full(FLOWS, np.nan)
    finish[out.flow] = out.finish_s
    return finish, wall


def _simgrid(
    program: Path,
    capacity: np.ndarray,
    routes: list[list[int]],
    start: np.ndarray,
    route: np.ndarray,
    size: np.ndarray,
) -> tuple[np.ndarray, float]:
    lines = [str(LINKS), *(repr(float(value)) for value in capacity * 1e9), str(ROUTES)]
    lines += [" ".join(map(str, [len(way), *way])) for way in routes]
    lines.append(str(FLOWS))
    lines += [
        f"{float(begin)!r} {int(r)} {float(count)!r}"
        for begin, r, count in zip(start, route, size, strict=True)
    ]
    case = program.with_suffix(".txt")
    case.write_text("\n".join(lines) + "\n")
    done = subprocess.run([program, case], check=True, capture_output=True, text=True)
    wall, *ends = (float(line) for line in done.stdout.split())
    return np.asarray(ends), wall


def main() -> None:
    """Print the largest difference of a flow's end, and flows a second of both."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "flows"
        subprocess.run(["g++", "-O2", "-std=c++17", SOURCE, "-lsimgrid", "-o", program], check=True)
        _ours(*_case(0))
        rows = []
        for seed in SEEDS:
            case = _case(seed)
            ours, wall = _ours(*case)
            theirs, their_wall = _simgrid(program, *case)
            apart = np.abs(ours - theirs) / theirs
            rows.append((wall, their_wall, float(apart.max())))
            print(
                f"seed {seed}: ends differ by at most {apart.max():.1e} (median "
                f"{np.median(apart):.1e}); {FLOWS / wall:,.0f} against {FLOWS / their_wall:,.0f} "
                "flows/s"
            )
    wall, their_wall, _ = np.median(np.asarray(rows), axis=0)
    worst = max(row[2] for row in rows)
    print(f"median: {their_wall / wall:.1f} times SimGrid's speed; worst {worst:.1e}")


if __name__ == "__main__":
    main()
