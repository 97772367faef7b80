"""A replica with limited processor sharing in plain SimPy, one process a request."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import inf, nan
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
    mixed_tok_s
        The same while a prompt is taken in.
    cache_tokens
        Tokens that the cache holds; a request counts with its prompt and half its output.
    """

    env: simpy.Environment
    slots: int
    prefill_tok_s: float
    decode_tok_s: Sequence[float]
    mixed_tok_s: Sequence[float]
    cache_tokens: float = inf
    prefilling: int = 0
    prefilled_s: float = 0.0
    cached: float = 0.0
    held: int = 0
    waiting: list[tuple[ReferenceRequest, simpy.Event]] = field(default_factory=list)
    decoding: dict[int, tuple[ReferenceRequest, simpy.Event]] = field(default_factory=dict)
    moved_s: float = 0.0
    version: int = 0

    def rate(self) -> float:
        """Return tokens a second of each decoding request."""
        rates = self.mixed_tok_s if self.prefilling else self.decode_tok_s
        return rates[len(self.decoding)] / len(self.decoding)

    def progress(self) -> None:
        """Give every decoding request the tokens it got since the last change."""
        if self.decoding:
            each = self.rate() * (self.env.now - self.moved_s)
            for request, _ in self.decoding.values():
                request.left -= each
        self.moved_s = self.env.now

    def watch(self) -> Generator[simpy.Event, Any, None]:
        """Wait for the next end of decoding, unless something changes before it."""
        self.version += 1
        version = self.version
        if not self.decoding:
            return
        least = min(request.left for request, _ in self.decoding.values())
        yield self.env.timeout(max(least, 0.0) / self.rate())
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

    def admit(self, request: ReferenceRequest) -> simpy.Event:
        """Return the event of getting a slot and cache, first come, first served."""
        event: simpy.Event = self.env.event()
        self.waiting.append((request, event))
        self.serve()
        return event

    def serve(self) -> None:
        """Admit who waits, in order, while there is room; an empty replica takes anyone."""
        while self.waiting and self.held < self.slots:
            request, event = self.waiting[0]
            wanted = request.input_tokens + 0.5 * request.output_tokens
            if self.held and self.cached + wanted > self.cache_tokens:
                return
            self.waiting.pop(0)
            self.held += 1
            self.cached += wanted
            event.succeed()

    def prefill(self, request: ReferenceRequest) -> Generator[simpy.Event, Any, None]:
        """Take a prompt in, after those before it."""
        self.progress()
        self.prefilling += 1
        self.env.process(self.watch())
        begin_s = max(self.env.now, self.prefilled_s)
        self.prefilled_s = begin_s + request.input_tokens / self.prefill_tok_s
        yield self.env.timeout(self.prefilled_s - self.env.now)
        self.progress()
        self.prefilling -= 1
        self.env.process(self.watch())

    def release(self, request: ReferenceRequest) -> None:
        """Give slot and cache back."""
        self.held -= 1
        self.cached -= request.input_tokens + 0.5 * request.output_tokens
        self.serve()


def _life(
    env: simpy.Environment, request: ReferenceRequest, replica: ReferenceReplica
) -> Generator[simpy.Event, Any, None]:
    yield env.timeout(request.arrival_s)
    yield replica.admit(request)
    yield from replica.prefill(request)
    request.first_s = env.now
    if request.output_tokens > 1:
        yield replica.decode(request)
    request.finish_s = env.now
    replica.release(request)


def run_requests(
    env: simpy.Environment, requests: Sequence[ReferenceRequest], replica: ReferenceReplica
) -> None:
    """Run requests, in order of arrival, to the end."""
    for request in requests:
        env.process(_life(env, request, replica))
    env.run()
