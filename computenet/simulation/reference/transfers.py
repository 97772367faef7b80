"""Max-min fair transfers in plain SimPy: every rate worked out anew at every change."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any

import simpy

__all__ = ["Network", "ReferenceFlow", "run_transfers"]

#: Relative difference of two times that counts as rounding.
ROUNDING = 1e-12


@dataclass(slots=True)
class ReferenceFlow:
    """A flow over a list of links, and when it ended."""

    index: int
    start_s: float
    links: tuple[int, ...]
    size_gb: float
    finish_s: float = nan
    left_gb: float = 0.0
    rate_gb_s: float = 0.0


@dataclass(slots=True)
class Network:
    """Links and the flows on them."""

    env: simpy.Environment
    capacity_gb_s: Sequence[float]
    flows: dict[int, tuple[ReferenceFlow, simpy.Event]] = field(default_factory=dict)
    moved_s: float = 0.0
    version: int = 0

    def progress(self) -> None:
        """Send what was sent since the last change."""
        for flow, _ in self.flows.values():
            flow.left_gb -= flow.rate_gb_s * (self.env.now - self.moved_s)
        self.moved_s = self.env.now

    def share(self) -> None:
        """Give every flow its max-min fair rate by progressive filling."""
        left = list(self.capacity_gb_s)
        todo = [flow for flow, _ in self.flows.values()]
        while todo:
            users = [sum(link in flow.links for flow in todo) for link in range(len(left))]
            level, tight = min(
                (max(left[link], 0.0) / users[link], link)
                for link in range(len(left))
                if users[link]
            )
            for flow in [flow for flow in todo if tight in flow.links]:
                flow.rate_gb_s = level
                todo.remove(flow)
                for link in flow.links:
                    left[link] -= level

    def watch(self) -> Generator[simpy.Event, Any, None]:
        """Wait for the next end, unless something changes before it."""
        self.version += 1
        version = self.version
        self.share()
        times = {
            key: max(flow.left_gb, 0.0) / flow.rate_gb_s if flow.rate_gb_s > 0.0 else inf
            for key, (flow, _) in self.flows.items()
        }
        least = min(times.values(), default=inf)
        if least == inf:
            return
        yield self.env.timeout(least)
        if version != self.version:
            return
        self.progress()
        # Those that were to end now do, whatever rounding has left of them.
        for key in [key for key, time in times.items() if time <= least * (1.0 + ROUNDING)]:
            self.flows.pop(key)[1].succeed()
        self.env.process(self.watch())


def _life(
    env: simpy.Environment, flow: ReferenceFlow, network: Network
) -> Generator[simpy.Event, Any, None]:
    yield env.timeout(flow.start_s)
    if flow.links and flow.size_gb > 0.0:
        network.progress()
        flow.left_gb = flow.size_gb
        ended = env.event()
        network.flows[flow.index] = (flow, ended)
        env.process(network.watch())
        yield ended
    flow.finish_s = env.now


def run_transfers(
    env: simpy.Environment, flows: Sequence[ReferenceFlow], capacity_gb_s: Sequence[float]
) -> None:
    """Run flows to the end."""
    network = Network(env, capacity_gb_s)
    for flow in flows:
        env.process(_life(env, flow, network))
    env.run()
