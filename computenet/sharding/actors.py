"""The program that drives actors: ``python -m computenet.sharding.actors WORKERS ADDRESS``."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import ray as _ray

import computenet
from computenet.errors import RunError
from computenet.sharding.child import answer_orders, own_streams
from computenet.sharding.division import Division
from computenet.sharding.queues import QueueFacts
from computenet.sharding.shard import MakeSource, RequestShard

__all__ = ["Driver", "ShardActor"]

#: Seconds to wait for a place for every worker.
PLACE_S = 60.0
#: Seconds for which the head of a cluster may be silent.
SILENT_S = 10.0

ray: Any = _ray


class ShardActor:
    """A shard that lives in a worker of the cluster."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._shard: RequestShard | None = None

    def version(self) -> str:
        """Return the version found there."""
        return computenet.__version__

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Make the shard."""
        self._shard = RequestShard(facts, make_source, division, self._index)

    def route(self, until_s: float) -> Any:
        """Return the time reached and a box for each worker, as objects of their own."""
        assert self._shard is not None
        reached_s, boxes, first = self._shard.route(until_s)
        return (reached_s, *(boxes[begin:end] for begin, end in pairwise(first.tolist())))

    def serve(self, reached_s: float, *boxes: Any) -> None:
        """Serve what all workers routed here."""
        assert self._shard is not None
        self._shard.serve(reached_s, boxes)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the shard."""
        return getattr(self._shard, method)(*arguments)


class Driver:
    """Carries out orders on all actors; boxes go from actor to actor through the object store."""

    def __init__(self, workers: int, address: str) -> None:
        self._workers, self._address = workers, address
        self._actors: list[Any] = []

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Carry out one order, and say what became of actors that failed in it."""
        errors = ray.exceptions
        try:
            return getattr(self, name)(*arguments)
        except errors.RayTaskError as error:
            cause = error.cause if error.cause is not None else error
            what = "out of memory" if isinstance(cause, MemoryError) else str(cause)
            raise RunError(f"a Ray worker failed: {what}") from error
        except errors.RayActorError as error:
            raise RunError(
                "a Ray worker ended or its machine went away, so the run was stopped; one that is "
                "killed most often asked for more memory than there is"
            ) from error
        except errors.RayError as error:
            raise RunError(
                f"the Ray cluster at {self._address} went away, so the run was stopped "
                f"({type(error).__name__})"
            ) from error

    def connect(self) -> None:
        """Connect to the cluster and find a place for every actor."""
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._address == "local":
            options |= {"num_cpus": self._workers, "include_dashboard": False}
        try:
            ray.init(address=self._address, **options)
        except Exception as error:  # Ray has no common class for what can go wrong here.
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RunError(f"{self._address} cannot be used as a Ray cluster: {first}") from error
        remote = ray.remote(num_cpus=1, max_restarts=0)(ShardActor)
        self._actors = [remote.remote(index) for index in range(self._workers)]
        try:
            versions = ray.get([actor.version.remote() for actor in self._actors], timeout=PLACE_S)
        except ray.exceptions.GetTimeoutError:
            cores = ray.cluster_resources().get("CPU", 0.0)
            raise RunError(
                f"the Ray cluster at {self._address} has no place for {self._workers} workers of "
                f"one core each ({cores:g} cores in all)"
            ) from None
        _leave_with(str(ray.get_runtime_context().gcs_address))
        others = {version for version in versions if version != computenet.__version__}
        if others:
            raise RunError(
                f"the Ray cluster has computenet {', '.join(sorted(others))}, "
                f"not {computenet.__version__}"
            )

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Let every worker make its shard."""
        shared = ray.put(facts), ray.put(make_source), ray.put(division)
        ray.get([actor.begin.remote(*shared) for actor in self._actors])

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`, or as much as is drawn at once; return the time."""
        many = {"num_returns": self._workers + 1}
        made = [actor.route.options(**many).remote(until_s) for actor in self._actors]
        served = [
            actor.serve.remote(made[0][0], *(boxes[1 + index] for boxes in made))
            for index, actor in enumerate(self._actors)
        ]
        ray.get(served)
        return float(ray.get(made[0][0]))

    def ask(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of every shard; return the answers in order of workers."""
        answers: list[Any] = ray.get(
            [actor.ask.remote(method, *arguments) for actor in self._actors]
        )
        return answers


def _leave_with(address: str) -> None:
    """End this process soon after the cluster's head does, whatever Ray is waiting for."""
    host, _, port = address.rpartition(":")

    def watch() -> None:
        silent_s = 0.0
        while silent_s < SILENT_S:
            time.sleep(1.0)
            try:
                socket.create_connection((host, int(port)), timeout=SILENT_S).close()
                silent_s = 0.0
            except OSError:
                silent_s += 1.0
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch").start()


if __name__ == "__main__":
    # What Ray has to say goes nowhere unless the user wants it.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    wanted = os.environ.get("RAY_BACKEND_LOG_LEVEL", "fatal") != "fatal"
    streams = own_streams(2 if wanted else nowhere)
    if not wanted:
        os.dup2(nowhere, 2)
    # The class must be found under its module's name by the workers of the cluster.
    from computenet.sharding import actors

    answer_orders(*streams, actors.Driver(int(sys.argv[1]), sys.argv[2]))
    ray.shutdown()
