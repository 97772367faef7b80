"""A replica with limited processor sharing in plain SimPy, one process a request."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import simpy

__all__ = ["ReferenceReplica", "ReferenceRequest", "run_requests"]

#: Tokens short of the end that count as rounding.
ROUNDING = 1e-9


@dataclass(slots=True)
class ReferenceRequest:
    """A request and what became of it."""

    index: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    first_s: float = nan
    finish_s: float = nan
    left: float = 0.0


@dataclass(slots=True)
class ReferenceReplica:
    """One replica.

    Attributes
    ----------
    decode_tok_s
        Rate of the whole replica with m requests decoding, by m.
    """

    env: simpy.Environment
    slots: int
    prefill_tok_s: float
    decode_tok_s: Sequence[float]
    held: int = 0
    waiting: list[simpy.Event] = field(default_factory=list)
    decoding: dict[int, tuple[ReferenceRequest, simpy.Event]] = field(default_factory=dict)
    moved_s: float = 0.0
    version: int = 0

    def progress(self) -> None:
        """Give every decoding request the tokens it got since the last change."""
        count = len(self.decoding)
        if count:
            each = self.decode_tok_s[count] / count * (self.env.now - self.moved_s)
            for request, _ in self.decoding.values():
                request.left -= each
        self.moved_s = self.env.now

    def watch(self) -> Generator[simpy.Event, Any, None]:
        """Wait for the next end of decoding, unless something changes before it."""
        self.version += 1
        version, count = self.version, len(self.decoding)
        if not count:
            return
        least = min(request.left for request, _ in self.decoding.values())
        yield self.env.timeout(max(least, 0.0) * count / self.decode_tok_s[count])
        if version != self.version:
            return
        self.progress()
        edge = min(request.left for request, _ in self.decoding.values()) + ROUNDING
        done = [key for key, (request, _) in self.decoding.items() if request.left <= edge]
        for key in done:
            self.decoding.pop(key)[1].succeed()
        self.env.process(self.watch())

    def decode(self, request: ReferenceRequest) -> simpy.Event:
        """Start to decode a request; return the event of its last token."""
        self.progress()
        request.left = float(request.output_tokens - 1)
        event: simpy.Event = self.env.event()
        self.decoding[request.index] = (request, event)
        self.env.process(self.watch())
        return event

    def admit(self) -> simpy.Event:
        """Return the event of getting a slot, first come, first served."""
        event: simpy.Event = self.env.event()
        if self.held < self.slots:
            self.held += 1
            event.succeed()
        else:
            self.waiting.append(event)
        return event

    def release(self) -> None:
        """Give the slot back, or hand it to who waits longest."""
        if self.waiting:
            self.waiting.pop(0).succeed()
        else:
            self.held -= 1


def _life(
    env: simpy.Environment, request: ReferenceRequest, replica: ReferenceReplica
) -> Generator[simpy.Event, Any, None]:
    yield env.timeout(request.arrival_s)
    yield replica.admit()
    yield env.timeout(request.input_tokens / replica.prefill_tok_s)
    request.first_s = env.now
    if request.output_tokens > 1:
        yield replica.decode(request)
    request.finish_s = env.now
    replica.release()


def run_requests(
    env: simpy.Environment, requests: Sequence[ReferenceRequest], replica: ReferenceReplica
) -> None:
    """Run requests, in order of arrival, to the end."""
    for request in requests:
        env.process(_life(env, request, replica))
    env.run()
