"""Turn the fact tables into the shipped national topologies; run by hand when facts change.

``python topologies/build.py FACTS`` reads the CSV files in the folder FACTS and writes
``china-2025`` and ``china-2025-cities`` beside this file. The shipped files stand alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from build_facts import Row, read, source
from build_fleet import accelerators, pools
from build_power import grids, tariffs
from build_sites import sites

HERE = Path(__file__).parent


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
                    "tertiary value added 2024 x density of model developers (judgement: Beijing "
                    "4, Shanghai 2.5, Guangdong and Zhejiang 2)",
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
            {
                "en": "China 2025 with twelve metro sites",
                "zh": "中国 2025：枢纽集群与十二个城市节点",
            },
            metro=True,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main()
