"""Targets of sites: met where the result is the limit but for rounding."""

from __future__ import annotations

import pytest

import computenet as cn


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_target_equal_to_the_contract_is_met(seed: int) -> None:
    """Contracts cover a fixed share of every slot; their sum over slots rounds."""
    changes = {"energy.model": "full", "workload.request_rate_per_day": 20_000, "run.warmup_h": 0}
    scenario = cn.load("four-hubs", days=0.1, seed=seed, overrides=changes)
    shares = {
        f"topology.sites.{site.id}.targets": {"green_share_min": site.green_contract_share}
        for site in scenario.topology.sites
    }
    rows = cn.simulate(cn.load(scenario, overrides=shares)).summary["targets"]
    assert rows
    assert all(row["met"] for row in rows)
    higher = {
        path: {"green_share_min": one["green_share_min"] + 1e-6}
        for path, one in shares.items()
        if one["green_share_min"] > 0.0
    }
    missed = cn.simulate(cn.load(scenario, overrides=higher)).summary["targets"]
    sites = {site.id for site in scenario.topology.sites if not site.generators}
    assert not any(row["met"] for row in missed if row["site"] in sites)
