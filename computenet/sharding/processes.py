"""Shards in processes of this machine: orders through pipes, requests through shared memory."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import computenet
from computenet.errors import RunError
from computenet.sharding.boxes import anonymous_file
from computenet.sharding.division import Division
from computenet.sharding.queues import QueueFacts
from computenet.sharding.shard import MakeSource

__all__ = ["Processes"]


class Processes:
    """Workers as processes.

    They are plain children of this one, so a script that calls this is not run again in them. They
    end when their pipe is closed, whatever happens to this process, and the memory they share has
    no name: nothing can stay behind.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._children: list[subprocess.Popen[bytes]] = []
        boxes: list[int] = []
        try:
            boxes = [anonymous_file() for _ in range(workers)]
            for index in range(workers):
                self._children.append(_start(index, boxes))
        except OSError as error:
            self.close()
            raise RunError(f"{workers} workers cannot be started: {error}") from error
        finally:
            for descriptor in boxes:
                os.close(descriptor)

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Let every worker make its shard."""
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
        for index, child in enumerate(self._children):
            assert child.stdin is not None
            try:
                child.stdin.write(message)
                child.stdin.flush()
            except (OSError, ValueError):
                raise self._lost(index) from None
        return [self._answer(index) for index in range(len(self._children))]

    def _answer(self, index: int) -> Any:
        stream = self._children[index].stdout
        assert stream is not None
        try:
            fine, answer = pickle.load(stream)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise self._lost(index) from None
        if not fine:
            raise RunError(f"worker {index + 1} of {self.workers} failed: {answer}")
        return answer

    def _lost(self, index: int) -> RunError:
        """Return what to say of a worker that is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._children[index].wait(timeout=5.0)
        code = self._children[index].returncode
        how = f"exit status {code}"
        if code is not None and code < 0:
            how = f"signal {signal.Signals(-code).name}"
        return RunError(
            f"worker {index + 1} of {self.workers} ended ({how}), so the run was stopped; "
            "one that is killed most often asked for more memory than there is"
        )

    def close(self) -> None:
        """End the processes."""
        for child in self._children:
            child.kill()
        for child in self._children:
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            child.wait()
        self._children = []


def _start(index: int, boxes: list[int]) -> subprocess.Popen[bytes]:
    # The worker finds this very package, wherever it was imported from. Interrupts of the terminal
    # are for this process, which ends the workers.
    home = str(Path(computenet.__file__).parent.parent)
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "computenet.sharding.worker", str(index), *map(str, boxes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        pass_fds=boxes,
        process_group=0,
    )
