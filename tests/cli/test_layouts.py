"""Layouts, exports and figures on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import computenet as cn
from computenet.cli.main import app
from computenet.errors import InputError

RUNNER = CliRunner()
LAYOUT = """\
extends: two-hubs
id: more
title: {en: More, zh: 更多}
source: a test
grade: assumed
set: {sites.west.pue: 1.1}
"""


def run(*words: object) -> str:
    done = RUNNER.invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*words: object) -> str:
    with pytest.raises(InputError) as caught:
        run(*words)
    return str(caught.value)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("more.yaml").write_text(LAYOUT, encoding="utf-8")
    return Path("more.yaml")


def test_layouts_are_listed_checked_and_compared(layout: Path) -> None:
    assert {row["name"] for row in json.loads(run("list", "layouts", "--json"))["layouts"]} == {
        "balanced", "east-first", "west-first",
    }  # fmt: skip
    assert json.loads(run("validate", layout, "--json"))["scenario"] == "more"
    words = ("compare", "two-hubs", "--layouts", "base,more.yaml", "--days", "0.05", "--out", "cmp")
    told = json.loads(run(*words, "--json"))
    assert list(told["runs"]) == ["base", "more"]
    assert [change["field"] for change in told["changes"]["more"]] == ["pue"]
    assert "exists already" in refused(*words)
    run(*words, "--overwrite")
    figures = run("report", "cmp", "--figures", "figures", "--format", "csv").split()
    assert sorted(Path(name).name for name in figures) == ["figures.csv", "map-1.csv", "map-2.csv"]
    assert run("report", "cmp", "--lang", "zh").strip() == str(Path("cmp/comparison.html"))
    again = ("compare", "two-hubs", "--layouts", "base,more.yaml", "--policies", "nearest,cheapest")
    crossed = json.loads(run(*again, "--days", "0.02", "--json", "--no-bound"))
    assert list(crossed["runs"])[-1] == "more+cheapest"


def test_what_cannot_be_combined(layout: Path) -> None:
    assert "--set topology=LAYOUT" in refused(
        "compare", "two-hubs", "--layouts", "base", "--shocks", "none"
    )
    assert "takes one scenario" in refused("compare", "a", "b", "--layouts", "base")
    for option, name in (("--layouts", "moer"), ("--shocks", "drougt")):
        told = refused("compare", "two-hubs", option, name, "--set", "run.slott=1")
        assert f"{option} = '{name}'" in told
        assert "is neither built in nor a file" in told
        assert "did you mean: slot_s" in told
    assert "did you mean: png" in refused("report", "run", "--figures", "x", "--format", "pgn")
    assert "not used without --figures" in refused("report", "run", "--format", "csv")


def test_a_run_is_exported_and_its_figures_are(layout: Path) -> None:
    run("simulate", layout, "--days", "0.05", "--out", "run")
    assert cn.load_run("run").scenario.topology.sites[1].pue == 1.1
    for form, name in (("pypsa", "net"), ("swf", "jobs.swf"), ("geojson", "run.geojson")):
        assert run("export", form, "run", name).strip() == name
        assert Path(name).exists()
    assert "exists already" in refused("export", "swf", "run", "jobs.swf")
    run("export", "pypsa", "run", "net", "--dispatch", "free", "--overwrite")
    assert not Path("net/generators-p_set.csv").exists()
    names = run("report", "run", "--figures", "figures", "--format", "csv").split()
    assert "figures/map.csv" in names


def test_candidate_sites_from_the_template(layout: Path) -> None:
    text = run("layout", "from-sites", "--template", "--topology", "more.yaml")
    rows = [line for line in text.splitlines() if not line.startswith("# computenet ")]
    Path("sites.csv").write_text("\n".join(rows), encoding="utf-8")
    words = ("layout", "from-sites", "sites.csv", "--topology", "more.yaml", "--links", "1")
    told = json.loads(run(*words, "--out", "new.yaml", "--json"))
    assert told == {"layout": "new", "sites": 1, "pools": 1, "links": 2}
    run(*words, "--out", "deep/new.yaml")
    assert cn.load("deep/new.yaml").topology == cn.load("new.yaml").topology
    topology = cn.load("new.yaml").topology
    assert (topology.id, topology.sites[1].pue, topology.sites[2].id) == ("new", 1.1, "new-site")
    assert "exists already" in refused(*words, "--out", "new.yaml")
    assert run(*words).startswith("extends: more.yaml")
    assert "needs a file" in refused("layout", "from-sites")
    assert "not used with --template" in refused("layout", "from-sites", "--template", "--out", "x")
