"""Scheduled bulk moves: over shared links, over a reserved line, or by road."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from computenet.compiled import B1, CompiledScenario
from computenet.scenario.network import BulkMoveSpec, NetworkSpec
from computenet.simulation.agenda import Agenda, Rank
from computenet.simulation.events import EventLog
from computenet.simulation.job_plane import JobPlane
from computenet.simulation.transfer_plane import TransferPlane
from computenet.units import BITS_PER_BYTE, SECONDS_PER_HOUR

__all__ = ["BulkMoves", "resident_data"]


def resident_data(compiled: CompiledScenario, spec: NetworkSpec) -> B1:
    """Return where datasets lie from the start, ``(R, C, I)``."""
    regions, classes, sites = compiled.regions, compiled.jobs.classes, compiled.sites.ids
    there = np.zeros((len(regions), len(classes), len(sites)), dtype=np.bool_)
    for item in spec.replicas:
        row = slice(None) if item.region is None else regions.index(item.region)
        there[row, classes.index(item.job_class), sites.index(item.site)] = True
    return there


@dataclass(slots=True)
class _Move:
    spec: BulkMoveSpec
    flow: int
    region: int
    site: int
    size_gb: float
    way: str = "waiting"
    begin_s: float = np.nan
    finish_s: float = np.nan
    cny: float = 0.0
    links: list[int] = field(default_factory=list)  # of a dedicated line that carries now
    since_s: float = 0.0
    sent_gb: float = 0.0
    version: int = 0
    settled: bool = False


class BulkMoves:
    """Carries out the moves of a scenario.

    A dedicated line takes its rate out of every link of the shortest way for as long as the move
    lasts; it waits while a link has no room, and is set up anew when one of its links is cut.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        spec: NetworkSpec,
        jobs: JobPlane,
        transfers: TransferPlane,
        agenda: Agenda,
        log: EventLog,
    ) -> None:
        self._compiled = compiled
        self._jobs = jobs
        self._transfers = transfers
        self._agenda = agenda
        self._log = log
        self._moves = [
            _Move(
                item,
                number,
                compiled.regions.index(item.region),
                compiled.sites.ids.index(item.site),
                1000.0 * item.size_tb,
            )
            for number, item in enumerate(spec.bulk_moves)
        ]
        for move in self._moves:
            begin_s = SECONDS_PER_HOUR * move.spec.ready_h
            if begin_s < compiled.horizon_s:
                agenda.at(begin_s, Rank.LINK, self._beginning(move))

    # ---- ways ---------------------------------------------------------------------------------

    def _beginning(self, move: _Move) -> Any:
        def act(now_s: float) -> None:
            self._jobs.advance(now_s)
            move.begin_s = now_s
            spec = move.spec
            way = self._cheapest(move, now_s) if spec.by == "cheapest" else spec.by
            move.way = way
            self._log.add(now_s, "bulk-move", spec.name, f"{spec.size_tb:g} TB, {way}")
            if way == "best-effort":
                self._jobs.begin_move(move.flow, now_s)
            elif way == "shipped":
                move.cny = spec.cny_per_tb * spec.size_tb
                self._finish_at(move, now_s + SECONDS_PER_HOUR * spec.lead_time_h)
            else:
                self._try_lines(now_s)

        return act

    def _price(self, move: _Move) -> float:
        return float(self._transfers.routes.price_cny_per_gb[move.region, move.site])

    def _cheapest(self, move: _Move, now_s: float) -> str:
        """Return the cheapest way that should meet the deadline, or the fastest if none should."""
        spec = move.spec
        left_s = SECONDS_PER_HOUR * (spec.deadline_h or np.inf) - now_s
        links = self._transfers.path(move.region, move.site)
        offers: dict[str, tuple[float, float]] = {}  # price, time
        if links is not None:
            rate = self._transfers.expected_rate(links, spec.weight)
            time_s = move.size_gb / rate if rate > 0.0 else 0.0
            offers["best-effort"] = (move.size_gb * self._price(move), time_s)
            if self._transfers.has_room(links, spec.gbps):
                time_s = move.size_gb * BITS_PER_BYTE / spec.gbps
                offers["dedicated"] = (self._line_cny(spec, time_s), time_s)
        time_s = SECONDS_PER_HOUR * spec.lead_time_h
        offers["shipped"] = (spec.cny_per_tb * spec.size_tb, time_s)
        timely = [way for way, (_, time_s) in offers.items() if time_s <= left_s]
        if timely:
            return min(timely, key=lambda way: offers[way][0])
        return min(offers, key=lambda way: offers[way][1])

    @staticmethod
    def _line_cny(spec: BulkMoveSpec, time_s: float) -> float:
        return spec.cny_per_gbps_h * spec.gbps * time_s / SECONDS_PER_HOUR

    # ---- dedicated lines ----------------------------------------------------------------------

    def _try_lines(self, now_s: float) -> None:
        """Set up every line that waits and has room, first come first served."""
        for move in self._moves:
            if move.way != "dedicated" or move.links or np.isfinite(move.finish_s):
                continue
            links = self._transfers.path(move.region, move.site)
            rate = move.spec.gbps / BITS_PER_BYTE
            if links is None or not self._transfers.has_room(links, move.spec.gbps):
                continue
            if not links:
                move.finish_s = now_s
                continue
            move.links, move.since_s = links, now_s
            move.version += 1
            self._jobs.reserve(links, move.spec.gbps, now_s)
            end_s = now_s + (move.size_gb - move.sent_gb) / rate
            if end_s < self._compiled.horizon_s:
                self._agenda.at(end_s, Rank.LINK, self._ending(move, move.version))

    def _ending(self, move: _Move, version: int) -> Any:
        def act(now_s: float) -> None:
            if move.version == version:
                self._release(move, now_s)
                move.finish_s = now_s
                self._log.add(now_s, "bulk-move-end", move.spec.name)
                self._try_lines(now_s)

        return act

    def _release(self, move: _Move, now_s: float) -> None:
        """Take a line down and write what it has carried."""
        if not move.links:
            return
        self._jobs.advance(now_s)
        self._count(move, now_s)
        self._jobs.reserve(move.links, -move.spec.gbps, now_s)
        move.links = []
        move.version += 1

    def count_lines(self, now_s: float) -> None:
        """Write what lines have carried so far; everything before `now_s` must be processed."""
        for move in self._moves:
            if move.links:
                self._count(move, now_s)

    def _count(self, move: _Move, now_s: float) -> None:
        sent = (now_s - move.since_s) * move.spec.gbps / BITS_PER_BYTE
        move.sent_gb += sent
        move.cny += self._line_cny(move.spec, now_s - move.since_s)
        self._transfers.carried_by_line(move.flow, move.links, move.since_s, now_s, sent)
        move.since_s = now_s

    def on_link(self, link: int, up: bool, now_s: float) -> None:
        """Answer a cut or a repair, after the network knows of it."""
        for move in self._moves if not up else ():
            if link in move.links:
                self._release(move, now_s)
        self._try_lines(now_s)

    # ---- what it leads to ---------------------------------------------------------------------

    def _finish_at(self, move: _Move, time_s: float) -> None:
        def act(now_s: float) -> None:
            move.finish_s = now_s
            self._log.add(now_s, "bulk-move-end", move.spec.name)

        if time_s < self._compiled.horizon_s:
            self._agenda.at(time_s, Rank.LINK, act)

    def settle(self) -> None:
        """Let jobs find what has arrived; called when the policy is about to plan."""
        for move in self._moves:
            if move.way == "best-effort" and not np.isfinite(move.finish_s):
                move.finish_s = self._jobs.move_ended_s(move.flow)
                if np.isfinite(move.finish_s):
                    self._log.add(move.finish_s, "bulk-move-end", move.spec.name)
            if np.isfinite(move.finish_s) and not move.settled:
                move.settled = True
                if move.spec.job_class is not None:
                    which = self._compiled.jobs.classes.index(move.spec.job_class)
                    self._jobs.resident[move.region, which, move.site] = True

    def finish(self, horizon_s: float) -> tuple[list[dict[str, Any]], float]:
        """Return how every move went, and what all cost."""
        for move in self._moves:
            self._release(move, horizon_s)
            if move.way == "best-effort":
                move.cny = self._jobs.move_cny(move.flow)
        self.settle()
        rows = []
        for move in self._moves:
            done = bool(np.isfinite(move.finish_s))
            deadline_h = move.spec.deadline_h
            finish_h = move.finish_s / SECONDS_PER_HOUR if done else None
            rows.append(
                {
                    "name": move.spec.name,
                    "region": move.spec.region,
                    "site": move.spec.site,
                    "size_tb": move.spec.size_tb,
                    "by": move.way,
                    "ready_h": move.spec.ready_h,
                    "finish_h": finish_h,
                    "deadline_h": deadline_h,
                    "met": None if deadline_h is None
                    else finish_h is not None and finish_h <= deadline_h,
                    "cny": move.cny,
                }
            )  # fmt: skip
        return rows, float(sum(move.cny for move in self._moves))
