"""Sites with their climate, cooling, generation and storage, from the fact tables."""

from __future__ import annotations

from typing import Any

from build_facts import GRADE, GRADES_OF_SHAPE, Row, source

#: Physical side, all assumed: solar on the roofs, solar and wind on direct lines of western sites,
#: storage, as shares of IT power; hours of storage; CNY/MWh over a direct line; the dry north.
ROOF_PV, LINE_PV, LINE_WIND, STORAGE, STORAGE_H = 0.01, 0.15, 0.15, 0.05, 2.0
LINE_PRICE, NORTH_OF = 300.0, 35.0
WEST = {"helingeer", "guian", "qingyang", "zhongwei", "ulanqab", "hami", "xining"}


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
                        "NDRC replies on the hubs 2021-2022; green-development plan 2024: policy "
                        "targets",
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
                        "wind and solar at about 300 CNY/MWh over a direct line; roofs are paid "
                        "for",
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
                    f"{STORAGE:g} of the site's IT power for {STORAGE_H:g} h, lithium iron "
                    "phosphate",
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
