"""A pool may say which models its serving accelerators hold."""

from __future__ import annotations

import pytest

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.errors import InputError

POOLS = [f"{pool.id}" for pool in cn.load("china-2025").topology.pools if pool.serving_share > 0.0]


def fleet(pool: str, models: dict[str, float] | None) -> dict[str, int]:
    scenario = cn.load(
        "china-2025",
        overrides={f"topology.pools.{pool}.serving_models": models} if models else {},
        days=0.1,
    )
    compiled = compile_scenario(scenario)
    names = [model.name for model in scenario.workload.models]
    at = compiled.pools.ids.index(pool)
    groups = compiled.groups
    return {
        names[int(groups.model[g])]: int(
            groups.replicas_real[g] * groups.accelerators_per_replica[g]
        )
        for g in range(len(groups.ids))
        if groups.pool[g] == at
    }


def test_only_the_models_named_are_served_and_in_their_proportions() -> None:
    pool = max(POOLS, key=lambda name: sum(fleet(name, None).values()))
    today = fleet(pool, None)
    assert len(today) > 2
    first, second = sorted(today)[:2]
    one = fleet(pool, {first: 1.0})
    assert set(one) == {first}
    both = fleet(pool, {first: 3.0, second: 1.0})
    assert set(both) == {first, second}
    step = 500 * 16  # a simulated replica of sampling 500, of at most 16 accelerators
    assert abs(both[first] - 3 * both[second]) <= 4 * step


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InputError) as caught:
        cn.load("two-hubs", overrides={"topology.pools.east/unit.serving_models": {"smal": 1.0}})
    assert "serving_models.smal" in str(caught.value)
    assert "small" in str(caught.value)
    with pytest.raises(InputError, match="one model at least"):
        cn.load("two-hubs", overrides={"topology.pools.east/unit.serving_models": {"small": 0}})
