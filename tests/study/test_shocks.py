"""Shocks: files of events, what is wrong with them, and what their runs are called."""

from __future__ import annotations

from pathlib import Path

import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.results import Results
from computenet.study import check_shocks, compare_shocks, load_comparison, shock_names, with_shock
from computenet.study.comparison import Comparison

CUT = "events:\n  - {kind: site-outage, site: west, at_h: 0.1, duration_h: 0.2}\n"


def told(*shocks: str | Path) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        compare_shocks(cn.load("two-hubs", days=0.02), [str(shock) for shock in shocks])
    return {problem.path: "\n".join(problem.lines()) for problem in caught.value.problems}


def test_runs_are_named_after_the_files_of_shocks_and_kept_below_the_directory(
    tmp_path: Path,
) -> None:
    cut = tmp_path / "a cut.yaml"
    cut.write_text(CUT, encoding="utf-8")
    assert shock_names(["none", "heat-wave", str(cut), "../x.yml"]) == [
        "none", "heat-wave", "a-cut", "x",
    ]  # fmt: skip
    scenario = cn.load("two-hubs", days=0.02, overrides={"workload.scale": 0.001})
    comparison = compare_shocks(scenario, ["none", str(cut)], bound=False)
    comparison.save(tmp_path / "out")
    assert (tmp_path / "out" / "a-cut" / "summary.json").is_file()
    assert list(load_comparison(tmp_path / "out").runs) == ["none", "a-cut"]


@pytest.mark.parametrize("name", ["/x", "../x", "a/../../x", ".", ""])
def test_no_run_is_saved_outside_of_the_directory(name: str, tmp_path: Path) -> None:
    runs: dict[str, Results] = {name: None}  # type: ignore[dict-item]
    with pytest.raises(InputError, match="leads out of the directory"):
        Comparison(runs).save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_two_shocks_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cut.yaml").write_text(CUT, encoding="utf-8")
    (tmp_path / "none.yaml").write_text(CUT, encoding="utf-8")
    one, two = (str(tmp_path / folder / "cut.yaml") for folder in ("a", "b"))
    with pytest.raises(InputError) as caught:
        check_shocks([one, two, one, str(tmp_path / "none.yaml")])
    assert [(problem.value, problem.message) for problem in caught.value.problems] == [
        (two, f"has a name in common with {one}"),
        (one, "is named twice"),
        (str(tmp_path / "none.yaml"), "has a name in common with none"),
    ]


@pytest.mark.parametrize(
    ("events", "path"),
    [
        ("[5]", "events.0"),
        ("[{kind: site-outage, site: west, at_h: soon, duration_h: 1}]", "events.0.at_h"),
        ("[{kind: site-outage, site: west, at_h: null, duration_h: 1}]", "events.0.at_h"),
        ("[{kind: site-outage, site: west, duration_h: 1}]", "events.0.at_h"),
        ("[{kind: outage}]", "events.0.kind"),
    ],
)
def test_what_is_no_event_is_told(events: str, path: str, tmp_path: Path) -> None:
    file = tmp_path / "shock.yaml"
    file.write_text(f"events: {events}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        with_shock(cn.load("two-hubs"), str(file))
    assert [problem.path for problem in caught.value.problems] == [f"{file}: {path}"]


def test_the_problems_of_all_shocks_are_told_before_any_run(tmp_path: Path) -> None:
    for name, site in (("a", "wset"), ("b", "esat")):
        text = CUT.replace("west", site)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        compare_shocks(
            cn.load("two-hubs", days=0.02), ["none", *(str(tmp_path / f"{n}.yaml") for n in "ab")]
        )
    assert [problem.value for problem in caught.value.problems] == ["wset", "esat"]
    late = tmp_path / "late.yaml"
    late.write_text(CUT.replace("0.1", "1e3"), encoding="utf-8")
    assert "begins after the run's 0.02 days" in told(late)["--shocks"]
    assert "names no shock" in told()["--shocks"]
