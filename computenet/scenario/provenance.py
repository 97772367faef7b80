"""Every number of a scenario with its source and grade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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


#: Units by the words that end a field's name.
_UNITS = {
    "cny": "CNY", "kg": "kg", "l": "L", "t": "t", "kb": "kB", "gb": "GB", "tb": "TB", "w": "W",
    "kw": "kW", "mw": "MW", "kwh": "kWh", "mwh": "MWh", "gbps": "Gbps", "tb_s": "TB/s",
    "tflops": "TFLOPS", "km": "km", "ms": "ms", "s": "s", "h": "h", "day": "day", "days": "days",
    "year": "year", "years": "years", "month": "month", "c": "°C", "b": "10^9", "wave": "wave",
    "token": "token", "request": "request", "accelerator_h": "accelerator·h",
    "latitude": "°", "longitude": "°",
}  # fmt: skip
#: Fields whose names end like a unit and are none: calendar years, and a number of days.
_NO_UNIT = ("base_year", "first_year", "last_year", "year", "days")
_LARGEST = max(ending.count("_") for ending in _UNITS) + 1


def _ending(words: list[str]) -> tuple[str, list[str]]:
    """Return the unit that a name ends with, the longest, and the words before it."""
    for count in range(min(_LARGEST, len(words)), 0, -1):
        unit = _UNITS.get("_".join(words[-count:]))
        if unit is not None:
            return unit, words[:-count]
    return "", words


def _unit(field: str) -> str:
    """Return the unit that a field's name says: ``demand_charge_cny_per_kw_month``."""
    if field in _NO_UNIT:
        return ""
    before, per, after = field.rpartition("_per_")
    if not per:
        return _ending(field.split("_"))[0]
    below, rest = _ending(after.split("_"))
    while rest:
        unit, rest = _ending(rest)
        if not unit:
            return ""
        below = f"{unit}/{below}"
    return f"{_ending(before.split('_'))[0] or 1}/{below}"


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
    ``list.field`` or ``list``. Numbers of a list that stand on what the holder says are one row a
    column.
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
    """Yield a row a number, or a row a column of numbers that stand on what the holder says."""
    shared: set[tuple[str | None, str | None]] = set()
    if inherited:
        shared = {(None, None), *((one.source, one.grade) for one in inherited.values())}
    columns: dict[str, list[NumberSource]] = {}
    for index, item in enumerate(items):
        name = getattr(item, "id", None) or getattr(item, "name", None) or index
        for number in _of(item, path, inherited):
            if (number.source, number.grade) in shared:
                columns.setdefault(number.path, []).append(number)
            else:
                below = number.path.removeprefix(path)
                yield replace(number, path=f"{path}.{name}{below}")
    for numbers in columns.values():
        count = len(numbers)
        yield replace(numbers[0], value=f"{count} values" if count > 1 else numbers[0].value)
