"""The service laws against real runs of vLLM, and what the tables refuse."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from computenet import study
from computenet.engines import (
    DEVICES,
    LAWS,
    MODELS,
    EngineLimits,
    cache_capacity_tokens,
    serve_alone,
    sharing_rates,
    step_costs,
)
from computenet.errors import InputError
from computenet.workload.traces import describe_trace

RUNS = {
    "rtx4090-llama-3.1-8b": {
        "model": "llama-3.1-8b", "accelerator": "rtx-4090", "slots": 256, "cache_tokens": 41_392,
    },
    "rtxpro6000-qwen3-32b": {
        "model": "qwen3-32b", "accelerator": "rtx-pro-6000", "parallel": 2, "slots": 128,
    },
}  # fmt: skip


def folder() -> Path:
    root = os.environ.get("COMPUTENET_TRACES")
    if root is None or not (Path(root) / "vllm-measured").is_dir():
        pytest.skip("COMPUTENET_TRACES is not set or has no vllm-measured")
    return Path(root) / "vllm-measured"


@pytest.mark.parametrize("run", RUNS)
def test_reference_figures_of_measured_runs(run: str) -> None:
    wanted = json.loads((folder() / "reference.json").read_text())[run]
    found = describe_trace(folder() / run / "requests.jsonl")
    assert found["format"] == "vllm"
    assert found["rows"] == wanted["rows"]
    assert found["input_tokens_sum"] == wanted["input_tokens_sum"]
    assert found["output_tokens_sum"] == wanted["output_tokens_sum"]
    for name in ("ttft", "tpot", "e2e"):
        for key, value in wanted[f"{name}_ms"].items():
            assert found[f"{name}_ms_{key}"] == pytest.approx(value, abs=0.051)


@pytest.mark.parametrize("run", RUNS)
def test_continuous_batching_meets_measured_runs(run: str) -> None:
    figures = study.serve(folder() / run / "requests.jsonl", **RUNS[run])
    assert figures["served"] == 300
    for name, error in figures["error"].items():
        bound = 0.03 if name.endswith("_mean") else 0.06
        assert abs(error) <= bound, (name, error)


@pytest.mark.parametrize("run", list(RUNS))
def test_processor_sharing_meets_the_runs(run: str) -> None:
    figures = study.serve(folder() / run / "requests.jsonl", law="processor-sharing", **RUNS[run])
    assert max(abs(error) for error in figures["error"].values()) <= 0.10


def test_one_request_takes_what_its_steps_take() -> None:
    model, device = MODELS["llama-3.1-8b"], DEVICES["rtx-4090"]
    fixed, weights, token, _, cache, pair, _ = step_costs(model, device, 1).tolist()
    served = serve_alone(
        np.zeros(1), np.asarray([1000]), np.asarray([3]), model, device, 1,
        EngineLimits(8, 2048, 40_000),
    )  # fmt: skip
    first = fixed + max(weights, 1000 * token) + pair * 1000 * 500.0
    rest = 2 * (fixed + max(weights, token)) + cache * (1000 + 1001)
    assert served.ttft_s[0] == pytest.approx(first, rel=1e-12)
    assert served.e2e_s[0] == pytest.approx(first + rest, rel=1e-12)
    assert served.tpot_s[0] == pytest.approx(rest / 2, rel=1e-12)


def test_prefix_cache_spares_the_prompt() -> None:
    model, device = MODELS["llama-3.1-8b"], DEVICES["rtx-4090"]
    for law in LAWS:
        ttft = [
            serve_alone(
                np.zeros(1), np.asarray([2000]), np.asarray([2]), model, device, 1,
                EngineLimits(8, 2048, 40_000), law, np.asarray([cached]),
            ).ttft_s[0]
            for cached in (0, 1500)
        ]  # fmt: skip
        assert ttft[1] < 0.5 * ttft[0]


def test_sharing_rates_follow_the_step() -> None:
    step = step_costs(MODELS["qwen3-32b"], DEVICES["h100-sxm"], 2)
    limits = EngineLimits(64, 2048, 100_000)
    prefill, alone, mixed = sharing_rates(step, limits, 500.0, 800.0)
    assert prefill > 0.0
    assert alone[0] == 0.0
    assert (np.diff(alone) > 0.0).all()
    assert (mixed[1:] < alone[1:]).all()


def test_a_model_that_does_not_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(InputError, match=r"does not fit in memory: 21\.6 GB") as caught:
        cache_capacity_tokens(MODELS["qwen3-32b"], DEVICES["rtx-4090"], 1)
    assert "64.0 GB" in str(caught.value)


def test_wrong_names_and_numbers_are_all_told(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n0,10,10\n")
    with pytest.raises(InputError) as caught:
        study.serve(path, model="qwen3-8b", accelerator="a100-80gb", slots=0, law="sharing")
    assert "--slots" in str(caught.value)
    assert "--law" in str(caught.value)
    with pytest.raises(InputError, match="h100-sxm"):
        study.serve(path, model="qwen3-8b", accelerator="h100")
    figures = study.serve(path, model="qwen3-8b", accelerator="h100-sxm")
    assert figures["served"] == 1
    assert figures["measured"] == {}
    assert figures["accelerator_grade"] == "estimated"
