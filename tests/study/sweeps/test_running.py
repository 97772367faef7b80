"""Studies run: the same tables whoever runs them, nothing lost when something dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet import simulation
from computenet.errors import InputError, Problem, RunError
from computenet.study.intervals import block_interval
from computenet.study.sweeps import (
    local,
    prepare_study,
    query_study,
    run_study,
    study_state,
    sweeping,
)
from computenet.study.sweeps.dataset import Dataset
from computenet.study.sweeps.local import _why as why
from computenet.study.sweeps.local import run_local
from computenet.study.sweeps.tasks import Record, Task, Work, run_task, simulated

STUDY: dict[str, Any] = {
    "name": "small",
    "scenario": "two-hubs",
    "overrides": {"days": 0.05},
    "design": "grid",
    "axes": {
        "policy": ["nearest", "cheapest"],
        "price": {"path": "topology.tariffs.*.seasons.*.price_cny_per_mwh", "factor": [1, 1.5]},
    },
    "seeds": 2,
    "outcomes": ["cost.total_cny", "carbon.kg", "jobs.wait_s.mean"],
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the study, run undisturbed in this process."""
    out = tmp_path_factory.mktemp("plain") / "study"
    cn.sweep(STUDY, workers=0, out=out)
    return out


class Bomb:
    """A value that kills the worker that reads it."""

    def __init__(self, how: Callable[..., object], *words: object) -> None:
        self.how, self.words = how, words

    def __reduce__(self) -> Any:
        return self.how, self.words


def test_rows_are_those_of_single_runs(plain: Path) -> None:
    runs = pd.read_parquet(plain / "runs.parquet")
    assert list(runs.columns[:7]) == ["run", "point", "seed", "policy", "price", "status", "error"]
    assert len(runs) == 8
    assert (runs["status"] == "done").all()
    one = cn.simulate(
        cn.load("two-hubs", days=0.05, policy="cheapest"), seed=2
    ).summary  # fmt: skip
    row = runs[(runs["policy"] == "cheapest") & (runs["price"] == 1) & (runs["seed"] == 2)].iloc[0]
    assert row["cost.total_cny"] == one["cost"]["total_cny"]
    assert row["by_site.west.it_mwh"] == one["by_site"]["west"]["it_mwh"]


def test_dearer_power_costs_what_it_costs(plain: Path) -> None:
    """Energy charges move with the factor; demand charges and work do not."""
    runs = pd.read_parquet(plain / "runs.parquet").set_index(["policy", "seed", "price"])
    for policy, seed in (("nearest", 1), ("cheapest", 2)):
        low, high = (runs.loc[(policy, seed, price)] for price in (1.0, 1.5))
        assert high["cost.import_cny"] == pytest.approx(1.5 * low["cost.import_cny"])
        assert high["cost.demand_charge_cny"] == low["cost.demand_charge_cny"]


def test_points_are_means_over_seeds_and_paired_with_the_reference(plain: Path) -> None:
    runs = pd.read_parquet(plain / "runs.parquet")
    points = pd.read_parquet(plain / "points.parquet")
    cost = points[points["outcome"] == "cost.total_cny"].reset_index(drop=True)
    by_point = runs.groupby("point")["cost.total_cny"].mean()
    assert cost["mean"].tolist() == pytest.approx(by_point.tolist())
    assert cost["difference"].tolist() == pytest.approx((by_point - by_point[0]).tolist())
    assert (cost["n"] == 2).all()
    assert set(pd.read_csv(plain / "sensitivity.csv")["axis"]) == {"policy", "price"}
    page = (plain / "report.html").read_text(encoding="utf-8")
    assert "Which assumption matters" in page
    assert study_state(plain)["state"] == "complete"


def test_intervals_of_a_mean_over_points_are_those_of_its_design(plain: Path) -> None:
    grid = pd.read_parquet(plain / "distributions.parquet")
    assert grid["mean"].notna().all()
    assert grid[["low", "high"]].isna().all(axis=None)
    assert "no sample" in (plain / "report.html").read_text(encoding="utf-8")
    pue = {"distribution": {"kind": "uniform", "low": 1.1, "high": 1.9}}
    outcome = cn.sweep(
        {**STUDY, "design": {"method": "sobol", "n": 4}, "seeds": 1, "overrides": {"days": 0.02},
         "axes": {"topology.sites.east.pue": pue}}, workers=0,
    )  # fmt: skip
    row = outcome.distributions.set_index("outcome").loc["carbon.kg"]
    blocks = outcome.runs["carbon.kg"].to_numpy().reshape(4, 3)
    told = block_interval(blocks)
    assert (row["mean"], row["low"], row["high"]) == (told.mean, told.low, told.high)
    assert row["n"] == 12


def same(one: Path, other: Path) -> bool:
    return (one / "runs.parquet").read_bytes() == (other / "runs.parquet").read_bytes()


def test_processes_give_the_same_bytes_and_survive_their_workers(
    plain: Path, tmp_path: Path
) -> None:
    made = prepare_study(STUDY)
    killed = []

    def progress(runs: int, failed: int) -> None:
        if runs == 2:
            import psutil

            for child in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    killed.append(child.pid)
                    child.kill()
                    break

    outcome = run_study(made, workers=2, out=tmp_path / "two", progress=progress)
    assert killed
    assert outcome.failed == 0
    assert same(plain, tmp_path / "two")


def test_a_run_that_kills_its_workers_is_tried_twice_and_told() -> None:
    made = prepare_study(STUDY)
    first, last = made.tasks[0], made.tasks[-1]
    deadly = replace(last, values=(Bomb(signal.raise_signal, int(signal.SIGKILL)), 1))
    records = {record.run: record for record in run_local(made.work, [first, deadly], 1)}
    assert set(records) == {first.run, last.run}
    assert records[first.run].figures == run_task(made.work, first).figures
    assert records[last.run].status == "lost"
    told = "the worker process was killed (SIGKILL, perhaps for memory), 2 times"
    assert records[last.run].error == told


def test_ends_of_workers_in_words() -> None:
    assert why(7) == "the worker process ended with status 7"
    assert why(-int(signal.SIGTERM)) == "the worker process was killed (SIGTERM)"
    assert why(-250) == "the worker process was killed (signal 250)"


def test_a_run_that_fails_is_kept_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_scenario = simulation.run_scenario

    def fails(scenario: Any, policy: Any, **more: Any) -> Any:
        if scenario.seed == 2:
            raise RunError("the audit found a hole")
        if scenario.policy.name == "cheapest":
            raise MemoryError
        return run_scenario(scenario, policy, **more)

    monkeypatch.setattr(simulation, "run_scenario", fails)
    outcome = cn.sweep(STUDY, workers=0, out=tmp_path / "s")
    assert outcome.as_dict() == {
        "runs": 8, "failed": 6, "engine": "local", "dataset": str(tmp_path / "s" / "runs.parquet"),
    }  # fmt: skip
    by = query_study(tmp_path / "s", "SELECT status, error, count(*) AS n FROM runs GROUP BY ALL")
    assert dict(zip(by["status"], by["n"], strict=False))["failed"] == 4
    told = set(by["error"].dropna())
    assert told == {"the audit found a hole", "out of memory"}
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "the audit found a hole" in page
    # Runs that were lost are tried again; those that failed would fail again.
    monkeypatch.setattr(simulation, "run_scenario", run_scenario)
    assert cn.sweep(STUDY, workers=0, out=tmp_path / "s", resume=True).failed == 4


KILLED = """
import os, signal, sys
import computenet as cn
from computenet import simulation
from computenet.study.sweeps import dataset
at, out = sys.argv[1], sys.argv[2]
dataset.WAIT_S = 0.0
def die():
    os.kill(os.getpid(), signal.SIGKILL)
if at == "part":
    # Within the writing of a part: the file is there, but not under its name.
    replace, count = os.replace, [0]
    def dies(*words):
        count[0] += "part-" in str(words[1])
        if count[0] == 3:
            die()
        replace(*words)
    os.replace = dies
if at == "end":
    # The whole table is there, and so are the parts.
    dataset.shutil.rmtree = lambda *words, **more: die()
study = {study!r}
def progress(runs, failed):
    if str(runs) == at:
        die()
cn.sweep(study, workers=0, out=out, progress=progress)
"""


@pytest.mark.parametrize("at", ["5", "part", "end"])
def test_a_study_killed_at_any_moment_resumes_to_the_same_bytes(
    plain: Path, tmp_path: Path, at: str
) -> None:
    out = tmp_path / "study"
    code = KILLED.replace("{study!r}", repr(STUDY))
    done = subprocess.run([sys.executable, "-c", code, at, str(out)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    counts: list[int] = []
    outcome = cn.sweep(
        STUDY, workers=0, out=out, resume=True, progress=lambda runs, failed: counts.append(runs)
    )
    kept = {"5": 5, "part": 2, "end": 8}[at]
    assert counts[0] == kept
    assert outcome.failed == 0
    assert same(plain, out)
    assert not list(out.glob("runs/*"))


def test_an_interrupt_keeps_what_is_done(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"

    def stop(runs: int, failed: int) -> None:
        if runs == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cn.sweep(STUDY, workers=0, out=out, progress=stop)
    assert study_state(out)["done"] == 3
    assert study_state(out)["missing"] == 5
    assert len(query_study(out, "SELECT * FROM runs")) == 3
    cn.sweep(STUDY, workers=0, out=out, resume=True)
    assert same(plain, out)


def test_a_directory_is_only_used_for_its_own_study(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        cn.sweep(STUDY, workers=0, out=plain)
    with pytest.raises(InputError, match="another study"):
        cn.sweep(STUDY, workers=0, out=plain, resume=True, overrides={"seeds": [5]})
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="is not a study"):
            cn.sweep(STUDY, workers=0, out=out, overwrite=True)
    out = tmp_path / "again"
    cn.sweep(STUDY, workers=0, out=out, overrides={"seeds": [5]})
    cn.sweep(STUDY, workers=0, out=out, overwrite=True)
    assert same(plain, out)


def test_two_processes_do_not_write_one_study(plain: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (plain / ".lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process"):
            cn.sweep(STUDY, workers=0, out=plain, resume=True)


def test_an_outcome_that_is_no_figure_is_told_before_anything_runs(tmp_path: Path) -> None:
    wrong = {**STUDY, "outcomes": ["cost.totl_cny"], "pareto": ["carbon.kg", "carbon.kgs"]}
    with pytest.raises(InputError, match=r"did you mean: cost\.total_cny") as told:
        cn.sweep(wrong, workers=0, out=tmp_path / "s")
    assert [problem.path for problem in told.value.problems] == ["outcomes.0", "pareto.1"]
    assert not (tmp_path / "s").exists()


def test_an_axis_that_is_called_like_a_figure_is_told_before_anything_runs() -> None:
    axes = {"cost.total_cny": {"path": "days", "values": [0.05, 0.06]}}
    with pytest.raises(InputError, match="called like a figure"):
        cn.sweep({**STUDY, "axes": axes}, workers=0)


def test_one_slot_has_the_figures_of_a_run() -> None:
    changes = {"policy": "dispatch", "energy.model": "full", "days": 0.3}
    scenario = cn.load("two-hubs", overrides=changes)
    slot = scenario.model_copy(update={"days": scenario.run.slot_s / 86400.0})
    assert set(simulated(slot)) == set(simulated(scenario))


def test_one_that_cannot_be_tried_before_is_told_and_nothing_lost(tmp_path: Path) -> None:
    surge = {
        "kind": "demand-surge", "regions": ["RE"], "at_h": 0.5, "duration_h": 0.5, "factor": 2.0,
    }  # fmt: skip
    events = {**STUDY, "overrides": {"days": 0.05, "events": [surge]}}
    with pytest.raises(InputError, match=r"did you mean: cost\.total_cny"):
        cn.sweep({**events, "outcomes": ["cost.totl_cny"]}, workers=0, out=tmp_path / "s")
    counts: list[int] = []
    cn.sweep(
        events, workers=0, out=tmp_path / "s", resume=True,
        progress=lambda runs, failed: counts.append(runs),
    )  # fmt: skip
    assert counts[0] == 1


def test_a_study_that_cannot_begin_leaves_what_was_there(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    shutil.copytree(plain, old)

    def nowhere(work: Work, tasks: Sequence[Task]) -> Iterator[Record]:
        raise InputError([Problem("--address", "x", "is no cluster")])
        yield

    monkeypatch.setattr(sweeping, "run_here", nowhere)
    for out, overwrite in ((tmp_path / "new", False), (old, True)):
        with pytest.raises(InputError, match="is no cluster"):
            cn.sweep(STUDY, workers=0, out=out, overwrite=overwrite)
    assert not (tmp_path / "new").exists()
    assert same(plain, old)
    assert study_state(old)["state"] == "complete"
    monkeypatch.undo()
    cn.sweep(STUDY, workers=0, out=old, overwrite=True, overrides={"seeds": [5]})
    assert study_state(old)["seeds"] == [5]


def test_a_damaged_part_is_told(tmp_path: Path) -> None:
    data = Dataset(tmp_path)
    data.add(Record(0, "done", None, 0.1, {"a": 1.0}))
    data.flush()
    (tmp_path / "runs" / "part-000001.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match="damaged"):
        data.records()


def test_many_parts_become_one(tmp_path: Path) -> None:
    data = Dataset(tmp_path)
    for run in range(150):
        data.add(Record(run, "done", None, 0.1, {"a": float(run), f"b{run % 3}": None}))
        data.flush()
    assert len(list(tmp_path.glob("runs/*"))) < 64
    found = data.records()
    assert sorted(found) == list(range(150))
    assert all(found[run].figures["a"] == run for run in found)


def test_a_study_of_failures_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(scenario: Any, policy: Any, **more: Any) -> Any:
        raise ValueError("<no way>")

    monkeypatch.setattr(simulation, "run_scenario", fails)
    outcome = cn.sweep(STUDY, workers=0, out=tmp_path / "s")
    assert outcome.failed == len(outcome.runs) == 8
    assert outcome.runs["error"].str.startswith("ValueError: <no way> (test_running.py").all()
    assert "&lt;no way&gt;" in (tmp_path / "s" / "report.html").read_text(encoding="utf-8")


def test_queries(plain: Path) -> None:
    found = query_study(plain, 'SELECT policy, avg("cost.total_cny") c FROM runs GROUP BY 1')
    assert set(found["policy"]) == {"nearest", "cheapest"}
    assert len(query_study(plain, "SELECT * FROM points")) == 12
    for sql, words in (
        ("SELECT cost.total_cny FROM runs", 'did you mean: "cost.total_cny"'),
        ("SELECT polcy FROM runs", "did you mean: policy"),
        ("SELEC", "syntax error"),
        ("SELECT * FROM '/etc/passwd'", "Error"),
        ("COPY runs TO 'x.csv'", "Error"),
        ("", "asks for nothing"),
    ):
        with pytest.raises(InputError, match=words):
            query_study(plain, sql)
    with pytest.raises(InputError, match="is no study"):
        query_study(plain.parent, "SELECT 1")


def test_engines_and_workers_are_checked() -> None:
    with pytest.raises(InputError, match="did you mean: ray"):
        cn.sweep(STUDY, engine="rays")
    with pytest.raises(InputError, match="ray only"):
        cn.sweep(STUDY, address="127.0.0.1:1")
    with pytest.raises(InputError, match="out of range"):
        cn.sweep(STUDY, workers=-1)


def test_workers_that_cannot_start_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_FALSE_STARTS", 1)
    made = prepare_study(STUDY)
    work = Work("x", (Bomb(os._exit, 3),), made.work.moves)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="end before their first run"):
        list(run_local(work, made.tasks, 1))
