"""One-shot clearing: who is served at what price, who is not and why, and what adds up."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import computenet as cn
from computenet.cli.main import app
from computenet.errors import InputError, RunError
from computenet.scenario import dump_scenario

SUPPLY = """site,accelerator,count,price_cny_per_accelerator_h
west,a,100,2.0
east,a,50,4.0
"""
DEMAND = """id,tenant,region,accelerators,hours,max_price_cny_per_accelerator_h
one,x,-,80,1,10
two,y,-,60,1,8
three,y,-,40,1,5
"""


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    supply, demand = tmp_path / "SUPPLY.csv", tmp_path / "DEMAND.csv"
    supply.write_text(SUPPLY)
    demand.write_text(DEMAND)
    return supply, demand


def test_supply_is_cleared_in_order_of_worth(tables: tuple[Path, Path]) -> None:
    """150 accelerators for 180 wanted: 30 of the last are left out, and set the price of 5."""
    outcome = cn.match(*tables)
    s = outcome.summary
    assert s["served"] == pytest.approx(150.0)
    assert s["unmet"] == pytest.approx(30.0)
    assert s["cost_cny"] == pytest.approx(100 * 2.0 + 50 * 4.0)
    by_pool = {row["pool"]: row["price_cny_per_accelerator_h"] for row in s["prices"]}
    assert by_pool == pytest.approx({"west/a": 5.0, "east/a": 5.0})
    assert {row["constraint"] for row in s["binding"]} == {"capacity"}


def test_the_command_prints_json_and_writes_tables(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "cleared"
    words = [str(tables[0]), str(tables[1])]
    run = CliRunner().invoke(app, ["match", *words, "--json"])
    assert run.exit_code == 0
    assert {"served", "unmet", "cost_cny", "prices", "binding"} <= set(json.loads(run.stdout))
    run = CliRunner().invoke(app, ["match", *words, "--out", str(out)])
    assert run.exit_code == 0, run.output
    allocation = pd.read_csv(out / "allocation.csv", comment="#")
    assert allocation["accelerators"].sum() == pytest.approx(150.0)
    unmet = pd.read_csv(out / "unmet.csv", comment="#")
    assert len(unmet) == 1
    paid = pd.read_csv(out / "settlement.csv", comment="#")
    body = paid[paid.iloc[:, 0] != "total"]
    # 150 accelerator-hours at a price of 5, in whatever way the bill is split.
    assert body["charge_cny"].sum() == pytest.approx(150 * 5.0)
    again = CliRunner().invoke(app, ["match", *words, "--out", str(out)])
    assert isinstance(again.exception, InputError)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    supply, demand = tmp_path / "s.csv", tmp_path / "d.csv"
    supply.write_text("site,acelerator,count\nwest,a,-5\n")
    demand.write_text("id,tenant,region,accelerators,hours\none,x,-,nan,1\none,x,-,5,1\n")
    with pytest.raises(InputError) as caught:
        cn.match(supply, demand)
    text = str(caught.value)
    for word in ("acelerator", "did you mean: accelerator", "-5", "nan", "one"):
        assert word in text


@pytest.mark.parametrize(("count", "wanted"), [("0", "80"), ("100", "0"), ("1", "1000")])
def test_nothing_of_one_side_and_a_thousand_times_the_other(
    tmp_path: Path, count: str, wanted: str
) -> None:
    supply, demand = tmp_path / "s.csv", tmp_path / "d.csv"
    supply.write_text(f"site,accelerator,count,price_cny_per_accelerator_h\nwest,a,{count},2\n")
    demand.write_text(
        "id,tenant,region,accelerators,hours,max_price_cny_per_accelerator_h\n"
        f"one,x,-,{wanted},1,10\n"
    )
    s = cn.match(supply, demand).summary
    assert s["served"] == pytest.approx(min(float(count), float(wanted)))
    assert s["unmet"] == pytest.approx(float(wanted) - s["served"])


@pytest.mark.parametrize("topology", [None, "china-2025"])
def test_templates_run_as_they_are(tmp_path: Path, topology: str | None) -> None:
    template = cn.match_template(topology) if topology else cn.match_template()
    for name, text in template.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    paths = tmp_path / "PATHS.csv"
    outcome = cn.match(
        tmp_path / "SUPPLY.csv", tmp_path / "DEMAND.csv",
        **({"topology": topology} if topology else {"paths": paths}),
    )  # fmt: skip
    assert outcome.summary["served"] > 0.0
    assert outcome.settlement["charge_cny"].notna().all()


def test_help_of_the_tables_is_printed_or_written(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["match", "--template"])
    assert run.exit_code == 0
    for name in ("SUPPLY.csv", "DEMAND.csv", "PATHS.csv", "# must_run: ", "# site_power_mw: "):
        assert name in run.stdout
    desk = tmp_path / "desk"
    run = CliRunner().invoke(app, ["match", "--template", str(desk)])
    assert sorted(path.name for path in desk.iterdir()) == ["DEMAND.csv", "PATHS.csv", "SUPPLY.csv"]
    again = CliRunner().invoke(app, ["match", "--template", str(desk)])
    assert isinstance(again.exception, InputError)
    assert len(again.exception.problems) == 3
    words = [str(desk / "SUPPLY.csv"), str(desk / "DEMAND.csv"), "--paths", str(desk / "PATHS.csv")]
    for lang, heading in (("en", "unmet demand"), ("zh", "未满足需求")):
        run = CliRunner().invoke(app, ["match", *words, "--lang", lang])
        assert run.exit_code == 0
        assert heading in run.stdout
        assert "nan" not in run.stdout.replace("tenant", "")


@pytest.mark.parametrize("place", ["file", "file/below", "n" * 300])
def test_a_directory_that_cannot_be_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(
            app, ["match", "--template", str(tmp_path / place)], catch_exceptions=False
        )
    (problem,) = caught.value.problems
    assert (problem.path, problem.value) == ("--template", str(tmp_path / place))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_table_whose_name_is_taken_by_a_directory_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "DEMAND.csv").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        cn.match_template().save(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["DEMAND.csv"]


def test_tables_are_written_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Path.write_text

    def full(self: Path, *given: str, **more: str) -> int:
        if "PATHS" in self.name:
            raise OSError(28, "No space left on device")
        return written(self, *given, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match=r"cannot write .*PATHS\.csv: No space left on device"):
        cn.match_template().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_that_is_printed_clears_the_tables(tmp_path: Path) -> None:
    """Names with spaces, and a topology that is a file."""
    own = tmp_path / "my own.yaml"
    own.write_text(dump_scenario(cn.load("china-2025", name="other")), "utf-8")
    for extra in ([], ["--topology", str(own)]):
        desk = tmp_path / f"a desk {len(extra)}"
        run = CliRunner().invoke(app, ["match", "--template", str(desk), *extra])
        assert run.exit_code == 0, run.output
        words = shlex.split(run.stderr.removeprefix("# "))
        assert words[:3] == ["computenet", "match", str(desk / "SUPPLY.csv")]
        assert CliRunner().invoke(app, [*words[1:], "--json"]).exit_code == 0


def test_json_stands_alone_on_stdout(tables: tuple[Path, Path], tmp_path: Path) -> None:
    # A type that nobody has is a note, which goes to stderr.
    tables[1].write_text(DEMAND.replace("hours", "hours,types", 1).replace(",1,", ",1,a|aa,"))
    run = CliRunner().invoke(app, ["match", str(tables[0]), str(tables[1]), "--json"])
    assert set(json.loads(run.stdout)) == {"served", "unmet", "cost_cny", "prices", "binding"}
    assert "did you mean 'a'" in run.stderr


def test_bad_input_writes_nothing(tables: tuple[Path, Path], tmp_path: Path) -> None:
    out, bad = tmp_path / "out", tmp_path / "bad.csv"
    bad.write_text("site;accelerator\n")
    for words in (
        [bad, tables[1], "--out", out],
        [tables[0], "--out", out],
        [*tables, "--overwrite"],
        [*tables, "--time-limit", "0"],
        [*tables, "--lang", "fr"],
        [*tables, "--topology", "china-2052"],
        [*tables, "--max-price", "-1"],
        ["--template", "--json"],
        ["--template", "--overwrite"],
    ):
        run = CliRunner().invoke(app, ["match", *map(str, words)])
        assert isinstance(run.exception, InputError), words
        assert run.exception.exit_code == 2
        assert run.stdout == ""
    assert not out.exists()


def test_an_earlier_result_is_replaced_only_when_asked(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ["match", *map(str, tables), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert isinstance(CliRunner().invoke(app, words).exception, InputError)
    assert CliRunner().invoke(app, [*words, "--overwrite"]).exit_code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "allocation.csv", "unmet.csv", "prices.csv", "settlement.csv", "summary.json",
    }  # fmt: skip


def test_options_topology_and_tables_at_fault_are_told_at_once(tmp_path: Path) -> None:
    words = ["match", str(tmp_path / "s.csv"), str(tmp_path / "d.csv"), "--carbon-price", "-5"]
    words += ["--max-price", "-1", "--time-limit", "-1", "--topology", "nope", "--paths", "no.csv"]
    words += ["--lang", "fr"]
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    told = [problem.path for problem in caught.value.problems]
    assert sorted(told) == sorted(
        ["--carbon-price", "--lang", "--max-price", "--time-limit", "--topology",
         str(tmp_path / "s.csv"), str(tmp_path / "d.csv"), "no.csv"]
    )  # fmt: skip
