"""The page of a study, from a whole study of a function whose indices are known."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet import simulation
from computenet.errors import InputError
from computenet.report.export import TOOLS
from computenet.report.study_words import law_text, shown
from computenet.study import StudyOutcome, page_of

LAW = {"kind": "uniform", "low": -math.pi, "high": math.pi}
STUDY: dict[str, Any] = {
    "title": "A <b>known</b> function",
    "scenario": "two-hubs",
    "design": {"method": "sobol", "n": 256, "seed": 2},
    "axes": [
        {"name": "x1", "path": "topology.sites.east.longitude", "distribution": LAW},
        {"name": "x2", "path": "topology.sites.east.latitude", "distribution": LAW},
        {"name": "x3", "path": "topology.sites.west.longitude", "distribution": LAW,
         "source": "<i>nowhere</i>", "grade": "assumed"},
    ],
    "outcomes": ["cost.total_cny"],
}  # fmt: skip


def ishigami(scenario: Any, policy: Any, **_: Any) -> Any:
    """Return a run whose cost is Ishigami and Homma's function of three coordinates."""
    east, west = scenario.topology.sites
    x1, x2, x3 = east.longitude, east.latitude, west.longitude
    y = math.sin(x1) + 7.0 * math.sin(x2) ** 2 + 0.1 * x3**4 * math.sin(x1)
    return SimpleNamespace(summary={"cost": {"total_cny": y}, "carbon": {"kg": x1 * x1}})


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> StudyOutcome:
    out = tmp_path_factory.mktemp("study") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "run_scenario", ishigami)
        return cn.sweep(STUDY, workers=0, out=out)


def test_indices_through_a_whole_study(outcome: StudyOutcome) -> None:
    assert len(outcome.runs) == 256 * 5
    found = outcome.sensitivity
    found = found[found["outcome"] == "cost.total_cny"].set_index(["axis", "index"])
    v1, v2 = 0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2, 49 / 8
    v13 = 0.01 * math.pi**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    known = {
        ("x1", "first"): v1 / v, ("x2", "first"): v2 / v, ("x3", "first"): 0.0,
        ("x1", "total"): (v1 + v13) / v, ("x2", "total"): v2 / v, ("x3", "total"): v13 / v,
    }  # fmt: skip
    for key, value in known.items():
        row = found.loc[key]
        assert row["low"] - 0.02 <= value <= row["high"] + 0.02, key


def test_the_page_has_all_of_it_in_both_languages(outcome: StudyOutcome, tmp_path: Path) -> None:
    assert outcome.directory is not None
    english = (outcome.directory / "report.html").read_text(encoding="utf-8")
    chinese = outcome.report(tmp_path / "zh.html", "zh").read_text(encoding="utf-8")
    for page in (english, chinese):
        assert "A &lt;b&gt;known&lt;/b&gt; function" in page
        assert "<b>known" not in page
        assert "<i>nowhere" not in page
        for key in ("axes", "distributions", "sensitivity", "front", "effects"):
            assert f'<section id="{key}">' in page
            assert f'href="#{key}"' in page
        assert TOOLS in page  # what the buttons of figures do
        titles = re.findall(r"<h2>(.*?)</h2>", page)
        assert re.findall(r'<a href="#[^"]*">(.*?)</a>', page.split("</nav>")[0]) == titles
    assert "Which assumption matters" in english
    assert "Sobol&#x27; indices" in english
    assert "哪个假设最重要" in chinese
    assert "均匀分布" in chinese


def test_the_front_is_of_the_lowest(outcome: StudyOutcome) -> None:
    assert outcome.analysis.front is not None
    cost = outcome.runs["cost.total_cny"].to_numpy()
    carbon = outcome.runs["carbon.kg"].to_numpy()
    kept = np.flatnonzero(outcome.analysis.front)
    assert cost.argmin() in kept
    assert (np.diff(cost[kept[np.argsort(carbon[kept])]]) <= 0.0).all()


def test_values_and_laws_in_words() -> None:
    assert shown("requests.slo_attainment", 0.98765) == "98.77"
    assert shown("cost.total_cny", 1234567.8) == "1,234,568"
    assert shown("something.else", 0.012345) == "0.01235"
    assert shown("cost.total_cny", None) == shown("cost.total_cny", float("nan")) == "–"
    assert law_text({"kind": "triangular", "low": 1, "mode": 2, "high": 3}, "en") == (
        "1 … 2 … 3 (triangular)"
    )
    assert law_text({"kind": "choice", "values": ["a", {"b": 1}]}, "en") == "a, …"
    assert law_text({"kind": "normal", "mean": 1, "sd": 0.5, "low": None}, "zh") == (
        "正态分布: mean 1, sd 0.5"
    )


def test_figures_are_kept_as_numbers(outcome: StudyOutcome) -> None:
    assert outcome.directory is not None
    table = pd.read_parquet(outcome.directory / "distributions.parquet")
    row = table.set_index("outcome").loc["cost.total_cny"]
    assert row["n"] == 256 * 5
    assert row["least"] <= row["p05"] <= row["p50"] <= row["p95"] <= row["most"]


def test_a_study_on_disk_gives_its_page_and_figures(outcome: StudyOutcome, tmp_path: Path) -> None:
    assert outcome.directory is not None
    page = page_of(outcome.directory)
    assert page.path == outcome.directory / "report.html"
    assert page.render() == page.path.read_text(encoding="utf-8")
    chinese = page_of(outcome.directory, "zh")
    assert chinese.render() == outcome.report(tmp_path / "zh.html", "zh").read_text("utf-8")
    paths = chinese.save_figures(tmp_path / "figures", formats=["csv"])
    assert {path.stem for path in paths} == {"histograms", "sensitivity", "front", "effects"}


def test_a_study_that_cannot_be_read_is_told(outcome: StudyOutcome, tmp_path: Path) -> None:
    assert outcome.directory is not None
    folder = tmp_path / "study"
    shutil.copytree(outcome.directory, folder)
    mark = folder / "study.json"
    told = mark.read_text(encoding="utf-8")
    mark.write_text(told.replace('"complete"', '"running"'), encoding="utf-8")
    with pytest.raises(InputError, match="is not complete"):
        page_of(folder)
    mark.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.json.*\n.*is damaged"):
        page_of(folder)
    mark.write_text(told, encoding="utf-8")
    (folder / "points.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="missing or damaged"):
        page_of(folder)
    (folder / "study.yaml").unlink()
    with pytest.raises(InputError, match="is neither built in nor a file"):
        page_of(folder)
