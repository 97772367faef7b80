"""Policy fair: as cheapest while there is room, and by its measure when there is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.policies import SystemView, check_policy, example_views, make_policy

#: In the example, rows are (A chat, A think, B chat, B think); chat is served by groups 0 (16
#: replicas) and 2 (32) at 0.2 replica-seconds a request, think by groups 1 (4) and 3 (8) at 1.5.
CHAT = [0, 2]


def view_with(rate: list[float], load: list[float] | None = None) -> SystemView:
    usual = example_views()["usual"]
    return replace(
        usual,
        request_rate_per_s=np.asarray(rate),
        job_load_accelerators=np.asarray(load or [1.0] * 4),
        pool_waiting_accelerators=np.zeros(3),
    )


def served(view: SystemView, shares: np.ndarray, overflow: int) -> np.ndarray:
    """Return what each row has of its demand in groups that are not kept for overflow."""
    kept = np.delete(shares, overflow, axis=1)
    return np.asarray(view.request_rate_per_s * kept.sum(axis=1))


@pytest.mark.parametrize(
    "parameters",
    [
        {"measure": "proportional"},
        {"measure": 3.0},
        {"measure": "drf"},
        {"measure": "drf", "weight": "equal"},
        {"weight": "equal", "overflow": "together"},
        {"order": "latency", "respect_circle": False, "headroom": 1.0},
    ],
)
def test_every_measure_conforms(parameters: dict[str, object]) -> None:
    check_policy(lambda: make_policy("fair", parameters))


def test_the_least_alpha_divides_demands_however_much_they_differ() -> None:
    view = view_with([500.0, 2.0, 1e-30, 1.0], [2000.0, 1e-40, 1e-9, 1e3])
    shares = make_policy("fair", {"measure": 0.05}).plan(view)
    assert np.isfinite(shares.request_shares).all()
    assert shares.job_shares.sum(axis=1) == pytest.approx(1.0)
    with pytest.raises(InputError, match="measure"):
        make_policy("fair", {"measure": 0.01})


def test_with_room_for_all_it_is_cheapest() -> None:
    view = view_with([40.0, 2.0, 20.0, 1.0], [20.0, 60.0, 10.0, 80.0])
    for measure in ("max-min", "proportional", "drf", 2.0):
        plan = make_policy("fair", {"measure": measure}).plan(view)
        cheapest = make_policy("cheapest", {}).plan(view)
        np.testing.assert_array_equal(plan.request_shares, cheapest.request_shares)
        np.testing.assert_array_equal(plan.job_shares, cheapest.job_shares)


def test_equal_parts_of_all_demands() -> None:
    # Chat asks for 60 + 20 replicas; group 0 is kept for overflow, 0.8 x 32 = 25.6 are divided.
    view = view_with([300.0, 0.1, 100.0, 0.1])
    for measure in ("max-min", "proportional", "drf", 1.0):
        plan = make_policy("fair", {"measure": measure}).plan(view)
        got = served(view, plan.request_shares, 0)[CHAT]
        np.testing.assert_allclose(got * 0.2, 25.6 * np.asarray([0.75, 0.25]), rtol=1e-6)
        # What is beyond goes to the group kept for it.
        np.testing.assert_allclose(plan.request_shares[CHAT, 0], 1.0 - 25.6 / 80.0, rtol=1e-6)


def test_equal_amounts_meet_small_demands_in_full() -> None:
    view = view_with([300.0, 0.1, 20.0, 0.1])  # 60 and 4 replicas
    plan = make_policy("fair", {"weight": "equal"}).plan(view)
    got = 0.2 * served(view, plan.request_shares, 0)[CHAT]
    np.testing.assert_allclose(got, [25.6 - 4.0, 4.0], rtol=1e-6)
    assert plan.request_shares[2, 0] == pytest.approx(0.0, abs=1e-7)
    # A large alpha tends to the same, 1 to equal parts; 2 lies between: sqrt(60) to sqrt(8).
    view = view_with([300.0, 0.1, 40.0, 0.1])
    least = [
        served(view, make_policy("fair", {"measure": alpha}).plan(view).request_shares, 0)[2]
        for alpha in (1.0, 2.0, 50.0)
    ]
    whole = np.sqrt(60.0) + np.sqrt(8.0)
    exact = [25.6 * 8.0 / 68.0 / 0.2, 25.6 * np.sqrt(8.0) / whole / 0.2, 40.0]
    np.testing.assert_allclose(least, exact, rtol=1e-6)


def test_together_loads_groups_alike_and_leaves_none_idle() -> None:
    view = view_with([300.0, 0.1, 100.0, 0.1])
    plan = make_policy("fair", {"overflow": "together"}).plan(view)
    load = 0.2 * view.request_rate_per_s[CHAT] @ plan.request_shares[CHAT]
    np.testing.assert_allclose(load[[0, 2]] / [16.0, 32.0], 80.0 / 48.0, rtol=1e-6)


def test_drf_gives_less_of_one_thing_to_who_takes_much_of_another() -> None:
    # Both ask for the same chat, but A also wants most of the pools.
    view = view_with([200.0, 0.1, 200.0, 0.1], [400.0, 400.0, 1.0, 1.0])
    plan = make_policy("fair", {"measure": "drf", "weight": "equal"}).plan(view)
    a, b = served(view, plan.request_shares, 0)[CHAT]
    assert b > 1.2 * a
    alike = make_policy("fair", {"measure": "max-min", "weight": "equal"}).plan(view)
    a, b = served(view, alike.request_shares, 0)[CHAT]
    assert a == pytest.approx(b, rel=1e-6)


def test_scarce_jobs_are_placed_at_least_cost_and_in_proportion() -> None:
    # 64 + 256 accelerators of speed 1 and 32 of 0.6 that class 1 (rows 1, 3) cannot use.
    load = [100.0, 300.0, 50.0, 150.0]
    plan = make_policy("fair", {}).plan(view_with([1.0, 0.1, 1.0, 0.1], load))
    used = np.asarray(load) @ plan.job_shares
    # Every pool is over its size by the same factor: nobody waits behind a fuller one.
    factor = used / np.asarray([64.0, 32.0 * 0.6, 256.0])
    np.testing.assert_allclose(factor, factor[0], rtol=1e-6)


def scarce_two_hubs(policy: str, parameters: dict[str, object]) -> cn.Results:
    """Simulate two hubs with 1 and 2 replicas, and forty times the requests."""
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    east, west = plain["topology"]["pools"]
    east |= {"count": 32, "serving_share": 1 / 32}
    west |= {"count": 64, "serving_share": 2 / 64}
    plain["workload"]["request_rate_per_day"] *= 40
    plain["policy"] = {"name": policy, "parameters": parameters}
    return cn.simulate(cn.load(plain, overrides={"days": 0.06}))


def test_scarce_two_hubs() -> None:
    cheapest = scarce_two_hubs("cheapest", {}).summary
    fair = scarce_two_hubs("fair", {}).summary
    assert fair["fairness"]["slo_attainment"]["min"] > (
        5.0 * cheapest["fairness"]["slo_attainment"]["min"]
    )
    assert (
        fair["fairness"]["slo_attainment"]["jain"]
        > (cheapest["fairness"]["slo_attainment"]["jain"])
    )
    assert fair["requests"]["slo_attainment"] > 5.0 * cheapest["requests"]["slo_attainment"]
    small = scarce_two_hubs("fair", {"weight": "equal"}).summary["by_region"]["RW"]
    assert small["slo_attainment"] > fair["by_region"]["RW"]["slo_attainment"]
