"""Whole runs: repeatable, balanced, and the same whatever does not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.policies import Plan, make_policy, policy_names
from computenet.simulation import run_scenario
from computenet.study import replay

TABLES = ("jobs", "requests", "request_flows", "pools", "sites", "links")


def same(one: cn.Results, other: cn.Results, tables: tuple[str, ...] = TABLES) -> None:
    for name in tables:
        pd.testing.assert_frame_equal(one.tables[name], other.tables[name], check_exact=True)


@pytest.fixture(scope="module")
def usual() -> cn.Results:
    return cn.simulate("two-hubs", seed=3)


def test_same_seed_same_tables_and_another_seed_others(usual: cn.Results) -> None:
    same(usual, cn.simulate("two-hubs", seed=3), (*TABLES, "plans", "events"))
    assert not usual.jobs.equals(cn.simulate("two-hubs", seed=4).jobs)


def test_ticks_of_the_clock_change_nothing(usual: cn.Results) -> None:
    scenario = cn.load("two-hubs", seed=3)
    for tick_s in (7.3, 250.0):
        run = run_scenario(scenario, make_policy("nearest", {}), tick_s=tick_s)
        same(usual, run, (*TABLES, "plans"))


@pytest.mark.parametrize("choice", ["round-robin", "random", "least-work", "two-choices"])
def test_epochs_that_change_nothing_change_nothing(choice: str) -> None:
    runs = [
        cn.simulate(
            "two-hubs",
            policy="proportional",
        )
        if epoch_s is None
        else cn.simulate(
            cn.load(
                "two-hubs",
                overrides={
                    "policy": "proportional", "run.epoch_s": epoch_s, "run.replica_choice": choice,
                },
            )
        )
        for epoch_s in (900.0, 313.0)
    ]  # fmt: skip
    same(runs[0], runs[1])


def test_the_same_quantity_two_ways(usual: cn.Results) -> None:
    s = usual.summary
    sites = usual.sites
    slot_h = 0.25
    assert (sites["facility_mw"] * slot_h).sum() == pytest.approx(s["energy"]["facility_mwh"])
    assert sites["carbon_kg"].sum() == pytest.approx(s["carbon"]["kg"])
    charge = s["cost"]["demand_charge_cny"]
    assert sites["energy_cny"].sum() + charge == pytest.approx(s["cost"]["energy_cny"])
    jobs = usual.jobs
    done = jobs["state"] == "completed"
    assert int(done.sum()) == s["jobs"]["completed"]
    assert (jobs.loc[done, "finish_s"] >= jobs.loc[done, "start_s"]).all()
    assert (jobs.loc[done, "start_s"] >= jobs.loc[done, "ready_s"]).all()
    requests = usual.requests
    for name in ("arrived", "served", "dropped", "in_flight"):
        assert int(requests[name].sum()) == s["requests"][name]
    assert usual.request_flows["routed"].sum() == s["requests"]["arrived"]
    busy = usual.pools["busy_accelerators"].sum() * 900.0
    held = (jobs["finish_s"].fillna(86_400.0) - jobs["start_s"]) * jobs["accelerators"]
    assert busy == pytest.approx(held.sum(), rel=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {"run.warmup_h": 3.0, "days": 0.3},
        {"run.warmup_h": 3.0, "days": 0.3, "run.sampling": 5},
        {"run.request_window_h": 0.5, "run.request_period_h": 2.0, "days": 0.3},
    ],
)
def test_attained_is_of_what_is_counted(changes: dict[str, float]) -> None:
    results = cn.simulate(cn.load("two-hubs", overrides=changes))
    requests = results.requests
    share = requests["attained"] / requests["counted"]
    assert share.to_numpy() == pytest.approx(requests["slo_attainment"].to_numpy(), abs=1e-3)
    total = requests["attained"].sum() / requests["counted"].sum()
    assert total == pytest.approx(results.summary["requests"]["slo_attainment"], abs=2e-3)
    ended = requests["served"] + requests["dropped"]
    assert (requests["counted"] <= ended).all()
    assert (requests["counted"] < ended).any() == ("run.warmup_h" in changes)


@pytest.mark.parametrize("policy", [name for name in policy_names() if name != "replay"])
def test_every_policy_runs_and_balances(policy: str) -> None:
    results = cn.simulate(cn.load("two-hubs", days=0.25), policy=policy)
    assert results.audit.failures() == []
    assert results.manifest["policy"]["name"] == policy


def test_an_object_may_be_a_policy_and_a_bad_plan_is_refused() -> None:
    class Broken:
        def reset(self, compiled, seed):
            pass

        def plan(self, view):
            return Plan(np.ones_like(view.rtt_s), np.ones(view.job_arc_open.shape))

    with pytest.raises(InputError, match="cannot be carried out"):
        cn.simulate(cn.load("two-hubs", days=0.1), policy=Broken())


def test_waits_by_site_and_region_are_of_the_jobs_that_the_mean_counts() -> None:
    run = cn.simulate(cn.load("two-hubs", overrides={"days": 0.5, "run.warmup_h": 6.0}))
    jobs, s = run.jobs, run.summary
    counted = jobs[np.isfinite(jobs["start_s"]) & (jobs["submit_s"] >= 6.0 * 3600.0)]
    assert 0 < len(counted) < sum(row["jobs_started"] for row in s["by_site"].values())
    for part, column in (("by_site", "site"), ("by_region", "region")):
        groups = counted.groupby(column, observed=True)["wait_s"]
        found = {key: row["job_wait_s_mean"] for key, row in s[part].items()}
        assert found == pytest.approx(groups.mean().to_dict())
        mean = sum(found[key] * n for key, n in groups.size().items()) / len(counted)
        assert mean == pytest.approx(s["jobs"]["wait_s"]["mean"])


def test_cut_off_region_drops_its_requests_and_stalls_its_data() -> None:
    cut = [{"kind": "link-cut", "link": "RW-west", "at_h": 2.0, "duration_h": 2.0}]
    results = cn.simulate(cn.load("two-hubs", overrides={"events": cut, "days": 0.5}))
    requests = results.requests.set_index("region")
    assert requests.loc["RE", "dropped"] == 0
    assert requests.loc["RW", "dropped"] > 0
    jobs = results.jobs[results.jobs["region"] == "RW"]
    during = jobs[(jobs["submit_s"] > 2 * 3600.0) & (jobs["submit_s"] < 4 * 3600.0)]
    assert (during["ready_s"] >= 4 * 3600.0).all()
    assert results.events["kind"].tolist()[:1] == ["link-cut"]


def test_rerouted_traffic_is_slower_and_still_balances() -> None:
    cut = [{"kind": "link-cut", "link": "RE-east", "at_h": 0.0, "duration_h": 4.0}]
    with_cut = cn.load("two-hubs", overrides={
        "events": cut, "days": 0.25,
        "topology.links": [
            *cn.load("two-hubs").topology.model_dump(mode="json")["links"],
            {"id": "RE-west", "a": "RE", "b": "west", "length_km": 2200, "latency_ms": 15.0,
             "capacity_gbps": 40, "price_cny_per_gb": 0.08},
        ],
    })  # fmt: skip
    results = cn.simulate(with_cut)
    assert results.requests["dropped"].sum() == 0
    flows = results.request_flows
    assert flows[flows["site"] == "west"]["routed"].sum() > 0
    assert results.audit.bytes_gb <= 1e-9


def test_saved_runs_come_back(usual: cn.Results, tmp_path) -> None:
    usual.save(tmp_path / "run")
    back = cn.load_run(tmp_path / "run")
    assert back.scenario == usual.scenario
    assert back.summary == usual.summary
    same(usual, back)
    again = cn.simulate(tmp_path / "run" / "scenario.yaml")
    same(usual, again)


def test_replay_of_jobs_and_requests_together(tmp_path) -> None:
    jobs = tmp_path / "jobs.csv"
    jobs.write_text(
        "arrival_time,length,cpus\n" + "".join(f"{60 * i},600,{1 + i % 8}\n" for i in range(200))
    )
    requests = tmp_path / "requests.csv"
    lines = [f"2023-11-16 18:15:{s:02d}.{f}000000,300,50\n" for s in range(50) for f in (1, 5)]
    requests.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(lines))
    results = replay([jobs, requests], topology="two-hubs")
    assert results.summary["jobs"]["completed"] == 200
    assert results.summary["requests"]["served"] == 100
    assert results.manifest["demand"] == "recorded"
    assert set(results.manifest["inputs"]) == {"scenario.yaml", "jobs.csv", "requests.csv"}
    assert results.summary["requests"]["sampling"] == 1
