"""Accelerators and the pools of them, from the fact tables."""

from __future__ import annotations

from typing import Any

from build_facts import GRADE, Row, source

#: Share of a site's IT power that feeds accelerators (assumed: intelligent-computing part).
AI_SHARE = 0.25
#: Share of a site's accelerator power by type (assumed; the public record names vendors only).
MIX: dict[str, dict[str, float]] = {
    "zhangjiakou": {
        "nvidia_h800": 0.3,
        "nvidia_a800": 0.3,
        "ascend_910b": 0.25,
        "nvidia_h20": 0.15,
    },
    "yrd_demo": {"nvidia_h20": 0.5, "ascend_910b": 0.3, "nvidia_a800": 0.2},
    "wuhu": {"ascend_910b": 0.4, "nvidia_a800": 0.3, "nvidia_h20": 0.3},
    "shaoguan": {"ascend_910b": 0.4, "nvidia_h20": 0.4, "nvidia_a800": 0.2},
    "tianfu": {"ascend_910b": 0.5, "nvidia_a800": 0.3, "hygon_k100ai": 0.2},
    "chongqing": {"ascend_910b": 0.5, "nvidia_a800": 0.3, "nvidia_h20": 0.2},
    "helingeer": {"nvidia_h800": 0.35, "nvidia_a800": 0.3, "ascend_910c": 0.25, "kunlun_p800": 0.1},
    "guian": {"ascend_910b": 0.6, "ascend_910c": 0.25, "nvidia_a800": 0.15},
    "qingyang": {"ascend_910b": 0.4, "nvidia_a800": 0.4, "cambricon_mlu590": 0.2},
    "zhongwei": {"nvidia_h800": 0.35, "nvidia_a800": 0.35, "ascend_910b": 0.3},
}
METRO_MIX = {"nvidia_h20": 0.5, "ascend_910b": 0.5}
#: Share of the software stack's peak reached in training, against the A800 (assumed).
TRAINING_EFFICIENCY = {
    "ascend_910b": 0.70, "ascend_910c": 0.70, "kunlun_p800": 0.65, "cambricon_mlu590": 0.60,
    "hygon_k100ai": 0.60, "nvidia_h20": 1.0, "nvidia_h800": 0.80, "nvidia_a800": 1.0,
}  # fmt: skip
#: Types without the interconnect or software for runs of hundreds of accelerators (assumed).
NO_PRETRAINING = {"cambricon_mlu590", "hygon_k100ai"}
#: Share of accelerators set aside for inference (assumed), by tier.
SERVING_SHARE = {"hot": 0.55, "both": 0.40, "cold": 0.30}
#: Failures of a server a thousand days (facts: workload shapes, failures).
FAILURES = {"yes": 10.0, "no": 4.0}
JOB_CLASSES = ("small", "tuning", "fine-tuning", "batch-inference", "pretraining")


def accelerators(rows: list[Row]) -> list[dict[str, Any]]:
    chips = {row["chip_id"]: row for row in rows}
    base = chips["nvidia_a800"]
    out = []
    for name, efficiency in TRAINING_EFFICIENCY.items():
        row = chips[name]
        tflops, width = float(row["fp16_bf16_dense_tflops"]), float(row["memory_bw_tb_s"])
        tdp, per_server = float(row["tdp_w"]), int(row["chips_per_server"])
        training = efficiency * tflops / float(base["fp16_bf16_dense_tflops"])
        batch = (
            efficiency
            * (
                tflops
                / float(base["fp16_bf16_dense_tflops"])
                * width
                / float(base["memory_bw_tb_s"])
            )
            ** 0.5
        )
        speed = {
            job: round(batch if job == "batch-inference" else training, 3) for job in JOB_CLASSES
        }
        if name in NO_PRETRAINING:
            speed["pretraining"] = 0.0
        sheet = source(row["source"], GRADE[row["confidence"]])
        out.append(
            {
                "id": name,
                "name": {"en": row["name"], "zh": row["name_cn"] or row["name"]},
                "vendor": row["vendor"],
                "fp16_tflops": tflops,
                "memory_gb": float(row["memory_gb"]),
                "memory_bandwidth_tb_s": width,
                "tdp_w": tdp,
                "idle_w": round(0.15 * tdp, 1),
                "accelerators_per_server": per_server,
                "server_overhead_w": max(
                    500.0, round(1000.0 * float(row["server_power_max_kw"]) - per_server * tdp, 1)
                ),
                "speed": speed,
                "failures_per_1000_server_days": FAILURES[row["domestic"]],
                "provenance": {
                    "*": sheet,
                    "failures_per_1000_server_days": source(
                        "4 from Llama 3 (3.8) and Meta RSC (2.3 to 6.5); 10 for first-generation "
                        "domestic chips, no public data",
                        "published" if row["domestic"] == "no" else "assumed",
                    ),
                    "idle_w": source(
                        "0.15 of thermal design power: judgement from idle readings", "assumed"
                    ),
                    "server_overhead_w": source(
                        "server maximum less the accelerators' design power, at least 500 W: "
                        + (row["source"] or "catalogue"),
                        GRADE[row["server_power_confidence"] or "low"],
                    ),
                    "speed": source(
                        "peak FLOPS (batch inference: geometric mean with memory bandwidth) over "
                        f"the A800's, times {efficiency:g} for the software stack",
                        "assumed",
                    ),
                },
            }
        )
    return out


def pools(rows: list[Row], chips: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_id = {chip["id"]: chip for chip in chips}
    out = []
    for row in rows:
        mix = MIX.get(row["site_id"], METRO_MIX)
        ai_w = 1e6 * AI_SHARE * float(row["it_capacity_mw_est"])
        serving = SERVING_SHARE[row["tier"]]
        for name, share in mix.items():
            chip = by_id[name]
            server_w = chip["accelerators_per_server"] * chip["tdp_w"] + chip["server_overhead_w"]
            servers = max(1, round(ai_w * share / server_w))
            out.append(
                {
                    "id": f"{row['site_id']}/{name}",
                    "site": row["site_id"],
                    "accelerator": name,
                    "count": servers * chip["accelerators_per_server"],
                    "serving_share": serving,
                    "discipline": "easy",
                    "provenance": {
                        "count": source(
                            f"{AI_SHARE:g} of the site's IT power, {share:g} of it for this type, "
                            "over the server's maximum power",
                            "assumed",
                        ),
                        "serving_share": source(
                            f"{serving:g} for the tier {row['tier']}: inference is 40 to 50 % of "
                            "AI business in 2025, more of it near users",
                            "assumed",
                        ),
                    },
                }
            )
    return out
