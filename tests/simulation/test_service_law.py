"""A run under continuous batching: audited, repeatable, and close to the fluid law when idle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.errors import InputError


def scenario(law: str):
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    for model in plain["workload"]["models"]:
        model |= {"layers": 32, "attention_width": 4096}
    return cn.load(plain, overrides={"days": 0.2, "run.service_law": law})


def test_both_laws_serve_the_same_requests_and_the_audit_closes() -> None:
    fluid, steps = (
        cn.simulate(scenario(law)).summary for law in ("processor-sharing", "continuous-batching")
    )
    for summary in (fluid, steps):
        assert max(abs(value) for value in summary["audit"].values()) < 1e-6
    assert steps["requests"]["arrived"] == fluid["requests"]["arrived"]
    assert steps["requests"]["dropped"] == 0
    assert steps["requests"]["tpot_ms"]["p50"] != fluid["requests"]["tpot_ms"]["p50"]
    again = cn.simulate(scenario("continuous-batching")).summary
    assert again["requests"] == steps["requests"]


def test_a_model_without_layers_is_refused() -> None:
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    for model in plain["workload"]["models"]:
        model.pop("layers", None)
        model.pop("attention_width", None)
    with pytest.raises(InputError, match=r"layers\n.*continuous-batching needs it"):
        cn.load(plain, overrides={"run.service_law": "continuous-batching"})


def test_prompts_seen_before_cost_less_and_reuse_without_any_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    rows = [
        {"timestamp": 2000 * i, "input_length": 2048, "output_length": 4, "hash_ids": [1, 2, 3, i]}
        for i in range(4, 60)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    ttft = [
        cn.replay([path], topology="two-hubs", overrides={"run.prefix_cache": kind}).summary[
            "requests"
        ]["ttft_ms"]["mean"]
        for kind in ("none", "shared")
    ]
    assert ttft[1] < ttft[0]
    made = cn.load("two-hubs", overrides={"days": 0.1, "run.prefix_cache": "shared"})
    with pytest.raises(InputError, match="no service class has conversations"):
        cn.simulate(made)


def test_what_carries_requests_stretches_their_latency() -> None:
    event = {"kind": "link-cut", "link": "east-west", "at_h": 1.0, "duration_h": 0.5}
    base = {"days": 0.1, "workload.request_rate_per_day": 1e5, "events": [event]}
    name = cn.load("two-hubs").workload.service_classes[0].name
    key = f"workload.service_classes.{name}.network"
    plain, net = (
        compile_scenario(cn.load("two-hubs", overrides={**base, key: value}))
        for value in ("wavelength", "internet")
    )
    classes = len(plain.requests.classes)
    rtt = [
        item.requests.rtt_s.reshape(len(item.regions), classes, -1)[:, 0] for item in (plain, net)
    ]
    np.testing.assert_allclose(rtt[1], rtt[0] * (16.7 / 9.7))
    results = cn.simulate(cn.load("two-hubs", overrides={**base, key: "internet"}))
    assert results.audit.failures() == []
