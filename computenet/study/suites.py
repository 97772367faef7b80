"""Suites of scheduler benchmarks: what they run, read from small YAML files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from computenet.errors import InputError, Problem, nearest
from computenet.scenario import Scenario
from computenet.scenario.catalogue import scenario_files, suite_files
from computenet.scenario.common import Identifier, Name, Positive, Spec
from computenet.scenario.problems import spec_problems
from computenet.scenario.yaml_text import read_yaml
from computenet.study.replays import Replay, prepare_replay
from computenet.study.runs import load
from computenet.workload.replay import ReplayOptions

__all__ = ["TRACES", "CaseSpec", "Suite", "SuiteSpec", "load_suite", "read_suite"]

#: Names the folder that holds recorded traces.
TRACES = "COMPUTENET_TRACES"
#: Policies of a suite that names none.
POLICIES = ("nearest", "cheapest", "greenest", "matching", "dispatch")

Seed = Annotated[int, Field(ge=0, lt=2**63)]


def _not_of_suite(overrides: dict[str, Any]) -> dict[str, Any]:
    """Refuse overrides that fields of a suite say, which would not be used."""
    for name, field in (("days", "days, beside overrides"), ("seed", "seeds, of the suite")):
        if name in overrides:
            raise ValueError(f"{name} is not used here: it is given by {field}")
    return overrides


Overrides = Annotated[dict[Identifier, Any], AfterValidator(_not_of_suite)]


class CaseSpec(Spec):
    """One of several scenarios of a suite."""

    name: Identifier = Field(description="unique in its suite")
    overrides: Overrides = Field(
        default_factory=dict, description="by dotted path, after the suite's own"
    )
    days: Positive | None = Field(default=None, description="in place of the suite's")
    traces: list[Identifier] = Field(
        default_factory=list,
        description="recorded demand in place of generated: files below COMPUTENET_TRACES",
    )
    service_class: Identifier | None = Field(
        default=None, description="class of recorded requests; chat, or the first"
    )
    job_class: Identifier | None = Field(
        default=None, description="class of recorded jobs; the first"
    )

    @model_validator(mode="after")
    def _used(self) -> CaseSpec:
        if not self.traces and (self.service_class or self.job_class):
            raise ValueError("service_class and job_class are of recorded demand: give traces")
        return self


class SuiteSpec(Spec):
    """A suite: one scenario or several cases of it, under several policies and seeds."""

    name: Identifier = Field(description="short name of the suite")
    title: Name = Field(description="name in English and Chinese")
    stresses: Name = Field(description="what is hard about it")
    scenario: Identifier | dict[str, Any] = Field(
        description="a built-in name, a file beside the suite's, or a scenario's fields"
    )
    overrides: Overrides = Field(default_factory=dict, description="values by dotted path")
    days: Positive | None = Field(default=None, description="in place of the scenario's")
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(
        description="seeds of the runs of every policy, whole numbers from 0"
    )
    policies: Annotated[list[Identifier], Field(min_length=1)] = Field(
        default_factory=lambda: list(POLICIES),
        description="by name; the first is the one that others are compared with",
    )
    cases: list[CaseSpec] = Field(
        default_factory=list, description="figures of a seed are means over them"
    )


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite that is ready to run.

    Attributes
    ----------
    spec
        What the file says.
    folder
        Where its own files are looked for.
    where
        What problems call it: its file, or its name.
    """

    spec: SuiteSpec
    folder: Path
    where: str

    @property
    def cases(self) -> list[CaseSpec]:
        """The cases; one without a name where the suite has none."""
        return self.spec.cases or [CaseSpec(name="-")]

    def missing(self) -> str | None:
        """Return why the suite cannot run here, if it cannot."""
        wanted = [trace for case in self.cases for trace in case.traces]
        if not wanted:
            return None
        root = os.environ.get(TRACES)
        if not root:
            return f"{TRACES} is not set"
        absent = [trace for trace in wanted if not os.path.isfile(Path(root) / trace)]
        return f"{root} does not have {', '.join(dict.fromkeys(absent))}" if absent else None

    def prepare(self, case: CaseSpec, seed: int) -> Scenario | Replay:
        """Return the scenario of a case, or the replay it is.

        Raises
        ------
        InputError
            The case cannot be run, with every problem found.
        """
        changes: dict[str, object] = {
            path: value for path, value in self._changes(case).items() if not _of_policy(path)
        }
        days = self.spec.days if case.days is None else case.days
        if days is not None:
            changes["days"] = days
        scenario = self._scenario()
        if not case.traces:
            return load(scenario, overrides={**changes, "seed": seed})
        root = Path(os.environ[TRACES])
        return prepare_replay(
            [root / trace for trace in case.traces],
            topology=scenario,
            seed=seed,
            overrides=changes,
            options=ReplayOptions(job_class=case.job_class, service_class=case.service_class),
        )

    def parameters(self, case: CaseSpec) -> dict[str, object]:
        """Return the values of a case for all policies that have them, by the parameter's name."""
        return {
            path.removeprefix(PARAMETERS): value
            for path, value in self._changes(case).items()
            if path.startswith(PARAMETERS)
        }

    def unused(self, case: CaseSpec) -> list[str]:
        """Return overrides that would name a policy, which the suite's policies do."""
        return [
            path for path in self._changes(case)
            if _of_policy(path) and not path.startswith(PARAMETERS)
        ]  # fmt: skip

    def _changes(self, case: CaseSpec) -> dict[str, object]:
        return {**self.spec.overrides, **case.overrides}

    def _scenario(self) -> str | dict[str, Any]:
        source = self.spec.scenario
        if isinstance(source, str) and source not in scenario_files():
            return str(self.folder / source)
        return source


def _of_policy(path: str) -> bool:
    return path == "policy" or path.startswith("policy.")


def load_suite(source: str | Path | Mapping[str, Any]) -> Suite:
    """Return a suite by its built-in name, from a YAML file or from a mapping.

    Raises
    ------
    InputError
        With every problem found in the suite's own fields.
    """
    suite, problems = read_suite(source)
    if problems or suite is None:
        raise InputError(problems, _TITLE)
    return suite


def read_suite(source: str | Path | Mapping[str, Any]) -> tuple[Suite | None, list[Problem]]:
    """Return a suite and every problem of its own fields.

    With problems the suite is only good for finding more of them: fields at fault are left out. It
    is ``None`` where too little is left.
    """
    folder = Path()
    if isinstance(source, Mapping):
        raw: Any = dict(source)
        where = f"suite {raw['name']}" if isinstance(raw.get("name"), str) else "suite"
    else:
        try:
            path = _file(source)
            raw = read_yaml(path)
        except InputError as error:
            return None, list(error.problems)
        built_in = str(source) in suite_files()
        folder, where = path.parent, f"suite {source}" if built_in else str(path)
    if not isinstance(raw, dict) or any(not isinstance(key, str) for key in raw):
        return None, [Problem(where, None, "holds no mapping of fields")]
    problems = _twice(raw)
    try:
        spec: SuiteSpec | None = SuiteSpec.model_validate(raw)
    except ValidationError as error:
        problems = [*spec_problems(error, raw, SuiteSpec), *problems]
        spec = _what_is_left(raw, error)
    told = [replace(one, path=f"{where}: {one.path}" if one.path else where) for one in problems]
    return None if spec is None else Suite(spec, folder, where), told


def _twice(raw: Mapping[str, Any]) -> list[Problem]:
    """Return what stands twice in lists whose items are unique."""
    problems: list[Problem] = []
    for field in ("seeds", "policies", "cases"):
        items = raw.get(field)
        names = [
            item.get("name") if isinstance(item, Mapping) else item
            for item in (items if isinstance(items, list) else [])
        ]
        told = [_as_text(one) for one in names if isinstance(one, str | int | float)]
        for name in dict.fromkeys(told):
            if told.count(name) > 1:
                value = int(name) if field == "seeds" and name.isdigit() else name
                problems.append(Problem(field, value, "stands there twice"))
    return problems


def _as_text(item: str | float) -> str:
    """Return a name or number as text, 1.0 as the 1 it is taken for."""
    return str(int(item) if isinstance(item, float) and item.is_integer() else item)


def _what_is_left(raw: Mapping[str, Any], error: ValidationError) -> SuiteSpec | None:
    """Return a suite without its fields and cases at fault; what it must have is made up."""
    wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
    locs = [item["loc"] for item in error.errors() if len(item["loc"]) > 1]
    cases = {loc[1] for loc in locs if loc[0] == "cases"}
    left: dict[str, Any] = {"name": "-", "seeds": [0]}
    left |= {field: {"en": "-", "zh": "-"} for field in ("title", "stresses")}
    left |= {field: value for field, value in raw.items() if field not in wrong}
    if isinstance(raw.get("cases"), list) and cases:
        left["cases"] = [one for index, one in enumerate(raw["cases"]) if index not in cases]
    try:
        return SuiteSpec.model_validate(left)
    except ValidationError:
        return None


PARAMETERS = "policy.parameters."
_TITLE = "suite cannot be used"


def _file(source: str | Path) -> Path:
    files = suite_files()
    if str(source) in files:
        return files[str(source)]
    if not isinstance(source, (str, Path)):
        problem = Problem("suite", source, "has the wrong form", "a name, a file or a mapping")
        raise InputError([problem], "suite not found")
    path = Path(source)
    if not os.path.isfile(path):
        raise InputError(
            [Problem("suite", str(source), "is neither built in nor a file",
                     f"{', '.join(files)}, or a file", nearest(str(source), files))],
            "suite not found",
        )  # fmt: skip
    return path
