"""All or nothing: what would not fit an empty market, or would be too dear in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.study.clearing.alone import alone
from computenet.study.clearing.arcs import kinds_of
from computenet.study.clearing.inputs import read_all

NAMES = ("site", "count", "price_cny_per_accelerator_h")


def pools(*rows: tuple[str, float, float], **more: Any) -> list[dict[str, Any]]:
    return [{**dict(zip(NAMES, row, strict=True)), "accelerator": "x", **more} for row in rows]


def bid(amount: float, price: float, whole: str, **more: Any) -> dict[str, Any]:
    return {"id": "d", "accelerators": amount, "max_price_cny_per_accelerator_h": price,
            "whole": whole, **more}  # fmt: skip


def told(outcome: cn.MatchOutcome, demand: str = "d") -> tuple[str, str]:
    row = outcome.unmet.set_index("demand").loc[demand]
    return row["reason"], row["helps"]


@pytest.mark.parametrize("whole", ["all", "one-pool"])
def test_too_large_for_its_link(whole: str) -> None:
    """4 accelerators carry 900 GB in an hour, 2 Gbps; the link has room for half of them."""
    paths = [{"region": "r", "site": "a", "latency_ms": 1, "capacity_gbps": 1}]
    outcome = cn.match(
        pools(("a", 10, 2)), [bid(4, 5, whole, region="r", data_gb=900)], paths=paths
    )
    assert told(outcome) == ("too_large", "link|whole")
    assert outcome.unmet["why"].iloc[0].endswith("room for 2")


def test_each_limit_that_is_too_tight_helps() -> None:
    supply = pools(("a", 10, 2), kw_per_accelerator=1, pue=1, site_power_mw=0.01)
    assert told(cn.match(supply, [bid(20, 5, "all")])) == ("too_large", "whole")
    # Power is short, and the other site has more of it.
    supply += pools(("b", 5, 2), kw_per_accelerator=1, pue=1, site_power_mw=1)
    assert told(cn.match(supply, [bid(20, 5, "all")])) == ("too_large", "capacity|whole")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_too_dear_as_a_whole(lang: str) -> None:
    """50 at 3 CNY and 50 at 20 CNY are 100 at 11.5 CNY; it pays 10."""
    supply = pools(("a", 50, 3), ("b", 50, 20))
    outcome = cn.match(supply, [bid(100, 10, "all")], lang=lang)
    assert told(outcome) == ("price_limit", "whole")
    row = outcome.unmet.iloc[0]
    assert row["price_needed_cny_per_accelerator_h"] == pytest.approx(11.5)
    assert "11.5" in row["why"]
    assert cn.match(supply, [bid(100, 11.5, "all")]).summary["served"] == 100


def test_one_pool_that_is_large_enough_and_too_dear() -> None:
    outcome = cn.match(pools(("a", 50, 3), ("b", 100, 20)), [bid(100, 10, "one-pool")])
    assert told(outcome) == ("price_limit", "whole")
    assert outcome.unmet["price_needed_cny_per_accelerator_h"].tolist() == [20.0]


def test_what_goes_before_others_is_not_served_from_dearer_pools() -> None:
    """All of it costs 8 CNY in the mean, and part of it 13, which is above the 10 it pays."""
    other = {"id": "e", "accelerators": 1, "max_price_cny_per_accelerator_h": 1}
    outcome = cn.match(pools(("a", 50, 3), ("b", 50, 13)), [bid(100, 10, "all", priority=1), other])
    assert told(outcome) == ("price_limit", "whole")
    row = outcome.unmet.set_index("demand").loc["d"]
    assert row["price_needed_cny_per_accelerator_h"] == pytest.approx(13)
    assert "part of it" in row["why"]


def test_a_link_that_others_fill_does_not_make_it_too_large() -> None:
    paths = [{"region": "r", "site": "a", "latency_ms": 1, "capacity_gbps": 2}]
    rich = bid(2, 50, "no", region="r", data_gb=450) | {"id": "rich"}
    outcome = cn.match(
        pools(("a", 10, 2)), [bid(4, 5, "all", region="r", data_gb=900), rich], paths=paths
    )
    assert told(outcome)[0] == "whole"


@pytest.mark.parametrize("seed", range(20))
def test_room_and_cost_are_those_of_a_market_without_others(seed: int) -> None:
    """Clear the one demand as one that must run: it fits if that can be, and costs the same."""
    rng = np.random.default_rng(seed)
    supply = [
        {"site": f"s{i // 2}", "pool": f"p{i}", "accelerator": "x",
         "count": int(rng.integers(0, 9)), "price_cny_per_accelerator_h": int(rng.integers(1, 9)),
         "speed": float(rng.choice([0.5, 1])), "kw_per_accelerator": int(rng.integers(1, 4)),
         "pue": 1, "site_power_mw": 0.012}
        for i in range(6)
    ]  # fmt: skip
    paths = [
        {"region": "r", "site": f"s{i}", "latency_ms": 1, "capacity_gbps": 4} for i in range(3)
    ]
    gb = float(rng.choice([0.0, 450.0]))
    sizes = rng.integers(3, 25, size=4).tolist()
    for whole, size in [("all", sizes[0]), ("all", sizes[1]), ("one-pool", sizes[2] // 3 + 1)]:
        demand = bid(size, 1.0, whole, region="r", data_gb=gb * size)
        sold, wanted, ways = read_all(supply, [demand], paths, None, None, 0.0)
        kinds = kinds_of(wanted, sold, ways, None, 0.0)
        found = alone(0, wanted, sold, ways, kinds)
        must = {**demand, "must_run": "yes"}
        try:
            cleared = cn.match(supply, [must], paths=paths)
        except InputError:
            assert not found.fits
            any_part = {**demand, "whole": "no", "max_price_cny_per_accelerator_h": 99}
            part = cn.match(supply, [any_part], paths=paths)
            if whole == "all":
                assert found.room == pytest.approx(part.summary["served"], rel=1e-6)
        else:
            assert found.fits
            cost = cleared.summary["cost_cny"] / size
            assert found.cost_cny == pytest.approx(cost, rel=1e-5) or np.isnan(found.cost_cny)
            assert np.isnan(found.cost_cny) == bool((kinds.cost_cny[0] <= 1.0 + 1e-6).all())
