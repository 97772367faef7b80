"""The program of a worker process: ``python -m computenet.sharding.worker INDEX BOXES…``."""

from __future__ import annotations

import sys
from typing import Any

from computenet.sharding.boxes import SharedBoxes
from computenet.sharding.child import answer_orders, own_streams
from computenet.sharding.shard import RequestShard

__all__ = ["Worker"]


class Worker:
    """Carries out orders on one shard; boxes are written to and read from shared memory."""

    def __init__(self, index: int, boxes: list[SharedBoxes]) -> None:
        self._index, self._boxes = index, boxes
        self._shard: RequestShard | None = None

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Carry out one order: begin, route, serve, or ask."""
        if name == "begin":
            facts, make_source, division = arguments
            self._shard = RequestShard(facts, make_source, division, self._index)
            return None
        assert self._shard is not None
        if name == "route":
            room = self._boxes[self._index].room
            reached_s, _, first = self._shard.route(arguments[0], room)
            return reached_s, first
        if name == "serve":
            reached_s, firsts = arguments
            mine = [
                boxes.view(int(first[self._index]), int(first[self._index + 1]))
                for boxes, first in zip(self._boxes, firsts, strict=True)
            ]
            return self._shard.serve(reached_s, mine)
        method, *rest = arguments
        return getattr(self._shard, method)(*rest)


if __name__ == "__main__":
    streams = own_streams(2)
    shared = [SharedBoxes(int(item)) for item in sys.argv[2:]]
    answer_orders(*streams, Worker(int(sys.argv[1]), shared))
