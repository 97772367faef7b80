"""Shards in processes of this machine: orders through pipes, requests through shared memory."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from typing import Any

from computenet.errors import RunError
from computenet.sharding.boxes import anonymous_file
from computenet.sharding.child import Child, Gone
from computenet.sharding.division import Division
from computenet.sharding.queues import QueueFacts
from computenet.sharding.shard import MakeSource

__all__ = ["Processes"]


class Processes:
    """Workers as processes; the memory they share has no name, so none can be left behind."""

    def __init__(self, workers: int) -> None:
        self.workers, self.idle = workers, 0
        self._children: list[Child] = []
        boxes: list[int] = []
        try:
            while len(boxes) < workers:
                boxes.append(anonymous_file())
            for index in range(workers):
                arguments = [index, *boxes]
                self._children.append(Child("computenet.sharding.worker", arguments, boxes))
        except OSError as error:
            self.close()
            raise RunError(f"{workers} workers cannot be started: {error}") from error
        finally:
            for descriptor in boxes:
                os.close(descriptor)

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Let every worker make its shard."""
        self.idle = division.idle()
        self._all("begin", facts, make_source, division)

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`, or as much as is drawn at once; return the time."""
        made = self._all("route", until_s)
        self._all("serve", made[0][0], [first for _, first in made])
        return float(made[0][0])

    def ask(self, method: str, *arguments: Any) -> Sequence[Any]:
        """Call a method of every shard; return the answers in order of workers."""
        return self._all("ask", method, *arguments)

    def _all(self, *order: Any) -> list[Any]:
        message = pickle.dumps(order, protocol=pickle.HIGHEST_PROTOCOL)
        at = 0
        try:
            for at, child in enumerate(self._children):  # noqa: B007
                child.order(message)
            answers = []
            for at, child in enumerate(self._children):  # noqa: B007
                answers.append(child.answer())
            return answers
        except Gone as gone:
            raise RunError(
                f"worker {at + 1} of {self.workers} ended ({gone}), so the run was stopped; one "
                "that is killed most often asked for more memory than there is"
            ) from None
        except RunError as error:
            raise RunError(f"worker {at + 1} of {self.workers} failed: {error}") from None

    def close(self) -> None:
        """End the processes."""
        children, self._children = self._children, []
        for child in children:
            child.end()
