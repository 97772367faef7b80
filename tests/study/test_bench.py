"""Benchmarks: suites that are valid, figures that do not depend on workers, policies that join."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml

import computenet as cn
from computenet.compiled import CompiledScenario
from computenet.errors import InputError, RunError
from computenet.policies import Plan, SystemView, make_policy
from computenet.report.bench_page import render_bench
from computenet.scenario.catalogue import suite_files
from computenet.study import page_of
from computenet.study.bench_setup import prepare_bench
from computenet.study.suites import TRACES, load_suite

TINY: dict[str, Any] = {
    "name": "tiny",
    "title": {"en": "Tiny <b>", "zh": "极小"},
    "stresses": {"en": "nothing", "zh": "无"},
    "scenario": "two-hubs",
    "days": 0.1,
    "seeds": [3, 4],
    "policies": ["nearest", "cheapest"],
}
MINE = '''
from computenet.policies.nearest import Nearest

class Mine:
    """What nearest does, with less headroom."""
    def __init__(self):
        self.inner = Nearest(0.6)
    def reset(self, compiled, seed):
        self.inner.reset(compiled, seed)
    def plan(self, view):
        print("a line that must not reach stdout")
        return self.inner.plan(view)
'''


class Near:
    """An object that is given from Python."""

    def __init__(self) -> None:
        self.inner = make_policy("nearest", {})

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        self.inner.reset(compiled, seed)

    def plan(self, view: SystemView) -> Plan:
        return self.inner.plan(view)


def figures(done: cn.Benchmark) -> dict[str, Any]:
    """Everything but wall times."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without(v) for k, v in value.items() if k != "decision_ms"}
        return [without(v) for v in value] if isinstance(value, list) else value

    found: dict[str, Any] = without(done.details())
    return found


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(policy_file: Path) -> cn.Benchmark:
    return cn.bench(TINY, policy_files=[policy_file])


@pytest.mark.parametrize("name", list(suite_files()))
def test_built_in_suites_are_valid(name: str) -> None:
    suite = load_suite(name)
    assert suite.spec.name == name
    if not any(case.traces for case in suite.cases):
        prepared = prepare_bench(name)
        assert prepared.runs == len(prepared.entrants[name]) * len(suite.cases) * len(
            suite.spec.seeds
        )


def test_workers_change_no_figure(done: cn.Benchmark, policy_file: Path) -> None:
    both = cn.bench(TINY, policy_files=[policy_file], workers=2)
    assert figures(both) == figures(done)


def test_policies_join_by_file_and_as_objects(done: cn.Benchmark) -> None:
    assert list(done.suites["tiny"].policies) == ["nearest", "cheapest", "Mine"]
    given = cn.bench(TINY, policies=["nearest", Near()], seeds=1)
    policies = given.suites["tiny"].policies
    assert list(policies) == ["nearest", "Near"]
    assert policies["Near"].figures == policies["nearest"].figures
    assert policies["Near"].decisions == policies["nearest"].decisions > 0


def test_every_gap_is_above_the_bound(done: cn.Benchmark) -> None:
    suite = done.suites["tiny"]
    assert suite.bound_status == "optimal"
    for one in suite.policies.values():
        assert one.gap_to_bound is not None
        assert one.gap_to_bound > 0.0
        assert one.decision_ms is not None
        assert one.decision_ms > 0.0


def test_a_gap_does_not_depend_on_who_else_takes_part(done: cn.Benchmark) -> None:
    alone = cn.bench(TINY, policies=["cheapest"]).suites["tiny"].policies["cheapest"]
    among = done.suites["tiny"].policies["cheapest"]
    assert alone.gap_to_bound == among.gap_to_bound
    assert alone.gap_above_idle == among.gap_above_idle
    assert among.gap_above_idle is not None
    assert among.gap_to_bound is not None
    assert among.gap_above_idle > among.gap_to_bound


class Never:
    """Holds every job back for good."""

    def __init__(self) -> None:
        self.inner = make_policy("nearest", {})

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        self.inner.reset(compiled, seed)

    def plan(self, view: SystemView) -> Plan:
        return replace(self.inner.plan(view), hold=np.ones(len(view.job_load_accelerators)))


def test_jobs_left_undone_have_missed_their_deadlines() -> None:
    suite = {
        **TINY,
        "seeds": [3],
        "overrides": {"workload.job_classes.short.deadline_h": 0.5},
    }
    found = cn.bench(suite, policies=["nearest", Never()]).suites["tiny"].policies
    kept, held = (found[name].figures["deadlines_met"].mean for name in ("nearest", "Never"))
    assert kept is not None
    assert kept > 0.9
    assert held == 0.0
    assert found["Never"].figures["completed_share"].mean == 0.0


def test_means_are_those_of_single_runs(done: cn.Benchmark) -> None:
    cost = [
        cn.simulate(cn.load("two-hubs", overrides={"days": 0.1, "seed": seed}), policy="cheapest")
        .summary["cost"]["total_cny"]
        for seed in (3, 4)
    ]  # fmt: skip
    found = done.suites["tiny"].policies["cheapest"].figures["cost_cny"]
    assert found.mean == pytest.approx(np.mean(cost), rel=1e-12)


def test_page_table_and_json_are_complete(done: cn.Benchmark, tmp_path: Path) -> None:
    out = done.save(tmp_path / "out", lang="zh")
    assert sorted(path.name for path in out.iterdir()) == ["bench.csv", "bench.html", "bench.json"]
    assert json.loads((out / "bench.json").read_text("utf-8")) == done.details()
    html = (out / "bench.html").read_text("utf-8")
    (figure,) = page_of(out, "zh").save_figures(tmp_path / "figures", formats=["csv"])
    assert "成本（元）" in figure.read_text("utf-8")
    assert "调度基准测试" in html
    assert 'src="http' not in html
    english = render_bench(done.details(), "en")
    assert "Tiny &lt;b&gt;" in english
    assert "Tiny <b>" not in english
    assert "Mine" in english
    with pytest.raises(InputError, match="exists already"):
        done.save(out)


def test_nothing_is_left_of_a_page_that_failed(
    done: cn.Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr("pandas.DataFrame.to_csv", fail)
    with pytest.raises((OSError, RunError)):
        done.save(tmp_path / "half")
    assert not list(tmp_path.iterdir())


def test_recorded_demand_is_left_out_saying_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRACES, raising=False)
    prepared = prepare_bench()
    assert prepared.skipped == {"real-traces": f"{TRACES} is not set"}
    with pytest.raises(InputError, match=f"{TRACES} is not set"):
        prepare_bench("real-traces")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "twice"),
        ({"seeds": [1, 1.0]}, "twice"),
        ({"policies": ["nearst"]}, "did you mean"),
        ({"policies": ["replay"]}, "nothing to compare"),
        ({"dayz": 1}, "is not a known field"),
        ({"overrides": {"workload.nothing": 1}}, "workload"),
        ({"overrides": {"policy.parameters.headrom": 0.1}}, "did you mean: headroom"),
        ({"overrides": {"policy.parameters.headroom": 7}}, "headroom"),
        ({"overrides": {"policy.name": "random"}}, "is not used"),
        ({"overrides": {"seed": 7}}, "given by seeds"),
        ({"cases": [{"name": "a", "overrides": {"days": 3}}]}, "given by days, beside overrides"),
        ({"cases": [{"name": "a", "job_class": "x"}]}, "give traces"),
    ],
)
def test_bad_suites_are_told(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        cn.bench({**TINY, **change})


def test_parameters_of_a_suite_are_for_the_policies_that_have_them() -> None:
    few = {**TINY, "seeds": [3], "policies": ["nearest", "least-loaded"]}
    plain, tight = (
        cn.bench({**few, "overrides": overrides})
        for overrides in ({}, {"policy.parameters.headroom": 0.1})
    )
    costs = [
        {run.policy: run.figures["cost_cny"] for run in done.suites["tiny"].runs}
        for done in (plain, tight)
    ]
    assert costs[0]["nearest"] != costs[1]["nearest"]
    assert costs[0]["least-loaded"] == costs[1]["least-loaded"]
    scenario = cn.load("two-hubs", seed=3, days=0.1, policy={
        "name": "nearest", "parameters": {"headroom": 0.1},
    })  # fmt: skip
    assert cn.simulate(scenario).summary["cost"]["total_cny"] == costs[1]["nearest"]


def test_problems_of_all_suites_are_told_at_once_and_name_their_file(tmp_path: Path) -> None:
    bad = {
        **TINY,
        "dayz": 1,
        "seeds": [1, 1, -2],
        "policies": ["nearst", "cheapest", "cheapest"],
        "overrides": {"run.smpling": 3},
        "cases": [{"name": "usual"}, {"name": "usual"}, {"name": "c", "job_class": "x"}],
    }
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(bad), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        prepare_bench([path, "diurnl"], seeds=0)
    told = [(problem.path, problem.value) for problem in caught.value.problems]
    assert len(told) == len(set(told))
    assert set(told) == {
        (f"{path}: dayz", 1),
        (f"{path}: seeds.2", -2),
        (f"{path}: cases.c", None),
        (f"{path}: seeds", 1),
        (f"{path}: policies", "cheapest"),
        (f"{path}: cases", "usual"),
        (f"{path}: policies", "nearst"),
        (f"{path}, case usual: run.smpling", 3),
        ("suite", "diurnl"),
        ("seeds", 0),
    }
    with pytest.raises(InputError) as caught:
        prepare_bench("diurnl", policies=["foo"])
    assert {problem.value for problem in caught.value.problems} == {"diurnl", "foo"}


def test_page_and_table_name_the_baseline(
    done: cn.Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    from computenet.cli.bench import _print

    details = done.details()
    details["suites"]["tiny"]["baseline"] = "cheapest"
    assert "Cost by suite, against cheapest" in render_bench(details)
    assert "difference of cost from cheapest" in render_bench(details)
    assert "首个策略" not in render_bench(details, "zh")
    assert "相对cheapest的成本" in render_bench(details, "zh")
    one = replace(done.suites["tiny"], baseline="cheapest")
    _print(replace(done, suites={"tiny": one}), None)
    told = capsys.readouterr().out
    assert "against cheapest" in told
    assert "the difference from cheapest" in told
    assert "first" not in told


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from computenet.cli.main import run\nif __name__ == '__main__': run()"
    return subprocess.run(
        [sys.executable, "-c", code, "bench", *map(str, words)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_command_prints_json_and_nothing_else(policy_file: Path, tmp_path: Path) -> None:
    suite = tmp_path / "tiny.yaml"
    suite.write_text(json.dumps(TINY), encoding="utf-8")
    told = command(
        suite, "--json", "--policy-file", policy_file, "--workers", "1", "--out", tmp_path / "out"
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert set(found) == {"suites"}
    assert list(found["suites"]["tiny"]) == ["nearest", "cheapest", "Mine"]
    for one in found["suites"]["tiny"].values():
        assert list(one) == ["cost_cny", "gap_to_bound", "slo_attainment", "decision_ms"]
        low, mean, high = one["cost_cny"]
        assert low <= mean <= high
    assert (tmp_path / "out" / "bench.html").is_file()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class A:\n  def plan(self, view: return 1", "is not Python"),
        ("x = 1", "defines no policy"),
        ("class A:\n  def plan(self, view): return None", "reset"),
        ("class A:\n  def reset(self, c, s): pass\n  def plan(self, v): return 3", "no Plan"),
        ("1 / 0", "line 1"),
    ],
)
def test_broken_policy_file_is_told(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        cn.bench(TINY, policy_files=[path])


EXITS = """
class P:
    def __init__(self): {made}
    def reset(self, compiled, draw): {reset}
    def plan(self, view): {plan}
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('import sys\nprint("hello")\nsys.exit(3)\n', 3),
        (EXITS.format(made="raise SystemExit(7)", reset="pass", plan="pass"), 3),
        (EXITS.format(made="pass", reset="raise SystemExit(7)", plan="pass"), 4),
        (EXITS.format(made="pass", reset="pass", plan="raise SystemExit(7)"), 5),
    ],
)
def test_a_policy_file_that_ends_the_program_is_told_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    path = tmp_path / "ends.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="ended the program") as caught:
        prepare_bench(TINY, policy_files=[path])
    (problem,) = caught.value.problems
    assert f"line {line}" in problem.path
    path.write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        prepare_bench(TINY, policy_files=[path])


def test_broken_policy_file_is_one_block_and_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import nothing_of_this_name\n", encoding="utf-8")
    told = command("steady", "--policy-file", path, "--out", tmp_path / "out")
    assert told.returncode == 2
    assert told.stdout == ""
    assert "line 1" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupt_stops_workers_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    # What runs the tests may have the interrupt key ignored, and so would this.
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from computenet.cli.main import run\nif __name__ == '__main__': run()"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, script, "bench", "steady", "--seeds", "500", "--workers", "2",
         "--out", str(out / "bench")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    parent = psutil.Process(process.pid)
    workers: list[psutil.Process] = []
    # By their own clocks both are under way then, however busy the machine is.
    while process.poll() is None and len(workers) < 2:
        time.sleep(0.1)
        workers = [p for p in parent.children() if p.cpu_times().user > 2.0]
    if name == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    told = process.communicate(timeout=120)
    assert told == ("", "stopped; nothing was written\n")
    assert process.returncode == 1
    assert not out.exists()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
