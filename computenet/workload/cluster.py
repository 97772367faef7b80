"""A topology of a trace's nodes: its GPUs at one site of a topology that exists."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from computenet.errors import InputError, Problem, RunError, nearest
from computenet.scenario import load_scenario
from computenet.workload.gpu_models import UNDISCLOSED, find_model
from computenet.workload.traces import NodeGroup, read_trace

__all__ = ["write_cluster"]

#: Reference of relative speeds: the A800's peak FLOPS and bandwidth.
REFERENCE_TFLOPS, REFERENCE_TB_S = 312.0, 2.04
IDLE_SHARE, OVERHEAD_W = 0.15, 500.0
TITLE = "nothing was written"


def write_cluster(
    nodes: str | Path,
    target: str | Path,
    *,
    topology: str = "china-2025",
    site: str | None = None,
    serving_share: float = 0.0,
    overwrite: bool = False,
) -> list[str]:
    """Write a topology file whose accelerators are a node list's.

    Sites, regions, links, tariffs and grids are those of `topology`; all pools stand at `site`.

    Parameters
    ----------
    nodes
        A trace of nodes (openb, Alibaba spot 2026).
    target
        The YAML file to write.
    site
        Where the nodes stand; the topology's first site.
    serving_share
        Share of each pool set aside for inference replicas.

    Returns
    -------
    list
        What was assumed.
    """
    out = Path(target)
    base = load_scenario(topology, {})
    ids = [item.id for item in base.topology.sites]
    chosen = ids[0] if site is None else site
    problems: list[Problem] = []
    if chosen not in ids:
        problems.append(
            Problem("--site", chosen, "is no site of the topology", ", ".join(ids),
                    nearest(chosen, ids))
        )  # fmt: skip
    if os.path.exists(out) and not (overwrite and os.path.isfile(out)):
        problems.append(Problem(str(out), None, "exists already", "a new file, or --overwrite"))
    if out.suffix not in (".yaml", ".yml"):
        problems.append(Problem(str(out), None, "is no YAML file's name", "NAME.yaml"))
    if not 0.0 <= serving_share <= 1.0:
        problems.append(Problem("--serving-share", serving_share, "is out of range", "0 to 1"))
    trace = read_trace(nodes)
    groups = [group for group in trace.nodes if group.accelerators]
    if not groups:
        problems.append(
            Problem(str(nodes), trace.figures["kind"], "holds no nodes with GPUs", "a node list")
        )
    if problems:
        raise InputError(problems, TITLE)
    classes = [item.name for item in base.workload.job_classes]
    raw: dict[str, Any] = base.topology.model_dump(mode="json", exclude_none=True)
    raw["id"] = out.stem
    raw["title"] = {"en": f"{out.stem} at {chosen}", "zh": f"{out.stem}（{chosen}）"}
    raw["description"] = f"Nodes of {Path(nodes).name} at {chosen}; the network of {topology}."
    raw["accelerators"] = [_accelerator(group, classes) for group in groups]
    raw["pools"] = [_pool(group, chosen, serving_share, Path(nodes).name) for group in groups]
    text = yaml.dump(raw, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
                     allow_unicode=True, sort_keys=False, width=100)  # fmt: skip
    load_scenario(yaml.safe_load(text), {})
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror or error}") from error
    return _notes(groups, chosen)


def _notes(groups: Sequence[NodeGroup], site: str) -> list[str]:
    notes = [f"{sum(group.accelerators for group in groups):,} accelerators at {site}"]
    hidden = [group.model for group in groups if find_model(group.model) is UNDISCLOSED]
    if hidden:
        notes.append(f"undisclosed models take the V100's numbers: {', '.join(hidden)}")
    return notes


def _id(group: NodeGroup) -> str:
    return "".join(sign.lower() if sign.isalnum() else "_" for sign in group.model)


def _accelerator(group: NodeGroup, classes: Sequence[str]) -> dict[str, Any]:
    model = find_model(group.model)
    flops = model.fp16_tflops / REFERENCE_TFLOPS
    both = math.sqrt(flops * model.memory_bandwidth_tb_s / REFERENCE_TB_S)
    speed = {name: round(both if name == "batch-inference" else flops, 3) for name in classes}
    return {
        "id": _id(group),
        "name": {"en": group.model, "zh": group.model},
        "vendor": "NVIDIA",
        "fp16_tflops": model.fp16_tflops,
        "memory_gb": model.memory_gb,
        "memory_bandwidth_tb_s": model.memory_bandwidth_tb_s,
        "tdp_w": model.tdp_w,
        "idle_w": round(IDLE_SHARE * model.tdp_w, 1),
        "accelerators_per_server": group.accelerators_per_node,
        "server_overhead_w": OVERHEAD_W,
        "speed": speed,
        "provenance": {
            "*": {"source": f"vendor's data sheet of {model.name} (recalled)",
                  "grade": model.grade},
            "idle_w": {"source": "0.15 of thermal design power: judgement", "grade": "assumed"},
            "server_overhead_w": {"source": "at least 500 W a server: judgement",
                                  "grade": "assumed"},
            "speed": {"source": "peak FLOPS (batch inference: geometric mean with bandwidth) over "
                                "the A800's", "grade": "assumed"},
        },
    }  # fmt: skip


def _pool(group: NodeGroup, site: str, serving_share: float, source: str) -> dict[str, Any]:
    return {
        "id": f"{site}/{_id(group)}",
        "site": site,
        "accelerator": _id(group),
        "count": group.accelerators,
        "serving_share": serving_share,
        "discipline": "easy",
        "provenance": {"count": {"source": source, "grade": "measured"},
                       "serving_share": {"source": "option of the command", "grade": "assumed"}},
    }  # fmt: skip
