"""The model behind bounds: weak duality, periods, theorems, a second solver, waiting by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import computenet as cn
from computenet.kernels.arrival_counts import count_arrivals
from computenet.optimization.bound import BoundCase, bound_model, least_possible
from computenet.optimization.bound_periods import make_periods, slot_hours
from computenet.optimization.bound_power import facility_load
from computenet.optimization.bound_waiting import least_waiting_h, ramps
from computenet.optimization.bound_work import token_rates
from computenet.optimization.solvers import solve
from computenet.optimization.sparse import ModelBuilder
from computenet.study.bound_inputs import bound_case

RICH = {
    "days": 0.5, "energy.model": "full", "energy.power_states": {"reserve": 0.1},
    "energy.voucher_share": 0.3, "energy.voucher_budget_cny": 15.0,
    "energy.certificate_share": 0.4,
    "topology.sites.west.battery": {"power_mw": 0.01, "energy_mwh": 0.02},
    "topology.sites.east.import_limit_mw": 0.04,
    "topology.sites.east.generators": [
        {"id": "roof", "kind": "pv", "connection": "on-site", "capacity_mw": 0.02,
         "capacity_factor": 0.15}
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def plain() -> BoundCase:
    return bound_case([cn.simulate(cn.load("two-hubs", days=0.5))])


@pytest.fixture(scope="module")
def rich() -> BoundCase:
    return bound_case([cn.simulate(cn.load("two-hubs", overrides=RICH))])


def value(case: BoundCase, **options: object) -> float:
    bound = least_possible(case, **options)
    assert bound.status == "optimal"
    assert bound.value is not None
    return bound.value


# ---- weak duality -------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_any_duals_give_a_bound_and_the_right_ones_the_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = ModelBuilder()
    x = builder.add_columns("x", (5,), cost=rng.normal(size=5), lower=-1.0, upper=rng.random(5))
    rows = builder.add_rows("r", (3,), lower=[-np.inf, -2.0, -1.0], upper=[2.0, np.inf, 1.0])
    builder.add_terms(rows.index()[:, None], x.index()[None, :], rng.normal(size=(3, 5)))
    model = builder.build(offset=3.0)
    solution = solve(model, "highs")
    exact = model.dual_bound(solution.row_duals)
    assert exact == pytest.approx(solution.objective, abs=1e-9)
    assert exact <= solution.objective
    assert model.dual_bound(rng.normal(size=3)) <= solution.objective
    assert model.dual_bound(np.full(3, np.nan)) <= solution.objective


def test_a_column_without_a_bound_gives_no_bound_unless_its_reduced_cost_is_nothing() -> None:
    builder = ModelBuilder()
    x = builder.add_columns("x", (2,), cost=[1.0, -1.0])
    rows = builder.add_rows("r", (1,), upper=4.0)
    builder.add_terms(rows.index(), x.index(), 1.0)
    model = builder.build()
    assert model.dual_bound(np.zeros(1)) == -np.inf
    assert model.dual_bound(np.asarray([-1.0])) == pytest.approx(-4.0)
    # A dual of a bound that is not there is taken as nothing.
    assert model.dual_bound(np.asarray([2.0])) == -np.inf


# ---- periods ------------------------------------------------------------------------------


def test_periods_keep_sums_and_stay_within_months(plain: BoundCase) -> None:
    month = plain.compiled.month_of_slot.copy()
    month[30:] = 1
    compiled = replace(plain.compiled, month_of_slot=month, month_share=np.asarray([0.01, 0.01]))
    for most in (200, 20, 6, 3, 1):
        periods = make_periods(compiled, most)
        assert periods.count <= most or most == 1
        assert periods.hours.sum() == pytest.approx(slot_hours(compiled).sum())
        assert (np.diff(periods.block) >= 0).all()
        assert (periods.block[periods.of_slot[1:]] >= periods.block[periods.of_slot[:-1]]).all()
        assert (periods.month[periods.of_slot] == month).all()
        price = compiled.sites.price_cny_per_mwh
        assert (periods.least(price)[:, periods.of_slot] <= price).all()
        np.testing.assert_allclose(periods.total(price).sum(axis=1), price.sum(axis=1))
        for block, last in enumerate(periods.last_slot):
            mine = np.flatnonzero(periods.block[periods.of_slot] == block)
            assert mine.max() == last


@pytest.mark.parametrize("objective", ["cost", "carbon"])
def test_coarser_periods_never_raise_the_bound(rich: BoundCase, objective: str) -> None:
    fine = value(rich, objective=objective)
    for most in (20, 8, 2, 1):
        coarse = value(rich, objective=objective, periods=make_periods(rich.compiled, most))
        assert coarse <= fine * (1.0 + 1e-9)
        assert coarse > 0.5 * fine


def test_slots_are_periods_where_they_are_few(plain: BoundCase) -> None:
    assert make_periods(plain.compiled).count == plain.compiled.n_slots == 48


# ---- theorems -----------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["glop", "highs-ipm"])
def test_another_solver_agrees(rich: BoundCase, solver: str) -> None:
    for objective in ("cost", "carbon"):
        assert value(rich, objective=objective, solver=solver) == pytest.approx(
            value(rich, objective=objective), rel=1e-6
        )


def test_the_certified_value_is_the_solvers(rich: BoundCase) -> None:
    bound = least_possible(rich)
    solution = solve(bound_model(rich, "cost", make_periods(rich.compiled)), "highs")
    assert bound.value == pytest.approx(solution.objective, rel=1e-8)
    assert bound.value <= solution.objective
    assert 0.0 <= bound.relaxation_gap < 1e-9


def test_less_work_never_raises_the_bound(rich: BoundCase) -> None:
    work = rich.work
    for less in (
        replace(work, jobs_h=0.7 * work.jobs_h),
        replace(work, prefill_least=0.5 * work.prefill_least),
        replace(work, decode_least=0.5 * work.decode_least),
        replace(work, parcels=None),
        work.without(),
    ):
        assert value(replace(rich, work=less)) <= value(rich) * (1.0 + 1e-9)


def test_removing_a_constraint_never_raises_the_bound(rich: BoundCase) -> None:
    base, compiled, work = value(rich), rich.compiled, rich.work
    late = np.repeat(work.jobs_most_h[:, -1:], compiled.n_slots, axis=1)
    energy = replace(compiled.energy, limit_mw=np.full_like(compiled.energy.limit_mw, np.inf))
    free = replace(rich.charges, voucher_budget_cny=1e9)
    for relaxed in (
        replace(rich, work=replace(work, jobs_most_h=late)),
        replace(rich, work=replace(work, prefill_most=work.prefill_most + 1e9)),
        replace(rich, compiled=replace(compiled, energy=energy)),
        replace(rich, charges=free),
        replace(rich, unserved_mwh=rich.unserved_mwh + 0.001),
    ):
        assert value(relaxed) <= base * (1.0 + 1e-9)
    still = replace(rich, switch_off=False)
    assert value(still) > base


def test_more_capacity_never_raises_the_bound(rich: BoundCase) -> None:
    base, compiled = value(rich), rich.compiled
    battery = compiled.energy.battery
    more = battery._replace(power_mw=2.0 * battery.power_mw, energy_mwh=2.0 * battery.energy_mwh,
                            initial=0.5 * battery.initial)  # fmt: skip
    energy = replace(compiled.energy, battery=more)
    assert value(replace(rich, compiled=replace(compiled, energy=energy))) <= base * (1 + 1e-9)
    groups = replace(compiled.groups, replicas_real=3 * compiled.groups.replicas_real)
    assert value(replace(rich, compiled=replace(compiled, groups=groups))) <= base * (1 + 1e-9)
    # Servers that draw nothing while they idle: with others of that kind, more of them.
    zero = np.zeros_like(compiled.pools.idle_w)
    free = replace(compiled.pools, idle_w=zero, overhead_w=zero)
    doubled = replace(free, accelerators=2 * free.accelerators)
    energy = replace(compiled.energy, full=False)
    once, twice = (
        value(replace(rich, compiled=replace(compiled, pools=pools, energy=energy)))
        for pools in (free, doubled)
    )
    assert twice <= once * (1.0 + 1e-9)


def test_too_much_work_is_told_and_gives_no_figure(plain: BoundCase) -> None:
    work = plain.work
    late = work.prefill_least.copy()
    late[:, 0] = 1e13
    most = np.maximum(work.prefill_most, 1e13)
    impossible = replace(plain, work=replace(work, prefill_least=late, prefill_most=most))
    bound = least_possible(impossible)
    assert bound.status == "infeasible"
    assert bound.value is None
    with pytest.raises(ValueError, match="neither cost nor carbon"):
        least_possible(plain, "water")


def test_a_solver_that_fails_is_told(plain: BoundCase) -> None:
    bound = least_possible(plain, solver="none")
    assert bound.value is None
    assert "no solver 'none'" in bound.status


def test_the_chord_lies_under_cooling_by_load(rich: BoundCase) -> None:
    from computenet.energy import load_penalty

    compiled = rich.compiled
    periods = make_periods(compiled)
    load = facility_load(compiled, periods, rich.available, False)
    p, hours = compiled.pools, slot_hours(compiled)
    count = p.accelerators + p.serving_accelerators
    for i in range(len(compiled.sites.ids)):
        here = p.site == i
        idle_mw = float(((p.idle_w + p.overhead_w) * count)[here].sum()) / 1e6
        whole_mw = idle_mw + float((p.active_w * count)[here].sum()) / 1e6
        for share in np.linspace(0.0, 1.2, 13):
            it_mw = idle_mw + share * (whole_mw - idle_mw)
            pue = np.maximum(
                compiled.energy.pue[i] + load_penalty(np.full(len(hours), it_mw / whole_mw)), 1.0
            )
            low = load.idle[i] + load.slope[i] * share * (whole_mw - idle_mw) * hours
            assert (low <= it_mw * hours * pue * (1.0 + 1e-12)).all()


def test_token_rates_bound_every_step() -> None:
    changes = {"run.service_law": "continuous-batching", "workload.models.small.layers": 32,
               "workload.models.small.attention_width": 4096}  # fmt: skip
    from computenet.compilation import compile_scenario

    compiled = compile_scenario(cn.load("two-hubs", overrides=changes))
    prefill, decode = token_rates(compiled)
    fixed, weights, token, communication, _, _, sparse = compiled.groups.step[0]
    assert compiled.groups.blocks.all()
    for prompts, decoding in ((0, 1), (1, 0), (64, 0), (0, 128), (1000, 40), (2040, 8), (2048, 0)):
        tokens = prompts + decoding
        read = 1.0 if sparse >= 1.0 else 1.0 - (1.0 - sparse) ** tokens
        step_s = fixed + max(weights * read, token * tokens) + communication * tokens
        assert step_s >= prompts / prefill[0] * (1.0 - 1e-12)
        assert step_s >= decoding / decode[0] * (1.0 - 1e-12)


# ---- waiting ------------------------------------------------------------------------------


def waiting(submit_h: list[float], run_h: list[float], gangs: list[int], size: int,
            hours: float = 24.0) -> float:  # fmt: skip
    edges = np.arange(0.0, hours + 0.125, 0.25) * 3600.0
    return least_waiting_h(
        3600.0 * np.asarray(submit_h), 3600.0 * np.asarray(run_h), np.asarray(gangs, dtype=float),
        np.zeros(len(gangs), dtype=np.int64), np.ones((1, 1), dtype=np.bool_),
        np.asarray([float(size)]), np.full((1, len(edges) - 1), 900.0), edges,
    )  # fmt: skip


def test_equal_jobs_wait_as_long_as_in_any_order() -> None:
    # Five jobs of the whole pool and an hour each wait 0 + 1 + 2 + 3 + 4 h.
    assert waiting([0.0] * 5, [1.0] * 5, [8] * 5, 8) == pytest.approx(80.0, rel=1e-6)
    # The run ends at 3 h: the last two have waited 3 h, not 3 and 4.
    assert waiting([0.0] * 5, [1.0] * 5, [8] * 5, 8, hours=3.0) <= 8 * (0 + 1 + 2 + 3 + 3)
    assert waiting([0.0] * 5, [1.0] * 5, [8] * 5, 40) == 0.0
    assert waiting([], [], [], 8) == 0.0
    assert waiting([0.0], [0.0], [8], 8) == 0.0


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(1, 16), st.integers(1, 3)), min_size=1, max_size=5
    )
)
def test_no_order_waits_less(rows: list[tuple[int, int, int]]) -> None:
    """Brute force: every order on a pool of 3, each job as early as it can in that order."""
    submit, run, gang = (np.asarray(column) for column in zip(*rows, strict=True))
    best = np.inf
    for order in permutations(range(len(rows))):
        busy = np.zeros(400, dtype=np.int64)
        total = 0.0
        for job in order:
            start = int(submit[job])
            while (busy[start : start + run[job]] + gang[job] > 3).any():
                start += 1
            busy[start : start + run[job]] += gang[job]
            total += 0.25 * gang[job] * (start - submit[job])
        best = min(best, total)
    least = waiting((0.25 * submit).tolist(), (0.25 * run).tolist(), gang.tolist(), 3)
    assert 0.0 <= least <= best + 1e-9


def test_a_site_that_is_down_makes_jobs_wait() -> None:
    edges = np.arange(0.0, 9.0) * 3600.0
    up = np.full((1, 8), 3600.0)
    up[0, :2] = 0.0
    least = least_waiting_h(
        np.zeros(1), np.asarray([3600.0]), np.asarray([4.0]), np.zeros(1, dtype=np.int64),
        np.ones((1, 1), dtype=np.bool_), np.asarray([4.0]), up, edges,
    )  # fmt: skip
    assert least == pytest.approx(8.0, rel=1e-6)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e3)), min_size=1, max_size=20))
def test_ramps_are_what_they_say(rows: list[tuple[float, float]]) -> None:
    begin, weight = (np.asarray(column) for column in zip(*rows, strict=True))
    at = np.linspace(0.0, 1.2e5, 7)
    for power in (1, 2):
        direct = (weight * np.maximum(at[:, None] - begin, 0.0) ** power / power).sum(axis=1)
        np.testing.assert_allclose(ramps(begin, weight, at, power), direct, rtol=1e-9, atol=1e-2)


# ---- arrivals -----------------------------------------------------------------------------


def test_arrivals_are_counted_to_the_horizon() -> None:
    counts = np.zeros((4, 2, 3), dtype=np.int64)
    small = np.int32
    count_arrivals(
        np.asarray([0.0, 9.0, 10.0, 25.0, 29.0]), np.asarray([0, 1, 0, 1, 1], dtype=small),
        np.asarray([5, 6, 7, 8, 9], dtype=small), np.asarray([1, 2, 3, 4, 5], dtype=small),
        np.asarray([0, 6, 2, 0, 0], dtype=small), 5, np.asarray([0, 1], dtype=small), 10.0, 28.0,
        counts,
    )  # fmt: skip
    assert counts[0].tolist() == [[1, 1, 0], [1, 0, 1]]
    assert counts[1].tolist() == [[5, 5, 0], [1, 0, 8]]
    assert counts[2].tolist() == [[0, 2, 0], [6, 0, 0]]
    assert counts[3].tolist() == [[1, 3, 0], [2, 0, 4]]
