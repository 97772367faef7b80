"""Every built-in policy conforms, and they differ for the reasons their names give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.errors import InputError
from computenet.policies import (
    Plan,
    check_policy,
    example_views,
    make_policy,
    policy_names,
)
from computenet.policies.shares import greedy_shares, normal_rows


@pytest.mark.parametrize("name", policy_names())
def test_policies_conform(name: str) -> None:
    check_policy(lambda: make_policy(name, {}))


def test_check_policy_finds_faults() -> None:
    class Nothing:
        pass

    class Half:
        def reset(self, compiled, seed):
            pass

        def plan(self, view):
            return Plan(
                0.5 * normal_rows(np.ones(view.rtt_s.shape), view.request_arc_open),
                normal_rows(np.ones(view.job_arc_open.shape), view.job_arc_open),
            )

    class Closed(Half):
        def plan(self, view):
            everything = np.ones_like(view.request_arc_open)
            return Plan(
                normal_rows(np.ones(view.rtt_s.shape), everything),
                normal_rows(np.ones(view.job_arc_open.shape), view.job_arc_open),
            )

    class Writes(Half):
        def plan(self, view):
            view.rtt_s[:] = 0.0
            return Plan(
                normal_rows(np.ones(view.rtt_s.shape), view.request_arc_open),
                normal_rows(np.ones(view.job_arc_open.shape), view.job_arc_open),
            )

    class Forgetful(Half):
        draw = np.random.default_rng(1)

        def plan(self, view):
            weights = self.draw.random(view.rtt_s.shape)
            return Plan(
                normal_rows(weights, view.request_arc_open),
                normal_rows(np.ones(view.job_arc_open.shape), view.job_arc_open),
            )

    for kind, words in (
        (Nothing, "no methods"),
        (Half, "sum to 1"),
        (Closed, "closed"),
        (Writes, "written to"),
        (Forgetful, "same seed"),
    ):
        with pytest.raises(InputError, match=words):
            check_policy(kind)


def test_unknown_names_and_parameters_are_all_reported() -> None:
    with pytest.raises(InputError, match="did you mean: cheapest"):
        make_policy("cheepest", {})
    with pytest.raises(InputError) as caught:
        make_policy("nearest", {"headroom": 3.0, "headrom": 0.5})
    assert {problem.path for problem in caught.value.problems} == {
        "policy.parameters.headroom",
        "policy.parameters.headrom",
    }
    with pytest.raises(InputError, match="has no parameters"):
        make_policy("random", {"seed": 1})


@pytest.mark.parametrize(
    ("name", "parameter", "value", "said"),
    [
        ("fair", "measure", "maxmin", ("max-min, proportional, drf, or a number", "mean: max-min")),
        ("fair", "measure", -3, ("max-min, proportional, drf, or a number",)),
        ("fair", "headroom", 2, ("at most 1",)),
        ("fair", "respect_circle", "maybe", ("yes or no",)),
        ("gang", "moves", "tru", ("yes or no", "did you mean: true")),
        ("dispatch", "forecast", None, ("is empty", "a text")),
        ("dispatch", "window_h", "long", ("a whole number from 2 to 168",)),
    ],
)
def test_a_wrong_parameter_is_one_problem_in_words_of_the_user(
    name: str, parameter: str, value: object, said: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        make_policy(name, {parameter: value})
    (problem,) = caught.value.problems
    assert problem.path == f"policy.parameters.{parameter}"
    text = "\n".join(problem.lines())
    assert all(words in text for words in said), text
    assert "valid" not in text


def test_an_unknown_forecast_is_told_beside_other_parameters() -> None:
    for name in ("dispatch", "matching", "gang"):
        with pytest.raises(InputError) as caught:
            make_policy(name, {"forecast": "perfct", "miss_cny": -1, "peek_hours": 2})
        told = {problem.path: problem.suggestion for problem in caught.value.problems}
        assert told == {
            "policy.parameters.forecast": "perfect",
            "policy.parameters.miss_cny": None,
            "policy.parameters.peek_hours": "peak_hours",
        }


def test_greedy_fills_the_best_and_goes_on() -> None:
    score = np.asarray([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    shares = greedy_shares(
        score, np.ones((2, 3), dtype=bool), np.asarray([6.0, 6.0]), np.asarray([8.0, 2.0, 10.0]),
        np.ones((2, 3)), np.ones(3),
    )  # fmt: skip
    np.testing.assert_allclose(shares, [[1.0, 0.0, 0.0], [2 / 6, 2 / 6, 2 / 6]])


def test_greedy_spreads_what_finds_no_room_by_capacity() -> None:
    shares = greedy_shares(
        np.asarray([[1.0, 2.0]]), np.ones((1, 2), dtype=bool), np.asarray([10.0]),
        np.asarray([2.0, 2.0]), np.ones((1, 2)), np.asarray([1.0, 3.0]),
    )  # fmt: skip
    np.testing.assert_allclose(shares, [[(2 + 6 * 0.25) / 10, (2 + 6 * 0.75) / 10]])


def test_cheapest_follows_the_price_and_greenest_the_carbon() -> None:
    view = example_views()["usual"]
    view = replace(view, circle_ok=np.ones_like(view.circle_ok))
    cheap = make_policy("cheapest", {}).plan(view)
    west = view.compiled.pools.site == 1
    train = [1, 3]  # little data; the batch class stays with its data where moving it costs more
    assert (cheap.job_shares[train][:, west].sum(axis=1) > 0.99).all()
    assert cheap.job_shares[0, west].sum() < 0.5
    flipped = replace(
        view,
        price_cny_per_mwh=view.price_cny_per_mwh[::-1].copy(),
        carbon_kg_per_mwh=np.asarray([100.0, 900.0]),
        pool_waiting_accelerators=np.zeros(3),
    )
    dear = make_policy("cheapest", {}).plan(flipped)
    assert dear.job_shares[1, ~west].sum() > 0.1 + cheap.job_shares[1, ~west].sum()
    green = make_policy("greenest", {}).plan(flipped)
    assert green.request_shares[:, 0].sum() > cheap.request_shares[:, 0].sum()


def test_cheapest_keeps_to_the_circle_unless_told() -> None:
    view = example_views()["usual"]
    west = view.compiled.pools.site[view.compiled.groups.pool] == 1
    kept = make_policy("cheapest", {}).plan(view)
    assert kept.request_shares[0, west].sum() == 0.0
    left = make_policy("cheapest", {"respect_circle": False}).plan(view)
    assert left.request_shares[0, west].sum() == 1.0
