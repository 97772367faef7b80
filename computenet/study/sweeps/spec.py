"""What a study file says: a scenario, what is varied in it, and how points are chosen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from computenet.errors import InputError, Problem, nearest
from computenet.scenario.catalogue import scenario_files, study_files
from computenet.scenario.common import Grade, Identifier, Name, Spec
from computenet.scenario.problems import spec_problems
from computenet.scenario.yaml_text import read_yaml
from computenet.study.sweeps.laws import Choice, Law
from computenet.study.sweeps.overriding import listed_axes, override

__all__ = ["OUTCOMES", "TITLE", "AxisSpec", "DesignSpec", "Study", "StudySpec", "load_study"]

#: Figures of ``summary.json`` that a study looks at if it names none.
OUTCOMES = (
    "cost.total_cny", "cost.energy_cny", "carbon.kg", "energy.facility_mwh", "energy.pue",
    "energy.green_share", "requests.slo_attainment", "requests.ttft_ms.p99", "jobs.wait_s.mean",
    "jobs.wait_s.p95", "jobs.completed", "capacity.utilisation", "water.m3", "network.west_share",
)  # fmt: skip
TITLE = "study cannot be used"
#: Columns of a study's tables that no axis can be called; SQL does not tell capitals apart.
COLUMNS = (
    "run", "point", "seed", "status", "error", "wall_s", "outcome", "low", "mean", "high", "n",
    "difference", "difference_low", "difference_high", "relative", "p_value",
)  # fmt: skip

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Path_ = Annotated[str, Field(min_length=1, max_length=400)]


class DesignSpec(Spec):
    """How points are chosen."""

    method: Literal["grid", "latin-hypercube", "monte-carlo", "sobol"] = Field(
        description="every combination; one point in each interval of every axis; independent "
        "draws; or Saltelli's points for Sobol indices"
    )
    n: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="points; base points for sobol; none for a grid"
    )
    seed: Seed = Field(default=1, description="of the points; runs have seeds of their own")
    second_order: bool = Field(
        default=False, description="sobol: interactions of two axes too, at twice the points"
    )

    @model_validator(mode="after")
    def _n_belongs(self) -> DesignSpec:
        if (self.n is None) != (self.method == "grid"):
            raise ValueError("n belongs to every design but grid, and all others need it")
        if self.second_order and self.method != "sobol":
            raise ValueError("second_order is used by sobol only")
        if self.method == "sobol" and self.n is not None and self.n & (self.n - 1):
            raise ValueError(f"n of sobol is a power of 2, such as {2 ** (self.n.bit_length())}")
        return self


class AxisSpec(Spec):
    """One thing that is varied: fields that are set, or moved together from where they stand."""

    name: Identifier = Field(description="its column; the path where none is given")
    title: Name | None = Field(
        default=None, description="name in English and Chinese; its name where none is given"
    )
    paths: Annotated[list[Path_], Field(min_length=1)] = Field(
        description="dotted paths; * stands for every item of a list or part of an id"
    )
    values: Annotated[list[Any], Field(min_length=1)] | None = Field(
        default=None, description="what the fields are set to, one by one"
    )
    distribution: Law | None = Field(default=None, description="what the fields are set to")
    factor: Law | None = Field(default=None, description="what the fields are multiplied by")
    offset: Law | None = Field(default=None, description="what is added to the fields")
    balance: Path_ | None = Field(
        default=None,
        description="of these fields, those that the axis leaves alone are scaled so that the sum "
        "of all stays: shares that add up to 1",
    )
    source: str | None = Field(default=None, description="where its range comes from")
    grade: Grade | None = Field(default=None, description="how far source can be trusted")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        """Take ``path`` for one path, and a list of numbers for a law."""
        if not isinstance(raw, dict):
            return raw
        raw = dict(raw)
        if "path" in raw and "paths" not in raw:
            raw["paths"] = [raw.pop("path")]
        if isinstance(raw.get("paths"), str):
            raw["paths"] = [raw["paths"]]
        for field in ("factor", "offset"):
            if isinstance(raw.get(field), list):
                raw[field] = {"kind": "list", "values": raw[field]}
        paths = raw.get("paths")
        if raw.get("name") is None and isinstance(paths, list) and paths:
            raw["name"] = paths[0]
        return raw

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name == "seed":
            raise ValueError("is that of every run: seeds: [1, 2] gives the study more than one")
        if name.lower() in COLUMNS:
            raise ValueError(
                "is a column of the study's own tables; an axis is called by any name but "
                f"{', '.join(COLUMNS)}"
            )
        return name

    @model_validator(mode="after")
    def _one_way(self) -> AxisSpec:
        ways = ("values", "distribution", "factor", "offset")
        given = [way for way in ways if getattr(self, way) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"has exactly one of {', '.join(ways)}; found {found}")
        return self

    @property
    def way(self) -> Literal["set", "factor", "offset"]:
        """How fields are changed."""
        if self.factor is not None:
            return "factor"
        return "set" if self.offset is None else "offset"

    @property
    def law(self) -> Law:
        """What the axis takes."""
        if self.values is not None:
            return Choice(kind="choice", values=self.values)
        law = self.distribution or self.factor or self.offset
        assert law is not None
        return law

    @property
    def levels(self) -> list[Any] | None:
        """The values of an axis that has them one by one; ``None`` for a continuous law."""
        law = self.law
        return list(law.values) if law.kind in ("choice", "list") else None


class GoalSpec(Spec):
    """One side of the front that nothing else beats."""

    outcome: Identifier = Field(description="a figure of summary.json by its dotted path")
    better: Literal["lower", "higher"] = Field(default="lower", description="which way is better")


def _default_goals() -> list[GoalSpec]:
    return [GoalSpec(outcome="cost.total_cny"), GoalSpec(outcome="carbon.kg")]


class StudySpec(Spec):
    """A study: one scenario, run at many points of its axes."""

    name: Identifier = Field(description="short name of the study")
    title: Name = Field(description="name in English and Chinese")
    description: Name | None = Field(
        default=None, description="in words, for readers, in English and Chinese"
    )
    scenario: Identifier | dict[str, Any] = Field(
        description="a built-in name, a file beside the study's, or a scenario's fields"
    )
    overrides: dict[Identifier, Any] = Field(
        default_factory=dict, description="values by dotted path, for every run"
    )
    design: DesignSpec = Field(description="how points are chosen; its method alone is enough")
    axes: Annotated[list[AxisSpec], Field(min_length=1)] = Field(description="what is varied")
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = Field(
        default=None, description="of the runs of every point; the scenario's own"
    )
    outcomes: Annotated[list[Identifier], Field(min_length=1)] = Field(
        default_factory=lambda: list(OUTCOMES),
        description="figures of summary.json that tables and page show; the data set has all",
    )
    reference: dict[Identifier, Any] | None = Field(
        default=None, description="value by axis: the point others are compared with"
    )
    pareto: Annotated[list[GoalSpec], Field(min_length=2, max_length=2)] = Field(
        default_factory=_default_goals, description="two outcomes to trade"
    )

    @field_validator("title", "description", mode="before")
    @classmethod
    def _one_language(cls, raw: Any) -> Any:
        return {"en": raw, "zh": raw} if isinstance(raw, str) else raw

    @field_validator("design", mode="before")
    @classmethod
    def _method_alone(cls, raw: Any) -> Any:
        return {"method": raw} if isinstance(raw, str) else raw

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds_by_number(cls, raw: Any) -> Any:
        if isinstance(raw, int) and not isinstance(raw, bool) and 1 <= raw <= 100_000:
            return list(range(1, raw + 1))
        return raw

    @field_validator("axes", mode="before")
    @classmethod
    def _axes_by_path(cls, raw: Any) -> Any:
        """Take a mapping of paths, too: ``{policy: [nearest, cheapest]}``."""
        return listed_axes(raw) if isinstance(raw, Mapping) else raw

    @field_validator("pareto", mode="before")
    @classmethod
    def _goals_by_name(cls, raw: Any) -> Any:
        if not isinstance(raw, list):
            return raw
        return [{"outcome": goal} if isinstance(goal, str) else goal for goal in raw]

    @model_validator(mode="after")
    def _fits(self) -> StudySpec:
        for field, names in (
            ("axes", [axis.name for axis in self.axes]),
            ("seeds", [str(seed) for seed in self.seeds or []]),
            ("outcomes", list(self.outcomes)),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field}: {', '.join(twice)} stands there twice")
        if self.design.method == "grid":
            without = [axis.name for axis in self.axes if axis.levels is None]
            if without:
                raise ValueError(f"a grid needs its values one by one: {', '.join(without)}")
            weighed = [axis.name for axis in self.axes if getattr(axis.law, "weights", None)]
            if weighed:
                shown = ", ".join(weighed)
                raise ValueError(f"a grid has every value once, without weights: {shown}")
        return self


@dataclass(frozen=True, slots=True)
class Study:
    """A study that has been read.

    Attributes
    ----------
    spec
        What the file says.
    folder
        Where its scenario is looked for.
    """

    spec: StudySpec
    folder: Path

    @property
    def source(self) -> str | dict[str, Any]:
        """What the scenario is loaded from."""
        source = self.spec.scenario
        if isinstance(source, str) and source not in scenario_files():
            beside = self.folder / source
            if os.path.isfile(beside):
                return str(beside)
        return source


def load_study(
    source: str | Path | Mapping[str, Any], overrides: Mapping[str, object] | None = None
) -> Study:
    """Return a study by its built-in name, from a YAML file or from a mapping.

    Parameters
    ----------
    overrides
        Fields of the study by dotted path, e.g. ``{"design.n": 20}``; see `override`.

    Raises
    ------
    InputError
        With every problem found in the study's own fields.
    """
    folder, where, name = Path(), "study", "study"
    if isinstance(source, Mapping):
        raw: Any = dict(source)
    else:
        path = _file(source)
        raw, folder, where, name = read_yaml(path), path.parent, str(path), path.stem
    if not isinstance(raw, dict) or any(not isinstance(key, str) for key in raw):
        raise InputError([Problem(where, None, "holds no mapping of fields")], TITLE)
    raw.setdefault("name", name)
    raw.setdefault("title", raw["name"])
    problems = override(raw, overrides or {}, {*AxisSpec.model_fields, "path"})
    try:
        spec = StudySpec.model_validate(raw)
    except ValidationError as error:
        problems += spec_problems(error, raw, StudySpec)
    if problems:
        raise InputError(problems, f"{TITLE}: {where}")
    return Study(spec, folder)


def _file(source: str | Path) -> Path:
    files = study_files()
    if str(source) in files:
        return files[str(source)]
    if not isinstance(source, (str, Path)):
        problem = Problem("study", source, "has the wrong form", "a name, a file or a mapping")
        raise InputError([problem], "study not found")
    path = Path(source)
    if not os.path.isfile(path):
        raise InputError(
            [Problem("study", str(source), "is neither built in nor a file",
                     f"{', '.join(files)}, or a file", nearest(str(source), files))],
            "study not found",
        )  # fmt: skip
    return path
