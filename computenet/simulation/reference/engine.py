"""A replica under continuous batching, one engine step after another, in plain Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

__all__ = ["EngineRequest", "ReferenceEngine", "run_engine_requests"]

#: Time of a step from the requests decoding, the tokens of cache they hold, and the prompt chunks
#: as (tokens, tokens of the prompt computed before).
StepTime = Callable[[int, int, Sequence[tuple[int, int]]], float]


@dataclass(slots=True, eq=False)
class EngineRequest:
    """A request and what became of it."""

    index: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    first_s: float = nan
    finish_s: float = nan
    made: int = 0
    left: int = 0
    length: int = 0
    preempted: int = 0


@dataclass(slots=True)
class ReferenceEngine:
    """What an engine has; see `computenet.kernels.engine` for what it does."""

    slots: int
    budget: int
    blocks: int
    block: int
    lag: int
    step_s: StepTime

    def of(self, tokens: int) -> int:
        """Return the blocks that hold some tokens."""
        return -(-tokens // self.block)


def run_engine_requests(requests: Sequence[EngineRequest], engine: ReferenceEngine) -> int:
    """Run requests, in order of arrival, to the end; return the number of steps."""
    waiting: deque[EngineRequest] = deque()
    running: list[EngineRequest] = []
    upcoming = deque(requests)
    free, given, ended, steps = engine.blocks, 0, 0, 0
    now = seen_s = 0.0
    while upcoming or waiting or running:
        if not running and not waiting:
            now = seen_s = upcoming[0].arrival_s
            waiting.append(upcoming.popleft())
            free, given, ended = free + given, 0, 0
        while True:
            preempted = False
            decoding = [request for request in running if not request.left]
            while sum(request.length % engine.block == 0 for request in decoding) > free:
                last = running.pop()
                if last in decoding:
                    decoding.remove(last)
                    free += engine.of(last.length)
                else:
                    free += engine.of(last.input_tokens + last.made)
                last.left = last.length = last.cached_tokens = 0
                last.preempted += 1
                waiting.appendleft(last)
                preempted = True
            free -= sum(request.length % engine.block == 0 for request in decoding)
            budget = engine.budget - len(decoding)
            chunks: list[tuple[EngineRequest, int, int]] = []
            for request in running:
                tokens = min(request.left, budget)
                if tokens > 0:
                    before = request.input_tokens + request.made - request.left
                    chunks.append((request, tokens, before))
                    budget -= tokens
            while waiting and budget > 0 and not preempted:
                head = waiting[0]
                whole = head.input_tokens + head.made
                if (
                    head.arrival_s > seen_s
                    or len(running) + ended >= engine.slots
                    or engine.of(whole) > free
                ):
                    break
                running.append(waiting.popleft())
                free -= engine.of(whole)
                head.left = whole - min(head.cached_tokens, whole - 1)
                tokens = min(head.left, budget)
                chunks.append((head, tokens, whole - head.left))
                budget -= tokens
            if running or not waiting:
                break
            free, given, ended, seen_s = free + given, 0, 0, now
        if not running:
            continue
        begin = now
        cache = sum(request.length for request in decoding)
        now += engine.step_s(
            len(decoding), cache, [(tokens, before) for _, tokens, before in chunks]
        )
        steps += 1
        free, given, ended = free + given, 0, 0
        for request in decoding:
            request.length += 1
            request.made += 1
        for request, tokens, _ in chunks:
            request.left -= tokens
            if not request.left:
                request.length = request.input_tokens + request.made
                request.made += 1
                if request.first_s != request.first_s:
                    request.first_s = now
        done = [request for request in running if request.made == request.output_tokens]
        for request in done:
            request.finish_s = now
            running.remove(request)
            given += engine.of(request.length)
        ended = len(done)
        seen_s = now
        if engine.lag:
            seen_s = begin
        else:
            free, given, ended = free + given, 0, 0
        while upcoming and upcoming[0].arrival_s < now:
            waiting.append(upcoming.popleft())
    return steps
