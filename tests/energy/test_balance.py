"""Storage and curtailment against numbers worked out by hand, and conservation in every slot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.energy import Battery, balance_sites, settled_balance
from computenet.energy.balance import RULES, Balance


def run(
    load: list[float],
    generation: list[float],
    rule: str,
    *,
    power: float = 2.0,
    energy: float = 4.0,
    efficiency: float = 0.81,
    initial: float = 0.0,
    target: float = 0.0,
    price: list[float] | None = None,
    limit: float = np.inf,
    plan: list[float] | None = None,
    hours: float = 1.0,
) -> Balance:
    n = len(load)
    return balance_sites(
        np.asarray([load]), np.asarray([generation]), np.full(n, hours),
        np.asarray([price if price is not None else [300.0] * n]),
        Battery(
            np.asarray([power]), np.asarray([energy]), np.asarray([efficiency]),
            np.asarray([initial]), np.asarray([RULES[rule]]), np.asarray([target]),
        ),
        np.full((1, n), limit), None if plan is None else np.asarray([plan]),
    )  # fmt: skip


def test_without_storage_the_surplus_is_curtailed() -> None:
    found = run([2.0, 2.0], [3.0, 1.0], "none", power=0.0, energy=0.0)
    np.testing.assert_allclose(found.imported, [[0.0, 1.0]])
    np.testing.assert_allclose(found.used, [[2.0, 1.0]])
    np.testing.assert_allclose(found.curtailed, [[1.0, 0.0]])


def test_self_consumption_by_hand() -> None:
    # Surplus 3: 2 go in (power), 1 is curtailed for it; 1.8 are stored (0.9 each way). Then 1.8
    # wanted of which 1.62 come out, the rest is bought.
    found = run([1.0, 1.8, 1.0], [4.0, 0.0, 0.0], "self-consumption")
    np.testing.assert_allclose(found.charged, [[2.0, 0.0, 0.0]])
    np.testing.assert_allclose(found.curtailed, [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(found.curtailed_power, [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(found.discharged, [[0.0, 1.62, 0.0]])
    np.testing.assert_allclose(found.imported, [[0.0, 0.18, 1.0]])
    np.testing.assert_allclose(found.stored, [[1.8, 0.0, 0.0]], atol=1e-15)


def test_a_full_store_curtails() -> None:
    found = run([0.0, 0.0, 0.0], [2.0, 2.0, 2.0], "self-consumption", energy=3.0)
    # 2 x 0.9 = 1.8, then room for 1.2 / 0.9 = 1.333.
    np.testing.assert_allclose(found.charged, [[2.0, 4.0 / 3.0, 0.0]])
    np.testing.assert_allclose(found.curtailed, [[0.0, 2.0 / 3.0, 2.0]])
    np.testing.assert_allclose(found.curtailed_power, [[0.0, 0.0, 0.0]])


def test_arbitrage_fills_in_the_valley_and_gives_back_at_the_peak() -> None:
    found = run([3.0] * 4, [0.0] * 4, "arbitrage", price=[200.0, 400.0, 800.0, 400.0])
    np.testing.assert_allclose(found.imported, [[5.0, 3.0, 3.0 - 1.62, 3.0]])
    cost = float((found.imported * np.asarray([[200.0, 400.0, 800.0, 400.0]])).sum())
    assert cost == pytest.approx(3 * 1800.0 + 2.0 * 200.0 - 1.62 * 800.0)


def test_arbitrage_fills_where_power_is_paid_for_and_gives_back_where_that_costs_least() -> None:
    found = run([3.0] * 4, [0.0] * 4, "arbitrage", price=[-200.0, 400.0, 800.0, 400.0])
    np.testing.assert_allclose(found.imported, [[5.0, 3.0, 3.0 - 1.62, 3.0]])
    below_zero = run([3.0] * 4, [0.0] * 4, "arbitrage", price=[-300.0, -200.0, -10.0, -200.0])
    np.testing.assert_array_equal(below_zero.imported, found.imported)


def test_arbitrage_knows_the_tariff_of_the_day_alone() -> None:
    """Dearer days to come change nothing; of a part of a day the hours beside it count."""
    day = [200.0] * 8 + [400.0] * 8 + [800.0] * 8
    dear = [price + (500.0 if hour == 20 else 0.0) for hour, price in enumerate(day)]
    prices, load = np.asarray([day + day + dear + day[:6]]), np.full((1, 78), 3.0)
    values = (2.0, 4.0, 0.81, 0.0, RULES["arbitrage"], 0.0)
    battery = Battery(*(np.asarray([value]) for value in values))

    def stored(hours: int) -> Balance:
        return balance_sites(
            load[:, :hours], np.zeros((1, hours)), np.ones(hours), prices[:, :hours], battery,
            np.full((1, hours), np.inf), day_of_slot=np.arange(hours) // 24,
        )  # fmt: skip

    usual, longer = stored(48), stored(78)
    first, second = usual.discharged[0, :24], usual.discharged[0, 24:]
    np.testing.assert_allclose(first, second, atol=1e-12)
    assert first.sum() == pytest.approx(4.0 * 0.9)
    np.testing.assert_array_equal(longer.discharged[0, :48], usual.discharged[0])
    # On the dear day it gives in the dearest hour alone, at its power; it fills at night.
    assert np.flatnonzero(longer.discharged[0, 48:]).tolist() == [20]
    assert longer.discharged[0, 68] == 2.0
    assert longer.charged[0, 72:].sum() > 0.0


def test_peak_shaving_keeps_import_at_its_target() -> None:
    found = run([1.0, 4.0, 1.0], [0.0] * 3, "peak-shaving", target=2.5, initial=0.5)
    np.testing.assert_allclose(found.imported, [[2.5, 2.5, 2.5]])


def test_a_plan_is_followed_within_what_is_possible() -> None:
    found = run([3.0] * 3, [0.0] * 3, "plan", plan=[-1.0, 5.0, 0.5])
    np.testing.assert_allclose(found.charged, [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(found.discharged, [[0.0, 0.81, 0.0]])


def test_beyond_the_import_limit_the_store_helps_and_the_rest_is_told() -> None:
    found = run([3.0, 3.0], [0.0, 0.0], "arbitrage", limit=2.0, initial=0.25)
    # 0.9 MWh are ready: once.
    np.testing.assert_allclose(found.discharged, [[0.9, 0.0]])
    np.testing.assert_allclose(found.imported, [[2.0, 2.0]])
    np.testing.assert_allclose(found.unserved, [[0.1, 1.0]], atol=1e-12)


@pytest.mark.parametrize("rule", ["none", "self-consumption", "arbitrage", "peak-shaving"])
def test_slots_change_nothing_where_power_is_constant(rule: str) -> None:
    load, generation, price = (
        [1.0, 3.0, 2.0, 1.0],
        [2.0, 0.5, 0.0, 2.5],
        [300.0, 800.0, 800.0, 200.0],
    )
    more = {"price": price, "target": 1.5, "initial": 0.3}  # fmt: skip
    coarse = run(load, generation, rule, **more)
    fine = run(
        np.repeat(load, 4) / 4, np.repeat(generation, 4) / 4, rule, hours=0.25,
        **{**more, "price": np.repeat(price, 4).tolist()},
    )  # fmt: skip
    for name in ("imported", "charged", "discharged", "curtailed", "used"):
        split = getattr(fine, name).reshape(1, 4, 4).sum(axis=2)
        np.testing.assert_allclose(split, getattr(coarse, name), atol=1e-12, err_msg=name)


series = st.lists(st.floats(0.0, 10.0), min_size=6, max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    series, series, st.lists(st.sampled_from([200.0, 400.0, 800.0]), min_size=6, max_size=6),
    st.sampled_from(["none", "self-consumption", "arbitrage", "peak-shaving"]),
    st.floats(0.1, 5.0), st.floats(0.1, 20.0), st.floats(0.5, 1.0), st.floats(0.0, 1.0),
    st.sampled_from([np.inf, 4.0]),
)  # fmt: skip
def test_every_slot_balances(
    load, generation, price, rule, power, energy, efficiency, initial, limit
) -> None:
    found = run(
        load, generation, rule, power=power, energy=energy, efficiency=efficiency, initial=initial,
        price=price, target=3.0, limit=limit,
    )  # fmt: skip
    sources = found.used + found.imported + found.discharged + found.unserved
    uses = np.asarray([load]) + found.charged
    np.testing.assert_allclose(sources, uses, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.used + found.curtailed, [generation], rtol=1e-12, atol=1e-12)
    for values in found:
        assert (values >= -1e-12).all()
    assert (found.stored <= energy * (1 + 1e-12)).all()
    assert (found.charged <= power * (1 + 1e-12)).all()
    assert (found.discharged <= power * (1 + 1e-12)).all()
    assert (np.minimum(found.charged, found.discharged) <= 1e-12).all()
    if limit < np.inf:
        assert (found.imported <= limit * (1 + 1e-12)).all()


def test_a_settled_day_ends_as_it_began() -> None:
    """A store of 4 MWh that a day fills from 3 MW of surplus and a night empties."""
    load, generation = np.asarray([[1.0, 1.0, 2.0, 2.0]]), np.asarray([[4.0, 4.0, 0.0, 0.0]])
    battery = Battery(
        np.asarray([2.0]), np.asarray([4.0]), np.asarray([1.0]), np.asarray([0.25]),
        np.asarray([RULES["self-consumption"]]), np.zeros(1),
    )  # fmt: skip
    rest = (np.ones(4), np.full((1, 4), 300.0), battery, np.full((1, 4), np.inf))
    once = balance_sites(load, generation, *rest)
    found = settled_balance(load, generation, *rest)
    # Alone it begins with 1 MWh and ends with none, so 1 MWh of the night was not of this day.
    assert once.charged.sum() == pytest.approx(3.0)
    np.testing.assert_allclose(found.charged, [[2.0, 2.0, 0.0, 0.0]])
    np.testing.assert_allclose(found.discharged, [[0.0, 0.0, 2.0, 2.0]])
    np.testing.assert_allclose(found.stored[0, -1], 0.0, atol=1e-12)
    assert found.charged.sum() == pytest.approx(found.discharged.sum())
