"""A market cleared from tables: what is served, why the rest is not, and that money adds up."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.study.clearing import (
    DEMAND,
    PATHS,
    SUPPLY,
    Column,
    column_lines,
    match_template,
)

Row = dict[str, Any]


def pool(name: str = "a", count: float = 10, price: float | str = 2.0, **more: object) -> Row:
    return {"pool": name, "site": name, "accelerator": "x", "count": count,
            "price_cny_per_accelerator_h": price, **more}  # fmt: skip


def want(name: str = "d", amount: float | str = 4, price: float | str = 5.0, **more: object) -> Row:
    return {"id": name, "accelerators": amount, "max_price_cny_per_accelerator_h": price, **more}


def why(outcome: cn.MatchOutcome, demand: str = "d") -> tuple[str, str]:
    row = outcome.unmet.set_index("demand").loc[demand]
    return row["reason"], row["helps"]


# ---- who is served ------------------------------------------------------------------------


def test_by_hand() -> None:
    """Cheap pool first; the last bid is served in part and sets the price."""
    outcome = cn.match(
        [pool("a", 10, 2.0), pool("b", 5, 3.0)],
        [want("d", 8, 9.0, hours=2), want("e", 12, 6.0, hours=10)],
    )
    assert outcome.summary["served"] == 15
    assert outcome.summary["unmet"] == 5
    # d: 8 from a; e: 2 from a and 5 from b.
    assert outcome.summary["cost_cny"] == pytest.approx(8 * 2 * 2 + (2 * 2 + 5 * 3) * 10)
    assert outcome.prices["price_cny_per_accelerator_h"].tolist() == pytest.approx([6, 6])
    assert outcome.summary["charge_cny"] == pytest.approx(6 * (8 * 2 + 7 * 10))
    assert why(outcome, "e") == ("capacity", "capacity")
    assert [item["name"] for item in outcome.summary["binding"]] == ["a", "b"]
    assert outcome.as_dict().keys() == {"served", "unmet", "cost_cny", "prices", "binding"}


def test_energy_carbon_and_data_make_the_cost() -> None:
    outcome = cn.match(
        [pool("a", 10, 1.0, kw_per_accelerator=0.5, pue=1.2, electricity_cny_per_mwh=500,
              emission_kg_per_mwh=600, speed=0.5)],
        [want("d", 4, 9.0, hours=3, region="r", data_gb=120)],
        paths=[{"region": "r", "site": "a", "latency_ms": 1, "price_cny_per_gb": 0.1}],
        carbon_cny_per_t=100,
    )  # fmt: skip
    row = outcome.settlement.iloc[0]
    # 4 reference accelerators are 8 of these, for 3 h.
    mwh = 8 * 3 * 0.5 * 1.2 / 1000
    assert row["energy_mwh"] == pytest.approx(mwh)
    assert row["ask_cny"] == pytest.approx(24)
    assert row["energy_cny"] == pytest.approx(mwh * 500)
    assert row["carbon_kg"] == pytest.approx(mwh * 600)
    assert row["carbon_cny"] == pytest.approx(mwh * 60)
    # A pool's price is per accelerator of its own: its ask, 0.6 kW at 0.5 + 0.06 CNY.
    assert outcome.prices["price_cny_per_accelerator_h"].tolist() == pytest.approx([1.336])
    assert row["network_cny"] == pytest.approx(12)
    assert outcome.allocation["accelerators"].tolist() == pytest.approx([8])
    assert outcome.allocation["latency_ms"].tolist() == [1]


def test_speed_of_the_demand_goes_before_that_of_the_supply() -> None:
    supply = [pool("a", 10, 2.0, speed=0.5)]
    for types, used in (("x:4", 1), ("x", 8), ("*", 8), ("y|x:2", 2)):
        outcome = cn.match(supply, [want(types=types)])
        assert outcome.prices["used"].tolist() == pytest.approx([used]), types


def test_pue_is_that_of_the_national_clusters_where_none_is_given() -> None:
    outcome = cn.match(
        [pool(price="", kw_per_accelerator=1.0, electricity_cny_per_mwh=1000)], [want()]
    )
    assert outcome.prices["cost_cny_per_accelerator_h"].tolist() == pytest.approx([1.3])


def test_one_demand_in_one_pool() -> None:
    supply = [pool("a", 6, 2.0), pool("b", 8, 3.0)]
    for whole, pools in (("no", {"a", "b"}), ("all", {"a", "b"}), ("one-pool", {"b"})):
        outcome = cn.match(supply, [want("d", 8, whole=whole)])
        assert set(outcome.allocation["pool"]) == pools, whole
        assert outcome.summary["served"] == 8
    outcome = cn.match(supply, [want("d", 9, whole="one-pool")])
    assert outcome.summary["served"] == 0
    assert why(outcome)[0] == "too_large"


# ---- why the rest is not ------------------------------------------------------------------

PLACES = {"latitude": 30.0, "longitude": 120.0}


@pytest.mark.parametrize(
    ("supply", "demand", "reason", "helps"),
    [
        ([pool(count=0)], want(), "no_supply", ""),
        ([pool()], want(types="y"), "accelerator_type", "accelerator_type"),
        ([pool(price=7.0)], want(), "price_limit", ""),
        ([pool(free_h=3)], want(hours=4), "free_hours", "free_hours"),
        ([pool(free_h=3)], want(hours=4, types="y"), "several", ""),
        ([pool(**PLACES)], want(latitude=30, longitude=100, latency_ms=2), "latency", "latency"),
        ([pool(**PLACES), pool("b", price=7.0)], want(latitude=30, longitude=100, latency_ms=2),
         "latency", "latency"),
        ([pool(count=1)], want(), "capacity", "capacity"),
        ([pool(kw_per_accelerator=1, pue=1, site_power_mw=0.001)], want(), "site_power",
         "site_power"),
    ],
)  # fmt: skip
def test_reasons(supply: list[Row], demand: Row, reason: str, helps: str) -> None:
    if "latitude" in demand:
        supply = [{**PLACES, **row} for row in supply]
    outcome = cn.match(supply, [demand])
    assert why(outcome) == (reason, helps)
    for lang in ("en", "zh"):
        text = cn.match(supply, [demand], lang=lang).unmet["why"].iloc[0]
        assert "{" not in text
        assert "nan" not in text


def test_a_full_link_is_the_reason_and_lifting_it_helps() -> None:
    paths = [{"region": "r", "site": "a", "latency_ms": 1, "capacity_gbps": 1}]
    # 4 accelerators for an hour carry 900 GB, 2 Gbps.
    outcome = cn.match([pool()], [want(region="r", data_gb=900)], paths=paths)
    assert why(outcome) == ("link", "link")
    assert outcome.summary["served"] == pytest.approx(2)
    assert outcome.summary["relief"]["link"]["served"] == pytest.approx(2)
    # Half the traffic costs 3 CNY an accelerator-hour, of which there are 2 more.
    assert outcome.summary["relief"]["link"]["saved_cny_per_h"] == pytest.approx(6)
    bound = outcome.summary["binding"]
    assert [item["constraint"] for item in bound] == ["link"]
    assert bound[0]["limit"] == pytest.approx(1)
    assert bound[0]["price_cny"] == pytest.approx(3 * 4 / 900)
    other = [{**paths[0], "site": "b"}, {**paths[0], "region": "s"}]
    no_way = cn.match([pool(), pool("b")], [want(region="r")], paths=other)
    assert set(no_way.allocation["pool"]) == {"b"}


def test_no_way() -> None:
    paths = [{"region": "s", "site": "a", "latency_ms": 1},
             {"region": "r", "site": "b", "latency_ms": 1}]  # fmt: skip
    outcome = cn.match([pool("a")], [want(region="r")], paths=paths)
    assert why(outcome) == ("no_way", "no_way")


def test_must_run_that_cannot_be_met_says_what_conflicts() -> None:
    with pytest.raises(InputError, match=r"capacity \[a\]"):
        cn.match([pool("a", 3)], [want("d", 4, must_run="yes"), want("e")])
    with pytest.raises(InputError) as told:
        cn.match(
            [pool("a", 3), pool("b", 3)],
            [want("d", 2, "", must_run="yes", types="y"),
             want("e", 4, "", must_run="yes", whole="one-pool")],
        )  # fmt: skip
    text = str(told.value)
    assert "accelerator type" in text
    assert "at most 3" in text
    assert len(told.value.problems) == 2


def test_uplift_is_what_priority_costs_the_operator() -> None:
    outcome = cn.match(
        [pool("a", 10, 2.0)],
        [want("d", 6, 4.0, tenant="ahead", priority=1), want("e", 6, 9.0, tenant="rich")],
    )
    paid = outcome.settlement.set_index("tenant")
    assert paid.loc["ahead", "charge_cny"] == pytest.approx(6 * 9)
    assert paid.loc["ahead", "paid_cny"] == pytest.approx(6 * 4)
    assert paid.loc["ahead", "uplift_cny"] == pytest.approx(6 * 5)
    assert paid.loc["rich", "uplift_cny"] == 0


# ---- money --------------------------------------------------------------------------------


@pytest.mark.parametrize("mw", [0.1, 0.099, 0.101])
def test_the_range_of_a_price_counts_accelerators_and_their_power_together(mw: float) -> None:
    """Power or accelerators run out first or both at once: 10 CNY is the price, whichever it is."""
    supply = [pool("s", 100, 1, kw_per_accelerator=1, pue=1, site_power_mw=mw)]
    row = cn.match(supply, [want("d", 200, 10)]).prices.iloc[0]
    names = ("price", "price_low", "price_high")
    assert [row[f"{name}_cny_per_accelerator_h"] for name in names] == pytest.approx([10] * 3)
    assert not row["degenerate"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> cn.MatchOutcome:
    folder = tmp_path_factory.mktemp("sample")
    match_template().save(folder)
    return cn.match(folder / "SUPPLY.csv", folder / "DEMAND.csv", paths=folder / "PATHS.csv")


def test_settlement_adds_up(sample: cn.MatchOutcome) -> None:
    parts = ["ask_cny", "energy_cny", "carbon_cny", "network_cny", "capacity_rent_cny",
             "power_rent_cny", "link_rent_cny"]  # fmt: skip
    table, summary = sample.settlement, sample.summary
    assert table[parts].sum(axis=1).tolist() == pytest.approx(table["charge_cny"].tolist())
    assert table["charge_cny"].sum() == pytest.approx(sample.allocation["charge_cny"].sum())
    assert summary["charge_cny"] == pytest.approx(summary["cost_cny"] + summary["rents_cny"])
    assert summary["paid_cny"] == pytest.approx(summary["charge_cny"] - summary["uplift_cny"])


def test_rents_by_the_hour_are_the_worth_of_what_is_scarce() -> None:
    """With demands of an hour each, rents are the limits times their prices (duality)."""
    folder_rows = [pool("a", 10, 2.0, kw_per_accelerator=1, pue=1, site_power_mw=0.012),
                   pool("b", 7, 3.0), {**pool("c", 9, 2.5), "site": "a", "kw_per_accelerator": 2,
                                       "pue": 1}]  # fmt: skip
    outcome = cn.match(folder_rows, [want(f"d{i}", 5, 3 + i, region="r", data_gb=450 * i)
                                     for i in range(6)],
                       paths=[{"region": "r", "site": "a", "latency_ms": 1, "capacity_gbps": 3},
                              {"region": "r", "site": "b", "latency_ms": 1, "capacity_gbps": 1}],
                       )  # fmt: skip
    worth = 0.0
    for item in outcome.summary["binding"]:
        limit = item["limit"]
        # A link of 1 Gbps carries 450 GB an hour.
        worth += item["price_cny"] * (450 * limit if item["constraint"] == "link" else limit)
    assert outcome.summary["rents_cny"] == pytest.approx(worth)
    assert {item["constraint"] for item in outcome.summary["binding"]} >= {"link"}


def test_the_sample_shows_several_limits(sample: cn.MatchOutcome) -> None:
    assert set(sample.unmet["reason"]) == {"site_power", "link"}
    assert sample.summary["status"] == "optimal"
    json.dumps(sample.summary, allow_nan=False)


# ---- robust ------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, 1, 1e4, 1e9])
def test_any_amount(amount: float) -> None:
    outcome = cn.match([pool("a", 10), pool("b", 0)], [want("d", amount), want("e", amount)])
    assert outcome.summary["served"] == pytest.approx(min(10, 2 * amount))
    assert outcome.summary["unmet"] == pytest.approx(max(0.0, 2 * amount - 10))
    json.dumps(outcome.summary, allow_nan=False)


def test_tables_without_rows() -> None:
    columns = {"site": [], "accelerator": [], "count": [], "price_cny_per_accelerator_h": []}
    outcome = cn.match(columns, [want()])
    assert why(outcome)[0] == "no_supply"
    nothing = {"id": [], "accelerators": [], "max_price_cny_per_accelerator_h": []}
    outcome = cn.match([pool()], nothing)
    assert outcome.summary["served"] == 0
    assert outcome.summary["cost_cny"] == 0
    assert cn.match(columns, nothing).summary["unmet"] == 0


def test_frames_and_files_give_the_same(tmp_path: Path) -> None:
    supply, demand = pd.DataFrame([pool()]), pd.DataFrame([want(), want("e", 30)])
    supply.to_csv(tmp_path / "S.csv", index=False)
    text = "\ufeff" + demand.to_csv(index=False).replace("\n", "\r\n")
    (tmp_path / "D.csv").write_bytes(text.encode())
    one = cn.match(supply, demand)
    two = cn.match(tmp_path / "S.csv", tmp_path / "D.csv")
    assert one.summary == two.summary
    assert one.allocation.equals(two.allocation)


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "S.csv").write_text(
        "# a comment, with \"a quote\nsite,accelerator,cuont,count,price_cny_per_accelerator_h\n"
        "a,x,1,-1,2\na,x,1,nan,2\nb,x,1,5,\n\"c\nd\",x,1,\"1,000\",2\ne,x,1,5\n", "utf-8"
    )  # fmt: skip
    (tmp_path / "D.csv").write_text(
        "id,accelerators,latency_ms,whole,must_run,types,class,max_price_cny_per_accelerator_h\n"
        "d,4,,al,maybe,x:fast,chat,\nd,inf,5,,,x||y,,3\n,4,,,,x|x,,1e400\n", "utf-8"
    )  # fmt: skip
    with pytest.raises(InputError) as told:
        cn.match(tmp_path / "S.csv", tmp_path / "D.csv", max_price_cny_per_accelerator_h=-1)
    text = str(told.value)
    for part in (
        "cuont", "did you mean: count", "S.csv: line 3, count = '-1'", "is out of range",
        "S.csv: line 4, count = 'nan'", "is not a number",
        "S.csv: line 4, pool = 'a/x'", "is the name of line 3 too",
        "S.csv: line 5, price_cny_per_accelerator_h", "are not both known",
        "S.csv: line 6, count = '1,000'", "did you mean: 1000", "S.csv: line 8", "header's number",
        "D.csv: line 2, whole = 'al'", "did you mean: all", "D.csv: line 2, must_run = 'maybe'",
        "D.csv: line 2, types", "D.csv: line 2, class = 'chat'", "used with --topology only",
        "D.csv: line 3, accelerators = 'inf'", "D.csv: line 3, latency_ms", "nothing is known",
        "D.csv: line 3, types", "names nothing", "D.csv: line 4, id", "is empty",
        "D.csv: line 4, types", "names a type twice", "'1e400'", "--max-price = -1",
    ):  # fmt: skip
        assert part in text, part
    assert told.value.exit_code == 2


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"site;accelerator;count\na;x;1\n", "separated by semicolons"),
        (b"site\taccelerator\tcount\na\tx\t1\n", "separated by tabs"),
        ("site,accelerator\n北京,x\n".encode("gbk"), "is not in UTF-8"),
        ("site,accelerator\n".encode("utf-16"), "is not in UTF-8"),
        (b'site,"acc\n', "is no CSV"),
        (b"site,site,accelerator,count\na,a,x,1\n", "has a column twice"),
        (b"site,count\na,1\n", "lacks a column"),
    ],
)
def test_files_that_are_no_such_table(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "S.csv").write_bytes(raw)
    with pytest.raises(InputError, match=message):
        cn.match(tmp_path / "S.csv", [want()])
    with pytest.raises(InputError, match="cannot be read"):
        cn.match(tmp_path / "none.csv", [want()])


def test_a_fault_of_a_thousand_lines_is_shown_five_times() -> None:
    with pytest.raises(InputError) as told:
        cn.match([pool()], [want(str(i), "many") for i in range(1000)])
    assert len(told.value.problems) == 6
    assert "995 more lines" in str(told.value)


def test_places_and_limits_of_one_site_agree() -> None:
    rows = [pool("a", site_power_mw=1, kw_per_accelerator=1, latitude=30),
            {**pool("b"), "site": "a", "site_power_mw": 2}]  # fmt: skip
    with pytest.raises(InputError) as told:
        cn.match(rows, [want()])
    text = str(told.value)
    assert "differs from row 1 of a" in text
    assert "is missing beside latitude" in text
    assert "whose power is limited" in text


def test_unknown_places_and_types_are_told_with_the_nearest(tmp_path: Path) -> None:
    paths = [{"region": "beijing", "site": "west", "latency_ms": 1}]
    with pytest.raises(InputError, match="did you mean: beijing"):
        cn.match([pool("west")], [want(region="beijng")], paths=paths)
    outcome = cn.match([pool("a", accelerator="a800")], [want(types="a8000")])
    assert "did you mean 'a800'" in outcome.notes[0]
    twice = [*paths, {"region": "beijing", "site": "west", "latency_ms": 2}]
    with pytest.raises(InputError, match="listed already in row 1"):
        cn.match([pool("west")], [want(region="beijing")], paths=twice)


# ---- a topology ---------------------------------------------------------------------------


def test_a_topology_fills_what_is_left_out() -> None:
    supply = [{"site": "west", "accelerator": "unit", "count": 100}]
    demand = [{"id": "d", "region": "RE", "accelerators": 10, "hours": 10, "data_gb": 100,
               "class": "long", "max_price_cny_per_accelerator_h": 5}]  # fmt: skip
    outcome = cn.match(supply, demand, topology="two-hubs")
    scenario = cn.load("two-hubs")
    activity = max(item.activity for item in scenario.workload.job_classes)
    kw = (100 + activity * 400 + 800 / 8) / 1000
    row = outcome.settlement.iloc[0]
    assert row["energy_cny"] == pytest.approx(100 * kw * 1.2 * 0.3)
    # From RE over the eastern hub to the western one.
    assert row["network_cny"] == pytest.approx(100 * (0.01 + 0.05))
    assert outcome.allocation["latency_ms"].tolist() == pytest.approx([10.5])
    with pytest.raises(InputError, match="did you mean: long"):
        cn.match(supply, [{**demand[0], "class": "lang"}], topology="two-hubs")


@pytest.mark.parametrize("topology", ["two-hubs", "china-2025"])
def test_the_template_of_a_topology_runs(topology: str, tmp_path: Path) -> None:
    match_template(topology).save(tmp_path)
    outcome = cn.match(tmp_path / "SUPPLY.csv", tmp_path / "DEMAND.csv", topology=topology)
    scenario = cn.load(topology)
    assert len(outcome.prices) == len(scenario.topology.pools)
    classes = len(scenario.workload.job_classes) + len(scenario.workload.service_classes)
    assert outcome.summary["demands"]["all"] == len(scenario.topology.regions) * classes
    assert outcome.summary["served"] > 0
    with pytest.raises(InputError, match="exists already"):
        match_template(topology).save(tmp_path)


def test_templates_explain_every_column() -> None:
    files = match_template().files
    for name, columns in (("SUPPLY", SUPPLY), ("DEMAND", DEMAND), ("PATHS", PATHS)):
        for column in columns:
            assert f"# {column.name}: " in files[f"{name}.csv"]


def test_many_demands() -> None:
    """Ten thousand demands of a few kinds are a small model; nothing here looks at a clock."""
    count = 10_000
    demand = {
        "id": [f"d{i}" for i in range(count)],
        "tenant": [f"t{i % 7}" for i in range(count)],
        "accelerators": [1 + i % 5 for i in range(count)],
        "types": [("*", "x", "y|z:2")[i % 3] for i in range(count)],
        "max_price_cny_per_accelerator_h": [1 + (i * 37 % 1000) / 100 for i in range(count)],
    }
    supply = [
        {**pool(f"p{i}", 100, 1 + i / 10), "accelerator": "xyz"[i % 3]} for i in range(30)
    ]  # fmt: skip
    outcome = cn.match(supply, demand)
    assert outcome.summary["served"] + outcome.summary["unmet"] == pytest.approx(3 * count)
    assert outcome.prices["used"].sum() == pytest.approx(3000)
    assert not math.isnan(outcome.summary["objective_cny_per_h"])


# ---- the page -----------------------------------------------------------------------------


def page() -> str:
    root = Path(cn.__file__).parent.parent
    return (root / "docs" / "match.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", page(), re.S | re.M)
    assert found, title
    return found.group(1)


@pytest.mark.parametrize(
    ("title", "columns"),
    [("SUPPLY.csv", SUPPLY), ("DEMAND.csv", DEMAND), ("PATHS.csv (optional)", PATHS)],
)
def test_the_page_has_every_column_that_is_read(title: str, columns: tuple[Column, ...]) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section(title), re.M)
    written = [f"{name}: {text}".replace("\\|", "|") for name, text in rows]
    assert written == column_lines(columns)


@pytest.mark.parametrize("name", ["allocation", "unmet", "prices", "settlement"])
def test_the_page_has_every_column_that_is_written(name: str, sample: cn.MatchOutcome) -> None:
    documented = re.findall(r"^\| `(\w+)` \|", section(f"{name}.csv"), re.M)
    assert documented == list(getattr(sample, name).columns)


def test_the_worked_example_is_what_comes_out(sample: cn.MatchOutcome) -> None:
    text = section("A worked example")
    rows = [row.split(" | ") for row in re.findall(r"^\| (\w[^|]*\|.*) \|$", text, re.M)][1:]
    table = sample.allocation[
        ["demand", "pool", "accelerators", "price_cny_per_accelerator_h", "charge_cny"]
    ]
    assert [row[:2] for row in rows] == table[["demand", "pool"]].to_numpy().tolist()
    for row, found in zip(rows, table.itertuples(index=False), strict=True):
        assert [float(cell) for cell in row[2:]] == pytest.approx(list(found[2:]), abs=0.005)
    served = sample.unmet.set_index("demand")["served"]
    assert served.to_dict() == pytest.approx({"chat": 276.5, "render": 324.0}, abs=0.05)
    power = next(b for b in sample.summary["binding"] if b["constraint"] == "site_power")
    assert power["price_cny"] == pytest.approx(1489, abs=1)


def test_the_code_of_the_page_runs() -> None:
    for block in re.findall(r"```python\n(.*?)```", page(), re.S):
        exec(compile(block, "match.md", "exec"), {})
