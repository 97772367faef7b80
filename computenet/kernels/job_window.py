"""A window of jobs that moves: those that ended leave it, later ones come in.

The jobs that stay get new numbers in the old order, and with it every decision is the same: ties
go to the lower number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit
from computenet.kernels.job_running import expected_s
from computenet.kernels.job_state import (
    CHUNK_JOBS,
    EASY,
    JobInputs,
    JobState,
    chunk_places,
)

__all__ = ["move_window", "moved", "renumbered"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Value of a job that has not come yet, by column of the state; 0 where nothing is said.
_FRESH: dict[str, float] = {
    "following": -1, "right": -1, "chunk": -1, "rank": 0.0, "pool": -1, "status": 0,
    "ready_s": np.nan, "start_s": np.nan, "segment_s": np.nan, "finish_s": np.nan,
    "saved_s": 0.0, "lost_accelerator_s": 0.0, "restarts": 0,
}  # fmt: skip


def moved(values: NDArray[Any], keep: I8, more: int | NDArray[Any], value: float = 0.0) -> Any:
    """Return the kept rows of a column, and others behind: given ones, or `more` of one value."""
    kept = len(keep)
    fresh = None if isinstance(more, int) else more
    out = np.empty(kept + (more if isinstance(more, int) else len(more)), dtype=values.dtype)
    np.take(values, keep, out=out[:kept], mode="clip")
    out[kept:] = value if fresh is None else fresh
    return out


def renumbered(values: I8, number: I8) -> I8:
    """Return new numbers of jobs, -1 where there is none or where the job left."""
    if len(number) == 0:
        return np.full_like(values, -1)
    out: I8 = np.where(values >= 0, number[np.clip(values, 0, len(number) - 1)], -1)
    return out


def move_window(state: JobState, inputs: JobInputs, keep: I8, number: I8, more: int) -> JobState:
    """Return the state with the kept jobs and `more` that have not come yet.

    Parameters
    ----------
    inputs
        Of the kept and the coming jobs already.
    keep
        Numbers of the jobs that stay, increasing; every other one has ended or never had a pool.
    number
        ``(n,)`` new number of each job, -1 = it leaves.
    more
        How many come.
    """
    columns = {
        name: moved(getattr(state, name), keep, more, value)
        for name, value in _FRESH.items()
        if name != "chunk"
    }
    for name in ("following", "right"):
        links = columns[name]
        links[: len(keep)] = renumbered(links[: len(keep)], number)
    for name in ("head", "tail", "pending_head", "pending_tail"):
        columns[name] = renumbered(getattr(state, name), number)
    for p, running in enumerate(state.running.tolist()):
        base = state.arena[p]
        for jobs in (state.heap_job, state.ends_job):
            part = jobs[base : base + running]
            part[:] = renumbered(part, number)
    places = chunk_places(inputs, len(keep) + more)
    n_chunks = int(places[-1])
    columns |= {
        "chunk": np.full(len(keep) + more if n_chunks else 0, -1, dtype=np.int64),
        "chunks": places,
        "queued": np.zeros_like(state.queued),
        "chunk_first": np.full(n_chunks, -1, dtype=np.int64),
        "chunk_gang": np.zeros(n_chunks, dtype=np.int64),
        "chunk_s": np.zeros(n_chunks),
    }
    after = state._replace(**columns)
    if n_chunks:
        _cut_queues(after, inputs)
    return after


@njit
def _cut_queues(state: JobState, inputs: JobInputs) -> None:
    """Divide the queues of EASY pools into full chunks, with exact bounds."""
    for p in range(state.free.shape[0]):
        if inputs.discipline[p] != EASY:
            continue
        job = state.head[state.lanes[p]]
        before = np.int64(-1)
        while job >= 0:
            c = state.chunks[p] + state.queued[p] // CHUNK_JOBS
            gang = inputs.accelerators[job]
            run_s = expected_s(job, p, state, inputs)
            if state.chunk_first[c] < 0:
                state.chunk_first[c] = job
                state.chunk_gang[c] = gang
                state.chunk_s[c] = run_s
            else:
                state.chunk_gang[c] = min(state.chunk_gang[c], gang)
                state.chunk_s[c] = min(state.chunk_s[c], run_s)
            state.chunk[job] = c
            state.right[job] = before
            state.queued[p] += 1
            before = job
            job = state.following[job]
