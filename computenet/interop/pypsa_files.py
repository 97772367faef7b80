"""A PyPSA network on disk: PyPSA's folder of CSV files, or its NetCDF."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pandas as pd

from computenet.errors import RunError
from computenet.interop.pypsa import PypsaTables, pypsa_tables
from computenet.results import Results
from computenet.results.storage import complete_directory
from computenet.scenario import Scenario

__all__ = ["write_pypsa"]

#: Version of the attributes that are written.
SCHEMA = "1.0"


def write_pypsa(
    what: Results | Scenario, path: Path, *, dispatch: Literal["fixed", "free"] = "fixed"
) -> tuple[str, ...]:
    """Write a folder that ``pypsa.Network(path)`` reads, or, with ``.nc``, one file by PyPSA.

    Returns
    -------
    tuple of str
        What a reader of PyPSA's results should know; it stands in ``network.meta`` as well.

    Raises
    ------
    RunError
        A ``.nc`` is wanted and PyPSA is not installed.
    """
    tables = pypsa_tables(what, dispatch=dispatch)
    if path.suffix == ".nc":
        _netcdf(tables, path)
        return tables.notes
    with complete_directory(path, overwrite=True, mark="network.csv") as part:
        _csv(tables, part)
    return tables.notes


def _csv(tables: PypsaTables, folder: Path) -> None:
    for name, table in {**tables.static, **tables.series}.items():
        if len(table):
            table.to_csv(folder / f"{name}.csv")
    # PyPSA takes only a column "snapshot", not an index, for dates
    tables.snapshots.reset_index().to_csv(folder / "snapshots.csv")
    (folder / "meta.json").write_text(
        json.dumps(tables.meta, ensure_ascii=True, indent=1) + "\n", encoding="utf-8"
    )
    pd.DataFrame(
        {"name": [tables.name], "pypsa_version": [SCHEMA], "srid": [4326]}
    ).to_csv(folder / "network.csv", index=False)  # fmt: skip


def _netcdf(tables: PypsaTables, path: Path) -> None:
    try:
        import pypsa
    except ImportError as error:
        raise RunError(
            "a PyPSA network as NetCDF is written by PyPSA itself: pip install pypsa, or export "
            "to a folder of CSV files, which needs nothing"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        _csv(tables, Path(folder))
        part = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _quiet():
            network = pypsa.Network()
            network.import_from_csv_folder(folder)
            network.export_to_netcdf(part)
        part.replace(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PyPSA says of its own work, its warnings of changes to come included, to errors."""
    logger = logging.getLogger("pypsa")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
