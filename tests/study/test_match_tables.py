"""Tables of a clearing as people write them: comments, odd sources, names that nobody has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet.errors import InputError

SUPPLY = [{"site": "w", "accelerator": "x", "count": 10, "price_cny_per_accelerator_h": 2.0}]
DEMAND = [{"id": "a", "accelerators": 5, "max_price_cny_per_accelerator_h": 9.0}]
HEADER = "id,accelerators,max_price_cny_per_accelerator_h\n"


def told(*tables: Any, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        cn.match(*tables, **more)
    return [(problem.path, problem.message) for problem in caught.value.problems]


# ---- comments -----------------------------------------------------------------------------


def test_comments_stand_anywhere_but_in_quoted_cells(tmp_path: Path) -> None:
    path = tmp_path / "D.csv"
    path.write_text(
        f'# "a quote\n\n# a,b,c\n{HEADER}# say "no\na,5,9\n  # only two, cells\n"b\n#c",1,9\n'
        '"#1",1,9\n#last'
    )
    outcome = cn.match(SUPPLY, path)
    assert outcome.allocation["demand"].tolist() == ["a", "b\n#c", "#1"]


def test_a_comment_that_would_make_a_row_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "D.csv"
    path.write_text(f"{HEADER}a,5,9\n#1,5,9\n")
    with pytest.raises(InputError, match="begins with #") as caught:
        cn.match(SUPPLY, path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.value, problem.rows) == (f"{path}: line 3", "#1,5,9", (3,))


def test_columns_that_stand_twice_are_told_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "D.csv"
    path.write_text("id,id,accelerators,accelerators,hours,hours\na,a,1,1,1,1\n")
    with pytest.raises(InputError) as caught:
        cn.match(SUPPLY, path)
    twice = [p.value for p in caught.value.problems if p.message == "has a column twice"]
    assert twice == ["id", "accelerators", "hours"]


# ---- tables from Python ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        (5, "is no table"),
        ([5, 6], "is no table"),
        (b"a.csv", "is no table"),
        ({"id": ["a", "b"], "accelerators": [1]}, "has columns of different lengths"),
        ({"id": "ab", "accelerators": [1, 2]}, "has no list of cells as column id"),
        ({"id": ["a"], "accelerators": 1}, "has no list of cells as column accelerators"),
        (pd.DataFrame([["a", "a"]], columns=["id", "id"]), "has a column twice"),
    ],
)
def test_what_is_no_table_is_told_with_faults_of_the_others(demand: Any, message: str) -> None:
    supply = [{**SUPPLY[0], "count": -1}]
    found = told(supply, demand)
    assert ("supply: row 1, count", "is out of range") in found
    assert ("demand", message) in found


def test_faults_of_the_demand_are_told_where_the_supply_cannot_be_read(tmp_path: Path) -> None:
    found = told(
        tmp_path / "none.csv", [{**DEMAND[0], "accelerators": "many", "whole": "al"}],
        paths=[{"region": "-", "site": "w", "latency_ms": -1}],
    )  # fmt: skip
    assert [path for path, _ in found] == [
        str(tmp_path / "none.csv"), "demand: row 1, accelerators", "demand: row 1, whole",
        "paths: row 1, latency_ms",
    ]  # fmt: skip


# ---- names that nobody has ------------------------------------------------------------------


def test_ends_of_paths_that_are_in_no_table_are_noted() -> None:
    supply = [*SUPPLY, {**SUPPLY[0], "site": "west"}]
    demand = [{**DEMAND[0], "region": "shanghai"}]
    ways = [("shanghai", "w"), ("shanghia", "w"), ("shanghai", "wset"), ("far", "away")]
    paths = [{"region": r, "site": s, "latency_ms": 1} for r, s in [*ways, ("shanghai", "west")]]
    notes = cn.match(supply, demand, paths=paths).notes
    assert notes == (
        "paths from regions that no demand is in play no part: 'shanghia' (did you mean "
        "'shanghai'?), 'far'",
        "paths to sites that no pool is at play no part: 'wset' (did you mean 'west'?), 'away'",
    )
    many = [*paths, *({"region": f"{i}", "site": "w", "latency_ms": 1} for i in range(9))]
    assert "and 6 more" in cn.match(supply, demand, paths=many).notes[0]
    assert "另有 6 个" in cn.match(supply, demand, paths=many, lang="zh").notes[0]


def test_an_accelerator_that_the_topology_does_not_know_is_noted() -> None:
    supply = [
        {**SUPPLY[0], "site": "own", "accelerator": "nvidia-h80", "latitude": 31, "longitude": 121}
    ]
    demand = [{**DEMAND[0], "region": "SH"}]
    notes = cn.match(supply, demand, topology="china-2025").notes
    assert any("'nvidia-h80'" in text and "did you mean" in text for text in notes)
    full = [{**supply[0], "speed": 1, "kw_per_accelerator": 0.5}]
    assert not any("h80" in text for text in cn.match(full, demand, topology="china-2025").notes)
    limited = [{**supply[0], "site_power_mw": 1}]
    with pytest.raises(InputError, match="is no accelerator of") as caught:
        cn.match(limited, demand, topology="china-2025")
    assert (caught.value.problems[0].suggestion or "").startswith("accelerator ")
