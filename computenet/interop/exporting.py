"""One way to write a run or scenario in another tool's format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from computenet.errors import InputError, Problem, nearest
from computenet.results import Results, load_run
from computenet.scenario import Scenario, list_layouts, list_scenarios, load_scenario

__all__ = ["FORMATS", "Dispatch", "export"]

Dispatch = Literal["fixed", "free"]
Source = Results | Scenario | str | Path | Mapping[str, Any]

#: What each format holds, and whether a scenario without a run is enough.
FORMATS: dict[str, tuple[str, bool]] = {
    "pypsa": ("the energy side as a PyPSA network (a folder of CSV files, or one .nc)", True),
    "netcdf": ("the tables as one NetCDF file after CF-1.11", False),
    "swf": ("the jobs in Standard Workload Format 2.2", False),
    "geojson": ("sites, regions and links, with a run's figures, as GeoJSON", True),
}


def export(
    format: str,
    source: Source,
    out: str | Path,
    *,
    dispatch: str = "fixed",
    overwrite: bool = False,
    notes: list[str] | None = None,
) -> Path:
    """Write a run or scenario in another tool's format and return where.

    Parameters
    ----------
    format
        ``pypsa``, ``netcdf``, ``swf`` or ``geojson``.
    source
        Results or a run directory; for ``pypsa`` and ``geojson`` also a scenario, its built-in
        name or its file.
    dispatch
        For ``pypsa``: ``fixed`` holds every generator and store to what the run did, ``free``
        leaves it to PyPSA's optimisation.
    notes
        Takes what a reader should know of what was written: for ``pypsa`` of unserved load and of
        emission factors that change.

    Raises
    ------
    InputError
        No such format, no such source, a file that exists, or a scenario where a run is needed.
    RunError
        A library is missing (NetCDF), or the place cannot be written.
    """
    path, what = Path(out), None
    problems = [*_choices(format, dispatch), *_taken(path, overwrite)]
    try:
        what = _source(source, FORMATS.get(format, ("", True))[1])
    except InputError as error:
        problems += error.problems
    if isinstance(what, Scenario) and format in FORMATS:
        problems += _of_a_run(what, format, dispatch)
    if problems or what is None:
        raise InputError(problems, "nothing was exported")
    told = _writer(format, "free" if dispatch == "free" else "fixed")(what, path)
    if notes is not None:
        notes += told or ()
    return path


def _choices(format: str, dispatch: str) -> list[Problem]:
    """Return what is wrong with the format and the choice of a dispatch."""
    problems = []
    if format not in FORMATS:
        problems.append(
            Problem("format", format, "is no format", ", ".join(FORMATS), nearest(format, FORMATS))
        )
    if dispatch not in ("fixed", "free"):
        problems.append(Problem("dispatch", dispatch, "is not one of the choices", "fixed, free"))
    elif dispatch != "fixed" and format in FORMATS and format != "pypsa":
        problems.append(Problem("dispatch", dispatch, "is used by pypsa only"))
    return problems


def _of_a_run(scenario: Scenario, format: str, dispatch: str) -> list[Problem]:
    """Return what is asked for and only a run has."""
    if not FORMATS[format][1]:
        return [Problem("source", scenario.name, f"is a scenario; {format} needs a run", "RUN")]
    if dispatch == "free" and format == "pypsa":
        words = "says nothing of a scenario, which has no dispatch"
        return [Problem("dispatch", dispatch, words, "a run")]
    return []


def _source(source: Source, enough: bool) -> Results | Scenario:
    """Return a run, or a scenario; `enough` says whether that would do."""
    if isinstance(source, Results | Scenario):
        return source
    if isinstance(source, str | Path):
        if os.path.isdir(source) and str(source):
            return load_run(source)
        names = {**list_layouts(), **list_scenarios()}
        if str(source) not in names and not os.path.exists(source):
            known = names if enough else {}
            words = "is neither a run nor a scenario" if enough else "is no directory of a run"
            allowed = "a directory that simulate --out has written"
            if enough:
                allowed += f", {', '.join(known)}, or a file"
            raise InputError(
                [Problem("source", str(source), words, allowed, nearest(str(source), known))]
            )
    return load_scenario(source)


def _taken(path: Path, overwrite: bool) -> list[Problem]:
    """Return that something is there; with `overwrite` files and PyPSA folders may be replaced."""
    if not os.path.exists(path):
        return []
    message = "exists already"
    if overwrite:
        if path.is_file() or (path / "network.csv").is_file() or not any(path.iterdir()):
            return []
        message = "exists already and is not an export"
    allowed = "a new name, or --overwrite over an earlier export"
    return [Problem("out", str(path), message, allowed)]


def _writer(format: str, dispatch: Dispatch) -> Callable[[Any, Path], tuple[str, ...] | None]:
    if format == "pypsa":
        from computenet.interop.pypsa_files import write_pypsa

        return lambda what, path: write_pypsa(what, path, dispatch=dispatch)
    if format == "netcdf":
        from computenet.interop.netcdf import write_netcdf

        return write_netcdf
    if format == "swf":
        from computenet.interop.swf import write_swf

        return write_swf
    from computenet.interop.geojson import write_geojson

    return write_geojson
