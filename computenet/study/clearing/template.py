"""Tables to begin with: every column explained, and rows that run as they are."""

from __future__ import annotations

import csv
import io
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from computenet.errors import InputError, Problem
from computenet.results.reservation import require_place
from computenet.results.storage import write_texts
from computenet.scenario import Scenario, load_scenario
from computenet.study.clearing.schema import DEMAND, PATHS, SUPPLY, Column, column_lines
from computenet.study.clearing.topology import (
    accelerator_s_per_request,
    reference_accelerator,
    topology_facts,
)
from computenet.units import HOURS_PER_DAY, SECONDS_PER_HOUR

__all__ = ["Template", "match_template"]

Row = dict[str, object]

#: Highest prices of the template, CNY per reference accelerator and hour: assumed, to be replaced.
INTERACTIVE, BATCH, TRAINING = 8.0, 3.0, 4.0


@dataclass(frozen=True, slots=True)
class Template:
    """Tables to begin with.

    Attributes
    ----------
    files
        Texts of the tables by file name.
    topology
        Name or file of the scenario that filled them.
    """

    files: dict[str, str]
    topology: str | None = None

    @property
    def command(self) -> str:
        """The command that clears the tables where they are."""
        return self.command_in(".")

    def command_in(self, directory: str | Path) -> str:
        """Return the command that clears the tables of a directory."""
        at = {name: str(Path(directory) / name) for name in self.files}
        words = ["computenet", "match", at["SUPPLY.csv"], at["DEMAND.csv"]]
        if "PATHS.csv" in at:
            words += ["--paths", at["PATHS.csv"]]
        if self.topology is not None:
            words += ["--topology", self.topology]
        return shlex.join(words)

    def save(self, directory: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the tables, all of them or none.

        Raises
        ------
        InputError
            There cannot be such a directory, or a file exists already.
        RunError
            The disk is full or not writable.
        """
        folder, title = Path(directory), "nothing was written"
        try:
            require_place(folder, title)
        except InputError as error:
            allowed = "a directory that is there or can be made"
            raise InputError(
                [replace(one, path="--template", allowed=allowed) for one in error.problems], title
            ) from error
        paths = {folder / name: text for name, text in self.files.items()}
        problems = []
        for path in paths:
            if os.path.isdir(path):
                problems.append(Problem("--template", str(path), "is a directory"))
            elif os.path.lexists(path) and not overwrite:
                problems.append(
                    Problem("--template", str(path), "exists already",
                            "a directory without it, or --overwrite")
                )  # fmt: skip
        if problems:
            raise InputError(problems, title)
        write_texts(paths)
        return list(paths)


def match_template(topology: str | Scenario | None = None) -> Template:
    """Return tables to begin with.

    Parameters
    ----------
    topology
        A scenario that fills them: one supply row a pool, one demand row a region and class.
    """
    if topology is None:
        return Template(
            {
                "SUPPLY.csv": _text(SUPPLY, _SUPPLY, ["Supply: one row a pool."]),
                "DEMAND.csv": _text(DEMAND, _DEMAND, ["Demand: one row a demand."]),
                "PATHS.csv": _text(
                    PATHS, _PATHS, ["Paths: one row a region and site; others have no way."]
                ),
            }
        )
    scenario = topology if isinstance(topology, Scenario) else load_scenario(topology)
    return Template(
        {"SUPPLY.csv": _supply_of(scenario), "DEMAND.csv": _demand_of(scenario)},
        topology if isinstance(topology, str) else scenario.name,
    )


def _text(columns: tuple[Column, ...], rows: list[Row], heading: list[str]) -> str:
    """Return a table with its explanation; columns that no row fills are explained only."""
    used = [c.name for c in columns if c.default is None or any(c.name in row for row in rows)]
    out = io.StringIO()
    for line in [*heading, *column_lines(columns)]:
        out.write(f"# {line}\n")
    writer = csv.DictWriter(out, used, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# ---- a small example ------------------------------------------------------------------------

_SUPPLY: list[Row] = [
    {"pool": "delta-h20", "site": "delta", "accelerator": "h20", "count": 400,
     "price_cny_per_accelerator_h": 4.0, "kw_per_accelerator": 0.7, "pue": 1.3,
     "electricity_cny_per_mwh": 690, "emission_kg_per_mwh": 574, "speed": 0.5,
     "site_power_mw": 0.42},
    {"pool": "delta-a800", "site": "delta", "accelerator": "a800", "count": 200,
     "price_cny_per_accelerator_h": 5.0, "kw_per_accelerator": 0.8, "pue": 1.3,
     "electricity_cny_per_mwh": 690, "emission_kg_per_mwh": 574, "speed": 1,
     "site_power_mw": 0.42},
    {"pool": "west-a800", "site": "west", "accelerator": "a800", "count": 600,
     "price_cny_per_accelerator_h": 3.5, "kw_per_accelerator": 0.8, "pue": 1.2,
     "electricity_cny_per_mwh": 360, "emission_kg_per_mwh": 619, "speed": 1, "free_h": 720},
    {"pool": "west-910b", "site": "west", "accelerator": "910b", "count": 800,
     "price_cny_per_accelerator_h": 2.5, "kw_per_accelerator": 0.65, "pue": 1.2,
     "electricity_cny_per_mwh": 360, "emission_kg_per_mwh": 619, "speed": 0.7},
]  # fmt: skip
_DEMAND: list[Row] = [
    {"id": "chat", "tenant": "app", "region": "shanghai", "accelerators": 300, "hours": 1,
     "types": "a800|h20", "latency_ms": 5, "data_gb": 500,
     "max_price_cny_per_accelerator_h": 12, "priority": 1},
    {"id": "city-brain", "tenant": "government", "region": "shanghai", "accelerators": 40,
     "hours": 24, "latency_ms": 5, "must_run": "yes"},
    {"id": "pretrain", "tenant": "lab", "region": "beijing", "accelerators": 512, "hours": 240,
     "types": "a800", "data_gb": 60000, "max_price_cny_per_accelerator_h": 6,
     "whole": "one-pool"},
    {"id": "render", "tenant": "studio", "region": "shanghai", "accelerators": 400, "hours": 12,
     "types": "*", "data_gb": 8000, "max_price_cny_per_accelerator_h": 4.5},
    {"id": "tuning", "tenant": "lab", "region": "beijing", "accelerators": 300, "hours": 8,
     "types": "a800|910b:0.8", "data_gb": 400, "max_price_cny_per_accelerator_h": 5},
]  # fmt: skip
_PATHS: list[Row] = [
    {"region": "shanghai", "site": "delta", "latency_ms": 1.5, "capacity_gbps": 400,
     "price_cny_per_gb": 0.02},
    {"region": "shanghai", "site": "west", "latency_ms": 15, "capacity_gbps": 1.2,
     "price_cny_per_gb": 0.08},
    {"region": "beijing", "site": "delta", "latency_ms": 11, "capacity_gbps": 100,
     "price_cny_per_gb": 0.08},
    {"region": "beijing", "site": "west", "latency_ms": 10, "capacity_gbps": 100,
     "price_cny_per_gb": 0.07},
]  # fmt: skip


# ---- filled from a scenario -----------------------------------------------------------------


def _supply_of(scenario: Scenario) -> str:
    facts, _ = topology_facts(scenario)
    rows: list[Row] = []
    for pool in scenario.topology.pools:
        site = facts.sites[pool.site]
        rows.append(
            {
                "pool": pool.id,
                "site": pool.site,
                "accelerator": pool.accelerator,
                "count": pool.count,
                "kw_per_accelerator": _round(facts.kw[pool.accelerator]),
                "pue": site.pue,
                "electricity_cny_per_mwh": _round(site.electricity_cny_per_mwh),
                "emission_kg_per_mwh": _round(site.emission_kg_per_mwh),
                "site_power_mw": _round(site.power_mw),
                "latitude": site.latitude,
                "longitude": site.longitude,
            }
        )
    return _text(
        SUPPLY, rows,
        [
            f"Supply: one row a pool of {scenario.name}, with all its accelerators.",
            "Sources of the figures: the topology's own. Electricity is the mean of the tariff "
            "over the scenario's first day; no rent of accelerators is charged.",
        ],
    )  # fmt: skip


def _demand_of(scenario: Scenario) -> str:
    """Return mean demand by region and class in reference accelerators."""
    _, compiled = topology_facts(scenario)
    workload, regions = scenario.workload, scenario.topology.regions
    reference = reference_accelerator(scenario)
    seconds = accelerator_s_per_request(compiled)
    rate = compiled.requests.mean_rate_per_s.reshape(len(regions), -1)
    rows: list[Row] = []
    for r, region in enumerate(regions):
        for k, service in enumerate(workload.service_classes):
            each = seconds[service.name]
            one = each.get(reference, next(iter(each.values()), 0.0))
            rows.append(
                {
                    "id": f"{region.id}/{service.name}",
                    "tenant": service.name,
                    "region": region.id,
                    "class": service.name,
                    "accelerators": _round(rate[r, k] * one),
                    "hours": 1,
                    "latency_ms": _round(
                        service.latency_circle_ms / compiled.requests.latency_factor[k]
                    ),
                    "data_gb": _round(rate[r, k] * SECONDS_PER_HOUR * service.gb_per_request),
                    "max_price_cny_per_accelerator_h": INTERACTIVE,
                }
            )
        for c, job in enumerate(workload.job_classes):
            weight = sum(job.sizes.values())
            gang = sum(size * part for size, part in job.sizes.items()) / weight
            hours = job.mean_held_s / SECONDS_PER_HOUR
            a_day = job.rate_per_day * workload.scale * region.training_share
            accelerators = a_day * gang * hours / HOURS_PER_DAY
            gb_s = float(compiled.jobs.data_gb_per_accelerator_s[c])
            rows.append(
                {
                    "id": f"{region.id}/{job.name}",
                    "tenant": job.name,
                    "region": region.id,
                    "class": job.name,
                    "accelerators": _round(accelerators),
                    "hours": _round(hours),
                    "data_gb": _round(accelerators * hours * SECONDS_PER_HOUR * gb_s),
                    "max_price_cny_per_accelerator_h": (
                        TRAINING if job.deadline_h is None else BATCH
                    ),
                }
            )
    return _text(
        DEMAND, rows,
        [
            f"Demand: one row a region and class of {scenario.name}: the mean number of "
            f"accelerators at work, counted in {reference}.",
            "Highest prices are assumed: replace them by your own.",
        ],
    )  # fmt: skip


def _round(value: float) -> float:
    """Return a figure with as many digits as anybody reads."""
    return float(np.format_float_positional(value, precision=6, fractional=False, unique=False))
