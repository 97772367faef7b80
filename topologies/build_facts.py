"""The fact tables, and how a number says where it comes from."""

from __future__ import annotations

import csv
from pathlib import Path

Row = dict[str, str]

#: Grade of a fact by its confidence mark.
GRADE = {"high": "published", "medium": "published", "low": "estimated"}
#: Judgements are no estimates.
GRADES_OF_SHAPE = {**GRADE, "low": "assumed"}


def read(facts: Path, name: str) -> list[Row]:
    with (facts / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def source(text: str, grade: str) -> dict[str, str]:
    return {"source": text.strip(), "grade": grade}
