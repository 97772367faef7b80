"""Runs on a Ray cluster, through a process of their own that the cluster may take with it."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Sequence
from multiprocessing.connection import Connection
from typing import Any

import computenet
from computenet.errors import InputError, Problem, RunError
from computenet.study.starting import listen, undisturbed
from computenet.study.sweeps.inputs import different
from computenet.study.sweeps.local import OUT_OF_MEMORY, TRIES, apart
from computenet.study.sweeps.tasks import Record, Task, Work, run_task

__all__ = ["ClusterGone", "require_ray", "run_on_ray"]

#: Longest time without an answer of the cluster, s.
PATIENCE_S = 30.0
#: Settings of Ray, read when it is imported: no statistics leave the machine, a run that dies is
#: tried once more whatever it dies of, what there is to say of the cluster the study says, and a
#: machine whose line is cut is given up after a minute rather than seven.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": str(TRIES - 1),
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_grpc_client_keepalive_time_ms": "30000",
    "RAY_grpc_client_keepalive_timeout_ms": "30000",
}


class ClusterGone(RunError):
    """The cluster no longer answers."""


def require_ray() -> None:
    """Raise `InputError` where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            [Problem("--engine", "ray", "needs Ray, which is not installed",
                     "pip install 'computenet[ray]', or --engine local")],
            "nothing was run",
        )  # fmt: skip


def run_on_ray(
    work: Work, tasks: Sequence[Task], *, address: str | None, workers: int | None
) -> Generator[Record, None, None]:
    """Run tasks on a Ray cluster and give their records as they come.

    A process of its own talks to the cluster: Ray ends its driver with the cluster, and the study
    must outlive both. A task whose worker dies is tried once more by Ray, then given as ``lost``.

    Parameters
    ----------
    address
        Of a running cluster: ``host:port``, ``ray://host:port`` or ``auto``; ``RAY_ADDRESS``, or a
        cluster of this machine alone that ends with the study, where none is given.
    workers
        Most runs at a time; as many as the cluster has cores.

    Raises
    ------
    InputError
        There is no cluster at the address.
    ClusterGone
        The cluster no longer answers; records given before are good.
    """
    require_ray()
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    # Not a daemon: Ray starts processes of its own.
    driver = context.Process(target=_drive, args=(theirs, work, tasks, where, workers, PATIENCE_S))
    with apart(), undisturbed():
        driver.start()
    theirs.close()
    try:
        yield from _hear(mine, where)
    finally:
        mine.close()
        driver.join(15.0)
        if driver.is_alive():
            driver.terminate()
            driver.join(10.0)
        if driver.is_alive():
            driver.kill()
            driver.join()
        driver.close()


def _hear(pipe: Connection, where: str) -> Generator[Record, None, None]:
    """Give what the driver sends, until it says that it is done."""
    begun = False
    while True:
        # The driver tells a few times a second that it is alive, once it has a cluster.
        if not pipe.poll(2.0 * PATIENCE_S if begun else max(120.0, 4.0 * PATIENCE_S)):
            raise ClusterGone(f"the Ray cluster at {where} has not answered for a while")
        try:
            kind, content = pipe.recv()
        except (EOFError, OSError):
            if not begun:
                raise _no_cluster(where, "the driver of the cluster ended") from None
            raise ClusterGone(f"the Ray cluster at {where} went away") from None
        if kind == "done":
            return
        if kind == "refused":
            raise _no_cluster(where, content)
        if kind == "gone":
            raise ClusterGone(f"the Ray cluster at {where} went away: {content}")
        begun = True
        if kind == "record":
            yield content


def _no_cluster(where: str, reason: str) -> InputError:
    return InputError(
        [Problem("--address", where, f"cannot be used as a Ray cluster: {reason}",
                 "host:port of a running cluster (ray start --head), or no address; RAY_AUTH_MODE "
                 "and its token as the cluster was started with")],
        "nothing was run",
    )  # fmt: skip


# ---- the driver's side ------------------------------------------------------------------------


def _drive(
    pipe: Connection,
    work: Work,
    tasks: Sequence[Task],
    where: str,
    workers: int | None,
    patience_s: float,
) -> None:
    """Send tasks to a cluster and their records to the study; ends with either."""
    listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    if "RAY_BACKEND_LOG_LEVEL" not in os.environ:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    wait_s = {"RAY_gcs_rpc_server_reconnect_timeout_s": str(max(int(patience_s), 1))}
    os.environ.update(_SETTINGS | wait_s | dict(os.environ))
    import ray

    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if where == "local":
        options |= {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(where, **options)
    except Exception as error:  # Ray has no common class for what can go wrong here.
        first = str(error).strip().splitlines() or [type(error).__name__]
        _tell(pipe, "refused", first[0])
        return
    try:
        _tell(pipe, "alive", None)
        _share_out(pipe, work, tasks, workers)
        _tell(pipe, "done", None)
    except OSError:
        pass  # The study is over.
    except Exception as error:
        first = str(error).strip().splitlines() or [""]
        _tell(pipe, "gone", f"{type(error).__name__}: {first[0]}")
    finally:
        ray.shutdown()


def _tell(pipe: Connection, kind: str, content: Any) -> None:
    pipe.send((kind, content))


def _share_out(pipe: Connection, work: Work, tasks: Sequence[Task], workers: int | None) -> None:
    import ray

    cluster: Any = ray
    held = cluster.put(work)
    options = {"num_cpus": 1, "max_retries": TRIES - 1, "retry_exceptions": [MemoryError]}
    remote = cluster.remote(**options)(_run_there)
    cores = max(int(cluster.cluster_resources().get("CPU", 1)), 1)
    # One more than can run for every core, so that none waits for the next.
    most = workers if workers else 2 * cores
    waiting = deque(tasks)
    running: dict[Any, Task] = {}
    while waiting or running:
        while waiting and len(running) < most:
            task = waiting.popleft()
            running[remote.remote(held, task, computenet.__version__)] = task
        ready, _ = ray.wait(list(running), num_returns=1, timeout=0.5)
        if not ready:
            _tell(pipe, "alive", None)
        for one in ready:
            _tell(pipe, "record", _record(one, running.pop(one)))


def _record(one: Any, task: Task) -> Record:
    """Return the record of a finished task, or that it was lost and why."""
    import ray
    from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

    try:
        record: Record = ray.get(one)
        return record
    except OutOfMemoryError:
        reason = OUT_OF_MEMORY
    except WorkerCrashedError:
        reason = f"the worker process was killed, {TRIES} times"
    except RayTaskError as error:
        reason = str(error.cause).strip().splitlines()[0] if str(error.cause) else OUT_OF_MEMORY
    return Record(task.run, "lost", reason, 0.0)


def _run_there(work: Work, task: Task, version: str) -> Record:
    """Run a task in a worker of the cluster; what all runs share is read once."""
    if computenet.__version__ != version:
        reason = f"the cluster has computenet {computenet.__version__}, not {version}"
        return Record(task.run, "lost", reason, 0.0)
    if work.key not in _WORK and (file := different(work.files)) is not None:
        reason = f"this node of the cluster does not have the same {file}"
        return Record(task.run, "lost", reason, 0.0)
    mine = _WORK.setdefault(work.key, work)
    return run_task(mine, task)


#: What this worker has read, by its key: the scenario's checked records hang on the object.
_WORK: dict[str, Work] = {}
