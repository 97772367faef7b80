"""The results of a run in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from computenet.results.audit import Audit
from computenet.results.streamed import StreamedTable

if TYPE_CHECKING:
    import pandas as pd
    import xarray

    from computenet.scenario import Scenario

__all__ = ["TABLES", "Results"]

#: Tables of a run, in the order they are written.
TABLES = (
    "jobs",
    "requests",
    "request_flows",
    "pools",
    "groups",
    "arrivals",
    "sites",
    "links",
    "link_flows",
    "bills",
    "events",
    "plans",
    "sources",
)


@dataclass(frozen=True, slots=True)
class Results:
    """Tables, summary and provenance of one run.

    Attributes
    ----------
    scenario
        The resolved scenario; with it the run can be repeated bit for bit.
    summary
        The figures of ``summary.json``.
    manifest
        Version, seed, policy, packages, machine, wall seconds by phase, peak memory, hashes.
    tables
        Data frames by name, see ``docs/reference/tables.md`` for their columns and units.
    audit
        Residuals of the conservation audit.
    streamed
        Tables that are on disk, because the run was too long to keep them, by name; they are not
        among `tables`. `table` and `parts` read either kind.
    """

    scenario: Scenario
    summary: dict[str, Any]
    manifest: dict[str, Any]
    tables: dict[str, pd.DataFrame] = field(repr=False)
    audit: Audit
    streamed: dict[str, StreamedTable] = field(default_factory=dict, repr=False)

    @property
    def jobs(self) -> pd.DataFrame:
        """One row a job; read anew from disk at each call where it was streamed there."""
        return self.table("jobs")

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table, or some of its columns, in memory."""
        if name in self.streamed:
            return self.streamed[name].read(columns)
        table = self.tables[name]
        return table if columns is None else table[list(columns)]

    def parts(self, name: str, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield some columns of a table: at once, or some rows at a time if it is on disk."""
        if name in self.streamed:
            yield from self.streamed[name].parts(columns)
        else:
            yield self.tables[name][list(columns)]

    @property
    def requests(self) -> pd.DataFrame:
        """One row a (region, service class)."""
        return self.tables["requests"]

    @property
    def request_flows(self) -> pd.DataFrame:
        """One row a (region, site, service class) with requests routed."""
        return self.tables["request_flows"]

    @property
    def pools(self) -> pd.DataFrame:
        """One row a (slot, pool)."""
        return self.tables["pools"]

    @property
    def groups(self) -> pd.DataFrame:
        """One row a (slot, group of replicas)."""
        return self.tables["groups"]

    @property
    def arrivals(self) -> pd.DataFrame:
        """One row a (slot, model): what requests came and the tokens they ask for."""
        return self.tables["arrivals"]

    @property
    def sites(self) -> pd.DataFrame:
        """One row a (slot, site)."""
        return self.tables["sites"]

    @property
    def links(self) -> pd.DataFrame:
        """One row a (slot, link) that carried something."""
        return self.tables["links"]

    @property
    def link_flows(self) -> pd.DataFrame:
        """Who sent what over links that plans put a price on, by set of prices."""
        return self.tables["link_flows"]

    @property
    def bills(self) -> pd.DataFrame:
        """What users pay for jobs, by region and class."""
        return self.tables["bills"]

    @property
    def events(self) -> pd.DataFrame:
        """Outages, cuts, repairs, tariff changes and notes in time order."""
        return self.tables["events"]

    @property
    def plans(self) -> pd.DataFrame:
        """Shares the policy gave, one row a change."""
        return self.tables["plans"]

    @property
    def sources(self) -> pd.DataFrame:
        """What the numbers stand on: path, value, source, grade."""
        return self.tables["sources"]

    def to_xarray(self) -> xarray.Dataset:
        """Return the tables over time as an xarray data set after the CF conventions."""
        from computenet.interop.netcdf import to_xarray

        return to_xarray(self)

    def save(self, directory: str | Path, *, overwrite: bool = False) -> Path:
        """Write the run directory; it appears under its name only when complete."""
        from computenet.results.storage import save_run

        return save_run(self, Path(directory), overwrite=overwrite)

    def report(self, path: str | Path, lang: Literal["en", "zh"] = "en") -> Path:
        """Write the self-contained HTML report to `path`."""
        from computenet.report import render_report
        from computenet.results.storage import write_text

        out = Path(path)
        write_text(out, render_report(self, lang))
        return out
