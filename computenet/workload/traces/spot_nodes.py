"""Alibaba spot-GPU cluster 2026: nodes only, ``node_name,gpu_model,gpu_capacity_num,cpu_num``."""

from __future__ import annotations

from computenet.workload.traces.columns import csv_columns, has_columns, numbers
from computenet.workload.traces.figures import plain
from computenet.workload.traces.openb import by_model, node_groups
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["SpotNodesReader"]

COLUMNS = ("node_name", "gpu_model", "gpu_capacity_num", "cpu_num")


class SpotNodesReader:
    """Nodes: what the cluster is made of; nothing to replay."""

    name = "spot-nodes"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the four columns, in any order."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the nodes."""
        where = content.where
        table = csv_columns(content, COLUMNS)
        gpus = numbers(table["gpu_capacity_num"], "gpu_capacity_num", where, least=0.0)
        cores = numbers(table["cpu_num"], "cpu_num", where, least=0.0)
        return Trace(
            None,
            None,
            {
                "kind": "nodes",
                "rows": len(table),
                "gpus": int(gpus.sum()),
                "cpu_cores": plain(cores.sum()),
                **by_model(table["gpu_model"], gpus),
            },
            nodes=node_groups(table["gpu_model"], gpus),
        )
