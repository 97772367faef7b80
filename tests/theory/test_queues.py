"""The kernels against queueing theory, with confidence intervals from batch means."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from scipy import stats

from computenet.kernels.job_queue import (
    advance_jobs,
    push_arrivals,
)
from computenet.kernels.job_state import (
    FCFS,
    make_job_inputs,
    make_job_out,
    make_job_state,
)
from computenet.kernels.request_state import (
    RequestChunk,
    RoutingPlan,
    grow_arena,
    make_arena,
    make_replica_facts,
    make_request_out,
    make_request_state,
)
from computenet.kernels.requests import advance_requests, close_requests

BATCHES = 30


def interval(values: np.ndarray, level: float = 0.999) -> tuple[float, float]:
    """Return a confidence interval of the mean from batch means, the first batch left out."""
    batches = [part.mean() for part in np.array_split(values, BATCHES + 1)[1:]]
    mean, error = float(np.mean(batches)), float(stats.sem(batches))
    half = error * float(stats.t.ppf(0.5 + level / 2.0, BATCHES - 1))
    return mean - half, mean + half


def within(values: np.ndarray, theory: float) -> None:
    low, high = interval(values)
    assert low <= theory <= high, (low, theory, high)
    assert high - low < 0.35 * theory, "the interval says too little"


def waits_of_jobs(arrival_s: np.ndarray, work_s: np.ndarray, servers: int) -> np.ndarray:
    n = len(arrival_s)
    inputs = make_job_inputs(
        accelerators=np.ones(n, dtype=np.int64),
        work_s=work_s,
        estimate_s=work_s,
        speed=np.ones((1, 1)),
        discipline=np.asarray([FCFS], dtype=np.int32),
        slot_s=1e9,
    )
    state = make_job_state(inputs, np.asarray([servers]))
    push_arrivals(np.arange(n), arrival_s, np.zeros(n, dtype=np.int32), n, state)
    advance_jobs(state, inputs, np.inf, make_job_out(1, 1, 1))
    return state.start_s - arrival_s


def erlang_c(servers: int, load: float) -> float:
    """Return the probability of waiting in M/M/c (Erlang 1917)."""
    top = load**servers / factorial(servers) * servers / (servers - load)
    return top / (sum(load**k / factorial(k) for k in range(servers)) + top)


@pytest.mark.parametrize(("servers", "rho"), [(1, 0.7), (4, 0.8), (10, 0.85)])
def test_erlang_c(servers: int, rho: float) -> None:
    rng = np.random.default_rng(11)
    n = 400_000
    arrival = np.cumsum(rng.exponential(1.0 / (servers * rho), n))
    waits = waits_of_jobs(arrival, rng.exponential(1.0, n), servers)
    waiting = erlang_c(servers, servers * rho)
    within((waits > 0.0).astype(float), waiting)
    within(waits, waiting / (servers * (1.0 - rho)))


@pytest.mark.parametrize("law", ["deterministic", "hyperexponential"])
def test_pollaczek_khinchine(law: str) -> None:
    rng = np.random.default_rng(12)
    n, rho = 400_000, 0.7
    if law == "deterministic":
        service = np.ones(n)
        second = 1.0
    else:
        # Balanced means: half the work in rare long jobs; E S = 1, E S^2 = 2 (p m1^2 + q m2^2).
        p = 0.9
        service = np.where(rng.random(n) < p, 0.5 / p, 0.5 / (1 - p)) * rng.exponential(1.0, n)
        second = 2.0 * (p * (0.5 / p) ** 2 + (1 - p) * (0.5 / (1 - p)) ** 2)
    arrival = np.cumsum(rng.exponential(1.0 / rho, n))
    within(waits_of_jobs(arrival, service, 1), rho * second / (2.0 * (1.0 - rho)))


def serve(
    arrival_s: np.ndarray, output: np.ndarray, slots: int, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (arrival, time in system) of every request on one replica without prefill."""
    n = len(arrival_s)
    facts = make_replica_facts(
        np.asarray([1]), np.asarray([slots]), np.asarray([1e12]), rates[None, :],
        np.asarray([1.0]), np.asarray([1.0]), 1, 1e9,
    )  # fmt: skip
    state = make_request_state(facts)
    out = make_request_out(1, 1, 1, record_rows=n)
    arena = grow_arena(make_arena(), state, n)
    none = np.zeros(n, dtype=np.int32)
    chunk = RequestChunk(
        arrival_s, none, none + 1, output.astype(np.int32), none, np.zeros(n, dtype=np.float32),
        np.asarray([n], dtype=np.int64),
    )  # fmt: skip
    plan = RoutingPlan(
        np.asarray([0, 1]), np.zeros(1, dtype=np.int32), np.ones(1), np.ones(1), np.zeros((1, 1)),
        np.zeros((1, 1)), np.ones((1, 1), dtype=np.uint8), np.zeros(1, dtype=np.int64),
    )  # fmt: skip
    advance_requests(chunk, plan, state, facts, arena, np.inf, out)
    close_requests(plan, state, facts, arena, 1e12, out)
    order = np.argsort(out.record[:, 1])
    return out.record[order, 1], out.record[order, 4]


@pytest.mark.parametrize("law", ["exponential", "two-point"])
def test_processor_sharing_depends_on_the_mean_only(law: str) -> None:
    """M/G/1-PS: the mean time in system is E S / (1 - rho), whatever the law (Kleinrock 1976)."""
    rng = np.random.default_rng(13)
    n, rho, mean = 300_000, 0.7, 1000.0
    if law == "exponential":
        tokens = 1 + np.rint(rng.exponential(mean, n))
    else:
        tokens = 1 + np.where(rng.random(n) < 0.9, 500.0, 5500.0)
    arrival = np.cumsum(rng.exponential(mean / 1000.0 / rho, n))
    rates = np.full(2001, 1000.0)  # the whole rate however many decode
    _, sojourn = serve(arrival, tokens, 2000, rates)
    within(sojourn, 1.0 / (1.0 - rho))


def test_birth_and_death_with_rates_by_number() -> None:
    """Limited sharing is insensitive: p(n) ~ prod lambda / mu(k) with mu(k) = r(min(k, B)) / x.

    Requests beyond B wait, so exponential work makes the chain exact.
    """
    rng = np.random.default_rng(14)
    n, slots, mean = 400_000, 8, 2000.0
    rates = np.minimum(np.arange(slots + 1) * 400.0, 2000.0)
    load = 0.8 * 2000.0 / mean
    arrival = np.cumsum(rng.exponential(1.0 / load, n))
    tokens = 1 + np.rint(rng.exponential(mean, n))
    _, sojourn = serve(arrival, tokens, slots, rates)
    states = 400
    rate_of = rates[np.minimum(np.arange(1, states), slots)] / mean
    p = np.concatenate([[1.0], np.cumprod(load / rate_of)])
    p /= p.sum()
    within(sojourn, float((np.arange(states) * p).sum()) / load)  # Little's law
