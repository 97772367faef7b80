"""Power, tariffs, carbon and water against numbers worked out by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.energy import (
    RULES,
    Battery,
    balance_sites,
    capped,
    demand_charge_cny,
    energy_cost_cny,
    facility_energy_mwh,
    green_ledger,
    hourly_to_slots,
    location_carbon_kg,
    matched_mwh,
    month_index,
    pool_it_energy_mwh,
    site_sum,
    water_m3,
)

START = datetime.fromisoformat("2025-07-07T00:00:00+08:00")


def test_idle_plus_slope() -> None:
    # 10 accelerators up for an hour at 100 + 50 W, and 4 busy for half an hour at 0.5 x 400 W.
    energy = pool_it_energy_mwh(
        np.asarray([100.0]), np.asarray([50.0]), np.asarray([400.0]),
        np.asarray([[10 * 3600.0]]), np.asarray([[4 * 1800.0 * 0.5]]),
    )  # fmt: skip
    assert energy[0, 0] == pytest.approx((10 * 150.0 + 400.0 * 4 * 0.5 * 0.5) / 1e6)


def test_a_power_cap_slows_by_the_cube_root_of_what_it_takes() -> None:
    activity, speed = capped(np.asarray([0.8, 0.4, 0.5]), 0.5)
    np.testing.assert_allclose(activity, [0.5, 0.4, 0.5])
    np.testing.assert_allclose(speed, [(0.5 / 0.8) ** (1 / 3), 1.0, 1.0])
    # Half the power at 0.794 of the speed: 0.63 of the energy above idle for the same work.
    activity, speed = capped(np.asarray([1.0]), 0.5)
    assert activity[0] / speed[0] == pytest.approx(0.5 ** (2 / 3))


def test_sites_add_pools_and_pue_multiplies() -> None:
    pools = np.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    sites = site_sum(pools, np.asarray([1, 0, 1], dtype=np.int32), 2)
    np.testing.assert_array_equal(sites, [[3.0, 4.0], [6.0, 8.0]])
    np.testing.assert_array_equal(
        facility_energy_mwh(sites, np.asarray([[1.5], [1.0]])), [[4.5, 6.0], [6.0, 8.0]]
    )


def table(july: float, august: float) -> np.ndarray:
    out = np.zeros((12, 24))
    out[6] = july + np.arange(24)
    out[7] = august + np.arange(24)
    return out


def test_prices_follow_local_hours_and_months() -> None:
    slots = hourly_to_slots(table(100, 500), START, 8.0, 900.0, 96, 86_400.0)
    np.testing.assert_array_equal(slots, np.repeat(100.0 + np.arange(24), 4))
    late = datetime.fromisoformat("2025-07-31T16:00:00+00:00")  # midnight of 1 August in Beijing
    assert hourly_to_slots(table(100, 500), late, 8.0, 3600.0, 1, 3600.0)[0] == 500.0


def test_a_slot_over_two_hours_takes_the_mean() -> None:
    slots = hourly_to_slots(table(100, 500), START, 8.0, 5400.0, 2, 10_800.0)
    np.testing.assert_allclose(slots, [(100 + 100 + 101) / 3, (101 + 102 + 102) / 3])


def test_months_and_their_shares() -> None:
    start = datetime.fromisoformat("2025-07-31T12:00:00+08:00")
    index, share = month_index(start, 3600.0, 24, 86_400.0, 8.0)
    np.testing.assert_array_equal(index, [0] * 12 + [1] * 12)
    np.testing.assert_allclose(share, [0.5 / 31, 0.5 / 31])


def test_months_are_those_of_the_topology() -> None:
    # Half a day of February at six hours behind Greenwich, where Beijing has March already.
    start, half = "2025-02-28T12:00:00-06:00", {"days": 0.5, "topology.utc_offset_h": -6.0}
    found = cn.simulate(cn.load("two-hubs", overrides={"start": start, **half}))
    assert found.summary["cost"]["demand_charge_cny"] == pytest.approx(charged(found, 12.0 / 672.0))


def charged(found: cn.Results, share: float) -> float:
    most = found.sites.groupby("site")["import_mw"].max()
    return share * float(most["east"] * 40_000.0 + most["west"] * 30_000.0)


def test_a_month_in_which_no_slot_begins_is_charged() -> None:
    start, day = "2025-06-30T12:00:00+08:00", {"days": 1, "run.slot_s": 86_400.0}
    found = cn.simulate(cn.load("two-hubs", overrides={"start": start, **day}))
    share = 0.5 / 30 + 0.5 / 31
    assert found.summary["cost"]["demand_charge_cny"] == pytest.approx(charged(found, share))


def test_demand_charge_is_on_the_highest_slot_of_each_month() -> None:
    power = np.asarray([[1.0, 3.0, 2.0, 5.0]])
    charge = demand_charge_cny(
        power, np.asarray([0, 0, 1, 1], dtype=np.int32), np.asarray([0.25, 0.5]),
        np.asarray([40_000.0]),
    )  # fmt: skip
    assert charge[0] == pytest.approx(40_000 * (3.0 * 0.25 + 5.0 * 0.5))


def test_money_carbon_water() -> None:
    energy = np.asarray([[2.0, 3.0]])
    np.testing.assert_array_equal(
        energy_cost_cny(energy, np.asarray([[100.0, 200.0]])), [[200, 600]]
    )
    np.testing.assert_array_equal(location_carbon_kg(energy, np.asarray([[500.0]])), [[1000, 1500]])
    np.testing.assert_array_equal(water_m3(energy, np.asarray([[1.5]])), [[3.0, 4.5]])


def test_the_ledger_counts_each_megawatt_hour_once() -> None:
    # 8 MWh are consumed: 1 on site, 1 on the direct line, 6 imported. Half under contract is 4, of
    # which 2 are there already; a quarter as certificates is 2, so 2 of the import stay residual.
    ledger = green_ledger(
        np.asarray([[1.0, 0.0]]), np.asarray([[0.5, 0.5]]), np.asarray([[5.5, 0.5]]),
        np.asarray([0.5]), np.asarray([0.25]),
    )  # fmt: skip
    origins = [float(values[0]) for values in ledger]
    assert origins == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert float(ledger.green[0]) == 6.0


def test_contracts_never_cover_more_than_is_imported() -> None:
    ledger = green_ledger(
        np.zeros((1, 2)), np.asarray([[3.0, 3.0]]), np.asarray([[0.5, 0.5]]), np.asarray([1.0]),
        np.asarray([1.0]),
    )  # fmt: skip
    assert float(ledger.contract[0]) == 1.0
    assert float(ledger.certificate[0]) == float(ledger.residual[0]) == 0.0


def matched(
    load: list[float],
    generation: list[float],
    contract: float,
    hours: list[float],
    initial: float = 0.0,
    rule: str = "self-consumption",
) -> np.ndarray:
    """Return what is matched at a site with a store of 10 MW and 4 MWh, 0.9 each way."""
    one = np.ones(1)
    battery = Battery(10 * one, 4 * one, 0.81 * one, initial * one,
                      np.asarray([RULES[rule]]), one)  # fmt: skip
    sums = np.asarray([load], dtype=np.float64), np.asarray([generation], dtype=np.float64)
    lengths = np.asarray(hours, dtype=np.float64)
    price = np.asarray([[float(s) for s in range(len(load))]])
    balance = balance_sites(*sums, lengths, price, battery, np.full((1, len(load)), np.inf))
    return matched_mwh(sums[0], balance, battery, np.asarray([contract]), lengths)[0]


def test_contracts_are_a_flat_profile_in_time() -> None:
    """Two MWh over two hours and a half: the short slot gets half of what a whole one gets."""
    found = matched([5.5, 0.5, 1.0], [0.0] * 3, 2.0, [1.0, 1.0, 0.5], rule="none")
    assert found == pytest.approx([0.8, 0.5, 0.4])


def test_what_is_stored_is_matched_when_it_is_given_back() -> None:
    # 3 MWh of sun: 1 is used, 2 are stored as 1.8, of which 1.11 give the 1 of the next hour.
    assert matched([1.0, 1.0], [3.0, 0.0], 0.0, [1.0, 1.0]) == pytest.approx([1.0, 1.0])
    # More load than the store can give: losses are not matched.
    assert matched([1.0, 5.0], [3.0, 0.0], 0.0, [1.0, 1.0]) == pytest.approx([1.0, 1.62])
    # Half full of whatever there was before: 1.8 of 3.8 MWh are green.
    found = matched([1.0, 1.0], [3.0, 0.0], 0.0, [1.0, 1.0], initial=0.5)
    assert found == pytest.approx([1.0, 1.8 / 3.8])


def test_contracts_that_fill_a_store_are_matched_when_it_gives() -> None:
    """Import of 1 for load and 4 / 0.9 for the store; a contract of 3 an hour, 2 of it stored."""
    found = matched([1.0, 9.0], [0.0, 0.0], 6.0, [1.0, 1.0], rule="arbitrage")
    assert found == pytest.approx([1.0, 3.0 + 0.9 * 0.9 * 2.0])


def test_the_hourly_share_of_a_run_is_met_consumption_over_consumption() -> None:
    changes = {"days": 0.26, "run.slot_s": 3600, "energy.model": "full",
               "energy.certificate_share": 0.3}  # fmt: skip
    run = cn.simulate(cn.load("two-hubs", overrides=changes))
    energy, sites = run.summary["energy"], run.sites
    met = total = 0.0
    for site, row in run.summary["by_site"].items():
        load_mw = sites[sites["site"] == site]["facility_mw"].to_numpy()
        hours = np.minimum(0.26 * 24.0 - np.arange(len(load_mw)), 1.0)
        load = load_mw * hours
        total += load.sum()
        flat = row["contract_mwh"] * hours / hours.sum()
        met += np.minimum(flat, load).sum()
    assert energy["onsite_used_mwh"] == energy["direct_line_mwh"] == 0.0
    assert energy["certificate_mwh"] > 0.0
    assert total == pytest.approx(energy["facility_mwh"])
    assert energy["hourly_matched_green_share"] == pytest.approx(met / total)


def test_generation_is_paid_at_the_price_of_what_runs() -> None:
    """By night only the wind of the west runs, at 280; sun and wind together cost between."""
    changes = {"energy.model": "full", "start": "2025-07-07T00:00:00+08:00", "days": 0.75}
    found = cn.simulate(cn.load("four-hubs", overrides=changes))
    assert found.audit.failures() == []
    west = found.sites[found.sites["site"] == "west"]
    power = west["pv_mw"] + west["wind_mw"]
    price = (250.0 * west["pv_mw"] + 280.0 * west["wind_mw"]) / power.where(power > 0.0, 1.0)
    assert price.min() < 270.0 < price.max() == pytest.approx(280.0)
    paid = float((0.25 * west["generation_used_mw"] * price).sum())
    assert found.summary["cost"]["generation_cny"] == pytest.approx(paid, rel=1e-9)


def test_vouchers_add_nothing_to_a_bill_below_nothing(tmp_path: Path) -> None:
    rows = [f"2025-07-07T0{hour}:00:00+08:00,-9000" for hour in range(4)]
    file = tmp_path / "spot.csv"
    file.write_text("time,cny_per_mwh\n" + "\n".join(rows) + "\n")
    changes = {
        "days": 0.125, "energy.model": "full", "energy.voucher_share": 0.3,
        "energy.voucher_budget_cny": 1e6, "energy.series_files": {"east": str(file)},
    }  # fmt: skip
    cost = cn.simulate(cn.load("two-hubs", overrides=changes)).summary["cost"]
    assert cost["energy_cny"] < 0.0
    assert cost["voucher_cny"] == 0.0
