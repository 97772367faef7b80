"""Turn the fact tables into the shipped national topologies; run by hand when facts change.

``python topologies/build.py FACTS`` reads the CSV files in the folder FACTS and writes
``china-2025`` and ``china-2025-cities`` beside this file. The shipped files stand alone.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
Row = dict[str, str]

#: Share of a site's IT power that feeds accelerators (assumed: intelligent-computing part).
AI_SHARE = 0.25
#: Grade of a fact by its confidence mark.
GRADE = {"high": "published", "medium": "published", "low": "estimated"}
#: Judgements are no estimates.
GRADES_OF_SHAPE = {**GRADE, "low": "assumed"}
#: Share of a site's accelerator power by type (assumed; the public record names vendors only).
MIX: dict[str, dict[str, float]] = {
    "zhangjiakou": {
        "nvidia_h800": 0.3,
        "nvidia_a800": 0.3,
        "ascend_910b": 0.25,
        "nvidia_h20": 0.15,
    },
    "yrd_demo": {"nvidia_h20": 0.5, "ascend_910b": 0.3, "nvidia_a800": 0.2},
    "wuhu": {"ascend_910b": 0.4, "nvidia_a800": 0.3, "nvidia_h20": 0.3},
    "shaoguan": {"ascend_910b": 0.4, "nvidia_h20": 0.4, "nvidia_a800": 0.2},
    "tianfu": {"ascend_910b": 0.5, "nvidia_a800": 0.3, "hygon_k100ai": 0.2},
    "chongqing": {"ascend_910b": 0.5, "nvidia_a800": 0.3, "nvidia_h20": 0.2},
    "helingeer": {"nvidia_h800": 0.35, "nvidia_a800": 0.3, "ascend_910c": 0.25, "kunlun_p800": 0.1},
    "guian": {"ascend_910b": 0.6, "ascend_910c": 0.25, "nvidia_a800": 0.15},
    "qingyang": {"ascend_910b": 0.4, "nvidia_a800": 0.4, "cambricon_mlu590": 0.2},
    "zhongwei": {"nvidia_h800": 0.35, "nvidia_a800": 0.35, "ascend_910b": 0.3},
}
METRO_MIX = {"nvidia_h20": 0.5, "ascend_910b": 0.5}
#: Share of the software stack's peak reached in training, against the A800 (assumed).
TRAINING_EFFICIENCY = {
    "ascend_910b": 0.70, "ascend_910c": 0.70, "kunlun_p800": 0.65, "cambricon_mlu590": 0.60,
    "hygon_k100ai": 0.60, "nvidia_h20": 1.0, "nvidia_h800": 0.80, "nvidia_a800": 1.0,
}  # fmt: skip
#: Types without the interconnect or software for runs of hundreds of accelerators (assumed).
NO_PRETRAINING = {"cambricon_mlu590", "hygon_k100ai"}
#: Share of accelerators set aside for inference (assumed), by tier.
SERVING_SHARE = {"hot": 0.55, "both": 0.40, "cold": 0.30}
#: Physical side, all assumed: solar on the roofs, solar and wind on direct lines of western sites,
#: storage, as shares of IT power; hours of storage; CNY/MWh over a direct line; the dry north.
ROOF_PV, LINE_PV, LINE_WIND, STORAGE, STORAGE_H = 0.01, 0.15, 0.15, 0.05, 2.0
LINE_PRICE, NORTH_OF = 300.0, 35.0
#: Failures of a server a thousand days (facts: workload shapes, failures).
FAILURES = {"yes": 10.0, "no": 4.0}
WEST = {"helingeer", "guian", "qingyang", "zhongwei", "ulanqab", "hami", "xining"}
JOB_CLASSES = ("small", "tuning", "fine-tuning", "batch-inference", "pretraining")


def read(facts: Path, name: str) -> list[Row]:
    with (facts / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def source(text: str, grade: str) -> dict[str, str]:
    return {"source": text.strip(), "grade": grade}


def accelerators(rows: list[Row]) -> list[dict[str, Any]]:
    chips = {row["chip_id"]: row for row in rows}
    base = chips["nvidia_a800"]
    out = []
    for name, efficiency in TRAINING_EFFICIENCY.items():
        row = chips[name]
        tflops, width = float(row["fp16_bf16_dense_tflops"]), float(row["memory_bw_tb_s"])
        tdp, per_server = float(row["tdp_w"]), int(row["chips_per_server"])
        training = efficiency * tflops / float(base["fp16_bf16_dense_tflops"])
        batch = (
            efficiency
            * (
                tflops
                / float(base["fp16_bf16_dense_tflops"])
                * width
                / float(base["memory_bw_tb_s"])
            )
            ** 0.5
        )
        speed = {
            job: round(batch if job == "batch-inference" else training, 3) for job in JOB_CLASSES
        }
        if name in NO_PRETRAINING:
            speed["pretraining"] = 0.0
        sheet = source(row["source"], GRADE[row["confidence"]])
        out.append(
            {
                "id": name,
                "name": {"en": row["name"], "zh": row["name_cn"] or row["name"]},
                "vendor": row["vendor"],
                "fp16_tflops": tflops,
                "memory_gb": float(row["memory_gb"]),
                "memory_bandwidth_tb_s": width,
                "tdp_w": tdp,
                "idle_w": round(0.15 * tdp, 1),
                "accelerators_per_server": per_server,
                "server_overhead_w": max(
                    500.0, round(1000.0 * float(row["server_power_max_kw"]) - per_server * tdp, 1)
                ),
                "speed": speed,
                "failures_per_1000_server_days": FAILURES[row["domestic"]],
                "provenance": {
                    "*": sheet,
                    "failures_per_1000_server_days": source(
                        "4 from Llama 3 (3.8) and Meta RSC (2.3 to 6.5); 10 for first-generation "
                        "domestic chips, no public data",
                        "published" if row["domestic"] == "no" else "assumed",
                    ),
                    "idle_w": source(
                        "0.15 of thermal design power: judgement from idle readings", "assumed"
                    ),
                    "server_overhead_w": source(
                        "server maximum less the accelerators' design power, at least 500 W: "
                        + (row["source"] or "catalogue"),
                        GRADE[row["server_power_confidence"] or "low"],
                    ),
                    "speed": source(
                        f"peak FLOPS (batch inference: geometric mean with memory bandwidth) over the "
                        f"A800's, times {efficiency:g} for the software stack",
                        "assumed",
                    ),
                },
            }
        )
    return out


def sites(
    rows: list[Row], regions: dict[str, str], water: dict[str, Row], winds: dict[str, Row]
) -> list[dict[str, Any]]:
    out = []
    for row in rows:
        name, grade = row["site_id"], GRADE[row["confidence"]]
        province = regions[row["province_cn"]]
        hub = row["site_type"] == "hub_cluster"
        role = "west" if name in WEST else ("east" if hub else "metro")
        rates: dict[str, Any] = {"pue_max": float(row["pue_cap_policy"])}
        if row["green_share_target"]:
            rates["green_share_min"] = float(row["green_share_target"])
        if row["rack_occupancy_target"]:
            rates["rack_occupancy_min"] = float(row["rack_occupancy_target"])
        site: dict[str, Any] = {
            "id": name,
            "name": {"en": row["cluster_en"], "zh": row["cluster_cn"]},
            "province": province,
            "latitude": float(row["lat"]),
            "longitude": float(row["lon"]),
            "role": role,
            "role_text": row["role"],
            "it_capacity_mw": float(row["it_capacity_mw_est"]),
            "pue": float(row["pue_fleet_2025_est"]),
            "water_l_per_kwh": float(water[province]["wue_l_per_kwh_est"]),
            "green_contract_share": float(row["green_share_current"] or 0.0),
            "tariff": tariff_of(row),
            "grid": province,
            "targets": {
                **rates,
                "provenance": {
                    "*": source(
                        "NDRC replies on the hubs 2021-2022; green-development plan 2024: policy targets",
                        "published",
                    )
                },
            },
            "provenance": {
                "*": source(row["source"], grade),
                "latitude": source("anchor district", "published"),
                "longitude": source("anchor district", "published"),
                "it_capacity_mw": source(
                    f"{row['it_capacity_note'] or 'racks x 2.5 kW'} ({row['racks_date']}, "
                    f"{row['racks_boundary']})",
                    "estimated",
                ),
                "pue": source(
                    "fleet estimate for 2025 between policy cap and reported mean 1.3", "estimated"
                ),
                "water_l_per_kwh": source("provincial estimate by climate", "estimated"),
                "green_contract_share": source(
                    row["source"], grade if row["green_share_current"] else "assumed"
                ),
            },
        }
        site |= physical(
            row, role, water[province], winds.get(row["site_id"]), float(row["it_capacity_mw_est"])
        )
        if hub:
            site["hub"] = {"en": row["hub_en"], "zh": row["hub_cn"]}
        out.append(site)
    return out


def wind_shape(row: Row) -> dict[str, list[float]]:
    """Return how a site's wind energy goes with month and hour."""
    return {
        "months": [float(row[f"wind_m{month:02d}"]) for month in range(1, 13)],
        "hours": [float(row[f"wind_h{hour:02d}"]) for hour in range(24)],
    }


def physical(row: Row, role: str, province: Row, wind: Row | None, it_mw: float) -> dict[str, Any]:
    """Return climate, cooling, generation and storage of a site."""
    north = float(row["lat"]) > NORTH_OF
    grade = GRADE[province["cf_confidence"]]
    factors = {
        "pv": float(province["solar_cf_annual_est"]),
        "wind": float(province["wind_cf_annual_est"]),
    }
    plants = [("roof", "pv", "on-site", ROOF_PV, 0.0)]
    if role == "west":
        plants += [
            ("line-pv", "pv", "direct-line", LINE_PV, LINE_PRICE),
            ("line-wind", "wind", "direct-line", LINE_WIND, LINE_PRICE),
        ]
    return {
        "climate": {
            "annual_c": float(row["t_mean_annual_c"]),
            "january_c": float(row["t_mean_jan_c"]),
            "july_c": float(row["t_mean_jul_c"]),
            "daily_range_c": 12.0 if north else 8.0,
            "humidity": 0.5 if north else 0.76,
            "provenance": {
                "*": source("China climate normals (recalled)", "published"),
                "daily_range_c": source("12 degrees in the dry north, 8 in the south", "assumed"),
                "humidity": source("0.5 in the dry north, 0.76 in the south", "assumed"),
            },
        },
        "cooling": "economiser" if north or role == "west" else "evaporative",
        "generators": [
            {
                "id": f"{row['site_id']}/{name}",
                "kind": kind,
                "connection": connection,
                "capacity_mw": round(share * it_mw, 1),
                "capacity_factor": factors[kind],
                "price_cny_per_mwh": price,
                **(wind_shape(wind) if kind == "wind" and wind is not None else {}),
                "provenance": {
                    "*": source(f"{share:g} of the site's IT power: no public list", "assumed"),
                    "capacity_factor": source(province["source"], grade),
                    "price_cny_per_mwh": source(
                        "wind and solar at about 300 CNY/MWh over a direct line; roofs are paid for",
                        "assumed",
                    ),
                    **(
                        {
                            field: source(wind["source"], GRADES_OF_SHAPE[wind["confidence"]])
                            for field in ("months", "hours")
                        }
                        if kind == "wind" and wind is not None
                        else {}
                    ),
                },
            }
            for name, kind, connection, share, price in plants
        ],
        "battery": {
            "power_mw": round(STORAGE * it_mw, 2),
            "energy_mwh": round(STORAGE_H * STORAGE * it_mw, 2),
            "efficiency": 0.88,
            "initial": 0.5,
            "rule": "arbitrage",
            "cycle_cny_per_mwh": 60.0,
            "provenance": {
                "*": source(
                    f"{STORAGE:g} of the site's IT power for {STORAGE_H:g} h, lithium iron phosphate",
                    "assumed",
                )
            },
        },
    }


def tariff_of(row: Row) -> str:
    province = row["province_en"].replace(" ", "_")
    if province == "Guangdong":
        return "Guangdong:north" if row["site_id"] == "shaoguan" else "Guangdong:prd"
    return f"{province}:main"


def pools(rows: list[Row], chips: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_id = {chip["id"]: chip for chip in chips}
    out = []
    for row in rows:
        mix = MIX.get(row["site_id"], METRO_MIX)
        ai_w = 1e6 * AI_SHARE * float(row["it_capacity_mw_est"])
        serving = SERVING_SHARE[row["tier"]]
        for name, share in mix.items():
            chip = by_id[name]
            server_w = chip["accelerators_per_server"] * chip["tdp_w"] + chip["server_overhead_w"]
            servers = max(1, round(ai_w * share / server_w))
            out.append(
                {
                    "id": f"{row['site_id']}/{name}",
                    "site": row["site_id"],
                    "accelerator": name,
                    "count": servers * chip["accelerators_per_server"],
                    "serving_share": serving,
                    "discipline": "easy",
                    "provenance": {
                        "count": source(
                            f"{AI_SHARE:g} of the site's IT power, {share:g} of it for this type, over "
                            "the server's maximum power",
                            "assumed",
                        ),
                        "serving_share": source(
                            f"{serving:g} for the tier {row['tier']}: inference is 40 to 50 % of AI "
                            "business in 2025, more of it near users",
                            "assumed",
                        ),
                    },
                }
            )
    return out


def regions(rows: list[Row]) -> list[dict[str, Any]]:
    def normal(field: str) -> list[float]:
        values = [float(row[field]) for row in rows]
        scaled = [round(value / sum(values), 6) for value in values]
        scaled[0] = round(scaled[0] + 1.0 - sum(scaled), 6)
        return scaled

    inference, training = normal("inference_share"), normal("training_share")
    return [
        {
            "id": row["region"],
            "name": {"en": row["name_en"], "zh": row["name_cn"]},
            "latitude": float(row["lat"]),
            "longitude": float(row["lon"]),
            "inference_share": inference[i],
            "training_share": training[i],
            "activity_shift_h": float(row["activity_shift_h"] or 0.0),
            "provenance": {
                "*": source("provincial capital, WGS 84", "published"),
                "inference_share": source(
                    "0.35 x population + 0.65 x tertiary value added, 2024: NBS and provincial "
                    "communiques; weights are judgement",
                    "estimated",
                ),
                "training_share": source(
                    "tertiary value added 2024 x density of model developers (judgement: Beijing 4, "
                    "Shanghai 2.5, Guangdong and Zhejiang 2)",
                    "estimated",
                ),
                "activity_shift_h": source("solar time against Beijing time, rounded", "assumed"),
            },
        }
        for i, row in enumerate(rows)
    ]


def links(rows: list[Row], chosen: set[str]) -> list[dict[str, Any]]:
    out = []
    for row in rows:
        a, b = row["from_id"].removeprefix("R_"), row["to_id"].removeprefix("R_")
        if not all(end.isupper() or end in chosen for end in (a, b)):
            continue
        out.append(
            {
                "id": f"{a}-{b}",
                "a": a,
                "b": b,
                "length_km": float(row["fibre_km_est"]),
                "latency_ms": float(row["oneway_optical_ms_est"]),
                "capacity_gbps": float(row["schedulable_capacity_gbps_est"]),
                "price_cny_per_gb": float(row["price_cny_per_gb_est"]),
            }
        )
    return out


def months(text: str) -> list[int]:
    out: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def inside(hour: float, text: str) -> bool:
    for part in filter(None, text.split(",")):
        first, last = (float(value) for value in part.split("-"))
        if first <= hour < last or (last < first and (hour >= first or hour < last)):
            return True
    return False


def bands(row: Row) -> list[str]:
    out = []
    for hour in range(24):
        band = "flat"
        for name, field in (
            ("valley", "valley_hours"),
            ("deep_valley", "deep_valley_hours"),
            ("peak", "peak_hours"),
            ("critical", "critical_peak_hours"),
        ):
            if inside(hour, row[field]):
                band = name
        out.append(band)
    return out


def tariffs(rules: list[Row], hourly: list[Row], used: set[str]) -> list[dict[str, Any]]:
    rule_of = {row["row_id"]: row for row in rules}
    out: dict[str, dict[str, Any]] = {}
    for row in hourly:
        name = ":".join(row["row_id"].split(":")[:2])
        if name not in used:
            continue
        rule = rule_of[row["row_id"]]
        scale = float(row["dc_scale"] or 1.0)
        note = (
            f"{rule['tou_document'] or 'provincial notice'}: time-of-use hours and multipliers; "
            f"prices {rule['source'].rpartition('Prices:')[2].strip()}"
        )
        if row["dc_scale"]:
            note += f"; scaled by {scale:g} to the reported data-centre price"
        tariff = out.setdefault(
            name,
            {
                "id": name,
                "name": {"en": rule["province_en"], "zh": rule["province_cn"]},
                "demand_charge_cny_per_kw_month": float(rule["demand_charge_cny_kw_month"]),
                "seasons": [],
                "provenance": {
                    "*": source(
                        "provincial two-part tariff, demand charge",
                        GRADE[rule["demand_charge_confidence"]],
                    )
                },
            },
        )
        tariff["seasons"].append(
            {
                "months": months(row["months"]),
                "bands": bands(rule),
                "price_cny_per_mwh": [
                    round(1000.0 * scale * float(row[f"h{hour:02d}"]), 2) for hour in range(24)
                ],
                "provenance": {"*": source(note, GRADE[row["confidence"]])},
            }
        )
    return list(out.values())


def grids(rows: list[Row], used: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": row["region"],
            "name": {"en": row["province_en"], "zh": row["province_cn"]},
            "emission_kg_per_mwh": round(1000.0 * float(row["ef_2023_kgco2_kwh"]), 1),
            "provenance": {
                "*": source(
                    "MEE and NBS, provincial average emission factors of electricity 2023 (2025 no. 47)",
                    GRADE[row["ef_confidence"]],
                )
            },
        }
        for row in rows
        if row["region"] in used
    ]


def topology(facts: Path, name: str, title: dict[str, str], metro: bool) -> dict[str, Any]:
    hubs = [r for r in read(facts, "hubs.csv") if metro or r["site_type"] == "hub_cluster"]
    demand = read(facts, "demand_regions.csv")
    energy = read(facts, "province_energy.csv")
    region_of = {row["name_cn"]: row["region"] for row in demand}
    chips = accelerators(read(facts, "accelerators.csv"))
    fleet = pools(hubs, chips)
    used_chips = {pool["accelerator"] for pool in fleet}
    winds = {row["site_id"]: row for row in read(facts, "wind_shape.csv")}
    places = sites(hubs, region_of, {row["region"]: row for row in energy}, winds)
    estimate = "great-circle distance x 1.8, calibrated on the CAICT bulletin of 2024-Q1"
    return {
        "id": name,
        "title": title,
        "description": (
            "Sites sized by megawatts (racks x 2.5 kW), a quarter of which feeds accelerators; the "
            "chip mix is an assumption."
        ),
        "utc_offset_h": 8.0,
        "provenance": {
            "utc_offset_h": source("Beijing time", "published"),
            "links.length_km": source(estimate, "estimated"),
            "links.latency_ms": source(f"one-way optical layer: {estimate}", "estimated"),
            "links.capacity_gbps": source("order of magnitude; no public list", "estimated"),
            "links.price_cny_per_gb": source("order of magnitude; no public list", "estimated"),
        },
        "accelerators": [chip for chip in chips if chip["id"] in used_chips],
        "sites": places,
        "pools": fleet,
        "regions": regions(demand),
        "links": links(read(facts, "network.csv"), {row["site_id"] for row in hubs}),
        "tariffs": tariffs(
            read(facts, "electricity.csv"),
            read(facts, "electricity_hourly.csv"),
            {place["tariff"] for place in places},
        ),
        "grids": grids(energy, {place["grid"] for place in places}),
    }


class Dumper(yaml.SafeDumper):
    """Writes repeated values in full, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(name: str, content: dict[str, Any]) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    lines = ["# Made by topologies/build.py from tables of public facts; see the sources inside.\n"]
    for key, value in content.items():
        if isinstance(value, list):
            lines.append(f"{key}:\n")
            for item in value:
                flow = yaml.dump(
                    item, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=10**6,
                    default_flow_style=True,
                )  # fmt: skip
                lines.append(f"- {flow}")
        else:
            lines.append(
                yaml.dump(
                    {key: value}, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100
                )
            )
    (folder / "topology.yaml").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    facts = Path(sys.argv[1])
    write(
        "china-2025",
        topology(
            facts, "china-2025",
            {"en": "China 2025: eight hubs, ten clusters", "zh": "中国 2025：八大枢纽、十大集群"},
            metro=False,
        ),
    )  # fmt: skip
    write(
        "china-2025-cities",
        topology(
            facts, "china-2025-cities",
            {"en": "China 2025 with twelve metro sites", "zh": "中国 2025：枢纽集群与十二个城市节点"},
            metro=True,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main()
