"""Ways to the workers: threads of this process, processes of this machine, actors of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from computenet.sharding.division import Division
from computenet.sharding.queues import QueueFacts
from computenet.sharding.shard import MakeSource, RequestShard
from computenet.sharding.team import Transport

__all__ = ["ENGINES", "Threads", "hire"]

#: What can do the work of a run that is shared.
ENGINES = ("local", "ray", "threads")


def hire(engine: str, workers: int, address: str | None = None) -> Transport:
    """Return workers that get ready while the caller goes on.

    Parameters
    ----------
    engine
        ``local`` = processes of this machine that share memory, ``ray`` = actors of a Ray
        cluster, ``threads`` = threads of this process.
    workers
        How many, at least one.
    address
        Of a Ray cluster; ``None`` = the one that is there, or one on this machine.

    Raises
    ------
    RunError
        They cannot be started.
    """
    if engine == "ray":
        from computenet.sharding.cluster import Cluster

        return Cluster(workers, address)
    if engine == "threads":
        return Threads(workers)
    from computenet.sharding.processes import Processes

    return Processes(workers)


class Threads:
    """Shards in threads of this process, whose kernels run without the interpreter's lock."""

    def __init__(self, workers: int) -> None:
        self.workers, self.idle = workers, 0
        self._shards: list[RequestShard] = []
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="shard")

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Make the shards."""
        self.idle = division.idle()
        self._shards = list(
            self._pool.map(
                lambda index: RequestShard(facts, make_source, division, index),
                range(self.workers),
            )
        )

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`, or as much as is drawn at once; return the time."""
        made = list(self._pool.map(lambda shard: shard.route(until_s), self._shards))
        reached_s = float(made[0][0])

        def serve(index: int) -> None:
            mine = [boxes[first[index] : first[index + 1]] for _, boxes, first in made]
            self._shards[index].serve(reached_s, mine)

        list(self._pool.map(serve, range(self.workers)))
        return reached_s

    def ask(self, method: str, *arguments: Any) -> Sequence[Any]:
        """Call a method of every shard; return the answers in order of workers."""
        return list(self._pool.map(lambda shard: getattr(shard, method)(*arguments), self._shards))

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=True, cancel_futures=True)
