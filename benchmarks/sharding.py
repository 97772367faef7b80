"""One run shared by workers: two processes over one core, and what more cores would give.

The second part does not depend on how busy the machine is, nor on how many cores it has: every
half-step of every worker is measured by its own processor time, and a run on so many cores lasts as
long as the slowest worker of each half-step, one after the other, and what the main process does
alone. Left out are what cores take from one another (memory, heat) and the orders between them.
"""

from __future__ import annotations

import os
import time
from typing import Any

import computenet as cn
from benchmarks.measure import Figure
from computenet.compilation import compile_scenario
from computenet.policies import make_policy
from computenet.sharding import MakeSource, QueueFacts
from computenet.sharding.division import Division
from computenet.sharding.shard import RequestShard
from computenet.sharding.transports import Threads
from computenet.simulation.demand import demand_of
from computenet.simulation.engine import Engine

#: 52 million requests.
DAY = {"days": 1, "run.sampling": 160, "policy": "nearest"}
#: 20 minutes, 14 million requests, on 10,400 replicas.
PIECE = {"days": 20 / 1440, "run.sampling": 10, "policy": "nearest"}
CORES = (1, 2, 4, 8, 16, 32, 64)


class Timed(Threads):
    """Shards one after the other, each half-step timed by the processor time of its thread."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.slowest_s = 0.0
        self.all_s = 0.0

    def _each(self, acts: list[Any]) -> list[Any]:
        answers, spent = [], []
        for act in acts:
            begin = time.thread_time()
            answers.append(act())
            spent.append(time.thread_time() - begin)
        self.slowest_s += max(spent)
        self.all_s += sum(spent)
        return answers

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Make the shards."""
        self._shards = self._each(
            [
                lambda index=index: RequestShard(facts, make_source, division, index)
                for index in range(self.workers)
            ]
        )

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`."""
        made = self._each([lambda shard=shard: shard.route(until_s) for shard in self._shards])
        reached_s = float(made[0][0])

        def mine(index: int) -> list[Any]:
            return [boxes[first[index] : first[index + 1]] for _, boxes, first in made]

        self._each(
            [
                lambda index=index, shard=shard: shard.serve(reached_s, mine(index))
                for index, shard in enumerate(self._shards)
            ]
        )
        return reached_s

    def ask(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of every shard."""
        return self._each(
            [lambda shard=shard: getattr(shard, method)(*arguments) for shard in self._shards]
        )


def piece(workers: int, overrides: dict[str, object]) -> tuple[float, float, float, int]:
    """Return seconds of all workers, of the slowest ones, of the rest, and the requests."""
    scenario = cn.load("china-2025", overrides=overrides)
    compiled = compile_scenario(scenario)
    policy = make_policy(scenario.policy.name, {})
    transport = Timed(workers)
    begin = time.process_time()
    demand = demand_of(scenario, compiled, None, shared=True)
    outcome = Engine(scenario, compiled, demand, policy, transport=transport).run()
    rest_s = time.process_time() - begin - transport.all_s
    transport.close()
    return transport.all_s, transport.slowest_s, rest_s, outcome.requests.simulated


def one_core(overrides: dict[str, object]) -> float:
    """Return the wall time of a run that is held on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        return shared(1, "local", overrides)
    finally:
        os.sched_setaffinity(0, cores)


def shared(workers: int, engine: str, overrides: dict[str, object]) -> float:
    """Return the wall time of a run, the start of workers included."""
    scenario = cn.load("china-2025", overrides=overrides)
    begin = time.perf_counter()
    cn.simulate(scenario, workers=workers, engine=engine)
    return time.perf_counter() - begin


def walls() -> list[Figure]:
    """Measure one core, two on one process, two processes and two threads."""
    one_s = one_core(DAY)
    figures = [Figure("52 million requests, one core", one_s, "s", "", True)]
    for name, workers, engine, wanted in (
        ("one process that draws ahead, two cores", 1, "local", 0.0),
        ("two threads, two cores", 2, "threads", 0.0),
        ("two processes, two cores", 2, "local", 1.7),
    ):
        ratio = one_s / shared(workers, engine, DAY)
        told = f">= {wanted}" if wanted else ""
        figures.append(Figure(f"  {name}: over one core", ratio, "x", told, ratio >= wanted))
    return figures


def more_cores() -> list[Figure]:
    """Measure the longest way through a run on more cores, by processor time."""
    figures = []
    base_s = 0.0
    for cores in CORES:
        all_s, slowest_s, rest_s, requests = piece(cores, PIECE)
        if cores == 1:
            base_s = slowest_s + rest_s
            rate = requests / base_s / 1e6
            figures += [
                Figure("10,400 replicas, one shard", rate, "M requests/s", "", True),
                Figure("  of it the main process alone", rest_s / base_s, "", "", True),
            ]
            continue
        figures.append(
            Figure(
                f"  {cores} cores, by processor time", base_s / (slowest_s + rest_s), "x",
                ">= 1.7" if cores == 2 else "", cores != 2 or base_s / (slowest_s + rest_s) >= 1.7,
            )
        )  # fmt: skip
        if cores in (2, 64):
            figures.append(Figure("    work over that of one", all_s / base_s, "x", "", True))
    return figures


def run() -> list[Figure]:
    """Run all."""
    cn.simulate(cn.load("china-2025", days=0.01))
    cn.simulate(cn.load("china-2025", days=0.01), workers=2, engine="threads")
    return [*more_cores(), *walls()]
