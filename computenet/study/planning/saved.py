"""The directory of a plan: what is written, and the plan's page made anew from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from computenet.errors import InputError, Problem
from computenet.report.plan_view import PlanView, SimulatedView
from computenet.scenario import Scenario, dump_scenario, load_scenario
from computenet.scenario.catalogue import layout_files, topology_files
from computenet.study.planning.horizon import cut
from computenet.study.planning.outcome import MARK, TABLES, PlanOutcome
from computenet.study.planning.page import all_sources, plan_view
from computenet.study.planning.year import require_planning

if TYPE_CHECKING:
    from computenet.report.view import Lang

__all__ = ["load_plan_view", "write_plan"]

#: Columns of words; all others hold numbers or truth.
WORDS = (
    "stage", "site", "accelerator", "link", "part", "target", "where", "region", "classes",
    "largest", "front", "unit", "day", "kind", "service_class", "what",
)  # fmt: skip
DERATED = ("round", "what", "where", "factor")


def write_plan(outcome: PlanOutcome, folder: Path, lang: Lang) -> None:
    """Write a plan's tables, layouts, page and ``plan.json`` into an empty directory."""
    from computenet.report.plan_page import render_plan

    view = plan_view(outcome)
    (folder / "scenario.yaml").write_text(dump_scenario(outcome.inputs.scenario), encoding="utf-8")
    tables = {name: getattr(outcome, name) for name in TABLES}
    found = view.simulated
    if found is not None:
        tables |= {
            "rounds": found.rounds,
            "derated": pd.DataFrame(list(found.derated), columns=list(DERATED)),
            "simulated_stages": found.stages,
            "simulated_services": found.services,
            "simulated_sites": found.sites,
        }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "layouts").mkdir()
    base = {}
    if not _built_in(outcome.inputs.scenario):
        # Layouts in the folder stand on the topology beside it.
        topology = outcome.inputs.scenario.topology.model_dump(mode="json", exclude_none=True)
        (folder / "topology.yaml").write_text(_yaml(topology), encoding="utf-8")
        base = {"extends": "../topology.yaml"}
    for stage in outcome.stages:
        text = _yaml({**outcome.layout(stage), **base})
        (folder / "layouts" / f"{stage}.yaml").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(render_plan(view, lang), encoding="utf-8")
    told = {
        **outcome.as_dict(),
        "alternatives_asked": outcome.alternatives_asked,
        "representative_days": outcome.inputs.planning.days,
        "computenet": view.version,
    }
    (folder / MARK).write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")


def _built_in(scenario: Scenario) -> bool:
    """Return whether the scenario's topology is the built-in one of its name."""
    name = scenario.topology.id
    if name not in {**layout_files(), **topology_files()}:
        return False
    try:
        known = load_scenario({**scenario.model_dump(mode="json"), "topology": name}).topology
    except InputError:
        return False
    return known == scenario.topology


def load_plan_view(directory: str | Path) -> PlanView:
    """Return what the page of a plan shows, from the directory it was written to.

    Raises
    ------
    InputError
        The directory holds no plan, or something of it is missing or damaged.
    """
    root = Path(directory)
    scenario = load_scenario(root / "scenario.yaml")
    try:
        told = json.loads((root / MARK).read_text(encoding="utf-8"))
        stages = tuple(str(name) for name in told["stages"])
        planning = cut(require_planning(scenario), len(stages), int(told["representative_days"]))
        tables = {name: _table(root, name) for name in TABLES if name != "sources"}
        return PlanView(
            scenario=scenario,
            planning=planning,
            stages=stages,
            years=tuple(stage.years for stage in planning.stages),
            objective_cny=float(told["objective_cny"]),
            bound_cny=float(told["bound_cny"]),
            gap=float(told["gap"]),
            status=str(told["status"]),
            seconds=float(told["wall_s"]),
            tables=tables | {"sources": all_sources(planning, scenario)},
            simulated=None if told["verified"] is None else _simulated(root, told["verified"]),
            version=str(told["computenet"]),
            alternatives_asked=int(told["alternatives_asked"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            [Problem(str(root), None, f"a file is missing, older or damaged: {error}")],
            "plan cannot be read",
        ) from error


def _simulated(root: Path, told: Mapping[str, Any]) -> SimulatedView:
    gaps = {
        "cost": "cost_gap", "total_cost": "total_cost_gap", "energy": "energy_gap",
        "service": "slo_gap", "green": "green_gap", "delay": "job_delay",
    }  # fmt: skip
    derated = _table(root, "derated")
    columns = [derated[name].tolist() for name in DERATED]
    return SimulatedView(
        gaps={name: float(told[key]) for name, key in gaps.items()},
        within={str(name): float(value) for name, value in told["within"].items()},
        agreed=bool(told["agreed"]),
        targets_met=bool(told["targets_met"]),
        policy=str(told["policy"]),
        rounds=_table(root, "rounds"),
        derated=list(zip(*columns, strict=True)),
        stages=_table(root, "simulated_stages"),
        services=_table(root, "simulated_services"),
        sites=_table(root, "simulated_sites"),
        stopped=str(told.get("stopped", "")),
    )


def _table(root: Path, name: str) -> pd.DataFrame:
    """Return a table as it was written: names stay words, and numbers keep their last digit."""
    table = pd.read_csv(root / f"{name}.csv", dtype=str, keep_default_na=False)
    words = {*WORDS, "limit"} if name == "binding" else set(WORDS)
    for column in table.columns:
        if column not in words:
            table[column] = _values(table[column].tolist())
    return table


def _values(texts: list[str]) -> list[bool] | list[int] | list[float]:
    if texts and all(text in ("True", "False") for text in texts):
        return [text == "True" for text in texts]
    try:
        return [int(text) for text in texts]
    except ValueError:
        return [float(text or "nan") for text in texts]


def _yaml(mapping: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(mapping), allow_unicode=True, sort_keys=False, width=100)
    return text
