"""What a trace's rows become on a topology: regions, accelerators, classes, recorded starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError, TraceError
from computenet.study import ReplayOptions, prepare_replay, run_replay
from computenet.workload.cluster import write_cluster
from computenet.workload.mapping import Kinds, place_words
from computenet.workload.traces import Labels

JOBS = (
    "submit_s,duration_s,accelerators,user,recorded_wait_s,region,site,gpu_type\n"
    "0,600,8,1,50,BJ,zhongwei,A100\n"
    "10,600,8,1,7,Peking,zhongwei,V100|T4\n"
    "20,600,8,2,,Shanghai,nowhere,G2\n"
    "30,600,8,2,0,上海,,\n"
)


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.csv"
    path.write_text(JOBS)
    return path


def notice(prepared, words: str) -> str:
    found = [text for text in prepared.notices if words in text]
    assert len(found) == 1, prepared.notices
    return found[0]


def test_regions_by_their_names_and_what_has_none(jobs: Path) -> None:
    prepared = prepare_replay([jobs])
    regions = [item.id for item in prepared.scenario.topology.regions]
    table = prepared.demand.jobs
    assert [regions[at] for at in table.region[[0, 2, 3]]] == ["BJ", "SH", "SH"]
    assert "Peking (1)" in notice(prepared, "no region of the topology")


def test_a_named_column_gives_each_word_one_region(tmp_path: Path) -> None:
    path = tmp_path / "philly.csv"
    rows = [f"2017-10-09 07:{i % 60:02d}:55,66.0,2,132.0,{'abcde'[i % 5]}" for i in range(300)]
    path.write_text("timestamp,duration,num_gpus,gpu_time,cluster\n" + "\n".join(rows) + "\n")
    prepared = prepare_replay([path], options=ReplayOptions(region_column="cluster"))
    table = prepared.demand.jobs
    for user in range(5):
        assert len(set(table.region[table.user == user].tolist())) == 1
    assert "300 rows have a cluster that is no region" in notice(prepared, "cluster")
    with pytest.raises(TraceError, match="did you mean: cluster"):
        prepare_replay([path], options=ReplayOptions(region_column="clusters"))


def test_gpu_types_become_accelerators(jobs: Path) -> None:
    prepared = prepare_replay([jobs])
    table = prepared.demand.jobs
    kinds = [table.kinds[at] if at >= 0 else None for at in table.kind]
    assert kinds == ["nvidia_a800", "nvidia_a800|nvidia_h20|nvidia_h800", None, None]
    assert "G2 (1)" in notice(prepared, "no accelerator stands for")
    results = run_replay(prepared)
    pools = results.jobs["pool"].astype(str).tolist()
    assert pools[0].endswith("nvidia_a800")
    assert "nvidia" in pools[1]
    own = ReplayOptions(gpu_types={"G2": ["ascend_910b"], "A100": "any"})
    table = prepare_replay([jobs], options=own).demand.jobs
    assert [table.kinds[at] if at >= 0 else None for at in table.kind][2] == "ascend_910b"
    assert table.kind[0] == -1


def test_a_wrong_table_of_gpu_types_is_told_at_once(jobs: Path, tmp_path: Path) -> None:
    wrong = ReplayOptions(gpu_types={"G2": ["ascend_910"], "T4": 3})
    with pytest.raises(InputError, match=r"(?s)did you mean: ascend_910.*gpu_types.T4"):
        prepare_replay([jobs], options=wrong)
    plain = tmp_path / "plain.csv"
    plain.write_text("submit_s,duration_s,accelerators\n0,60,1\n")
    with pytest.raises(InputError, match="no trace has GPU types"):
        prepare_replay([plain], options=ReplayOptions(gpu_types={"G2": "any"}))


def test_options_that_nothing_uses_are_errors(jobs: Path) -> None:
    with pytest.raises(InputError, match="no trace has requests"):
        prepare_replay([jobs], options=ReplayOptions(service_class="chat"))
    with pytest.raises(InputError, match="did you mean: pretraining"):
        prepare_replay([jobs], options=ReplayOptions(job_class="pretrain"))
    with pytest.raises(InputError, match="--drain-h"):
        prepare_replay([jobs], options=ReplayOptions(drain_h=-1.0))


def test_the_record_is_followed(jobs: Path) -> None:
    prepared = prepare_replay([jobs], policy="replay")
    assert "1 of 4 jobs have no recorded start" in notice(prepared, "no recorded start")
    assert "nowhere (1)" in notice(prepared, "site that the topology has not")
    results = run_replay(prepared)
    rows = results.jobs.set_index("submit_s").sort_index()
    assert rows["start_s"].tolist() == [50.0, 17.0, 20.0, 30.0]
    assert rows["wait_s"].tolist() == [50.0, 7.0, 0.0, 0.0]
    assert rows["site"].astype(str).tolist()[:2] == ["zhongwei", "zhongwei"]
    recorded = results.summary["jobs"]["recorded"]
    assert recorded["jobs"] == 3
    assert recorded["wait_s"] == recorded["simulated_wait_s"]


def test_the_record_needs_a_trace_and_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="follows a trace"):
        cn.simulate("two-hubs", policy="replay")
    plain = tmp_path / "plain.csv"
    plain.write_text("submit_s,duration_s,accelerators\n0,60,1\n")
    with pytest.raises(InputError, match="no trace has recorded starts"):
        prepare_replay([plain], policy="replay")


def test_warm_up_and_drain(jobs: Path) -> None:
    prepared = prepare_replay(
        [jobs],
        policy="replay",
        overrides={"run.warmup_h": 15.0 / 3600.0},
        options=ReplayOptions(drain_h=2.0),
    )
    # The last one queues from 50 s on.
    assert prepared.scenario.days * 24.0 == pytest.approx(2.0 + 50.0 / 3600.0)
    results = run_replay(prepared)
    assert results.summary["jobs"]["completed"] == 4
    assert results.summary["jobs"]["recorded"]["jobs"] == 1
    assert results.summary["jobs"]["wait_s"]["mean"] == 0.0
    with pytest.raises(InputError, match="leaves nothing to measure"):
        run_replay(prepare_replay([jobs], overrides={"run.warmup_h": 300.0}))


def test_warm_up_leaves_out_requests_that_ended_before() -> None:
    def run(warmup_h: float) -> cn.Results:
        return cn.simulate(
            cn.load("two-hubs", days=0.25, overrides={"run.warmup_h": warmup_h}), policy="nearest"
        )

    whole, late = run(0.0), run(3.0)
    for name in ("arrived", "served", "dropped", "in_flight"):
        assert whole.summary["requests"][name] == late.summary["requests"][name]
    attained = [int(results.requests["attained"].sum()) for results in (whole, late)]
    assert 0 < attained[1] < attained[0]
    assert late.summary["cost"] == whole.summary["cost"]


def test_words_are_told_apart_without_case_and_signs() -> None:
    places = [(0, ["HE", "Hebei", "河北"]), (1, ["inner_mongolia"])]
    found = place_words(["hebei", "Inner Mongolia", "河北", "x"], places)
    assert found.tolist() == [0, 1, 0, -1]
    kinds = Kinds({"a": (), "b": ()}, {"A1": ("a",), "A10": ("b",)})
    kind, unknown = kinds.of(Labels.of(["A10", "a1", "A1|Z", "Z", ""]))
    assert [kinds.names[at] for at in kind[:3]] == ["b", "a", "a"]
    np.testing.assert_array_equal(kind[3:], [-1, -1])
    np.testing.assert_array_equal(unknown, [3])


def test_nodes_become_a_topology(tmp_path: Path) -> None:
    nodes = tmp_path / "nodes.csv"
    nodes.write_text(
        "sn,cpu_milli,memory_mib,gpu,model\na,32000,262144,8,V100M32\nb,32000,262144,8,V100M32\n"
        "c,32000,262144,2,T4\nd,32000,262144,0,\ne,32000,262144,4,G9\n"
    )
    target = tmp_path / "cluster.yaml"
    notes = write_cluster(nodes, target, site="zhongwei")
    assert "G9" in notes[1]
    topology = cn.load(target).topology
    pools = {pool.id: pool.count for pool in topology.pools}
    assert pools == {"zhongwei/g9": 4, "zhongwei/t4": 2, "zhongwei/v100m32": 16}
    pods = tmp_path / "pods.csv"
    pods.write_text(JOBS.replace("A100", "V100M32"))
    prepared = prepare_replay([pods], topology=str(target))
    kinds = [
        prepared.demand.jobs.kinds[at] if at >= 0 else None for at in prepared.demand.jobs.kind
    ]
    assert kinds == ["v100m32", "t4", None, None]
    assert run_replay(prepared).audit.failures() == []
    with pytest.raises(InputError, match=r"(?s)no site.*zhongwei.*exists already"):
        write_cluster(nodes, target, site="zhongwe")
    with pytest.raises(InputError, match="holds no nodes"):
        write_cluster(pods, tmp_path / "other.yaml")
