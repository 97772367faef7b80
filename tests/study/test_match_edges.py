"""Markets at the edge: break-even, too large for what there is, next to nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError, RunError
from computenet.optimization.clearing import Cleared, clear
from computenet.optimization.solvers import Status


def pools(*rows: tuple[str, float, float]) -> list[dict[str, Any]]:
    names = ("site", "count", "price_cny_per_accelerator_h")
    return [{**dict(zip(names, row, strict=True)), "accelerator": "x"} for row in rows]


def bids(*rows: tuple[str, float, float, str]) -> list[dict[str, Any]]:
    names = ("id", "accelerators", "max_price_cny_per_accelerator_h", "whole")
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("supply", "demand", "served"),
    [
        (pools(("w", 10, 4)), bids(("a", 5, 4, "no")), 5.0),
        (pools(("w", 10, 4), ("v", 10, 5)), bids(("a", 15, 5, "no")), 15.0),
        (pools(("w", 10, 4)), bids(("a", 8, 9, "all"), ("b", 5, 4, "no")), 10.0),
        (pools(("w", 10, 4)), bids(("a", 5, 3.999, "no")), 0.0),
    ],
)
def test_what_pays_just_what_it_costs_is_served(
    supply: list[dict[str, Any]], demand: list[dict[str, Any]], served: float
) -> None:
    outcome = cn.match(supply, demand)
    assert outcome.summary["served"] == pytest.approx(served)
    summary = outcome.summary
    assert summary["bound_cny_per_h"] <= summary["objective_cny_per_h"] + 1e-9
    paid = summary["paid_cny"]
    assert paid == pytest.approx(summary["charge_cny"] - summary["uplift_cny"])


def test_priorities_keep_what_they_had_when_ties_are_served() -> None:
    rows = bids(("low", 5, 4, "no"), ("high", 8, 4, "no"))
    rows[1]["priority"] = 1
    outcome = cn.match(pools(("w", 10, 4)), rows)
    got = outcome.allocation.set_index("demand")["reference_accelerators"]
    assert got.to_dict() == pytest.approx({"high": 8.0, "low": 2.0})


def test_what_costs_its_price_up_to_rounding_keeps_its_priority() -> None:
    """0.1 CNY and 1 kW at 200 CNY/MWh cost 0.30000000000000004 CNY."""
    supply = pools(("w", 5, 0.1))
    supply[0] |= {"kw_per_accelerator": 1.0, "pue": 1.0, "electricity_cny_per_mwh": 200.0}
    rows = bids(("low", 5, 0.3, "no"), ("high", 5, 0.3, "no"))
    rows[1]["priority"] = 1
    outcome = cn.match(supply, rows)
    assert outcome.allocation["demand"].tolist() == ["high"]
    assert outcome.summary["uplift_cny"] == 0.0


def test_a_price_for_all_that_name_none_does_not_cap_what_must_run() -> None:
    """`own` names a price: it runs whatever it costs, and pays no more than that."""
    rows: list[dict[str, Any]] = [
        {"id": "named", "accelerators": 4, "max_price_cny_per_accelerator_h": 9.0},
        {"id": "unnamed", "accelerators": 1},
        {"id": "must", "tenant": "must", "accelerators": 4, "must_run": "yes"},
        {"id": "own", "tenant": "own", "accelerators": 4, "must_run": "yes",
         "max_price_cny_per_accelerator_h": 5.0},
    ]  # fmt: skip
    outcome = cn.match(pools(("w", 10, 2)), rows, max_price_cny_per_accelerator_h=3.0)
    paid = outcome.settlement.set_index("tenant")["paid_cny"]
    assert paid["must"] == pytest.approx(4 * 9.0)
    assert paid["own"] == pytest.approx(4 * 5.0)
    unmet = outcome.unmet.set_index("demand")["max_price_cny_per_accelerator_h"]
    assert unmet["unnamed"] == 3.0


@pytest.mark.parametrize(
    ("supply", "demand", "room"),
    [
        (pools(("w", 9, 1)), ("a", 10, 5, "all"), "9"),
        (pools(("w", 9.99, 1)), ("a", 10, 5, "all"), "9.99"),
        (pools(("w", 9, 1), ("v", 9, 1)), ("a", 10, 5, "one-pool"), "9"),
        (pools(("w", 9, 1), ("v", 9, 1)), ("a", 20, 5, "all"), "18"),
    ],
)
def test_what_would_not_fit_an_empty_market_is_too_large(
    supply: list[dict[str, Any]], demand: tuple[str, float, float, str], room: str
) -> None:
    for others in ((), (("b", 1.0, 9.0, "no"),)):
        outcome = cn.match(supply, bids(demand, *others))
        row = outcome.unmet.set_index("demand").loc["a"]
        assert (row["reason"], row["helps"]) == ("too_large", "capacity|whole")
        assert row["why"].endswith(f"room for {room}")
        assert row.isna()["price_needed_cny_per_accelerator_h"]


def test_too_large_for_the_power_of_its_site() -> None:
    supply = pools(("w", 100, 1))
    supply[0] |= {"kw_per_accelerator": 1.0, "site_power_mw": 0.01, "electricity_cny_per_mwh": 0.0}
    outcome = cn.match(supply, bids(("a", 20, 5, "all")))
    row = outcome.unmet.iloc[0]
    assert (row["reason"], row["helps"]) == ("too_large", "site_power|whole")


def test_what_pushes_others_out_is_not_too_large() -> None:
    outcome = cn.match(pools(("w", 9, 1)), bids(("a", 8, 5, "all"), ("b", 5, 50, "no")))
    row = outcome.unmet.iloc[0]
    assert (row["demand"], row["reason"]) == ("a", "whole")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_bound_that_is_not_known_is_written_as_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lang: str
) -> None:
    def stopped(*given: Any, **more: Any) -> Cleared:
        return replace(clear(*given, **more), status=Status.FEASIBLE, bound=-np.inf)

    monkeypatch.setattr("computenet.study.clearing.clearing.clear", stopped)
    outcome = cn.match(pools(("w", 10, 4)), bids(("a", 5, 9, "no")), lang=lang)
    outcome.save(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert (written["bound_cny_per_h"], written["status"]) == (None, "feasible")
    assert ("not known" if lang == "en" else "未知") in outcome.notes[0]


@pytest.mark.parametrize("limit", [None, 3.0])
def test_a_solve_that_is_stopped_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, limit: float | None
) -> None:
    def stopped(*given: Any, **more: Any) -> Cleared:
        return replace(clear(*given, **more), status=Status.NO_SOLUTION)

    monkeypatch.setattr("computenet.study.clearing.clearing.clear", stopped)
    with pytest.raises(RunError, match="was found"):
        cn.match(pools(("w", 10, 4)), bids(("a", 5, 9, "no")), time_limit_s=limit)


def test_a_link_that_is_too_thin_for_what_must_run_is_told_in_gbps() -> None:
    """900 GB in an hour are 2 Gbps, on a link of 1."""
    demand = [{"id": "d", "region": "r", "accelerators": 4, "data_gb": 900, "must_run": "yes"}]
    paths = [{"region": "r", "site": "w", "latency_ms": 1, "capacity_gbps": 1}]
    with pytest.raises(InputError) as told:
        cn.match(pools(("w", 10, 4)), demand, paths=paths)
    assert told.value.problems[0].message == "these would have to give way: link [r - w] by 1 Gbps"


def test_next_to_nothing_breaks_nothing() -> None:
    little = cn.match(pools(("w", 1e-7, 1)), bids(("a", 0.001, 5, "no")))
    assert little.summary["unmet"] == pytest.approx(0.001, rel=1e-3)
    supply = pools(("w", 10, 1), ("v", 10, 2))
    supply[1]["accelerator"] = "y"
    demand = bids(("a", 5, 5, "no"), ("b", 1e-8, 5, "no"))
    demand[0]["types"], demand[1]["types"] = "x", "x:2"
    assert cn.match(supply, demand).summary["served"] == pytest.approx(5.0)


def test_arguments_out_of_range_are_told_together() -> None:
    with pytest.raises(InputError) as told:
        cn.match(
            pools(("w", 1, 1)), bids(("a", 1, 5, "no")), gap=-1.0, time_limit_s=-1.0, lang="fr"
        )
    assert [problem.path for problem in told.value.problems] == ["gap", "time_limit_s", "lang"]


@pytest.mark.parametrize("beyond", [1e30, 1e13])
def test_amounts_beyond_the_solver_are_told_all_at_once(beyond: float) -> None:
    supply, demand = pools(("w", 10, 4)), bids(("a", 5, 9, "no"))
    supply[0] |= {"kw_per_accelerator": beyond, "electricity_cny_per_mwh": -beyond}
    demand[0] |= {"accelerators": beyond, "data_gb": beyond, "types": f"x:{beyond}"}
    with pytest.raises(InputError) as caught:
        cn.match(supply, demand, carbon_cny_per_t=beyond)
    told = {problem.path: problem for problem in caught.value.problems}
    assert set(told) == {
        "--carbon-price", "supply: row 1, kw_per_accelerator", "demand: row 1, types",
        "supply: row 1, electricity_cny_per_mwh", "demand: row 1, accelerators",
        "demand: row 1, data_gb",
    }  # fmt: skip
    assert told["demand: row 1, data_gb"].value == beyond
    assert "1,000,000,000,000" in (told["demand: row 1, data_gb"].allowed or "")


def test_amounts_next_to_nothing_are_told() -> None:
    supply, demand = pools(("w", 10, 4)), bids(("a", 1e-20, 9, "no"))
    supply[0]["speed"] = demand[0]["hours"] = 1e-20
    with pytest.raises(InputError, match=r"no less than 0\.000") as caught:
        cn.match(supply, demand)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("amount", [1e-6, 1e12])
def test_amounts_at_the_bounds_are_cleared(amount: float) -> None:
    supply, demand = pools(("w", 1e12, 4)), bids(("a", amount, 9, "no"))
    demand[0]["hours"] = 1e-6
    assert cn.match(supply, demand).summary["served"] == pytest.approx(amount, rel=1e-3)
    supply[0]["speed"] = 1e-6
    assert cn.match(supply, demand).summary["served"] == 0.0
