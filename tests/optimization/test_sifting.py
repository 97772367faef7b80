"""Sifting: the small model's optimum is that of the whole, whatever changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csc_array, hstack

from computenet.optimization.hot_model import HotModel
from computenet.optimization.sifting import SiftedModel
from computenet.optimization.solvers import Status
from computenet.optimization.sparse import SparseModel

DEMANDS, POOLS = 12, 30


def transport(seed: int = 0, unmet: float = 50.0) -> tuple[SparseModel, np.ndarray]:
    """Return a model in which demands compete for pools, and the group of each column.

    Columns: a flow for each demand and pool, then what stays unmet; rows: demands, then pools.
    """
    rng = np.random.default_rng(seed)
    d, p = np.divmod(np.arange(DEMANDS * POOLS), POOLS)
    use = rng.uniform(0.5, 2.0, len(d))
    rows = np.stack([d, DEMANDS + p], axis=1).ravel()
    flow = csc_array(
        (np.stack([np.ones(len(d)), use], axis=1).ravel(), rows, np.arange(0, len(rows) + 1, 2)),
        shape=(DEMANDS + POOLS, len(d)),
    )
    left = csc_array((np.ones(DEMANDS), np.arange(DEMANDS), np.arange(DEMANDS + 1)),
                     shape=(DEMANDS + POOLS, DEMANDS))  # fmt: skip
    demand, capacity = rng.lognormal(1.0, 1.0, DEMANDS), rng.uniform(0.2, 3.0, POOLS)
    n = len(d) + DEMANDS
    model = SparseModel(
        cost=np.concatenate([rng.uniform(1.0, 9.0, len(d)), np.full(DEMANDS, unmet)]),
        lower=np.zeros(n),
        upper=np.concatenate(
            [np.where(rng.uniform(size=len(d)) < 0.2, rng.uniform(0.0, 1.0, len(d)), np.inf),
             np.full(DEMANDS, np.inf if unmet else 0.0)]),
        row_lower=np.concatenate([demand, np.full(POOLS, -np.inf)]),
        row_upper=np.concatenate([demand, capacity]),
        matrix=csc_array(hstack([flow, left])),
        integer=np.zeros(n, dtype=np.bool_),
    )  # fmt: skip
    return model, np.concatenate([d, np.full(DEMANDS, -1)])


def moved(model: SparseModel, rng: np.random.Generator, what: str) -> SparseModel:
    """Return the model with demand, costs, or limits moved; some columns closed, some opened."""
    cost, upper = model.cost.copy(), model.upper.copy()
    low, high = model.row_lower.copy(), model.row_upper.copy()
    flows = DEMANDS * POOLS
    if what in ("demand", "all"):
        low[:DEMANDS] *= rng.lognormal(0.0, 0.5, DEMANDS)
        high[:DEMANDS] = low[:DEMANDS]
    if what in ("costs", "all"):
        cost[:flows] *= rng.lognormal(0.0, 0.3, flows)
    if what in ("limits", "all"):
        high[DEMANDS:] *= rng.lognormal(0.0, 0.3, POOLS)
        upper[:flows] = np.where(rng.uniform(size=flows) < 0.2, 0.0, np.inf)
    return replace(model, cost=cost, upper=upper, row_lower=low, row_upper=high)


@pytest.mark.parametrize("what", ["demand", "costs", "limits", "all"])
@pytest.mark.parametrize("keep", [1, 3])
def test_every_epoch_has_the_optimum_of_the_whole(what: str, keep: int) -> None:
    rng = np.random.default_rng(keep)
    model, group = transport(keep)
    sifted = SiftedModel(model, group, keep=keep)
    assert sifted.solve().objective == pytest.approx(HotModel(model).solve().objective, rel=1e-9)
    assert sifted.columns == model.n
    fewest = model.n
    for _ in range(25):
        model = moved(model, rng, what)
        sifted.change(model.cost, model.upper, model.row_lower, model.row_upper)
        fewest = min(fewest, sifted.columns)
        answer = sifted.solve()
        assert answer.status is Status.OPTIMAL
        assert answer.objective == pytest.approx(HotModel(model).solve().objective, rel=1e-9)
        assert model.violation(answer.x) < 1e-9
        # Its prices prove it: they are a bound of the whole model, not of the part that is kept.
        finite = np.minimum(model.upper, model.row_lower[:DEMANDS].sum())
        bound = replace(model, upper=finite).dual_bound(answer.row_duals)
        assert bound == pytest.approx(answer.objective, rel=1e-9)
        expected = model.cost - model.matrix.T @ answer.row_duals
        np.testing.assert_allclose(answer.reduced_costs, expected, atol=1e-9)
        assert (answer.reduced_costs[(answer.x == 0.0) & (model.upper > 0.0)] > -1e-6).all()
    assert fewest < model.n / 2


def test_what_only_the_columns_left_out_can_meet_is_met() -> None:
    model, group = transport(unmet=0.0)
    plenty = model.row_upper.copy()
    plenty[DEMANDS:] = 1e3
    model = replace(model, row_upper=plenty, upper=np.where(group < 0, 0.0, np.inf))
    sifted = SiftedModel(model, group, keep=1)
    assert sifted.solve().status is Status.OPTIMAL
    used = np.flatnonzero(sifted.solve().x > 0.0)
    closed = model.upper.copy()
    closed[used] = 0.0
    sifted.change(model.cost, closed, model.row_lower, model.row_upper)
    assert sifted.columns < model.n / 2
    answer = sifted.solve()
    whole = HotModel(replace(model, upper=closed)).solve()
    assert answer.objective == pytest.approx(whole.objective, rel=1e-9)


def test_no_solution_is_told_and_does_not_spoil_the_next() -> None:
    model, group = transport(unmet=0.0)
    open_to_all = replace(
        model, row_upper=np.concatenate([model.row_lower[:DEMANDS], np.full(POOLS, 1e3)]),
        upper=np.where(group < 0, 0.0, np.inf),
    )  # fmt: skip
    sifted = SiftedModel(open_to_all, group, keep=1)
    first = sifted.solve().objective
    shut = np.concatenate([open_to_all.row_lower[:DEMANDS], np.zeros(POOLS)])
    sifted.change(open_to_all.cost, open_to_all.upper, open_to_all.row_lower, shut)
    answer = sifted.solve()
    assert answer.status is Status.INFEASIBLE
    assert np.isnan(answer.x).all()
    assert len(answer.x) == model.n
    sifted.change(open_to_all.cost, open_to_all.upper, open_to_all.row_lower, open_to_all.row_upper)
    assert sifted.solve().objective == pytest.approx(first, rel=1e-9)


def test_a_time_limit_holds_for_every_solve() -> None:
    model, group = transport(2)
    sifted = SiftedModel(model, group, keep=1, time_limit_s=0.0)
    assert sifted.solve().status is not Status.OPTIMAL
    patient = SiftedModel(model, group, keep=1, time_limit_s=60.0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        model = moved(model, rng, "all")
        patient.change(model.cost, model.upper, model.row_lower, model.row_upper)
        assert patient.solve().status is Status.OPTIMAL
