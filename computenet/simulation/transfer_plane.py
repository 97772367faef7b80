"""Datasets on their way: jobs' transfers over the wide-area network."""

from __future__ import annotations

from typing import Any

import numpy as np

from computenet.compiled import B1, F8, I8, CompiledScenario
from computenet.kernels.job_window import renumbered
from computenet.kernels.transfers import (
    Paths,
    advance_transfers_packed,
    change_paths,
    make_transfer_out,
    make_transfer_state,
    settle_transfers,
)
from computenet.network import alternative_routes, shortest_routes
from computenet.scenario.network import NetworkSpec
from computenet.simulation.link_use import SentBy
from computenet.simulation.slots import seconds_by_slot
from computenet.simulation.totals import LinkTotals
from computenet.units import BITS_PER_BYTE

__all__ = ["TransferPlane"]


class TransferPlane:
    """Flows from regions to sites over the shortest way, or over several.

    Route ``((j * K + k) * R + region) * I + site`` for way `j` and class of service `k`; job
    classes and bulk moves of one weight make one class of service.

    Parameters
    ----------
    compiled
        The scenario.
    n_jobs
        Jobs at hand; flow `n` is that of job `n`, and those of bulk moves follow.
    spec
        Ways and bulk moves.
    """

    def __init__(self, compiled: CompiledScenario, n_jobs: int, spec: NetworkSpec) -> None:
        self._compiled = compiled
        self._spec = spec
        self.first_move = n_jobs
        self._flows = n_flows = n_jobs + len(spec.bulk_moves)
        self._sites = len(compiled.sites.ids)
        self._regions = len(compiled.regions)
        n_links = len(compiled.network.link_ids)
        self.up = np.ones(n_links, dtype=np.bool_)
        weights = np.append(
            compiled.jobs.transfer_weight, [move.weight for move in spec.bulk_moves]
        )
        self._weights, self._service = np.unique(weights, return_inverse=True)
        self._pairs = self._regions * self._sites
        n_routes = spec.paths * len(self._weights) * self._pairs
        self._state = make_transfer_state(n_flows, n_routes, n_links)
        self._out = make_transfer_out(n_flows, n_links, compiled.n_slots)
        self.size_gb = np.zeros(n_flows)
        self.route = np.zeros(n_flows, dtype=np.int64)
        self.next_end_s = np.inf
        self._reported = self._counted = 0
        self._expected_gb = 0.0
        self._base_gb = np.zeros(n_routes)
        self._done_gb = np.zeros(n_routes)  # of flows that ended and are counted
        self._reserved_gbps = np.zeros(n_links)
        self._line_gb = np.zeros((n_links, compiled.n_slots))
        self._line_expected_gb = self._line_sent_gb = 0.0
        demands = self._regions * len(compiled.jobs.classes)
        self.sent_by = SentBy(demands + len(spec.bulk_moves), n_links, n_flows)
        self.sent_by.owner[n_jobs:] = demands + np.arange(len(spec.bulk_moves))
        self._turn = np.zeros(self._pairs)
        self._unpriced = np.zeros(0, dtype=np.int64)  # flows that had no way when they began
        for number, move in enumerate(spec.bulk_moves):
            flow = n_jobs + number
            pair = compiled.regions.index(move.region) * self._sites
            pair += compiled.sites.ids.index(move.site)
            self.route[flow] = pair
            self.size_gb[flow] = 1000.0 * move.size_tb
        self._find_routes()
        self._paths = self._make_paths()

    def _find_routes(self) -> None:
        network = self._compiled.network
        self.routes = shortest_routes(network, self.up, self._regions)
        self._ways = (
            alternative_routes(
                network, network.capacity_gbps, self.up, self._regions, self._spec.paths,
                self._spec.stretch,
            )
            if self._spec.paths > 1
            else None
        )  # fmt: skip

    def _links_by_route(self) -> tuple[I8, I8]:
        """Return how many links each route has, and the links in order of routes."""
        routes, classes = self.routes, len(self._weights)
        if self._ways is None:
            lengths = np.tile(np.diff(routes.path_start), classes)
            return lengths, np.tile(routes.path_link, classes)
        chosen: list[list[int]] = []
        for way in range(self._spec.paths):
            for _ in range(classes):
                # Where there are fewer ways, the later ones are the first again.
                chosen += [ways[way % len(ways)] if ways else [] for ways in self._ways.paths]
        lengths = np.asarray([len(hops) for hops in chosen], dtype=np.int64)
        return lengths, np.asarray([hop for hops in chosen for hop in hops], dtype=np.int64)

    def _make_paths(self) -> Paths:
        routes, network = self.routes, self._compiled.network
        n_links = len(network.link_ids)
        times = self._spec.paths * len(self._weights)
        lengths, link = self._links_by_route()
        first = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=first[1:])
        owner = np.repeat(np.arange(len(lengths)), lengths)
        order = np.argsort(link, kind="stable")
        users = np.zeros(n_links + 1, dtype=np.int64)
        np.cumsum(np.bincount(link, minlength=n_links), out=users[1:])
        return Paths(
            first=first,
            link=link.astype(np.int64),
            users=users,
            user=owner[order].astype(np.int64),
            capacity_gb_s=self.free_gbps() / BITS_PER_BYTE,
            open=np.tile(np.isfinite(routes.oneway_ms).ravel(), times).astype(np.int64),
            weight=np.tile(np.repeat(self._weights, self._pairs), self._spec.paths),
            slot_s=np.asarray([self._compiled.slot_s]),
        )

    def free_gbps(self) -> F8:
        """Return the rate of links now, ``(L,)``, dedicated lines and cut links taken out."""
        free: F8 = np.where(
            self.up, self._compiled.network.capacity_gbps - self._reserved_gbps, 0.0
        )
        return free

    def set_service(self, flows: I8, kind: I8) -> F8:
        """Turn the pairs of flows into routes: give them a class of service and a way.

        Parameters
        ----------
        flows
            Flows whose `route` is their pair, in order of start.
        kind
            Job class of each, or the number of job classes and of the bulk move.

        Returns
        -------
        F8
            Price of a gigabyte on the way of each flow, CNY; 0 where there is none now, in which
            case :meth:`late_prices` has it once there is.
        """
        pair = self.route[flows]
        self._unpriced = np.append(self._unpriced, flows[~self._has_way(pair)])
        way = np.zeros(len(flows), dtype=np.int64)
        price = self.routes.price_cny_per_gb.ravel()[pair]
        if self._ways is not None:
            # Turns of a pair fall evenly in 0 to 1 (multiples of the golden ratio).
            order = np.argsort(pair, kind="stable")
            first = np.searchsorted(pair[order], pair[order], side="left")
            turn = np.empty(len(flows))
            turn[order] = np.arange(len(flows)) - first
            place = ((self._turn[pair] + turn) * 0.6180339887498949) % 1.0
            np.add.at(self._turn, pair, 1.0)
            way = (place[:, None] >= self._ways.until[pair]).sum(axis=1)
            price = self._ways.price_cny_per_gb[pair, way]
        service = self._service[kind]
        self.route[flows] = (way * len(self._weights) + service) * self._pairs + pair
        return price

    def _has_way(self, pair: I8) -> B1:
        has_way: B1 = np.isfinite(self.routes.oneway_ms).ravel()[pair]
        return has_way

    def late_prices(self) -> tuple[I8, F8]:
        """Return flows that began without a way and have one now, and what each pays, CNY."""
        flows = self._unpriced
        pair = self.route[flows] % self._pairs
        found = self._has_way(pair)
        self._unpriced = flows[~found]
        # Without a way a flow takes the first there will be, which is the shortest.
        price = self.routes.price_cny_per_gb.ravel()[pair[found]]
        return flows[found], price * self.size_gb[flows[found]]

    def add_flow(self, region: int, site: int, size_gb: float, owner: int) -> int:
        """Return a new flow of a pair for a job demand, beyond those of jobs' first transfers."""
        flow = self._flows
        self._flows += 1
        if flow == len(self.size_gb):
            more = max(1024, flow // 8)
            grown = {
                name: np.append(getattr(self._state, name), np.full(more, -1))
                for name in ("key_gb", "left", "right")
            }
            self._state = self._state._replace(**grown)
            self._out = self._out._replace(
                flow=np.append(self._out.flow, np.zeros(more, dtype=np.int64)),
                finish_s=np.append(self._out.finish_s, np.zeros(more)),
            )
            self.size_gb = np.append(self.size_gb, np.zeros(more))
            self.route = np.append(self.route, np.zeros(more, dtype=np.int64))
            by = self.sent_by
            by.owner = np.append(by.owner, np.zeros(more, dtype=np.int64))
            by.told_gb = np.append(by.told_gb, np.zeros(more))
        self.sent_by.owner[flow] = owner
        self.route[flow] = region * self._sites + site
        self.size_gb[flow] = size_gb
        return flow

    def path(self, region: int, site: int) -> list[int] | None:
        """Return the links of the shortest way now, or ``None`` where there is none."""
        routes = self.routes
        if not np.isfinite(routes.oneway_ms[region, site]):
            return None
        route = region * self._sites + site
        hops: list[int] = routes.path_link[
            routes.path_start[route] : routes.path_start[route + 1]
        ].tolist()
        return hops

    def has_room(self, links: list[int], gbps: float) -> bool:
        """Return whether a line may be reserved: some of every link is left for the others."""
        left = self._compiled.network.capacity_gbps - self._reserved_gbps
        return all(gbps < left[link] for link in links)

    def expected_rate(self, links: list[int], weight: float) -> float:
        """Return what a new flow of this weight would get beside those there now, GB/s."""
        paths, active = self._paths, self._state.active
        rates = []
        for link in links:
            users = paths.user[paths.users[link] : paths.users[link + 1]]
            others = float((active[users] * paths.weight[users]).sum())
            rates.append(paths.capacity_gb_s[link] * weight / (weight + others))
        return float(min(rates, default=0.0))

    def reserve(self, links: list[int], gbps: float, now_s: float) -> None:
        """Take a rate out of links, or give it back if it is negative."""
        self._settle_expected(now_s)
        self._reserved_gbps[links] += gbps
        self._change(now_s)

    def carried_by_line(
        self, move: int, links: list[int], begin_s: float, end_s: float, gb: float
    ) -> None:
        """Write what the dedicated line of a bulk move carried."""
        moves = len(self._spec.bulk_moves)
        self.sent_by.gb[move - moves, links] += gb  # their rows are the last
        if end_s > begin_s:
            slots, seconds = seconds_by_slot(self._compiled, begin_s, end_s)
            self._line_gb[links, slots] += gb * seconds / (end_s - begin_s)
        self._line_expected_gb += gb * len(links)
        self._line_sent_gb += gb

    def advance(self, flows: I8, count: int, start_s: F8, until_s: float) -> tuple[I8, F8]:
        """Start `count` flows and return the (job, time) of those that ended before `until_s`.

        `route` and `size_gb` hold the route and the gigabytes of every flow.
        """
        self.next_end_s = advance_transfers_packed(
            flows, start_s, self.route, self.size_gb, count, tuple(self._state),
            tuple(self._paths), until_s, tuple(self._out),
        )  # fmt: skip
        first, self._reported = self._reported, int(self._out.count[0])
        return self._out.flow[first : self._reported], self._out.finish_s[first : self._reported]

    def set_link(self, link: int, up: bool, now_s: float) -> None:
        """Cut or repair a link; flows go on over the shortest way that is left."""
        self._settle_expected(now_s)
        self.up[link] = up
        self._find_routes()
        self._change(now_s)

    def _change(self, now_s: float) -> None:
        after = self._make_paths()
        change_paths(now_s, self._state, self._paths, after, self._out)
        self._paths = after
        self.next_end_s = float(self._state.next_s.min(initial=np.inf))

    def _sent_by_route(self, now_s: float) -> F8:
        """Return the gigabytes sent on every route since the start, from the flows."""
        self._count_done()
        sent = self._done_gb.copy()
        state = self._state
        flows: list[int] = []
        amounts: list[float] = []
        for route in np.flatnonzero(state.active > 0):
            virtual = state.virtual_gb[route] + state.rate_gb_s[route] * (
                now_s - state.virtual_s[route]
            )
            stack = [int(state.root[route])]
            while stack:
                flow = stack.pop()
                if flow < 0:
                    continue
                amount = float(virtual - (state.key_gb[flow] - self.size_gb[flow]))
                sent[route] += amount
                flows.append(flow)
                amounts.append(amount)
                stack += [int(state.left[flow]), int(state.right[flow])]
        at = np.asarray(flows, dtype=np.int64)
        self.sent_by.tell(at, np.asarray(amounts), self.route[at], self._paths)
        return sent

    def _count_done(self) -> None:
        """Count the flows that ended since the last time."""
        done = self._out.flow[self._counted : self._reported]
        np.add.at(self._done_gb, self.route[done], self.size_gb[done])
        self.sent_by.tell(done, self.size_gb[done], self.route[done], self._paths)
        self._counted = self._reported

    def move_window(self, keep: I8, number: I8, size_gb: F8, owner: I8) -> None:
        """Let jobs that ended leave and later ones come; flows are renumbered with their jobs.

        Parameters
        ----------
        keep, number
            Jobs that stay, and the new number of each job (-1 = it leaves).
        size_gb, owner
            Of the jobs that come.
        """
        self._count_done()
        before, more = self.first_move, len(size_gb)
        beyond = self._flows - before
        first = len(keep) + more
        flows = np.concatenate([keep, np.arange(before, before + beyond)])
        named = np.full(before + beyond, -1, dtype=np.int64)
        named[:before] = number
        named[before:] = first + np.arange(beyond)

        def column(values: Any, value: float, fresh: F8 | I8 | None = None) -> Any:
            out = np.full(first + beyond, value, dtype=values.dtype)
            out[: len(keep)] = values[keep]
            out[first:] = values[flows[len(keep) :]]
            if fresh is not None:
                out[len(keep) : first] = fresh
            return out

        state = self._state
        self._state = state._replace(
            root=renumbered(state.root, named),
            key_gb=column(state.key_gb, 0.0),
            left=renumbered(column(state.left, -1), named),
            right=renumbered(column(state.right, -1), named),
        )
        self._out = self._out._replace(
            flow=np.zeros(first + beyond, dtype=np.int64), finish_s=np.zeros(first + beyond)
        )
        self._out.count[0] = 0
        self._reported = self._counted = 0
        self.size_gb = column(self.size_gb, 0.0, size_gb)
        self.sent_by.owner = column(self.sent_by.owner, 0, owner)
        self.sent_by.told_gb = column(self.sent_by.told_gb, 0.0)
        self.route = column(self.route, 0)
        unpriced = named[self._unpriced]
        self._unpriced = unpriced[unpriced >= 0]
        self.first_move, self._flows = first, first + beyond

    def carried_by_sender(self, now_s: float) -> F8:
        """Return what jobs' demands, then bulk moves, have sent over each link by now.

        ``(Q + moves, L)``, GB; everything before `now_s` must be processed.
        """
        self._sent_by_route(now_s)
        return self.sent_by.gb.copy()

    def _settle_expected(self, now_s: float) -> None:
        sent = self._sent_by_route(now_s)
        hops = np.diff(self._paths.first)
        self._expected_gb += float(((sent - self._base_gb) * hops).sum())
        self._base_gb = sent

    def finish(self, horizon_s: float) -> LinkTotals:
        """Write what links carried to the end."""
        settle_transfers(horizon_s, self._state, self._paths, self._out)
        self._settle_expected(horizon_s)
        return LinkTotals(
            self._out.carried_gb + self._line_gb,
            self._expected_gb + self._line_expected_gb,
            float(self._base_gb.sum()) + self._line_sent_gb,
        )
