"""How runs are given to the processes of this machine."""

from __future__ import annotations

from collections import deque
from typing import Any

from computenet.study.sweeps.local import _feed as feed
from computenet.study.sweeps.local import _Worker as Worker
from computenet.study.sweeps.tasks import Task


class Pipe:
    """Takes what is sent."""

    def send(self, task: Task) -> None:
        """Take a task."""


def workers(count: int, ready: bool = True) -> list[Worker]:
    process: Any = None
    pipe: Any = Pipe()
    return [Worker(process, pipe, ready=ready) for _ in range(count)]


def tasks(first: int, last: int) -> deque[Task]:
    return deque(Task(run, 0, (), 1) for run in range(first, last))


def held(alive: list[Worker]) -> list[list[int]]:
    return [[task.run for task in worker.held] for worker in alive]


def test_every_worker_has_a_run_before_any_has_two() -> None:
    alive, waiting = workers(4), tasks(0, 4)
    feed(alive, waiting, deque(), {})
    assert held(alive) == [[0], [1], [2], [3]]


def test_a_second_run_is_held_only_while_more_are_left_than_workers() -> None:
    alive, waiting = workers(2), tasks(0, 5)
    feed(alive, waiting, deque(), {})
    assert held(alive) == [[0, 2], [1]]
    assert len(waiting) == 2
    feed(alive, waiting, deque(), {})
    assert held(alive) == [[0, 2], [1]]


def test_a_run_that_is_tried_again_is_alone_in_a_fresh_process() -> None:
    old, fresh = workers(1), workers(1, ready=False)
    waiting, again = tasks(1, 9), tasks(0, 1)
    for _ in range(3):
        feed([*old, *fresh], waiting, again, {0: 1})
        assert held(fresh) == [[0]]
        assert held(old) == [[1, 2]]


def test_a_run_that_is_tried_again_waits_for_others_where_no_process_is_fresh() -> None:
    alive, waiting, again = workers(1), tasks(1, 2), tasks(0, 1)
    feed(alive, waiting, again, {0: 1})
    assert held(alive) == [[1]]
    alive[0].held.clear()
    feed(alive, waiting, again, {0: 1})
    assert held(alive) == [[0]]
    assert not again
