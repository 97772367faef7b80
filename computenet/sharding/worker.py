"""The program of a worker process: ``python -m computenet.sharding.worker INDEX BOXES…``."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from typing import Any, BinaryIO

from computenet.sharding.boxes import SharedBoxes
from computenet.sharding.shard import RequestShard

__all__ = ["main"]


class _Worker:
    """Carries out orders on one shard."""

    def __init__(self, index: int, boxes: list[SharedBoxes]) -> None:
        self._index, self._boxes = index, boxes
        self._shard: RequestShard | None = None

    def __call__(self, name: str, *arguments: Any) -> Any:
        if name == "begin":
            facts, make_source, division = arguments
            self._shard = RequestShard(facts, make_source, division, self._index)
            return None
        assert self._shard is not None
        if name == "route":
            reached_s, _, first = self._shard.route(arguments[0], self._boxes[self._index].room)
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


def main(orders: BinaryIO, answers: BinaryIO, index: int, descriptors: list[int]) -> None:
    """Carry out orders until there are no more."""
    worker = _Worker(index, [SharedBoxes(descriptor) for descriptor in descriptors])
    while True:
        try:
            order = pickle.load(orders)
        except EOFError:
            return
        try:
            answer = True, worker(*order)
        except MemoryError:
            answer = False, "out of memory"
        except Exception as error:
            answer = False, f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    # What a library prints must not come between answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):
        main(sys.stdin.buffer, answers, int(sys.argv[1]), [int(item) for item in sys.argv[2:]])
