"""Tariffs and grids from the fact tables."""

from __future__ import annotations

from typing import Any

from build_facts import GRADE, Row, source


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
                    "MEE and NBS, provincial average emission factors of electricity 2023 "
                    "(2025 no. 47)",
                    GRADE[row["ef_confidence"]],
                )
            },
        }
        for row in rows
        if row["region"] in used
    ]
