"""Whatever a file holds, a reader returns a trace or its typed error, never anything else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.errors import InputError, TraceError
from computenet.workload.traces import read_trace


def parquet(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer, index=False)
    return buffer.getvalue()


SAMPLES: dict[str, bytes] = {
    "pai": b"arrival_time,length,cpus\n0,600,1\n30,900,8\n",
    "azure-llm": b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n",
    "mooncake": b'{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n',
    "swf": b"; MaxProcs: 64\n1 0 10 100 8 99.5 -1 8 200 -1 1 3 1 -1 -1 -1 -1 -1\n",
    "philly": b"timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,2,132.0,a\n",
    "acme": b"gpu_type,gpu_count,timestamp,e2e_latency_s,queue_wait_s\n"
    b"A100,64,2023-05-17 11:00:58+00:00,18.0,10.0\n",
    "cluster-log": b"job_id,user,vc,gpu_num,state,submit_time,start_time,end_time\n"
    b"1,u1,v,8,COMPLETED,2020-04-01 00:00:00,2020-04-01 00:01:00,2020-04-01 01:01:00\n"
    b"2,u2,v,0,COMPLETED,2020-04-01 00:00:10,2020-04-01 00:01:00,2020-04-01 00:02:00\n"
    b"3,u1,v,1,CANCELLED,2020-04-01 00:00:20,,\n",
    "burstgpt": b"Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    b"5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,100,0,100,API log\n",
    "openb-pods": b"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,"
    b"creation_time,deletion_time,scheduled_time\np,6000,12288,1,460,,LS,Running,10,500,20\n"
    b"q,6000,12288,0,0,,LS,Pending,10,500,\n",
    "openb-nodes": b"sn,cpu_milli,memory_mib,gpu,model\nn,32000,262144,8,A10\nm,32000,262144,0,\n",
    "spot-nodes": b"gpu_model,node_name,cpu_num,gpu_capacity_num\nA10,n,96,8\n",
    "dlrm": b"role,app_name,cpu_request,gpu_request,memory_request,creation_time,scheduled_time,"
    b"deletion_time\nHN,a,12,1,120.0,5,6,100\nCN,a,12,0,120.0,,,\n",
    "genai": b"gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,"
    b"num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora\n"
    b"2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32.0,G0,63.0,1.0,30.0,M0,0\n",
    "gavel": b"ResNet-18 (batch size 64)\tpython\t-n\t1\t95121\t0.0\t2\n",
    "gavel-throughputs": b'{"v100": {"(\'ResNet-18 (batch size 16)\', 1)": {"null": 3.5}}}',
    "servegen-rates": b"client,timestamp,rate,cv,pattern,arg1,arg2\n0,0,0,0,,0,0\n"
    b"0,600,2,1,Gamma,1,0.5\n",
    "servegen-lengths": b'{"0": {"input_tokens": "{45: 0.5, 46: 0.5}", "output_tokens": "{}"}}',
    "hourly-series": b"Datetime (UTC),Datetime (Local),Price (USD/MWh)\n"
    b"2023-01-01 00:00:00+00:00,2023-01-01 09:00:00+09:00,127.4\n",
    "helios-minutes": b"time,total_gpu_num,running_gpu_num,pending_gpu_num,idle_gpu_num,"
    b"gpu_utilization\n2020-05-01 00:00:00,208,162,0,46,0.779\n",
    "helios-quota": b"date,vc1,vc2,total\n2020-04-01,112,8,120\n",
    "samples": b"value,container_ip,timestamp_anon\n0.5,,1662858720.0\n",
    "spot-series": b'{"metadata": {"gap_seconds": 195}, "data": [0, 1, 1, 0]}',
    "cluster-summary": b"id,job_num,gpu_job_num,avg_run_time_gpu\nSeren,1,1,3.5\n",
    "native": b"submit_s,duration_s,accelerators,user\n0,60,8,3\n5,70,1,-1\n",
    "pai-tables": b"j1,worker,2.0,Terminated,110.0,500.0,600.0,29.3,50.0,T4\n"
    b"j2,ps,1.0,Failed,,,600.0,29.3,,\n",
    "opendc-tasks": parquet(
        id=[1], submission_time=[0], duration=[5000], cpu_count=[4], cpu_capacity=[8000.0]
    ),
    "opendc-fragments": parquet(id=[1], duration=[5000], cpu_usage=[4000.0]),
    "opendc-carbon": parquet(timestamp=[pd.Timestamp("2022-01-01")], carbon_intensity=[200.0]),
}


@pytest.mark.parametrize("name", list(SAMPLES))
def test_every_format_is_told_by_its_content(name: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(SAMPLES[name])
    trace = read_trace(path)
    assert trace.figures["format"] == name
    if not name.startswith("opendc"):
        path.write_bytes(b"\xef\xbb\xbf" + SAMPLES[name].replace(b"\n", b"\r\n"))
        assert read_trace(path).figures["format"] == name


@pytest.mark.parametrize("name", list(SAMPLES))
def test_a_named_format_reads_or_refuses_every_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    for text in (*SAMPLES.values(), b"<html>\n<p>404</p>\n</html>", b"{}", b"[1]", b"\x00\x01" * 9):
        path.write_bytes(text)
        for lenient in (False, True):
            try:
                assert read_trace(path, format=name, lenient=lenient).figures["format"] == name
            except InputError:
                continue


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(list(SAMPLES)),
    st.integers(0, 400),
    st.integers(0, 12),
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [b"", b",", b"-1", b"nan", b"1e999", b"inf", b'"', b"\n", b"\t", b"9" * 40]
        ),
    ),
)
def test_damaged_files_give_the_typed_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: int, length: int, new: bytes
) -> None:
    sample = SAMPLES[name]
    at = at % (len(sample) + 1)
    path = tmp_path_factory.mktemp("fuzz") / "trace"
    path.write_bytes(sample[:at] + new + sample[at + length :])
    for format_ in ("auto", name):
        try:
            trace = read_trace(path, format=format_)
        except InputError:
            continue
        assert trace.figures["kind"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "no format that is known"),
        (b"timestamp;duration;num_gpus\n1;2;3\n", "no format that is known"),
        (b"\x00\x01\x02\x03" * 100, "no format that is known"),
        (b"PAR1" + b"\x00" * 40, "no format that is known"),
        (b"arrival_time,length,cpus\n0,-5,1\n", "length cannot be used"),
        (b"arrival_time,length,cpus\n0,5,0\n", "1 to 2e"),
        (b"arrival_time,length,cpus\n" + b"1" * 400 + b",5,1\n", "arrival_time cannot be used"),
        (SAMPLES["philly"].replace(b"num_gpus", b"num_gpu", 1), "no format that is known"),
        (SAMPLES["acme"].replace(b"18.0,10.0", b"8.0,10.0"), "longer than the whole latency"),
        (SAMPLES["cluster-log"].replace(b"01:01:00", b"00:00:30"), "ends before it starts"),
    ],
)
def test_faults_are_named(text: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(text)
    with pytest.raises(TraceError, match=words):
        read_trace(path)


def test_what_is_not_replayed_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(SAMPLES["cluster-log"])
    trace = read_trace(path)
    assert trace.jobs is not None
    assert trace.jobs.rows == 1
    np.testing.assert_array_equal(trace.jobs.duration_s, [3600.0])
    np.testing.assert_array_equal(trace.jobs.recorded_wait_s, [60.0])
    assert "2 jobs are not replayed" in trace.notices[0]
    path.write_bytes(SAMPLES["openb-pods"])
    trace = read_trace(path)
    assert trace.jobs is not None
    assert trace.jobs.accelerators.tolist() == [1]
    assert len(trace.notices) == 2
    path.write_bytes(SAMPLES["burstgpt"])
    trace = read_trace(path)
    assert trace.requests is not None
    assert trace.requests.rows == 1
    assert "1 failed" in trace.notices[0]
