"""Datasets on their way: jobs' transfers over the wide-area network."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.kernels.transfers import (
    Paths,
    advance_transfers_packed,
    change_paths,
    make_transfer_out,
    make_transfer_state,
    settle_transfers,
)
from computenet.network import Routes, shortest_routes
from computenet.simulation.totals import LinkTotals
from computenet.units import BITS_PER_BYTE

__all__ = ["TransferPlane"]


class TransferPlane:
    """Flows from regions to sites; route ``(k * R + region) * I + site`` for service class `k`.

    Job classes of one transfer weight make one class of service.

    Parameters
    ----------
    compiled
        The scenario.
    n_flows
        Flows of the whole run, by job index.
    """

    def __init__(self, compiled: CompiledScenario, n_flows: int) -> None:
        self._compiled = compiled
        self._sites = len(compiled.sites.ids)
        self._regions = len(compiled.regions)
        n_links = len(compiled.network.link_ids)
        self.up = np.ones(n_links, dtype=np.bool_)
        self._weights, self.service = np.unique(compiled.jobs.transfer_weight, return_inverse=True)
        self.pairs = self._regions * self._sites
        n_routes = len(self._weights) * self.pairs
        self._state = make_transfer_state(n_flows, n_routes, n_links)
        self._out = make_transfer_out(n_flows, n_links, compiled.n_slots)
        self.size_gb = np.zeros(n_flows)
        self.route = np.zeros(n_flows, dtype=np.int64)
        self.next_end_s = np.inf
        self._reported = 0
        self._expected_gb = 0.0
        self._base_gb = np.zeros(n_routes)
        self.routes = self._find_routes()
        self._paths = self._make_paths()

    def _find_routes(self) -> Routes:
        return shortest_routes(self._compiled.network, self.up, self._regions)

    def _make_paths(self) -> Paths:
        routes, network = self.routes, self._compiled.network
        n_links = len(network.link_ids)
        classes = len(self._weights)
        lengths = np.tile(np.diff(routes.path_start), classes)
        link = np.tile(routes.path_link, classes)
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
            capacity_gb_s=np.where(self.up, network.capacity_gbps / BITS_PER_BYTE, 0.0),
            open=np.tile(np.isfinite(routes.oneway_ms).ravel(), classes).astype(np.int64),
            weight=np.repeat(self._weights, self.pairs).astype(np.float64),
            slot_s=np.asarray([self._compiled.slot_s]),
        )

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
        self.routes = self._find_routes()
        after = self._make_paths()
        change_paths(now_s, self._state, self._paths, after, self._out)
        self._paths = after
        self.next_end_s = float(self._state.next_s.min(initial=np.inf))

    def _sent_by_route(self, now_s: float) -> F8:
        """Return the gigabytes sent on every route since the start, from the flows."""
        done = self._out.flow[: self._reported]
        sent = np.bincount(
            self.route[done], weights=self.size_gb[done], minlength=len(self._base_gb)
        ).astype(np.float64)
        state = self._state
        for route in np.flatnonzero(state.active > 0):
            virtual = state.virtual_gb[route] + state.rate_gb_s[route] * (
                now_s - state.virtual_s[route]
            )
            stack = [int(state.root[route])]
            while stack:
                flow = stack.pop()
                if flow < 0:
                    continue
                sent[route] += virtual - (state.key_gb[flow] - self.size_gb[flow])
                stack += [int(state.left[flow]), int(state.right[flow])]
        return sent

    def _settle_expected(self, now_s: float) -> None:
        sent = self._sent_by_route(now_s)
        hops = np.diff(self._paths.first)
        self._expected_gb += float(((sent - self._base_gb) * hops).sum())
        self._base_gb = sent

    def finish(self, horizon_s: float) -> LinkTotals:
        """Write what links carried to the end."""
        settle_transfers(horizon_s, self._state, self._paths, self._out)
        self._settle_expected(horizon_s)
        return LinkTotals(self._out.carried_gb, self._expected_gb)
