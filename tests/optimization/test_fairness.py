"""Fair division: against rational arithmetic, and against the theorems it is known by."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.errors import InputError
from computenet.optimization.fair_flows import max_min_flows
from computenet.optimization.fairness import (
    alpha_fair,
    dominant_resource_fair,
    max_min,
)

WHOLE = st.integers(0, 12)
SOME = st.integers(1, 12)


def fill_exactly(
    use: list[list[int]], speed: list[Fraction], cap: list[int | None], capacity: list[int]
) -> list[Fraction]:
    """Progressive filling in rational arithmetic: all rise at their speeds until stopped.

    User `i` takes ``use[i][r]`` of each resource a unit; the next event is the first cap reached or
    the first resource full.
    """
    n, resources = len(use), len(capacity)
    amount = [Fraction(0)] * n
    active = set(range(n))
    left = [Fraction(c) for c in capacity]
    level = Fraction(0)
    while active:
        active -= {i for i in active if cap[i] is not None and amount[i] >= cap[i]}
        active -= {i for i in active if any(use[i][r] and left[r] == 0 for r in range(resources))}
        if not active:
            break
        steps = [cap[i] / speed[i] - level for i in active if cap[i] is not None]
        for r in range(resources):
            rate = sum((use[i][r] * speed[i] for i in active), Fraction(0))
            if rate:
                steps.append(left[r] / rate)
        step = min(steps)
        level += step
        for i in active:
            amount[i] += speed[i] * step
            for r in range(resources):
                left[r] -= use[i][r] * speed[i] * step
    return amount


def floats(values: list[Fraction]) -> list[float]:
    return [float(value) for value in values]


# ---- one resource -------------------------------------------------------------------------


@given(st.lists(st.tuples(WHOLE, SOME), min_size=1, max_size=12), st.integers(0, 60))
def test_max_min_equals_rational_arithmetic(users: list[tuple[int, int]], capacity: int) -> None:
    caps, weights = [u[0] for u in users], [u[1] for u in users]
    exact = fill_exactly([[1]] * len(users), [Fraction(w) for w in weights], caps, [capacity])
    found = max_min(capacity, caps, weights)
    np.testing.assert_allclose(found.amount, floats(exact), rtol=1e-12, atol=1e-12)
    assert found.amount.sum() == pytest.approx(min(capacity, sum(caps)))


def test_max_min_by_hand() -> None:
    # 10 over caps 2, 2.6, 4, 5: 2 and 2.6 are met, the rest is halved (Keshav, 1997, ex. 9.2).
    np.testing.assert_allclose(max_min(10.0, [2.0, 2.6, 4.0, 5.0]).amount, [2.0, 2.6, 2.7, 2.7])
    # 16 over caps 4, 2, 10, 4 with weights 2.5, 4, 0.5, 1 (the same, ex. 9.3).
    weighted = max_min(16.0, [4.0, 2.0, 10.0, 4.0], [2.5, 4.0, 0.5, 1.0])
    np.testing.assert_allclose(weighted.amount, [4.0, 2.0, 6.0, 4.0])


def test_caps_that_differ_by_powers_take_few_steps() -> None:
    caps = 2.0 ** -np.arange(400.0)
    found = max_min(0.999 * caps.sum(), caps)
    assert found.amount.sum() == pytest.approx(0.999 * caps.sum(), rel=1e-12)
    assert found.steps < 60


@given(st.lists(st.tuples(WHOLE, SOME), min_size=2, max_size=8), st.integers(0, 60), SOME)
def test_max_min_is_monotone_and_envy_free(
    users: list[tuple[int, int]], capacity: int, more: int
) -> None:
    caps, weights = [u[0] for u in users], [u[1] for u in users]
    before = max_min(capacity, caps, weights).amount
    # Resource monotonicity: more to divide harms nobody.
    assert (max_min(capacity + more, caps, weights).amount >= before - 1e-9).all()
    # Population monotonicity: one user less harms none of the others.
    assert (max_min(capacity, caps[1:], weights[1:]).amount >= before[1:] - 1e-9).all()
    # With equal weights nobody would rather have another's bundle: what it could use of it.
    equal = max_min(capacity, caps).amount
    assert (np.minimum(equal[None, :], np.asarray(caps)[:, None]) <= equal[:, None] + 1e-9).all()


@given(
    st.lists(st.tuples(SOME, SOME, SOME), min_size=1, max_size=8),
    st.integers(1, 60),
    st.sampled_from([0.5, 1.0, 2.0, 5.0, np.inf]),
)
def test_alpha_fair_meets_its_conditions(
    users: list[tuple[int, int, int]], capacity: int, alpha: float
) -> None:
    caps, weights, use = (np.asarray(part, dtype=float) for part in zip(*users, strict=True))
    found = alpha_fair(capacity, caps, weights, alpha=alpha, use=use)
    assert found.residual <= 1e-12
    assert (found.amount <= caps + 1e-12).all()
    assert use @ found.amount == pytest.approx(min(capacity, use @ caps))
    if np.isfinite(alpha) and use @ caps > capacity:
        # No shift of resource between two users raises the sum of utilities.
        gain = weights * found.amount**-alpha / use
        takers, givers = found.amount < caps - 1e-9, found.amount > 1e-9
        assert gain[takers].max(initial=0.0) <= gain[givers].min() * (1.0 + 1e-9)


def test_alpha_fair_by_hand() -> None:
    # Proportional: shares of the resource go with the weights, whatever a unit of service takes.
    one = alpha_fair(12.0, np.inf, [1.0, 2.0], alpha=1.0, use=[1.0, 4.0])
    np.testing.assert_allclose(one.amount, [4.0, 2.0])
    assert one.price == pytest.approx(0.25)  # 1 / (4 * 1)
    # Alpha 2: x goes with sqrt(w / a): 4 sqrt(1) + ... = 1 x + 4 x / 2 = 3 x = 12.
    two = alpha_fair(12.0, np.inf, [1.0, 1.0], alpha=2.0, use=[1.0, 4.0])
    np.testing.assert_allclose(two.amount, [4.0, 2.0])
    # Infinite alpha: equal service.
    many = alpha_fair(10.0, np.inf, [1.0, 9.0], alpha=np.inf, use=[1.0, 4.0])
    np.testing.assert_allclose(many.amount, [2.0, 2.0])
    # Enough for all.
    assert alpha_fair(99.0, [1.0, 2.0], alpha=1.0).price == 0.0


def test_large_alpha_tends_to_max_min() -> None:
    caps, weights = np.asarray([1.0, 5.0, 9.0]), np.asarray([3.0, 1.0, 2.0])
    near = alpha_fair(8.0, caps, weights, alpha=1e4).amount
    np.testing.assert_allclose(near, max_min(8.0, caps).amount, rtol=1e-3)


# ---- several resources --------------------------------------------------------------------


def test_dominant_shares_of_the_paper() -> None:
    # Ghodsi et al., 2011, section 4.1: 9 CPUs, 18 GB; tasks <1, 4> and <3, 1>: 3 and 2 tasks.
    found = dominant_resource_fair([[1.0, 4.0], [3.0, 1.0]], [9.0, 18.0])
    np.testing.assert_allclose(found.tasks, [3.0, 2.0])
    np.testing.assert_allclose(found.share, [2 / 3, 2 / 3])
    assert found.full.tolist() == [True, False]


DEMANDS = st.integers(1, 3).flatmap(
    lambda r: st.tuples(
        st.lists(
            st.tuples(
                st.lists(st.integers(0, 5), min_size=r, max_size=r).filter(any),
                st.integers(0, 9),
                st.integers(1, 4),
            ),
            min_size=1,
            max_size=6,
        ),
        st.lists(st.integers(1, 30), min_size=r, max_size=r),
    )
)


@given(DEMANDS)
def test_dominant_shares_equal_rational_arithmetic(
    case: tuple[list[tuple[list[int], int, int]], list[int]],
) -> None:
    users, capacity = case
    use, caps, weights = ([u[k] for u in users] for k in range(3))
    speed = [
        Fraction(w) / max(Fraction(d, c) for d, c in zip(u, capacity, strict=True))
        for u, w in zip(use, weights, strict=True)
    ]
    exact = fill_exactly(use, speed, caps, capacity)
    found = dominant_resource_fair(use, capacity, caps, weights)
    np.testing.assert_allclose(found.tasks, floats(exact), rtol=1e-9, atol=1e-9)


@given(DEMANDS)
def test_theorems_of_dominant_shares(
    case: tuple[list[tuple[list[int], int, int]], list[int]],
) -> None:
    users, capacity = case
    use = np.asarray([u[0] for u in users], dtype=float)
    room = np.asarray(capacity, dtype=float)
    n = len(users)
    tasks = dominant_resource_fair(use, room).tasks
    held = tasks[:, None] * use
    assert (held.sum(axis=0) <= room * (1.0 + 1e-9)).all()
    full = held.sum(axis=0) >= room * (1.0 - 1e-9)
    # Pareto efficiency: everybody needs something that is full.
    assert ((use > 0.0) & full).any(axis=1).all()

    def most(bundle: np.ndarray, i: int) -> float:
        return float(np.min(bundle[use[i] > 0.0] / use[i][use[i] > 0.0]))

    for i in range(n):
        # Sharing incentive: no worse than an equal part of everything.
        assert tasks[i] >= most(room / n, i) * (1.0 - 1e-9)
        # No envy: another's bundle would not allow more tasks.
        assert all(most(held[j], i) <= tasks[i] * (1.0 + 1e-9) for j in range(n))


@settings(max_examples=60)
@given(DEMANDS, st.lists(st.integers(0, 5), min_size=3, max_size=3), st.integers(0, 5))
def test_false_demands_gain_nothing(
    case: tuple[list[tuple[list[int], int, int]], list[int]], lie: list[int], who: int
) -> None:
    users, capacity = case
    use = np.asarray([u[0] for u in users], dtype=float)
    told = use.copy()
    i = who % len(users)
    told[i] = lie[: len(capacity)]
    if not told[i].any():
        return
    honest = dominant_resource_fair(use, capacity).tasks[i]
    bundle = dominant_resource_fair(told, capacity).tasks[i] * told[i]
    needs = use[i] > 0.0
    assert np.min(bundle[needs] / use[i][needs]) <= honest * (1.0 + 1e-9)


def test_users_go_on_without_the_full_resource() -> None:
    # The first two share resource 0; the third does not need it and takes all of resource 1.
    found = dominant_resource_fair([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [4.0, 6.0])
    np.testing.assert_allclose(found.tasks, [2.0, 2.0, 6.0])


# ---- flows --------------------------------------------------------------------------------


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[list[int]], list[int], list[int], list[int], list[int]]:
    links = draw(st.integers(1, 4))
    paths = draw(
        st.lists(
            st.lists(st.integers(0, links - 1), min_size=1, max_size=links, unique=True),
            min_size=1,
            max_size=5,
        )
    )
    n = draw(st.integers(0, 10))
    route = draw(st.lists(st.integers(0, len(paths) - 1), min_size=n, max_size=n))
    caps = draw(st.lists(WHOLE, min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    capacity = draw(st.lists(st.integers(0, 20), min_size=links, max_size=links))
    return paths, route, caps, weights, capacity


def packed(paths: list[list[int]]) -> tuple[list[int], list[int]]:
    first = np.concatenate([[0], np.cumsum([len(path) for path in paths])])
    return first.astype(int).tolist(), [link for path in paths for link in path]


@given(networks())
def test_flows_equal_rational_arithmetic(
    case: tuple[list[list[int]], list[int], list[int], list[int], list[int]],
) -> None:
    paths, route, caps, weights, capacity = case
    first, link = packed(paths)
    use = [[int(k in paths[r]) for k in range(len(capacity))] for r in route]
    exact = fill_exactly(use, [Fraction(w) for w in weights], list(caps), capacity)
    found = max_min_flows(route, first, link, capacity, caps, weights)
    np.testing.assert_allclose(found.rate, floats(exact), rtol=1e-9, atol=1e-9)
    # Bottleneck condition: below its cap, a flow crosses a full link on which no other has more
    # per weight (Bertsekas and Gallager, 1992, proposition 6.5).
    load = np.asarray(use).reshape(len(route), len(capacity)).T @ found.rate
    per_weight = found.rate / np.asarray(weights, dtype=float)
    for i in np.flatnonzero(found.rate < np.asarray(caps) - 1e-9):
        assert any(
            load[k] >= capacity[k] - 1e-9
            and all(per_weight[j] <= per_weight[i] + 1e-9 for j in range(len(route)) if use[j][k])
            for k in paths[route[i]]
        )


def test_flows_by_hand() -> None:
    # Two links of 1 and 2: a long flow and one on each; 1/2, 1/2 and 3/2.
    found = max_min_flows([0, 1, 2], [0, 2, 3, 4], [0, 1, 0, 1], [1.0, 2.0])
    np.testing.assert_allclose(found.rate, [0.5, 0.5, 1.5])
    assert found.bottleneck.tolist() == [0, 0, 1]
    capped = max_min_flows([0, 1, 2], [0, 2, 3, 4], [0, 1, 0, 1], [1.0, 2.0], cap=[0.2, 9.0, 9.0])
    np.testing.assert_allclose(capped.rate, [0.2, 0.8, 1.8])


def test_a_route_of_no_links_gives_the_cap() -> None:
    found = max_min_flows([0, 0], [0, 0], [], [1.0], cap=[3.0, 4.0])
    np.testing.assert_allclose(found.rate, [3.0, 4.0])
    assert found.bottleneck.tolist() == [-1]


# ---- what cannot be divided ----------------------------------------------------------------


def test_nothing_to_divide_and_nobody_to_get_it() -> None:
    assert max_min(0.0, [1.0, 2.0]).amount.tolist() == [0.0, 0.0]
    assert max_min(5.0, []).amount.shape == (0,)
    assert alpha_fair(0.0, [1.0, 2.0], alpha=2.0).amount.tolist() == [0.0, 0.0]
    assert alpha_fair(1.0, [], alpha=2.0).amount.shape == (0,)
    assert dominant_resource_fair(np.zeros((0, 2)), [1.0, 1.0]).tasks.shape == (0,)
    blocked = dominant_resource_fair([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]], [0.0, 4.0], cap=9.0)
    np.testing.assert_allclose(blocked.tasks, [0.0, 4.0, 9.0])
    assert max_min_flows([], [0, 1], [0], [1.0]).rate.shape == (0,)
    assert max_min_flows([0], [0, 1], [0], [0.0]).rate.tolist() == [0.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: max_min(1.0, [1.0], [0.0]), r"weight\[0\]"),
        (lambda: max_min(1.0, [1.0, 2.0], [1.0, np.nan]), r"weight\[1\]"),
        (lambda: max_min(np.nan, [1.0]), "capacity"),
        (lambda: max_min(-1.0, [1.0]), "capacity"),
        (lambda: max_min(1.0, [np.nan, -1.0]), r"cap\[0\].*\n.*1 more"),
        (lambda: max_min(np.inf, [np.inf]), "infinite"),
        (lambda: alpha_fair(1.0, [1.0], alpha=0.0), "alpha"),
        (lambda: alpha_fair(1.0, [1.0], alpha=float("nan")), "alpha"),
        (lambda: alpha_fair(1.0, [1.0, 1.0], [1.0, 1e9], alpha=0.01), "too small"),
        (lambda: alpha_fair(1.0, [1.0], use=0.0, alpha=1.0), "use"),
        (lambda: dominant_resource_fair([[np.nan]], [1.0]), "demand"),
        (lambda: dominant_resource_fair([[1.0]], [np.inf]), "capacity"),
        (lambda: dominant_resource_fair([[1.0]], [1.0, 2.0]), "does not fit"),
        (lambda: dominant_resource_fair([[0.0]], [1.0]), "nothing is needed"),
        (lambda: dominant_resource_fair([[1.0]], [1.0], weight=0.0), "weight"),
        (lambda: max_min_flows([0], [0, 2], [0, 0], [1.0]), "twice"),
        (lambda: max_min_flows([1], [0, 1], [0], [1.0]), "out of range"),
        (lambda: max_min_flows([0], [0, 1], [3], [1.0]), "out of range"),
        (lambda: max_min_flows([0], [0, 0], [], [1.0]), "no link limits"),
        (lambda: max_min_flows([0], [0, 2], [0], [1.0]), "does not rise"),
        (lambda: max_min_flows([0], [0, 1], [0], [1.0], weight=np.nan), "weight"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]


def test_what_there_is_nothing_of() -> None:
    shares = dominant_resource_fair([[1.0, 1.0], [1.0, 0.0]], [1.0, 0.0])
    assert shares.tasks.tolist() == [0.0, 1.0]
    assert shares.full.tolist() == [True, True]
    assert dominant_resource_fair([[1.0, 1.0]], [1.0, 0.0]).full.tolist() == [False, True]
    # Who wants nothing of it, or nothing at all, is not stopped by it.
    assert not dominant_resource_fair([[1.0, 0.0]], [9.0, 0.0], cap=2.0).full.any()
    assert not dominant_resource_fair([[1.0, 1.0]], [9.0, 0.0], cap=0.0).full.any()
    for alpha in (0.5, 1.0, 2.0):
        assert alpha_fair(0.0, [1.0, 2.0], alpha=alpha).price == np.inf
    assert alpha_fair(0.0, [0.0, 0.0], alpha=1.0).price == 0.0
