"""Every number of a scenario with its source and grade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from computenet.scenario.common import Provenance, Sourced
from computenet.scenario.planning import PlanningSpec
from computenet.scenario.scenario import Scenario

__all__ = ["NumberSource", "number_sources", "planning_sources"]


@dataclass(frozen=True, slots=True)
class NumberSource:
    """One number, or one column of numbers that share a source.

    Attributes
    ----------
    path
        Dotted path, items by id.
    value
        The number, as text where it is a list.
    source, grade
        ``None`` where the scenario gives none.
    """

    path: str
    field: str
    value: str
    unit: str
    source: str | None
    grade: str | None


_UNITS = (
    ("cny_per_kw_month", "CNY/kW/month"), ("cny_per_mwh", "CNY/MWh"), ("cny_per_gb", "CNY/GB"),
    ("kg_per_mwh", "kg/MWh"), ("l_per_kwh", "L/kWh"), ("per_day", "1/day"),
    ("bandwidth_tb_s", "TB/s"), ("tflops", "TFLOPS"), ("_gbps", "Gbps"), ("_kb_per_token", "kB"),
    ("gb_per_request", "GB"), ("_gb", "GB"), ("_mw", "MW"), ("_km", "km"), ("_ms", "ms"),
    ("_w", "W"), ("_s", "s"), ("_h", "h"), ("_b", "10^9"), ("latitude", "°"), ("longitude", "°"),
)  # fmt: skip


def _unit(field: str) -> str:
    return next((unit for ending, unit in _UNITS if field.endswith(ending)), "")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return True
    if isinstance(value, dict):
        return bool(value) and all(_is_number(item) for item in value.values())
    if isinstance(value, list):
        return bool(value) and all(_is_number(item) for item in value)
    return False


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return str(value)


def number_sources(scenario: Scenario) -> list[NumberSource]:
    """Return every number of topology and workload with what it stands on.

    A record's own provenance comes first (by field, then ``"*"``); then the holder's, under
    ``list.field`` or ``list``. Columns of a list whose provenance stands with the holder are one
    row.
    """
    return [
        *_of(scenario.topology, "topology", {}),
        *_of(scenario.workload, "workload", {}),
    ]


def planning_sources(planning: PlanningSpec) -> list[NumberSource]:
    """Return every number of planning data with what it stands on, as `number_sources` does."""
    return list(_of(planning, "planning", {}))


def _of(record: BaseModel, path: str, inherited: dict[str, Provenance]) -> Iterator[NumberSource]:
    own = record.provenance if isinstance(record, Sourced) else {}
    for field in type(record).model_fields:
        if field == "provenance":
            continue
        value = getattr(record, field)
        found = own.get(field) or own.get("*") or inherited.get(field) or inherited.get("*")
        if _is_number(value):
            yield NumberSource(
                f"{path}.{field}",
                field,
                _shown(value),
                _unit(field),
                found.source if found else None,
                found.grade if found else None,
            )
        elif isinstance(value, BaseModel):
            yield from _of(value, f"{path}.{field}", _passed(own, field, inherited))
        elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
            yield from _list(value, f"{path}.{field}", _passed(own, field, inherited))


def _passed(
    own: dict[str, Provenance], field: str, inherited: dict[str, Provenance]
) -> dict[str, Provenance]:
    out = {
        key.partition(".")[2]: value for key, value in own.items() if key.startswith(f"{field}.")
    }
    whole = own.get(field) or inherited.get("*")
    if whole is not None:
        out.setdefault("*", whole)
    return out


def _list(
    items: list[BaseModel], path: str, inherited: dict[str, Provenance]
) -> Iterator[NumberSource]:
    if inherited and not any(getattr(item, "provenance", None) for item in items):
        seen: dict[str, NumberSource] = {}
        for item in items:
            for number in _of(item, path, inherited):
                seen.setdefault(number.path, number)
        for number in seen.values():
            yield NumberSource(
                number.path,
                number.field,
                f"{len(items)} values",
                number.unit,
                number.source,
                number.grade,
            )
        return
    for index, item in enumerate(items):
        name = getattr(item, "id", None) or getattr(item, "name", None) or index
        yield from _of(item, f"{path}.{name}", inherited)
