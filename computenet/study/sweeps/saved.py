"""A study read back from its directory, for its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from computenet.errors import InputError, Problem
from computenet.study.intervals import CONFIDENCE
from computenet.study.sweeps.analysis import TABLES, front_of
from computenet.study.sweeps.dataset import MARK
from computenet.study.sweeps.spec import load_study

__all__ = ["load_study_page"]

TITLE = "study cannot be read"


def load_study_page(directory: str | Path) -> dict[str, Any]:
    """Return what the page of a study is made of, from the directory it was written to.

    Raises
    ------
    InputError
        The directory holds no study, the study is not complete, or a file of it is missing or
        damaged.
    """
    root = Path(directory)
    try:
        told = json.loads((root / MARK).read_text(encoding="utf-8"))
        state, seeds = told["state"], [int(seed) for seed in told["seeds"]]
        version = str(told["computenet"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            [Problem(str(root / MARK), None, f"is damaged: {error}")], TITLE
        ) from error
    if state != "complete":
        raise InputError(
            [Problem(str(root), state, "is not complete", "sweep --resume finishes it")], TITLE
        )
    spec = load_study(root / "study.yaml").spec
    try:
        tables = {name: pd.read_parquet(root / f"{name}.parquet") for name in ("runs", *TABLES)}
        front = front_of(spec, tables["runs"], len(seeds))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            [Problem(str(root), None, f"a file is missing or damaged: {error}")], TITLE
        ) from error
    return {
        "computenet": version,
        "confidence": CONFIDENCE,
        "spec": spec.model_dump(mode="json"),
        "seeds": seeds,
        "front": front,
        **tables,
    }
