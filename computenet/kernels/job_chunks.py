"""A long queue in chunks, so that backfill passes over many jobs that cannot start at once.

Chunks hold consecutive jobs of a queue. Each knows its first waiting job and lower bounds on the
gangs and the run times of its jobs: exact when they were last looked at, never too high.
"""

from __future__ import annotations

import numpy as np

from computenet.kernels._jit import njit_inline
from computenet.kernels.job_running import expected_s
from computenet.kernels.job_state import CHUNK_JOBS, JobInputs, JobState

__all__ = ["chunk_insert", "chunk_remove"]


@njit_inline
def chunk_insert(job: int, before: int, p: int, state: JobState, inputs: JobInputs) -> None:
    """Put a job, linked into the queue behind `before` (-1 = first), into a chunk."""
    after = state.following[job]
    state.right[job] = before
    if after >= 0:
        state.right[after] = job
        c = state.chunk[after]
        if state.chunk_first[c] == after:
            state.chunk_first[c] = job
    else:
        # Jobs that come to a pool again may be more than there are: the last chunk takes them.
        c = min(state.chunks[p] + state.queued[p] // CHUNK_JOBS, state.chunks[p + 1] - 1)
        if state.restarts[job] == 0:
            state.queued[p] += 1
    run_s = expected_s(job, p, state, inputs)
    gang = inputs.accelerators[job]
    state.chunk[job] = c
    if state.chunk_first[c] < 0:
        state.chunk_first[c] = job
        state.chunk_gang[c] = gang
        state.chunk_s[c] = run_s
    else:
        state.chunk_gang[c] = min(state.chunk_gang[c], gang)
        state.chunk_s[c] = min(state.chunk_s[c], run_s)


@njit_inline
def chunk_remove(job: int, state: JobState) -> None:
    """Take a job out of its chunk and the links backwards; the queue's own links come after."""
    after = state.following[job]
    c = state.chunk[job]
    if after >= 0:
        state.right[after] = state.right[job]
    if state.chunk_first[c] == job:
        state.chunk_first[c] = np.int64(-1)
        if after >= 0 and state.chunk[after] == c:
            state.chunk_first[c] = after
