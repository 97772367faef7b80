"""What is wrong with a study is found before anything runs, all of it at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from computenet.errors import InputError, Problem
from computenet.scenario import load_scenario
from computenet.scenario.catalogue import study_files
from computenet.study.sweeps import prepare_study
from computenet.study.sweeps.fields import changed
from computenet.study.sweeps.inputs import different
from computenet.study.sweeps.tasks import figures_of, scenario_of


def study(**fields: Any) -> dict[str, Any]:
    return {"scenario": "two-hubs", "overrides": {"days": 0.05}, "design": "grid", **fields}


def problems(**fields: Any) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        prepare_study(study(**fields))
    return caught.value.problems


def test_every_axis_that_names_no_field_is_told_with_its_spelling() -> None:
    found = problems(
        axes={
            "topology.sites.weest.pue": [1.1],
            "polcy": ["nearest"],
            "run.smapling": [1],
            "days": [0.1],
        }
    )
    assert [p.suggestion for p in found] == [
        "policy",
        "run.sampling",
        "topology.sites.west.pue",
    ]


def test_ends_that_the_scenario_refuses_are_told_before_anything_runs() -> None:
    found = problems(
        design={"method": "monte-carlo", "n": 3},
        axes={
            "topology.sites.east.pue": {
                "distribution": {"kind": "uniform", "low": 0.9, "high": 9}
            },
            "policy": ["nearest", "cheepest"],
            "days": {"factor": {"kind": "uniform", "low": -1, "high": 3}},
        },
    )  # fmt: skip
    told = " ".join(f"{p.path} {p.suggestion}" for p in found)
    assert "topology.sites.east.pue = 0.9" in told
    assert "topology.sites.east.pue = 9" in told
    assert "policy = cheepest: policy.name cheapest" in told
    assert "days = -1" in told


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"policy": {"factor": [1, 2]}}, "cannot be moved"),
        ({"topology.sites.east.import_limit_mw": {"factor": [1, 2]}}, "is not set"),
        ({"days": [0.1], "again": {"path": "days", "factor": [1, 2]}}, "is changed by days"),
        ({"topology": {"factor": [1, 2]}}, "needs names"),
        (
            {"topology.sites.*.pue": {"factor": [1], "balance": "topology.sites.*.pue"}},
            "some fields that the axis moves",
        ),
        (
            {"days": {"values": [0.1], "balance": "topology.sites.*.pue"}},
            "factor and offset only",
        ),
        (
            {
                "x": {
                    "path": "topology.sites.west.import_limit_mw",
                    "factor": [1, 2],
                    "balance": "topology.sites.*.import_limit_mw",
                }
            },
            "cannot be scaled",
        ),
        ({"seed": [1, 2]}, "seeds: [1, 2]"),
        ({"other": {"path": "seed", "values": [1, 2]}}, "is that of every run"),
        ({"other": {"path": "s??d", "values": [1, 2]}}, "is that of every run"),
        ({"mean": {"path": "days", "values": [0.1]}}, "column of the study's own"),
        ({"Status": {"path": "days", "values": [0.1]}}, "column of the study's own"),
        (
            {"days": {"distribution": {"kind": "choice", "values": [1, 2], "weights": [1, 3]}}},
            "without weights",
        ),
    ],
)
def test_axes_that_cannot_be(axes: dict[str, Any], words: str) -> None:
    found = problems(axes=axes, overrides={"days": 0.05, "topology.sites.west.import_limit_mw": 99})
    assert any(words in p.message for p in found)


def test_own_parameters_are_kept_where_the_policy_is_an_axis() -> None:
    own = {"days": 0.05, "policy": "dispatch", "policy.parameters.window_h": 48}
    made = prepare_study(study(overrides=own, axes={"policy": ["dispatch", "nearest"]}))
    found = [scenario_of(made.work, task).policy for task in made.tasks]
    assert [(p.name, dict(p.parameters)) for p in found] == [
        ("dispatch", {"window_h": 48}),
        ("nearest", {}),
    ]


def test_policies_set_whole_take_parameters_of_other_axes() -> None:
    axes = {"policy": [{"name": "matching"}, {"name": "dispatch"}],
            "policy.parameters.miss_cny": [1, 2]}  # fmt: skip
    made = prepare_study(study(axes=axes))
    found = [scenario_of(made.work, task).policy for task in made.tasks]
    assert [p.parameters["miss_cny"] for p in found] == [1, 2, 1, 2]


def test_a_balance_over_lists_can_be_prepared() -> None:
    price = {
        "path": "topology.tariffs.0.seasons.0.price_cny_per_mwh", "factor": [1, 1.1],
        "balance": "topology.tariffs.*.seasons.*.price_cny_per_mwh",
    }  # fmt: skip
    made = prepare_study(study(axes={"price": price}))
    sums = []
    for task in made.tasks:
        tariffs = scenario_of(made.work, task).topology.tariffs
        sums.append(sum(sum(s.price_cny_per_mwh) for t in tariffs for s in t.seasons))
    assert sums[0] == pytest.approx(sums[1])


def test_a_reference_is_a_point_of_the_grid() -> None:
    axes = {"days": [0.05, 0.1], "policy": ["nearest", "cheapest"]}
    found = problems(axes=axes, reference={"days": 0.2, "polic": "nearest"})
    assert {p.path for p in found} == {"reference.days", "reference.polic", "reference.policy"}
    prepare_study(study(axes=axes, reference={"days": 0.1, "policy": "nearest"}))


def test_too_many_runs_are_refused() -> None:
    found = problems(axes={"days": [0.1] * 2000, "run.sampling": list(range(1, 2001))})
    assert "too many" in found[0].message


def test_points_share_their_seeds() -> None:
    made = prepare_study(study(axes={"policy": ["nearest", "cheapest"]}, seeds=3))
    assert [task.seed for task in made.tasks] == [1, 2, 3, 1, 2, 3]
    assert [task.run for task in made.tasks] == list(range(6))


def test_a_scenario_is_the_one_that_load_would_give() -> None:
    made = prepare_study("national-uncertainty", {"design.n": 6})
    for task in made.tasks:
        raw = changed(made.work.bases[0], made.work.moves[0], task.values)
        raw["seed"] = task.seed
        assert scenario_of(made.work, task) == load_scenario(raw)


def test_shares_given_as_texts_must_add_up_too() -> None:
    made = prepare_study(study(axes={"topology.regions.RE.inference_share": [0.75]}))
    task = made.tasks[0]
    assert scenario_of(made.work, task).topology.regions[0].inference_share == 0.75
    for value in (0.7, "0.7"):
        with pytest.raises(InputError, match="add up"):
            scenario_of(made.work, replace(task, values=(value,)))


def test_the_topology_may_be_an_axis(tmp_path: Path) -> None:
    made = prepare_study(
        study(axes={"topology": ["two-hubs"], "workload": ["two-hubs"],
                    "topology.sites.east.pue": [1.3, 1.4]})
    )  # fmt: skip
    pues = [scenario_of(made.work, task).topology.sites[0].pue for task in made.tasks]
    assert pues == [1.3, 1.4]
    assert problems(axes={"topology": ["two-hubz"]})[0].suggestion == "two-hubs"


def test_built_in_studies_can_run() -> None:
    assert {"national-uncertainty", "two-hubs-teaching"} <= set(study_files())
    for name in study_files():
        made = prepare_study(name)
        assert len(made.tasks) == len(made.points) * len(made.seeds)
        spec = made.study.spec
        assert all(axis.title for axis in spec.axes)


def test_the_hash_is_of_what_decides_on_results() -> None:
    axes = {"topology.sites.east.pue": [1.3, 1.4]}
    key = prepare_study(study(axes=axes)).work.key
    same = study(axes=axes, title="Other", outcomes=["carbon.kg"])
    assert prepare_study(same).work.key == key
    for other in (
        study(axes={"topology.sites.east.pue": [1.3, 1.5]}),
        study(axes={"topology.sites.west.pue": [1.3, 1.4]}),
        study(axes=axes, seeds=[2]),
        study(axes=axes, overrides={"days": 0.06}),
    ):
        assert prepare_study(other).work.key != key


FAULTS = "time_s,pool,repair_s\n60.0,west/unit,600.0\n"


def test_the_hash_is_of_what_files_hold_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, text in ((here, FAULTS), (there, FAULTS)):
        folder.mkdir()
        (folder / "one.csv").write_text(text)
        (folder / "two.csv").write_text(text.replace("600", "900"))
    own = {"days": 0.05, "failures": {"model": "file", "file": "one.csv"}}
    of_base = study(overrides=own, axes={"days": [0.05, 0.06]})
    of_axis = study(overrides=own, axes={"failures.file": ["one.csv", "two.csv"]})
    of_record = study(axes={"failures": [own["failures"], {"model": "none"}]})
    for fields, names in ((of_base, {"one"}), (of_axis, {"one", "two"}), (of_record, {"one"})):
        monkeypatch.chdir(here)
        made = prepare_study(fields)
        # They are found from any directory, and by any process.
        monkeypatch.chdir(tmp_path)
        assert scenario_of(made.work, made.tasks[0]).failures.file == str(here / "one.csv")
        assert set(made.work.files) == {str(here / f"{name}.csv") for name in names}
        assert different(made.work.files) is None
        monkeypatch.chdir(there)
        assert prepare_study(fields).work.key == made.work.key
        (there / "one.csv").write_text(FAULTS + "70.0,west/unit,600.0\n")
        assert prepare_study(fields).work.key != made.work.key
        (there / "one.csv").write_text(FAULTS)
    moved = here / "one.csv"
    moved.unlink()
    assert different(made.work.files) == str(moved)


def test_figures_are_flattened_by_what_they_are_of() -> None:
    summary = {
        "a": {"b": 1, "c": None, "d": True, "e": "text"},
        "targets": [{"site": "x", "target": "pue_max", "met": False}],
        "list": [3, {"id": "one", "v": 4.5}],
    }
    assert figures_of(summary) == {
        "a.b": 1.0, "a.c": None, "a.d": 1.0, "targets.x.pue_max.met": 0.0, "list.0": 3.0,
        "list.one.v": 4.5,
    }  # fmt: skip


def test_files_stand_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends_nothing: 1\n".replace("extends_nothing: 1", "name: mine\ntitle: {en: a, zh: b}\n"
                                       "topology: two-hubs\nworkload: two-hubs\n")
    )  # fmt: skip
    (tmp_path / "study.yaml").write_text(
        "scenario: mine.yaml\ndesign: grid\naxes: {days: [0.05]}\n", encoding="utf-8"
    )
    made = prepare_study(tmp_path / "study.yaml")
    assert made.study.spec.name == "study"
    with pytest.raises(InputError, match="national-uncertainty"):
        prepare_study("national-uncertainti")
