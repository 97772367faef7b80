"""Runs in processes of this machine: they are kept between runs, and replaced when they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import Any

from computenet.errors import RunError
from computenet.study.starting import listen, undisturbed
from computenet.study.sweeps.tasks import Record, Task, Work, run_task

__all__ = ["apart", "run_here", "run_local"]

#: Times that a worker may die before its first run, one after another.
MOST_FALSE_STARTS = 3
#: Tries of a run whose worker dies.
TRIES = 2
OUT_OF_MEMORY = "out of memory"

_ONE_THREAD = {
    "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}  # fmt: skip


def run_here(work: Work, tasks: Sequence[Task]) -> Generator[Record, None, None]:
    """Run tasks one after another in this process."""
    for task in tasks:
        try:
            record = run_task(work, task)
        except MemoryError:
            record = Record(task.run, "lost", OUT_OF_MEMORY, 0.0)
        yield record


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    held: deque[Task] = field(default_factory=deque)


def run_local(work: Work, tasks: Sequence[Task], workers: int) -> Generator[Record, None, None]:
    """Run tasks in processes and give their records as they come.

    A worker that dies, by the system's memory guard for one, is replaced; the run it was at is
    tried once more, in a fresh process where one is started, that holds no other run meanwhile, and
    then given as ``lost`` with the reason. When the iterator is closed the workers are stopped.

    Raises
    ------
    RunError
        No worker can be started.
    """
    waiting = deque(tasks)
    again: deque[Task] = deque()
    tried: dict[int, int] = {}
    alive: list[_Worker] = []
    left = len(tasks)
    false_starts = 0
    try:
        while left:
            while len(alive) < min(workers, left):
                alive.append(_start(work))
            _feed(alive, waiting, again, tried)
            signals = {worker.pipe: worker for worker in alive}
            signals_of_end = {worker.process.sentinel: worker for worker in alive}
            multiprocessing.connection.wait([*signals, *signals_of_end])
            for worker in list(alive):
                records, lost = _heard(worker)
                for record in records:
                    false_starts = 0
                    left -= 1
                    yield record
                if lost is None:
                    continue
                alive.remove(worker)
                if not worker.ready:
                    false_starts += 1
                    if false_starts >= MOST_FALSE_STARTS:
                        raise RunError(f"worker processes end before their first run: {lost}")
                    for task in reversed(worker.held):
                        (again if task.run in tried else waiting).appendleft(task)
                    continue
                if worker.held:
                    at = worker.held.popleft()
                    waiting.extendleft(reversed(worker.held))
                    tried[at.run] = tried.get(at.run, 0) + 1
                    if tried[at.run] < TRIES:
                        again.append(at)
                    else:
                        left -= 1
                        yield Record(at.run, "lost", f"{lost}, {TRIES} times", 0.0)
    finally:
        _stop(alive)


def _feed(
    alive: Sequence[_Worker], waiting: deque[Task], again: deque[Task], tried: Mapping[int, int]
) -> None:
    """Give every worker a run, and a second one, so that it need not wait, where many are left.

    A run that is tried again goes to a fresh worker, or once nothing else waits to any, and the
    worker holds no other meanwhile.
    """
    idle = [worker for worker in alive if not worker.held]
    for worker in sorted(idle, key=lambda worker: worker.ready):
        if again and not (worker.ready and waiting):
            _send(worker, again.popleft())
        elif waiting:
            _send(worker, waiting.popleft())
    for worker in alive:
        if len(worker.held) == 1 and worker.held[0].run not in tried and len(waiting) > len(alive):
            _send(worker, waiting.popleft())


def _send(worker: _Worker, task: Task) -> None:
    worker.held.append(task)
    with contextlib.suppress(OSError):  # It has died; its end is heard next.
        worker.pipe.send(task)


def _heard(worker: _Worker) -> tuple[list[Record], str | None]:
    """Return what a worker has sent, and why it ended if it has."""
    records: list[Record] = []
    ended: str | None = None
    over = not worker.process.is_alive()  # Asked first: all it sent is then in the pipe.
    try:
        while worker.pipe.poll():
            kind, content = worker.pipe.recv()
            if kind == "ready":
                worker.ready = True
            elif kind == "record":
                worker.held.popleft()
                records.append(content)
            else:
                ended = content
    except (EOFError, OSError):
        over = True
    if over:
        worker.process.join(10.0)
        ended = ended or _why(worker.process.exitcode)
    elif ended is not None:
        worker.process.join(10.0)
    return records, ended


def _why(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the worker process ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    more = ", perhaps for memory" if name == "SIGKILL" else ""
    return f"the worker process was killed ({name}{more})"


def _start(work: Work) -> _Worker:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    with apart(), undisturbed():
        process.start()
    theirs.close()
    return _Worker(process, mine)


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        if worker.held:
            worker.process.terminate()
        else:
            worker.pipe.close()
    for worker in workers:
        worker.process.join(5.0)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()
        worker.process.close()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Let processes started meanwhile compute with one thread each, without the caller's script.

    A spawned process reads the main module again, for what may have been pickled of it. Workers
    are sent nothing of it, and a script that starts a study need not be run by every one of them.
    """
    old = {name: os.environ.get(name) for name in _ONE_THREAD}
    script = sys.modules["__main__"]
    os.environ.update(_ONE_THREAD)
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
        for name, value in old.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# ---- the worker's side ------------------------------------------------------------------------


def _serve(pipe: Connection, work: Work) -> None:
    """Run tasks as they come, until the other side is gone."""
    listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    _end_with_parent()
    import computenet.simulation  # noqa: F401  Loaded before the first run is timed.

    pipe.send(("ready", None))
    while True:
        try:
            task: Any = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            record: Record | None = run_task(work, task)
        except MemoryError:
            record = None
        try:
            pipe.send(("ended", OUT_OF_MEMORY) if record is None else ("record", record))
        except OSError:  # Whoever wanted it was killed.
            return
        if record is None:
            return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
