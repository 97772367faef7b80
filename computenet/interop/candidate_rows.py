"""Rows of candidate sites, read from CSV or GeoJSON with every problem noted."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from computenet.errors import InputError, Problem, nearest
from computenet.scenario.common import Grade
from computenet.scenario.topology import TopologySpec

__all__ = ["COLUMNS", "Column", "Row", "read_rows", "template_lines"]

Parse = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it means, what is allowed, whether it must be there."""

    meaning: str
    parse: Parse
    allowed: str
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate; `where` names its line or feature."""

    where: str
    values: dict[str, Any]


def _left_out(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _float(value: Any) -> float:
    """Return a number; 1_000 is one in Python only."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError
    return float(value)


def _number(low: float, high: float, above: bool = False) -> tuple[Parse, str]:
    def parse(value: Any) -> float:
        number = _float(value)
        if not math.isfinite(number) or not low <= number <= high or (above and number == low):
            raise ValueError
        return number

    words = f"above {low:g}" if above else f"{low:g} or more"
    return parse, words if math.isinf(high) else f"{low:g} to {high:g}"


def _whole(value: Any) -> int:
    number = _float(value)
    if number != int(number) or number < 1:
        raise ValueError
    return int(number)


def _text(value: Any) -> str:
    text = str(value).strip()
    if not 1 <= len(text) <= 200:
        raise ValueError
    return text


def _one_of(*choices: str) -> tuple[Parse, str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return parse, ", ".join(choices)


INF = math.inf
COLUMNS: dict[str, Column] = {
    "id": Column("name in the topology, unique", _text, "a name", needed=True),
    "latitude": Column("degrees north", *_number(-90, 90), needed=True),
    "longitude": Column("degrees east", *_number(-180, 180), needed=True),
    "it_capacity_mw": Column("IT capacity, MW", *_number(0, INF, above=True), needed=True),
    "name_en": Column("English name; the id", _text, "a name"),
    "name_zh": Column("Chinese name; the English one", _text, "a name"),
    "province": Column("region of the topology; the nearest", _text, "a region's id"),
    "role": Column("like the nearest site's", *_one_of("east", "west", "metro")),
    "pue": Column("annual mean; like the nearest site's", *_number(1, 3)),
    "water_l_per_kwh": Column("L per kWh of IT; the nearest site's", *_number(0, INF)),
    "green_contract_share": Column("0 to 1; the nearest site's", *_number(0, 1)),
    "tariff": Column("tariff of the topology; the nearest site's", _text, "a tariff's id"),
    "grid": Column("grid of the topology; the nearest site's", _text, "a grid's id"),
    "cooling": Column("the nearest site's",
                      *_one_of("economiser", "chiller", "evaporative", "liquid")),
    "accelerator": Column("type of a pool, if there is one yet", _text, "an accelerator's id"),
    "count": Column("accelerators of the pool", _whole, "a whole number of 1 or more"),
    "serving_share": Column("of the pool; as usual for the role", *_number(0, 1)),
    "source": Column("document and year behind the row", _text, "text"),
    "grade": Column("of the source; assumed", *_one_of(*get_args(Grade))),
}  # fmt: skip


def template_lines(topology: TopologySpec) -> str:
    """Return a CSV with its columns explained in comments and one row that can be used."""
    lines = ["# Candidate sites, one a row; columns may be left out unless they are needed."]
    for name, column in COLUMNS.items():
        words = "needed" if column.needed else "optional"
        lines.append(f"# {name}: {column.meaning} ({column.allowed}; {words})")
    site = topology.sites[0]
    kind = topology.accelerators[0].id
    lines.append("id,name_en,name_zh,latitude,longitude,it_capacity_mw,accelerator,count,source")
    place = f"{site.latitude + 1.0:g},{site.longitude - 1.0:g}"
    lines.append(
        f"new-site,New site,新站点,{place},{site.it_capacity_mw:g},{kind},64,a plan of mine"
    )
    return "\n".join(lines) + "\n"


def read_rows(path: Path, problems: list[Problem], notes: list[str]) -> list[Row]:
    """Return the rows with the fields that can be used; what is wrong with the others is noted.

    Parameters
    ----------
    path
        CSV or GeoJSON.
    problems, notes
        Take what cannot be used, and what is left out though nothing is wrong with it.

    Raises
    ------
    InputError
        The file cannot be read at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            [Problem(str(path), None, "is not in UTF-8", "save it as CSV UTF-8, or as GeoJSON")],
            "file cannot be read",
        ) from error
    except OSError as error:
        raise InputError(
            [Problem(str(path), None, error.strerror or str(error))], "file cannot be read"
        ) from error
    raw = (
        _features(path, text, problems, notes)
        if text.lstrip().startswith(("{", "["))
        else _lines(path, text, problems)
    )
    if not raw and not problems:
        problems.append(Problem(str(path), None, "holds no candidate sites"))
    return [_row(where, values, problems) for where, values in raw]


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV and the line each begins at, without blank lines and comments.

    A field in quotes may hold blank lines, ``#`` and ends of lines of its own.
    """
    lines = enumerate(io.StringIO(text), 1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            yield number, next(csv.reader(chain([line], (more for _, more in lines))))
        except csv.Error as error:
            problem = Problem(f"{path}: line {number}", None, f"is not valid CSV: {error}")
            raise InputError([problem], "file cannot be read") from error


def _lines(path: Path, text: str, problems: list[Problem]) -> list[tuple[str, dict[str, Any]]]:
    records = list(_records(path, text))
    if not records:
        return []
    first, titles = records[0]
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(titles) == 1 and mark in titles[0]:
            problem = Problem(f"{path}: line {first}", titles[0].strip()[:60],
                              f"is separated by {word}, not by commas",
                              "CSV with commas; decimals with a point")  # fmt: skip
            raise InputError([problem], "file cannot be read")
    # A comma at the end of every line makes a column without a name and without values.
    used = [at for at in range(len(titles))
            if any(cells[at].strip() for _, cells in records if at < len(cells))]  # fmt: skip
    head = [titles[at].strip() or f"column {at + 1}" for at in used]
    problems += [
        Problem(f"{path}: {name}", None, "is no column", ", ".join(COLUMNS),
                nearest(name, COLUMNS))
        for name in head if name not in COLUMNS
    ]  # fmt: skip
    problems += [
        Problem(f"{path}: {name}", None, "the column stands twice")
        for name in sorted({name for name in head if head.count(name) > 1})
    ]
    problems += [
        Problem(f"{path}: {name}", None, "the column is missing")
        for name, column in COLUMNS.items() if column.needed and name not in head
    ]  # fmt: skip
    out = []
    for number, cells in records[1:]:
        where = f"{path}: line {number}"
        if len(cells) != len(titles):
            words = f"has {len(cells)} fields, the first line {len(titles)}"
            problems.append(Problem(where, None, words, rows=(number,)))
            continue
        out.append((where, {name: cells[at] for name, at in zip(head, used, strict=True)
                            if name in COLUMNS and not _left_out(cells[at])}))  # fmt: skip
    return out


def _features(
    path: Path, text: str, problems: list[Problem], notes: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(
            [Problem(str(path), None, f"is not valid JSON: {error}")], "file cannot be read"
        ) from error
    except RecursionError as error:
        raise InputError(
            [Problem(str(path), None, "is nested too deeply", "a FeatureCollection")],
            "file cannot be read",
        ) from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise InputError(
            [Problem(str(path), None, "is no GeoJSON of features", "a FeatureCollection")],
            "file cannot be read",
        )
    system = content.get("crs")
    if system is not None and not _is_wgs_84(system):
        told = system.get("properties") if isinstance(system, dict) else system
        name = told.get("name", told) if isinstance(told, dict) else told
        raise InputError(
            [Problem(f"{path}: crs", name, "is not the reference system of GeoJSON",
                     "WGS 84, longitude before latitude (urn:ogc:def:crs:OGC:1.3:CRS84), or no crs")
            ],
            "file cannot be read",
        )  # fmt: skip
    out, others = [], 0
    for number, feature in enumerate(features, 1):
        where = f"{path}: feature {number}"
        if not isinstance(feature, dict):
            problems.append(Problem(where, str(feature)[:60], "is no feature", "an object"))
            continue
        one = {name: feature.get(name) or {} for name in ("properties", "geometry")}
        wrong = [
            Problem(f"{where}: {name}", str(value)[:60], "cannot be used", "an object")
            for name, value in one.items() if not isinstance(value, dict)
        ]  # fmt: skip
        if wrong:
            problems += wrong
            continue
        values, geometry = dict(one["properties"]), one["geometry"]
        if values.get("kind") in ("region", "link"):
            # Of an exported topology; any other kind is the file's own word for a site.
            others += 1
            continue
        point = geometry.get("coordinates")
        kind = geometry.get("type")
        if kind == "MultiPoint" and isinstance(point, list) and len(point) == 1:
            kind, point = "Point", point[0]
        if kind == "Point" and isinstance(point, list) and len(point) >= 2:
            values |= {"longitude": point[0], "latitude": point[1]}
        if _left_out(values.get("id")) and feature.get("id") is not None:
            values["id"] = str(feature["id"])
        known = {k: v for k, v in values.items() if k in COLUMNS and not _left_out(v)}
        out.append((where, known))
    if others:
        notes.append(
            f"{path.name}: {others} {'feature' if others == 1 else 'features'} of the kind region "
            "or link, as in an exported topology, left out: candidates are sites"
        )
    return out


def _is_wgs_84(system: Any) -> bool:
    """Return whether a ``crs`` (GeoJSON 2008) names what RFC 7946 takes for granted."""
    properties = system.get("properties") if isinstance(system, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    words = re.split(r"[:/#]+", str(name).upper())
    return words[-1] == "CRS84" or (words[-1] in ("4326", "WGS84", "WGS 84"))


def _row(where: str, raw: dict[str, Any], problems: list[Problem]) -> Row:
    values: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        if name not in raw:
            if column.needed:
                problems.append(Problem(f"{where}: {name}", None, "is missing", column.allowed))
            continue
        value = raw[name].strip() if isinstance(raw[name], str) else raw[name]
        try:
            values[name] = column.parse(value)
        except (TypeError, ValueError, OverflowError):
            like = nearest(str(value), column.allowed.split(", "))
            problems.append(
                Problem(f"{where}: {name}", value, "cannot be used", column.allowed, like)
            )
    for one, other in (("accelerator", "count"), ("count", "accelerator"),
                       ("serving_share", "accelerator"), ("grade", "source")):  # fmt: skip
        if one in values and other not in raw:
            problems.append(Problem(f"{where}: {other}", None, f"is missing beside {one}"))
    return Row(where, values)
