"""Shards on a Ray cluster, through a process of their own that the cluster may take with it."""

from __future__ import annotations

import importlib.util
import os
import pickle
import socket
import sys
from collections.abc import Sequence
from typing import Any

from computenet.errors import InputError, Problem, RunError
from computenet.sharding.child import Child, Gone
from computenet.sharding.division import Division
from computenet.sharding.queues import QueueFacts
from computenet.sharding.shard import MakeSource

__all__ = ["Cluster"]

#: Time for the driver to take leave of the cluster, s.
PATIENCE_S = 8.0
#: Longest time to reach a cluster, s.
REACH_S = 10.0
#: Settings of Ray, read when it is imported; the user's own go before. No statistics leave the
#: machine, and a cluster that has been silent for so many seconds is given up.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "15",
}


class Cluster:
    """Workers as actors of a Ray cluster, one core each.

    Ray ends a process that uses a cluster when the cluster goes away, so it is used by a child.

    Parameters
    ----------
    workers
        How many.
    address
        Of a cluster, ``host:port``; ``None`` = the one this process is connected to, that in
        ``RAY_ADDRESS``, or one that is started on this machine for the run.
    """

    def __init__(self, workers: int, address: str | None = None) -> None:
        self.workers, self.idle = workers, 0
        if importlib.util.find_spec("ray") is None:
            missing = Problem("engine", "ray", "needs Ray, which is not installed",
                              "pip install 'computenet[ray]', or engine local")  # fmt: skip
            raise InputError([missing], "nothing was run")
        self._address = address or _connected() or os.environ.get("RAY_ADDRESS") or "local"
        if address is not None and address != "auto":
            _require_answer(address)
        self._child: Child | None = Child(
            "computenet.sharding.actors", [workers, self._address], settings=SETTINGS
        )
        self._order("connect")

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Let every worker make its shard."""
        self.idle = division.idle()
        self._answer()  # to "connect"
        self._do("begin", facts, make_source, division)

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`, or as much as is drawn at once; return the time."""
        return float(self._do("step", until_s))

    def ask(self, method: str, *arguments: Any) -> Sequence[Any]:
        """Call a method of every shard; return the answers in order of workers."""
        answers: Sequence[Any] = self._do("ask", method, *arguments)
        return answers

    def _do(self, *order: Any) -> Any:
        self._order(*order)
        return self._answer()

    def _order(self, *order: Any) -> None:
        assert self._child is not None
        try:
            self._child.order(pickle.dumps(order, protocol=pickle.HIGHEST_PROTOCOL))
        except Gone:
            raise self._lost() from None

    def _answer(self) -> Any:
        assert self._child is not None
        try:
            return self._child.answer()
        except Gone:
            raise self._lost() from None

    def _lost(self) -> RunError:
        return RunError(f"the Ray cluster at {self._address} went away, so the run was stopped")

    def close(self) -> None:
        """Let the actors go, and the cluster that was started for them."""
        child, self._child = self._child, None
        if child is not None:
            child.end(PATIENCE_S)


def _connected() -> str | None:
    """Return the address of the cluster this process uses already."""
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return None
    return str(ray.get_runtime_context().gcs_address)


def _require_answer(address: str) -> None:
    """Refuse an address where nothing listens; Ray itself would take half a minute to find out."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, ValueError) as error:
        nobody = Problem(
            "address", address, f"no Ray cluster answers: {error}",
            "host:port of a running cluster (ray start --head), auto, or no address",
        )  # fmt: skip
        raise InputError([nobody], "nothing was run") from None
