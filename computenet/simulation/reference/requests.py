"""A replica with limited processor sharing in plain SimPy, one process a request."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import ceil, inf, nan
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
    made: int = 0


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
        Tokens that the cache holds. When it is full the request admitted last is interrupted, goes
        to the head of the queue and takes prompt and tokens in again.
    """

    env: simpy.Environment
    slots: int
    prefill_tok_s: float
    decode_tok_s: Sequence[float]
    mixed_tok_s: Sequence[float]
    cache_tokens: float = inf
    prompts: list[int] = field(default_factory=list)
    running: list[ReferenceRequest] = field(default_factory=list)
    waiting: list[tuple[ReferenceRequest, simpy.Event]] = field(default_factory=list)
    decoding: dict[int, tuple[ReferenceRequest, simpy.Event]] = field(default_factory=dict)
    lives: dict[int, simpy.Process] = field(default_factory=dict)
    ends_s: dict[int, float] = field(default_factory=dict)
    moved_s: float = 0.0
    version: int = 0

    def rate(self) -> float:
        """Return tokens a second of each decoding request."""
        rates = self.mixed_tok_s if self.prompts else self.decode_tok_s
        return rates[len(self.decoding)] / len(self.decoding)

    def held(self) -> float:
        """Return the cache tokens held."""
        total = 0.0
        for request in self.running:
            total += request.input_tokens
            if request.index in self.decoding:
                total += request.output_tokens - request.left
            else:
                total += request.made
        return total

    def progress(self) -> None:
        """Give every decoding request the tokens it got since the last change."""
        if self.decoding:
            each = self.rate() * (self.env.now - self.moved_s)
            for request, _ in self.decoding.values():
                request.left -= each
        self.moved_s = self.env.now

    def watch(self) -> Generator[simpy.Event, Any, None]:
        """Wait for the next end of decoding or a full cache, unless something changes before."""
        self.version += 1
        version = self.version
        if not self.decoding:
            return
        least = max(min(request.left for request, _ in self.decoding.values()), 0.0)
        room = inf
        if len(self.running) > 1:
            room = max((self.cache_tokens - self.held()) / len(self.decoding), 0.0)
        yield self.env.timeout(min(least, room) / self.rate())
        if version != self.version:
            return
        self.progress()
        if least <= room:
            edge = min(request.left for request, _ in self.decoding.values()) + ROUNDING
            done = [key for key, (request, _) in self.decoding.items() if request.left <= edge]
            for key in done:
                self.decoding.pop(key)[1].succeed()
        else:
            self.preempt()
        self.env.process(self.watch())

    def preempt(self) -> None:
        """Interrupt the request admitted last."""
        request = self.running.pop()
        if request.index in self.decoding:
            self.decoding.pop(request.index)
            request.made = request.output_tokens - ceil(request.left - ROUNDING)
        else:
            self.prompts.remove(request.index)
            del self.ends_s[request.index]
        self.waiting.insert(0, (request, self.env.event()))
        self.lives[request.index].interrupt()

    def decode(self, request: ReferenceRequest) -> simpy.Event:
        """Start to decode a request; return the event of its last token."""
        self.progress()
        request.left = float(request.output_tokens - request.made - 1)
        event: simpy.Event = self.env.event()
        self.decoding[request.index] = (request, event)
        self.env.process(self.watch())
        return event

    def admit(self, request: ReferenceRequest) -> simpy.Event:
        """Return the event of getting a slot and cache, first come, first served."""
        event: simpy.Event = self.env.event()
        self.waiting.append((request, event))
        if len(self.waiting) == 1:
            self.serve()
        return event

    def again(self, request: ReferenceRequest) -> simpy.Event:
        """Return the event for which an interrupted request waits."""
        return next(event for waiting, event in self.waiting if waiting is request)

    def serve(self) -> None:
        """Admit who waits, in order, while there is room; an empty replica takes anyone."""
        while self.waiting and len(self.running) < self.slots:
            request, event = self.waiting[0]
            self.progress()
            wanted = request.input_tokens + request.made
            if self.running and self.held() + wanted > self.cache_tokens:
                return
            self.waiting.pop(0)
            self.running.append(request)
            event.succeed()

    def prefill(self, request: ReferenceRequest) -> Generator[simpy.Event, Any, None]:
        """Take a prompt in, after those before it."""
        self.progress()
        begin_s = max([self.env.now, *self.ends_s.values()])
        self.prompts.append(request.index)
        tokens = request.input_tokens + request.made
        self.ends_s[request.index] = begin_s + tokens / self.prefill_tok_s
        self.env.process(self.watch())
        yield self.env.timeout(self.ends_s[request.index] - self.env.now)
        self.progress()
        self.prompts.remove(request.index)
        del self.ends_s[request.index]
        self.env.process(self.watch())

    def release(self, request: ReferenceRequest) -> None:
        """Give slot and cache back."""
        self.running.remove(request)
        self.serve()
        self.progress()
        self.env.process(self.watch())


def _life(
    env: simpy.Environment, request: ReferenceRequest, replica: ReferenceReplica
) -> Generator[simpy.Event, Any, None]:
    yield env.timeout(request.arrival_s)
    event = replica.admit(request)
    while True:
        try:
            yield event
            yield from replica.prefill(request)
            if request.made == 0:
                request.first_s = env.now
            if request.output_tokens > request.made + 1:
                yield replica.decode(request)
            break
        except simpy.Interrupt:
            event = replica.again(request)
    request.finish_s = env.now
    replica.release(request)


def run_requests(
    env: simpy.Environment, requests: Sequence[ReferenceRequest], replica: ReferenceReplica
) -> None:
    """Run requests, in order of arrival, to the end."""
    for request in requests:
        replica.lives[request.index] = env.process(_life(env, request, replica))
    env.run()
