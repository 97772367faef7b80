"""Plans of scenarios: tables that agree with one another, layouts, files, bad input."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.scenario import Scenario, load_scenario
from computenet.study import PlanOutcome, load, plan
from computenet.study.planning.inputs import plan_inputs
from computenet.study.planning.outcome import TABLES
from computenet.study.planning.planning import plan_notes
from computenet.study.planning.tables import links_table


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load("two-hubs")


@pytest.fixture(scope="module")
def outcome(scenario: Scenario) -> PlanOutcome:
    return plan(scenario, gap=1e-4)


def test_costs_by_part_are_the_objective(outcome: PlanOutcome) -> None:
    total = outcome.costs["present_cny"].sum()
    assert total == pytest.approx(outcome.objective_cny, rel=1e-9)
    assert outcome.bound_cny <= outcome.objective_cny
    assert outcome.gap <= 1e-4
    assert outcome.status == "optimal"


def test_money_of_chips_from_their_number(outcome: PlanOutcome) -> None:
    """Chips bought times their price of the year are what is spent on them."""
    bought = outcome.accelerators.groupby("stage")["bought"].sum()
    spent = outcome.investment[outcome.investment["part"] == "chips"].set_index("stage")["cny"]
    for year, after in (("2026", 1), ("2028", 3)):
        assert spent[year] == pytest.approx(bought[year] * 100_000 * 0.9**after, rel=1e-6)


def test_demand_is_served_by_chips_that_are_there(outcome: PlanOutcome) -> None:
    shares = outcome.assignment.groupby(["stage", "region", "classes"])["share"].sum()
    assert shares.to_numpy() == pytest.approx(1.0)
    table = outcome.accelerators
    assert (table["used"] <= table["there"] + 1e-6).all()
    assert (table["busy"] <= table["used"] + 1e-6).all()
    sites = outcome.sites
    room = sites["halls_new_mw"] + sites["halls_old_mw"]
    assert (sites["nameplate_mw"] <= room + 1e-9).all()


def test_energy_balances(outcome: PlanOutcome) -> None:
    """Facility energy over IT energy is a PUE between the annual one's extremes."""
    energy = outcome.energy.merge(outcome.sites[["stage", "site", "pue"]], on=["stage", "site"],
                                  suffixes=("", "_annual"))  # fmt: skip
    used = energy["it_gwh"] > 1e-6
    annual = energy.loc[used, "pue_annual"].to_numpy()
    assert energy.loc[used, "pue"].to_numpy() == pytest.approx(annual, rel=0.02)
    assert (energy["green_share"].dropna() <= 1.0 + 1e-9).all()


def test_targets_are_met_and_margins_right(outcome: PlanOutcome) -> None:
    table = outcome.targets
    assert table.loc[table["target"] != "PUE", "met"].all()
    names = {"share of new compute in hubs", "green share", "rack occupancy of halls in use",
             "demand served", "latency coverage", "PUE"}  # fmt: skip
    assert names <= set(table["target"])
    chips = outcome.accelerators.merge(outcome.sites[["stage", "site", "hub"]])
    last = chips[chips["stage"] == "2028"]
    share = last.loc[last["hub"], "bought"].sum() / last["bought"].sum()
    row = table[(table["target"] == "share of new compute in hubs") & (table["stage"] == "2028")]
    assert row["result"].iloc[0] == pytest.approx(share)
    assert row["margin"].iloc[0] == pytest.approx(share - 0.6)


def test_layout_is_what_the_tables_say(outcome: PlanOutcome, scenario: Scenario) -> None:
    layout = outcome.layout("2028")
    assert layout["extends"] == scenario.topology.id
    assert set(layout) <= {
        "extends", "id", "title", "description", "source", "grade", "set", "add", "remove"
    }  # fmt: skip
    used = outcome.accelerators.set_index(["stage", "site"]).loc[("2028", "west"), "used"]
    count = layout["set"]["pools.west/unit.count"]
    assert count % 8 == 0
    assert 0 <= count - float(np.asarray(used).sum()) < 8 + 1e-3
    planned = outcome.scenario("2028")
    assert planned.energy.model == "full"
    pools = {pool.id: pool for pool in planned.topology.pools}
    assert pools["west/unit"].count == count
    assert all(
        set(pool.serving_models or {}) == {"small"} for pool in pools.values() if pool.serving_share
    )
    grown = planned.workload.request_rate_per_day / scenario.workload.request_rate_per_day
    assert grown == pytest.approx(1.6**3)
    jobs = (
        planned.workload.job_classes[0].rate_per_day / scenario.workload.job_classes[0].rate_per_day
    )
    assert jobs == pytest.approx(1.9**3)
    west = next(site for site in planned.topology.sites if site.id == "west")
    wind = outcome.sites.set_index(["stage", "site"]).loc[("2028", "west"), "wind_mw"]
    assert sum(g.capacity_mw for g in west.generators if g.kind == "wind") == pytest.approx(wind)
    with pytest.raises(InputError, match="no stage"):
        outcome.layout(2030)


def test_a_candidate_has_the_halls_that_are_built(scenario: Scenario) -> None:
    """What a topology says of a site that is not open is what it could have."""
    assert scenario.planning is not None
    sites = scenario.planning.sites.model_copy(update={"closed": ["west"]})
    planning = scenario.planning.model_copy(update={"sites": sites})
    found = plan(scenario.model_copy(update={"planning": planning}), gap=0.01)
    halls = found.sites.set_index(["stage", "site"])["halls_new_mw"]
    for stage in found.stages:
        assert halls[(stage, "west")] > 0.0
        assert found.layout(stage)["set"]["sites.west.it_capacity_mw"] == pytest.approx(
            halls[(stage, "west")], abs=1e-6
        )


def test_a_stage_can_be_simulated(outcome: PlanOutcome) -> None:
    planned = outcome.scenario("2026").model_copy(update={"days": 0.05})
    results = cn.simulate(planned)
    assert results.summary["jobs"]["submitted"] > 0


def test_files_appear_whole(outcome: PlanOutcome, tmp_path: Path) -> None:
    target = outcome.save(tmp_path / "plan")
    written = json.loads((target / "plan.json").read_text(encoding="utf-8"))
    assert written["gap"] == outcome.gap
    assert written["targets_met"] is True
    assert written["pue_caps_met"] is False  # in the east
    for name in TABLES:
        assert (target / f"{name}.csv").is_file(), name
    assert pd.read_csv(target / "sites.csv")["site"].tolist()[:2] == ["east", "west"]
    assert {path.stem for path in (target / "layouts").iterdir()} == {"2026", "2028"}
    assert load_scenario(target / "scenario.yaml").planning is not None
    with pytest.raises(InputError, match="exists already"):
        outcome.save(target)
    outcome.save(target, overwrite=True)


def test_alternatives_and_fronts(scenario: Scenario) -> None:
    found = plan(scenario, alternatives=2, within=0.05, pareto=2, gap=1e-3)
    table = found.alternatives
    assert table["alternative"].tolist()[0] == 0
    assert (table["cost_over_plan"] <= 0.05 * (1 + 1e-3)).all()
    assert table["power_elsewhere"].iloc[1:].max() > 0.0
    assert found.alternative_sites.groupby("alternative")["share"].sum().to_numpy() == (
        pytest.approx(1.0)
    )
    carbon = found.pareto[found.pareto["front"] == "carbon"]
    assert carbon["cost_cny"].is_monotonic_increasing
    assert carbon["emissions_kt"].is_monotonic_decreasing
    assert set(found.pareto["front"]) == {"carbon", "coverage of chat"}


def test_fewer_stages_and_more_days(scenario: Scenario) -> None:
    short = plan(scenario, stages=1, days=3)
    assert short.stages == ("2026",)
    assert short.days["stands_for_days"].sum() == 365
    assert len(short.days) == 3


def test_what_a_plan_cannot_take(scenario: Scenario) -> None:
    with pytest.raises(InputError) as caught:
        plan(scenario, gap=2.0, alternatives=-1, pareto=1, time_limit_s=0.0)
    assert {item.path for item in caught.value.problems} == {
        "gap", "alternatives", "pareto", "time_limit_s"
    }  # fmt: skip
    with pytest.raises(InputError, match="days"):
        plan(scenario, stages=9, days=0)
    bare = scenario.model_copy(update={"planning": None})
    with pytest.raises(InputError, match="planning"):
        plan(bare)


def test_contradictory_targets_of_a_scenario() -> None:
    poor = load("two-hubs", overrides={"planning.targets.budget_cny": 1000.0})
    with pytest.raises(InputError) as caught:
        plan(poor)
    assert "in every stage" in caught.value.title
    told = _told_enough(caught.value)
    assert set(told) == {"2026", "2028"}
    found = plan(load("two-hubs", overrides={"planning.targets.budget_cny": list(told.values())}))
    spent = found.investment.groupby("stage")["cny"].sum()
    assert all(spent[stage] <= most * (1 + 1e-6) for stage, most in told.items())
    # Enough for openings in part alone.
    part = load("two-hubs", overrides={"planning.targets.budget_cny": [2_251_640, 36_310_684]})
    with pytest.raises(InputError) as caught:
        plan(part)
    assert set(_told_enough(caught.value)) == {"2028"}


def _told_enough(error: InputError) -> dict[str, float]:
    """Return by stage the budget with which an error says that there is a plan."""
    told = {}
    for item in error.problems:
        if item.path == "planning.targets.budget_cny":
            (stage,) = re.findall(r"\((\d{4})\)", item.message)
            told[stage] = float(str(item.allowed).split()[0].replace(",", ""))
    return told


def test_pue_is_told_and_is_no_limit_of_the_plan(outcome: PlanOutcome) -> None:
    """Halls of the east are refitted from 1.5 to 1.25 as the fleet leaves; its cap is 1.25."""
    table = outcome.targets
    rows = table[table["target"] == "PUE"].set_index(["where", "stage"])
    assert rows["limit"].to_dict() == {
        (site, stage): cap for site, cap in (("east", 1.25), ("west", 1.2))
        for stage in ("2026", "2028")
    }  # fmt: skip
    pue = outcome.sites.set_index(["site", "stage"])["pue"]
    assert rows["result"].to_dict() == pue.loc[rows.index].to_dict()
    assert not rows.loc["east", "met"].any()
    assert rows.loc["west", "met"].all()
    assert "PUE" not in set(outcome.binding["limit"])


def test_occupancy_of_halls_in_use_and_of_all(outcome: PlanOutcome) -> None:
    sites, p = outcome.sites, outcome.inputs.problem
    old = pd.Series(p.sites.halls.T.ravel() * p.unit / 1e3, index=sites.index)
    assert sites["halls_there_mw"].to_numpy() == pytest.approx(sites["halls_new_mw"] + old)
    used = sites["halls_new_mw"] + sites["halls_old_mw"]
    some = used > 1e-9
    assert (sites["nameplate_mw"] / used)[some].to_numpy() == pytest.approx(
        sites["occupancy"][some]
    )
    assert (sites["nameplate_mw"] / sites["halls_there_mw"])[some].to_numpy() == pytest.approx(
        sites["occupancy_there"][some]
    )
    assert (sites["occupancy_there"] < sites["occupancy"] - 0.01).any()


def test_waves_bought_and_in_service(outcome: PlanOutcome) -> None:
    waves = np.zeros_like(outcome.plan.waves)
    waves[0] = [2.0, 1.0]
    table = links_table(outcome.inputs, replace(outcome.plan, waves=waves))
    link = outcome.inputs.problem.links.names[0]
    mine = table[table["link"] == link].set_index("stage")
    assert mine["waves_bought"].to_dict() == {"2026": 2, "2028": 1}
    assert mine["waves_in_service"].to_dict() == {"2026": 2, "2028": 3}


def test_the_plan_is_the_same_with_variants_beside_it(
    outcome: PlanOutcome, scenario: Scenario
) -> None:
    beside = plan(scenario, gap=1e-4, alternatives=3, within=0.05, pareto=2)
    pd.testing.assert_frame_equal(beside.accelerators, outcome.accelerators)
    assert beside.objective_cny == outcome.objective_cny
    # Two sites have one other layout: what is found again is left out.
    power = beside.alternative_sites.pivot(index="alternative", columns="site", values="share")
    for one, other in combinations(power.index, 2):
        assert (power.loc[one] - power.loc[other]).abs().sum() / 2.0 >= 1e-3
    found = len(power) - 1
    assert 0 < found < 3
    assert any(f"{found} of 3 alternatives" in note for note in beside.notes)


def test_a_decomposed_plan_is_the_same_with_variants_beside_it() -> None:
    size = {"stages": 2, "days": 4, "gap": 0.01}
    alone = plan("four-hubs", **size)
    assert alone.plan.method == "benders"
    beside = plan("four-hubs", pareto=2, **size)
    assert beside.objective_cny == alone.objective_cny
    cheaper = beside.pareto["cost_over_plan"].min() < -5e-5
    assert cheaper == any("less than the plan" in note for note in beside.notes)


def test_a_stopped_site_is_a_candidate() -> None:
    closed = load("two-hubs", overrides={"planning.sites.closed": ["west"]})
    found = plan(closed)
    west = found.sites[found.sites["site"] == "west"].set_index("stage")
    assert west["halls_old_mw"].max() == 0.0
    assert west.loc["2028", "open"]
    paid = found.investment[found.investment["part"] == "opening"]["cny"].sum()
    assert paid >= 2.0e6 * (1 - 1e-9)


def test_caps_of_pue_keep_sites_from_growing() -> None:
    high = load("two-hubs", overrides={"planning.sites.new_pue": {"west": 1.2, "east": 1.45}})
    found = plan_inputs(high, high.planning)  # type: ignore[arg-type]
    assert found.problem.sites.most_halls[0].max() == 0.0  # the cap in the east is 1.25
    assert found.problem.sites.most_halls[1].min() > 0.0


def test_demand_in_chips_by_hand(scenario: Scenario) -> None:
    """Work of jobs is rate x gang x run time over a day, grown by 1.9 a year."""
    found = plan_inputs(scenario, scenario.planning)  # type: ignore[arg-type]
    problem = found.problem
    job = scenario.workload.job_classes[0]
    gang = sum(n * w for n, w in job.sizes.items()) / sum(job.sizes.values())
    mean = job.rate_per_day * gang * job.mean_held_s / 86_400
    c = problem.demand.classes.index("short")
    assert problem.demand.work[:, c, 1].sum() == pytest.approx(mean * 1.9**3)
    # A chip idles at 100 W and a part of 800 W, and draws 400 W more at work.
    assert problem.chips.base_kw[0] == pytest.approx(0.2)
    assert problem.chips.nameplate_kw[0] == pytest.approx(0.6)
    assert problem.demand.draw_kw[c, 0] == pytest.approx(0.4 * job.activity)


def test_the_year_is_kept_on_its_days(scenario: Scenario) -> None:
    found = plan_inputs(scenario, scenario.planning, days=6)  # type: ignore[arg-type]
    e = found.problem.energy
    hours = np.repeat(e.day_weight, 24)
    assert hours.sum() == 8760.0
    for values, year in ((e.output[0], found.year.output[0]), (e.output[1], found.year.output[1])):
        assert (values @ hours) / 8760 == pytest.approx(year.mean(axis=1), rel=1e-3)
    assert (e.price[0, 0] @ hours) / 8.76 == pytest.approx(600.0)  # the mean of 400 and 800
    assert e.serving_shape @ hours / 8760 == pytest.approx(1.0)


def test_chips_too_slow_for_a_class_do_not_serve_it() -> None:
    national = load("china-2025")
    found = plan_inputs(national, national.planning, stages=1, days=1)  # type: ignore[arg-type]
    d, chips = found.problem.demand, found.problem.chips.names
    # A token of the large model takes a K100 67 ms, over the 50 ms of chat; reasoning allows 100.
    slow = chips.index("hygon_k100ai")
    assert np.isinf(d.need[d.classes.index("chat"), slow])
    assert np.isfinite(d.need[d.classes.index("reasoning"), slow])
    assert (np.nanmin(np.where(np.isfinite(d.need), d.need, np.nan)[:4], axis=1) == 1.0).all()


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (Path(cn.__file__).parent.parent / "docs" / "planning.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.S)
    exec(compile(block, "docs/planning.md", "exec"), {})
    assert (tmp_path / "plan" / "layouts" / "2028.yaml").is_file()


def test_the_same_input_gives_the_same_plan() -> None:
    one, two = (plan("four-hubs", stages=1, days=3, gap=1e-3) for _ in range(2))
    assert one.plan.method == "whole"
    pd.testing.assert_frame_equal(one.accelerators, two.accelerators)
    pd.testing.assert_frame_equal(one.costs, two.costs)


def test_saved_layouts_stand_on_the_topology_that_was_planned(tmp_path: Path) -> None:
    changed = {
        "topology.links.RW-west.capacity_gbps": 7.0,
        "topology.sites.west.water_l_per_kwh": 0.123,
    }
    for name, overrides in (("own", changed), ("built-in", {})):
        outcome = plan(load("two-hubs", overrides=overrides), stages=1, days=1)
        folder = outcome.save(tmp_path / name)
        layout = folder / "layouts" / f"{outcome.stages[-1]}.yaml"
        found = load("two-hubs", topology=str(layout)).topology
        before = outcome.inputs.scenario.topology
        links = {link.id: link.capacity_gbps for link in found.links}
        assert links["RW-west"] >= {link.id: link.capacity_gbps for link in before.links}["RW-west"]
        assert links["RW-west"] < 80.0 or not overrides
        water = {site.id: site.water_l_per_kwh for site in found.sites}
        assert water == {site.id: site.water_l_per_kwh for site in before.sites}
        assert (folder / "topology.yaml").exists() == bool(overrides)


def test_a_stage_longer_than_a_life_is_refused() -> None:
    """What is bought serves a whole stage on one purchase: chips of 5 years cannot serve 10."""
    long = load_scenario(
        "two-hubs", {"planning.stages": [{"year": 2026, "years": 10}, {"year": 2036}]}
    )
    with pytest.raises(InputError) as caught:
        plan(long)
    (problem,) = caught.value.problems
    assert problem.path == "planning.stages.2026.years"
    assert problem.value == 10
    assert problem.allowed is not None
    assert problem.allowed.startswith("at most 5, planning.chips.unit.lifetime_years")
    fits = load_scenario("two-hubs", {"planning.stages": [{"year": 2026, "years": 5}]})
    assert plan(fits, days=1, gap=0.05).stages == ("2026",)


def test_only_a_share_that_can_be_shown_is_noted_as_not_served(outcome: PlanOutcome) -> None:
    """What a solver leaves of must-run demand is no 0.00 % to read about."""
    inputs, found = outcome.inputs, outcome.plan
    for share, noted in ((2e-6, False), (2e-4, True)):
        short = replace(found, unmet=np.full_like(found.unmet, share))
        told = [note for note in plan_notes(inputs, short) if "not served" in note]
        assert told == (["0.02% of the demand is not served: see the assignment"] if noted else [])
