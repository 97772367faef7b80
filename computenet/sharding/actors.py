"""Shards as actors of a Ray cluster: orders and boxes travel through Ray's object store."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from computenet.errors import InputError, Problem, RunError
from computenet.sharding.division import Division
from computenet.sharding.queues import QueueFacts
from computenet.sharding.shard import MakeSource, RequestShard

__all__ = ["RayActors"]

#: Seconds to wait for a place for every worker.
PLACE_S = 60.0


class _Actor:
    """A shard that lives in a worker of the cluster."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._shard: RequestShard | None = None

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        self._shard = RequestShard(facts, make_source, division, self._index)

    def route(self, until_s: float) -> Any:
        """Return the time reached and a box for each worker, as objects of their own."""
        assert self._shard is not None
        reached_s, boxes, first = self._shard.route(until_s)
        made = [boxes[begin:end] for begin, end in pairwise(first)]
        return (reached_s, *made)

    def serve(self, reached_s: float, *boxes: Any) -> None:
        assert self._shard is not None
        self._shard.serve(reached_s, boxes)

    def ask(self, method: str, *arguments: Any) -> Any:
        return getattr(self._shard, method)(*arguments)

    def ready(self) -> None:
        """Answer once the actor has a place."""


class RayActors:
    """Workers as actors, one core each.

    Parameters
    ----------
    workers
        How many.
    address
        Of a cluster; ``None`` = the one this process is connected to or finds, else one that is
        started on this machine for the run.
    """

    def __init__(self, workers: int, address: str | None = None) -> None:
        self.workers = workers
        try:
            import ray
        except ImportError:
            missing = Problem("engine", "ray", "needs Ray, which is not installed",
                              "pip install 'computenet[ray]', or --engine local")  # fmt: skip
            raise InputError([missing], "nothing was run") from None
        self._ray: Any = ray
        self._actors: list[Any] = []
        self._ours = not ray.is_initialized()
        if self._ours:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            self._connect(address)
        try:
            self._actors = self._doing(self._start)
        except BaseException:
            self.close()
            raise

    def _connect(self, address: str | None) -> None:
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        where = address or os.environ.get("RAY_ADDRESS")
        if where is None:
            settings |= {"num_cpus": self.workers, "include_dashboard": False}
        try:
            self._ray.init(address=where, **settings)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise RunError(
                f"no Ray cluster at {where or 'this machine'}: {str(error).splitlines()[0]}"
            ) from error

    def _start(self) -> list[Any]:
        remote = self._ray.remote(num_cpus=1, max_restarts=0)(_Actor)
        actors = [remote.remote(index) for index in range(self.workers)]
        self._actors = actors
        try:
            self._ray.get([actor.ready.remote() for actor in actors], timeout=PLACE_S)
        except self._ray.exceptions.GetTimeoutError:
            cores = self._ray.cluster_resources().get("CPU", 0.0)
            raise RunError(
                f"the Ray cluster has no place for {self.workers} workers of one core each "
                f"({cores:g} cores in all)"
            ) from None
        return actors

    def _doing(self, action: Callable[[], Any]) -> Any:
        """Do something, and say what became of a cluster that failed in it."""
        errors = self._ray.exceptions
        try:
            return action()
        except errors.ActorDiedError as error:
            raise RunError(
                "a Ray worker ended, so the run was stopped; one that is killed most often asked "
                "for more memory than there is"
            ) from error
        except errors.RayTaskError as error:
            cause = error.cause if error.cause is not None else error
            raise RunError(f"a Ray worker failed: {type(cause).__name__}: {cause}") from error
        except (errors.RayError, ConnectionError) as error:
            raise RunError(
                f"the Ray cluster was lost, so the run was stopped ({type(error).__name__})"
            ) from error

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Let every worker make its shard."""
        ray = self._ray

        def begin() -> None:
            shared = ray.put(facts), ray.put(make_source), ray.put(division)
            ray.get([actor.begin.remote(*shared) for actor in self._actors])

        self._doing(begin)

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`, or as much as is drawn at once; return the time."""
        ray, count = self._ray, self.workers + 1

        def step() -> float:
            made = [
                actor.route.options(num_returns=count).remote(until_s) for actor in self._actors
            ]
            ray.get(
                [
                    actor.serve.remote(made[0][0], *(boxes[1 + index] for boxes in made))
                    for index, actor in enumerate(self._actors)
                ]
            )
            return float(ray.get(made[0][0]))

        return float(self._doing(step))

    def ask(self, method: str, *arguments: Any) -> Sequence[Any]:
        """Call a method of every shard; return the answers in order of workers."""
        ray = self._ray
        answers: Sequence[Any] = self._doing(
            lambda: ray.get([actor.ask.remote(method, *arguments) for actor in self._actors])
        )
        return answers

    def close(self) -> None:
        """Let the actors go, and the cluster where this run connected to it."""
        with contextlib.suppress(Exception):
            for actor in self._actors:
                self._ray.kill(actor)
        self._actors = []
        if self._ours and self._ray.is_initialized():
            with contextlib.suppress(Exception):
                self._ray.shutdown()
        self._ours = False
