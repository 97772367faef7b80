"""Links that are full earn their rent from whoever sends over them; the others earn nothing."""

from __future__ import annotations

import pandas as pd
import pytest

import computenet as cn
from computenet.policies import make_policy
from computenet.policies.protocol import Plan, PriceRow, SystemView
from computenet.results.nodal_prices import link_price_sets
from computenet.simulation import run_scenario

LONG = "east-west"


class Priced:
    """All goes everywhere alike; the rents of links are those given, by the time from which."""

    def __init__(self, sets: dict[float, dict[str, float]]) -> None:
        self.sets = dict(sets)

    def reset(self, compiled, seed) -> None:
        self.inner = make_policy("proportional", {})

    def plan(self, view: SystemView) -> Plan:
        plan = self.inner.plan(view)
        due = [at_h for at_h in self.sets if view.now_s >= 3600.0 * at_h]
        rows: list[PriceRow] = []
        for at_h in due:
            rows = [
                PriceRow(f"link {name}", "CNY/GB", rent, rent, rent)
                for name, rent in self.sets.pop(at_h).items()
            ]
            rows += [PriceRow("east/unit", "CNY/accelerator-h", 1.0, 1.0, 1.0)]
        return Plan(plan.request_shares, plan.job_shares, prices=tuple(rows))


def run(sets: dict[float, dict[str, float]], **overrides: object) -> cn.Results:
    scenario = cn.load("two-hubs", days=0.25, overrides=overrides)
    return run_scenario(scenario, Priced(sets))


def crossing_gb(results: cn.Results) -> dict[tuple[str, str, str], float]:
    """Return what each sender moved between east and west, from requests and jobs themselves."""
    gb = {item.name: item.gb_per_request for item in results.scenario.workload.service_classes}
    out: dict[tuple[str, str, str], float] = {}
    for row in results.request_flows.to_dict("records"):
        if {str(row["region"]), str(row["site"])} in ({"RE", "west"}, {"RW", "east"}):
            key = ("requests", str(row["region"]), str(row["service_class"]))
            out[key] = out.get(key, 0.0) + row["routed"] * gb[str(row["service_class"])]
    jobs = results.jobs.dropna(subset=["ready_s"])
    for row in jobs.to_dict("records"):
        if {str(row["data_region"]), str(row["site"])} in ({"RE", "west"}, {"RW", "east"}):
            key = ("jobs", str(row["region"]), str(row["job_class"]))
            out[key] = out.get(key, 0.0) + row["data_gb"]
    return out


def adds_up(results: cn.Results) -> None:
    paid = cn.settlement(results)["paid_cny"].sum()
    sites = cn.site_earnings(results)["earned_cny"].sum()
    links = cn.link_earnings(results)["earned_cny"].sum()
    assert paid == pytest.approx(sites + links, rel=1e-12)


def of_links(results: cn.Results) -> pd.DataFrame:
    paid = cn.settlement(results)
    return paid[paid["target"].str.startswith("link ")]


def test_senders_over_a_full_link_pay_its_rent_by_hand() -> None:
    """Two CNY for each of the gigabytes that cross, whoever sends them."""
    results = run({0.0: {LONG: 2.0}})
    assert not (results.jobs["state"] == "transferring").any()
    by_hand = crossing_gb(results)
    paid = of_links(results).set_index(["kind", "region", "demand_class"])
    assert set(paid.index) == set(by_hand)
    for key, gb in by_hand.items():
        assert paid.loc[key, "carried_gb"] == pytest.approx(gb, rel=1e-9)
        assert paid.loc[key, "paid_cny"] == pytest.approx(2.0 * gb, rel=1e-9)
        assert paid.loc[key, "price_cny"] == pytest.approx(2.0, rel=1e-9)
    earned = cn.link_earnings(results).set_index("link")
    assert list(earned.index) == [LONG]
    assert tuple(earned.loc[LONG, ["a", "b"]]) == ("east", "west")
    assert earned.loc[LONG, "earned_cny"] == pytest.approx(2.0 * sum(by_hand.values()), rel=1e-9)
    adds_up(results)


def test_a_plan_whose_link_binds_charges_it_and_one_with_room_does_not() -> None:
    def planned(gbps: float) -> cn.Results:
        return cn.simulate(
            cn.load("two-hubs", days=0.25, policy="matching",
                    overrides={f"topology.links.{LONG}.capacity_gbps": gbps})
        )  # fmt: skip

    full, wide = planned(0.1), planned(1e3)
    (rent,) = link_price_sets(full)[LONG]
    assert rent > 0.0
    earned = cn.link_earnings(full).set_index("link")["earned_cny"]
    bulk = full.links.loc[full.links["link"] == LONG, "carried_gb"].sum()
    requests = sum(gb for (kind, _, _), gb in crossing_gb(full).items() if kind == "requests")
    assert earned[LONG] == pytest.approx(rent * (bulk + requests), rel=1e-9)
    adds_up(full)
    assert cn.link_earnings(wide)["earned_cny"].sum() == 0.0
    assert of_links(wide)["paid_cny"].sum() == 0.0
    adds_up(wide)


def test_a_link_with_room_has_no_rent_though_much_goes_over_it() -> None:
    results = run({0.0: {LONG: 0.0}})
    earned = cn.link_earnings(results)
    assert earned["carried_gb"].sum() > 0.0
    assert earned["earned_cny"].sum() == 0.0
    adds_up(results)


def test_traffic_pays_the_rent_of_its_time_and_nothing_where_none_is_named() -> None:
    """At first 1, from 2 h on 3, from 4 h on the link cannot bind."""
    results = run({0.0: {LONG: 1.0}, 2.0: {LONG: 3.0}, 4.0: {}})
    flows = results.link_flows
    assert sorted(flows["epoch_s"].unique()) == [0.0, 7200.0]
    early = flows.loc[flows["epoch_s"] == 0.0, "carried_gb"].sum()
    late = flows.loc[flows["epoch_s"] == 7200.0, "carried_gb"].sum()
    paid = of_links(results)["paid_cny"].sum()
    assert paid == pytest.approx(early + 3.0 * late, rel=1e-12)
    links = results.links[results.links["link"] == LONG]
    bulk = flows[flows["kind"] != "requests"].groupby("epoch_s")["carried_gb"].sum()
    for begin_s, end_s in ((0.0, 7200.0), (7200.0, 14_400.0)):
        inside = (links["slot_start_s"] >= begin_s) & (links["slot_start_s"] < end_s)
        # As the kernel of transfers has metered the link.
        assert bulk[begin_s] == pytest.approx(links.loc[inside, "carried_gb"].sum(), rel=1e-9)
    adds_up(results)


def test_what_comes_before_the_first_set_is_settled_at_the_first() -> None:
    whole, later = run({0.0: {LONG: 2.0}}), run({3.0: {LONG: 2.0}})
    assert of_links(later)["paid_cny"].sum() == pytest.approx(
        of_links(whole)["paid_cny"].sum(), rel=1e-9
    )


@pytest.mark.parametrize("by", ["best-effort", "dedicated"])
def test_a_bulk_move_pays_for_the_links_it_uses(by: str) -> None:
    # 9 TB at 10 Gbps take two hours, half of them at a rent of 1 and half at 3 CNY/GB.
    move = {"name": "corpus", "region": "RE", "site": "west", "size_tb": 9.0, "by": by}
    if by == "dedicated":
        move["gbps"] = 10.0
    results = run({0.0: {LONG: 1.0}, 1.0: {LONG: 3.0}}, **{"network.bulk_moves": [move]})
    rows = of_links(results).query("kind == 'bulk-moves'")
    assert rows[["region", "demand_class"]].to_numpy().tolist() == [["RE", "corpus"]]
    assert rows["carried_gb"].sum() == pytest.approx(9000.0, rel=1e-9)
    if by == "dedicated":
        assert rows["paid_cny"].sum() == pytest.approx(4500.0 * (1.0 + 3.0), rel=1e-9)
    links = results.links[results.links["link"] == LONG]["carried_gb"].sum()
    flows = results.link_flows
    assert flows.loc[flows["kind"] != "requests", "carried_gb"].sum() == pytest.approx(links)
    adds_up(results)


def test_after_a_cut_the_ways_that_are_left_are_paid() -> None:
    """A second, longer way between the sites carries all from 2 h to 4 h."""
    other = {"id": "detour", "a": "east", "b": "west", "length_km": 3000, "latency_ms": 15.0,
             "capacity_gbps": 40, "price_cny_per_gb": 0.05}  # fmt: skip
    raw = cn.load("two-hubs", days=0.25).model_dump(mode="json")
    raw["topology"]["links"].append(other)
    raw["events"] = [{"kind": "link-cut", "link": LONG, "at_h": 2.0, "duration_h": 2.0}]
    rents = {LONG: 1.0, "detour": 5.0}
    results = run_scenario(cn.load(raw), Priced({0.0: rents}))
    earned = cn.link_earnings(results).set_index("link")
    flows = results.request_flows.astype({"region": str, "site": str})
    gb = {item.name: item.gb_per_request for item in results.scenario.workload.service_classes}
    requests = results.link_flows.query("kind == 'requests'").groupby("link")["carried_gb"].sum()
    crossing = flows[flows["region"].str[1].str.lower() != flows["site"].str[0]]
    total = sum(n * gb[str(c)] for n, c in zip(crossing["routed"], crossing["service_class"],
                                               strict=True))  # fmt: skip
    assert requests[LONG] + requests["detour"] == pytest.approx(total, rel=1e-9)
    assert 0.1 * total < requests["detour"] < 0.7 * total
    metered = results.links.groupby("link", observed=True)["carried_gb"].sum()
    for link, rent in rents.items():
        carried = metered.get(link, 0.0) + requests[link]
        assert earned.loc[link, "earned_cny"] == pytest.approx(rent * carried, rel=1e-9)
    adds_up(results)


@pytest.mark.parametrize("paths", [1, 2])
def test_jobs_in_chunks_and_over_several_ways_pay_alike(paths: int) -> None:
    scenario = cn.load("two-hubs", days=0.25, overrides={"network.paths": paths})
    sets = {0.0: {LONG: 1.0}, 1.0: {LONG: 4.0}}
    whole = run_scenario(scenario, Priced(sets))
    parts = run_scenario(scenario, Priced(sets), stream_over=100)
    assert parts.streamed
    assert len(whole.link_flows) > 4
    pd.testing.assert_frame_equal(of_links(whole), of_links(parts), rtol=1e-9)
    adds_up(parts)


def test_without_rents_of_links_there_are_none() -> None:
    results = cn.simulate(cn.load("two-hubs", days=0.05))
    assert results.link_flows.empty
    assert cn.link_earnings(results).empty
