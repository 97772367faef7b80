"""Max-min between tenants over several pools: by hand, by brute force, and by its theorems."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.errors import InputError
from computenet.optimization.fair_transport import max_min_transport
from computenet.optimization.fairness import max_min


def test_by_hand() -> None:
    # The first tenant may use pool 0 only, the others both; 2 + 7 over three tenants of 5: the
    # first gets 2 at most, 3.5 each is left for the others.
    allowed = [[True, False], [True, True], [True, True]]
    found = max_min_transport([5.0, 5.0, 5.0], [2.0, 7.0], allowed)
    np.testing.assert_allclose(found.served, [2.0, 3.5, 3.5], rtol=1e-7)
    np.testing.assert_allclose(found.level, [2.0, 3.5, 3.5], rtol=1e-7)


def test_least_cost_within_fair_shares() -> None:
    everything = np.ones((2, 2), dtype=bool)
    cost = [[1.0, 5.0], [1.0, 2.0]]
    found = max_min_transport([4.0, 4.0], [3.0, 3.0], everything, cost=cost)
    np.testing.assert_allclose(found.amount, [[3.0, 0.0], [0.0, 3.0]], atol=1e-7)


def served_exactly(
    demand: list[int], capacity: list[int], allowed: list[list[bool]]
) -> list[Fraction]:
    """Lexicographic max-min by the cuts of a transport problem, in rational arithmetic.

    What a set of tenants can be served together is the smallest sum over who of it is served by
    demand and which pools are full (max-flow min-cut), a submodular function; the level of those
    still rising is the least over sets, and sets that attain it stop.
    """
    n = len(demand)

    def together(who: tuple[int, ...]) -> Fraction:
        best = Fraction(10**9)
        for size in range(len(who) + 1):
            for met in combinations(who, size):
                others = [i for i in who if i not in met]
                pools = {p for i in others for p in range(len(capacity)) if allowed[i][p]}
                cut = sum(demand[i] for i in met) + sum(capacity[p] for p in pools)
                best = min(best, Fraction(cut))
        return best

    level: dict[int, Fraction] = {}
    while len(level) < n:
        least, stop = Fraction(10**9), set()
        for size in range(1, n + 1):
            for who in combinations(range(n), size):
                rising = [i for i in who if i not in level]
                if not rising:
                    continue
                room = together(who) - sum(level[i] for i in who if i in level)
                each = room / len(rising)
                if each < least:
                    least, stop = each, set(rising)
                elif each == least:
                    stop |= set(rising)
        level |= dict.fromkeys(stop, least)
    return [level[i] for i in range(n)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], list[int], list[list[bool]]]:
    n, pools = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    demand = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    capacity = draw(st.lists(st.integers(0, 9), min_size=pools, max_size=pools))
    row = st.lists(st.booleans(), min_size=pools, max_size=pools)
    return demand, capacity, draw(st.lists(row, min_size=n, max_size=n))


@settings(max_examples=60)
@given(cases())
def test_equals_the_cuts(case: tuple[list[int], list[int], list[list[bool]]]) -> None:
    demand, capacity, allowed = case
    found = max_min_transport(demand, capacity, allowed)
    exact = [float(value) for value in served_exactly(demand, capacity, allowed)]
    np.testing.assert_allclose(found.served, exact, rtol=1e-6, atol=1e-6)
    assert (found.amount[~np.asarray(allowed)] == 0.0).all()
    assert (found.amount.sum(axis=0) <= np.asarray(capacity) * (1.0 + 1e-7) + 1e-9).all()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), min_size=1, max_size=6),
    st.integers(1, 30),
)
def test_one_pool_is_water_filling(users: list[tuple[int, int]], capacity: int) -> None:
    demand, weight = ([float(u[k]) for u in users] for k in range(2))
    found = max_min_transport(demand, [capacity], np.ones((len(users), 1)), weight=weight)
    exact = max_min(capacity, demand, weight)
    np.testing.assert_allclose(found.served, exact.amount, rtol=1e-6, atol=1e-6)


def test_more_capacity_never_lowers_the_least() -> None:
    rng = np.random.default_rng(5)
    demand, capacity = rng.uniform(1.0, 5.0, 12), rng.uniform(0.5, 4.0, 8)
    allowed, use = rng.random((12, 8)) < 0.4, rng.uniform(0.5, 2.0, (12, 8))
    before = max_min_transport(demand, capacity, allowed, use=use, weight=demand)
    after = max_min_transport(demand, 1.5 * capacity, allowed, use=use, weight=demand)
    lexicographic = zip(np.sort(after.level), np.sort(before.level), strict=True)
    assert next((a > b for a, b in lexicographic if abs(a - b) > 1e-6), True)
    # The order of tenants and pools changes nothing.
    p, q = rng.permutation(12), rng.permutation(8)
    again = max_min_transport(
        demand[p], capacity[q], allowed[p][:, q], use=use[p][:, q], weight=demand[p]
    )
    np.testing.assert_allclose(again.served, before.served[p], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", range(12))
def test_the_small_get_their_part_beside_the_large(seed: int) -> None:
    """Demands and pools over eight powers of ten, each tenant to the same relative accuracy."""
    rng = np.random.default_rng(seed)
    demand, capacity = ([int(10.0**x) for x in rng.uniform(0, 8, size)] for size in (4, 3))
    allowed = (rng.random((4, 3)) < 0.6).tolist()
    found = max_min_transport(demand, capacity, allowed, cost=rng.uniform(0.0, 1.0, (4, 3)))
    exact = [float(value) for value in served_exactly(demand, capacity, allowed)]
    np.testing.assert_allclose(found.served, exact, rtol=1e-6)


@pytest.mark.parametrize("part", [1e-5, 1e-7, 1e-10])
def test_small_demands_and_weights_by_hand(part: float) -> None:
    plenty = max_min_transport([1.0, part], [0.5, 10.0], np.ones((2, 2)))
    np.testing.assert_allclose(plenty.served, [1.0, part], rtol=1e-8)
    scarce = max_min_transport([5.0, 5.0], [1.0], [[1], [1]])
    np.testing.assert_allclose(scarce.served, 0.5, rtol=1e-8)
    light = max_min_transport([10.0, 10.0], [8.0], [[1], [1]], weight=[1.0, part])
    np.testing.assert_allclose(light.served, [8.0, 8.0 * part], rtol=2.0 * part + 1e-8)


def test_cheap_places_are_found_for_small_tenants() -> None:
    cost = [[1.0, 5.0], [5.0, 1.0]]
    found = max_min_transport([1.0, 1e-8], [3.0, 3.0], np.ones((2, 2)), cost=cost)
    np.testing.assert_allclose(found.amount, [[1.0, 0.0], [0.0, 1e-8]], rtol=1e-8, atol=1e-15)


def test_nothing_to_divide() -> None:
    nothing = max_min_transport([0.0, 3.0], [0.0, 5.0], [[True, True], [True, False]])
    assert nothing.served.tolist() == [0.0, 0.0]
    unlimited = max_min_transport([2.0, 3.0], [np.inf], [[True], [True]])
    np.testing.assert_allclose(unlimited.served, [2.0, 3.0], rtol=1e-7)
    assert max_min_transport([], [1.0], np.ones((0, 1))).served.shape == (0,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"demand": [np.nan, 1.0]}, "demand"),
        ({"capacity": [-1.0]}, "capacity"),
        ({"weight": [0.0, 1.0]}, "weight"),
        ({"use": np.nan}, r"use\[0,0\]"),
        ({"use": [[1.0], [0.0]]}, r"use\[1,0\] = 0.0"),
        ({"cost": np.nan}, r"cost\[0,0\]"),
        ({"allowed": [[True]]}, "wrong shape"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], words: str) -> None:
    plain = {"demand": [1.0, 1.0], "capacity": [1.0], "allowed": [[True], [True]]}
    arguments = plain | change
    with pytest.raises(InputError, match=words):
        max_min_transport(
            arguments.pop("demand"), arguments.pop("capacity"), arguments.pop("allowed"),
            **arguments,
        )  # fmt: skip
