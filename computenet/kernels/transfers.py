"""Bulk transfers: fluid flows that share links max-min fairly, exact in virtual time.

Flows on one route (a pair of places and a class of service) get equal rates, so the rate is a
property of the route and a virtual clock ``V`` counts the gigabytes each of its flows has sent: a
flow of `x` GB that starts at ``V`` ends at ``V + x``. Rates are the max-min fair ones by weight
(progressive filling: Bertsekas and Gallager, *Data Networks*, 1992, section 6.5.2), filled again
only for the routes and links that a start or an end can touch. A route without a path stalls; a
route of no links takes no time.

At one instant ends come before starts; among routes the lower index comes first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.skew_heap import meld

__all__ = [
    "Paths",
    "TransferOut",
    "TransferState",
    "advance_transfers",
    "advance_transfers_packed",
    "change_paths",
    "make_transfer_out",
    "make_transfer_state",
    "max_min_rates",
    "settle_transfers",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


class Paths(NamedTuple):
    """Routes (axis R) as lists of links (axis L), and capacities."""

    first: I8  # (R + 1,)
    link: I8  # links of each route
    users: I8  # (L + 1,)
    user: I8  # routes of each link
    capacity_gb_s: F8  # (L,)
    open: I8  # (R,) 1 = has a path (perhaps of no links)
    weight: F8  # (R,) share of a link that a flow of the route gets beside others
    slot_s: F8  # (1,)


class TransferState(NamedTuple):
    """Routes, links, and flows (axis n) in skew heaps by virtual end."""

    active: I8  # (R,) flows
    virtual_gb: F8  # (R,)
    virtual_s: F8  # (R,)
    rate_gb_s: F8  # (R,) of one flow
    next_s: F8  # (R,) next end
    root: I8  # (R,)
    key_gb: F8  # (n,)
    left: I8  # (n,)
    right: I8
    link_gb_s: F8  # (L,) carried now
    link_s: F8  # (L,) time up to which `carried_gb` is written
    mark: I8  # (R,) scratch
    link_mark: I8  # (L,)
    routes: I8  # (R,) scratch: a component
    links: I8  # (L,)
    left_gb_s: F8  # (L,)
    users: I8  # (L,)
    weighed: F8  # (L,) their weights
    fresh: F8  # (R,) scratch: new rates
    stamp: I8  # (1,)


class TransferOut(NamedTuple):
    """Ends in order of time, and gigabytes carried."""

    flow: I8  # (n,)
    finish_s: F8  # (n,)
    count: I8  # type: ignore[assignment]  # (1,)
    carried_gb: F8  # (L, S)


def make_transfer_state(n_flows: int, n_routes: int, n_links: int) -> TransferState:
    """Return the state of an idle network."""

    def whole(n: int, value: int = 0) -> I8:
        return np.full(n, value, dtype=np.int64)

    return TransferState(
        active=whole(n_routes),
        virtual_gb=np.zeros(n_routes),
        virtual_s=np.zeros(n_routes),
        rate_gb_s=np.zeros(n_routes),
        next_s=np.full(n_routes, np.inf),
        root=whole(n_routes, -1),
        key_gb=np.zeros(n_flows),
        left=whole(n_flows, -1),
        right=whole(n_flows, -1),
        link_gb_s=np.zeros(n_links),
        link_s=np.zeros(n_links),
        mark=whole(n_routes),
        link_mark=whole(n_links),
        routes=whole(n_routes),
        links=whole(n_links),
        left_gb_s=np.zeros(n_links),
        users=whole(n_links),
        weighed=np.zeros(n_links),
        fresh=np.zeros(n_routes),
        stamp=whole(1),
    )


def make_transfer_out(n_flows: int, n_links: int, n_slots: int) -> TransferOut:
    """Return empty results for up to `n_flows` flows."""
    return TransferOut(
        np.zeros(n_flows, dtype=np.int64),
        np.zeros(n_flows),
        np.zeros(1, dtype=np.int64),
        np.zeros((n_links, n_slots)),
    )


@njit_inline
def _carry(link: int, now_s: float, state: TransferState, paths: Paths, out: TransferOut) -> None:
    """Write what a link carried up to `now_s`, split at slot edges."""
    last = state.link_s[link]
    rate = state.link_gb_s[link]
    if now_s <= last:
        return
    state.link_s[link] = now_s
    if rate <= 0.0:
        return
    slot_s = paths.slot_s[0]
    final = out.carried_gb.shape[1] - 1
    s = min(int(last / slot_s), final)
    while last < now_s:
        edge = (s + 1) * slot_s
        if edge <= last and s < final:
            s += 1
            continue
        until = now_s if s == final else min(edge, now_s)
        out.carried_gb[link, s] += rate * (until - last)
        last = until
        s += 1


@njit_inline
def _component(route: int, state: TransferState, paths: Paths) -> tuple[int, int]:
    """Collect the active routes and the links that share anything with `route`."""
    state.stamp[0] += 1
    stamp = state.stamp[0]
    routes, links = 0, 0
    state.routes[0] = route
    state.mark[route] = stamp
    routes = 1
    done = 0
    while done < routes:
        r = state.routes[done]
        done += 1
        for k in range(paths.first[r], paths.first[r + 1]):
            link = paths.link[k]
            if state.link_mark[link] == stamp:
                continue
            state.link_mark[link] = stamp
            state.links[links] = link
            links += 1
            for u in range(paths.users[link], paths.users[link + 1]):
                other = paths.user[u]
                if state.active[other] > 0 and state.mark[other] != stamp:
                    state.mark[other] = stamp
                    state.routes[routes] = other
                    routes += 1
    return routes, links


@njit_inline
def _fill(routes: int, links: int, state: TransferState, paths: Paths) -> None:
    """Progressive filling over the collected routes and links, into `state.fresh`."""
    for j in range(links):
        link = state.links[j]
        state.left_gb_s[link] = paths.capacity_gb_s[link]
        state.users[link] = 0
        state.weighed[link] = 0.0
    for i in range(routes):
        r = state.routes[i]
        state.fresh[r] = -1.0
        if state.active[r] == 0 or paths.open[r] == 0:
            state.fresh[r] = 0.0
            continue
        for k in range(paths.first[r], paths.first[r + 1]):
            state.users[paths.link[k]] += state.active[r]
            state.weighed[paths.link[k]] += state.active[r] * paths.weight[r]
    while True:
        least, share = -1, np.inf
        for j in range(links):
            link = state.links[j]
            if state.users[link] > 0:
                level = max(state.left_gb_s[link], 0.0) / state.weighed[link]
                if level < share or (level == share and link < least):
                    least, share = link, level
        if least < 0:
            break
        for u in range(paths.users[least], paths.users[least + 1]):
            r = paths.user[u]
            if state.active[r] == 0 or state.fresh[r] >= 0.0:
                continue
            state.fresh[r] = share * paths.weight[r]
            for k in range(paths.first[r], paths.first[r + 1]):
                link = paths.link[k]
                state.left_gb_s[link] -= share * paths.weight[r] * state.active[r]
                state.users[link] -= state.active[r]
                state.weighed[link] -= paths.weight[r] * state.active[r]


@njit_inline
def _find_end(r: int, state: TransferState) -> None:
    flow = state.root[r]
    if flow < 0 or state.rate_gb_s[r] <= 0.0:
        state.next_s[r] = np.inf
    else:
        left = state.key_gb[flow] - state.virtual_gb[r]
        state.next_s[r] = state.virtual_s[r] + left / state.rate_gb_s[r]


@njit_inline
def _refill(route: int, now_s: float, state: TransferState, paths: Paths, out: TransferOut) -> None:
    """Give new rates to everything `route` can touch."""
    routes, links = _component(route, state, paths)
    _fill(routes, links, state, paths)
    for i in range(routes):
        r = state.routes[i]
        rate = state.fresh[r]
        if rate != state.rate_gb_s[r]:
            if state.active[r] > 0:
                passed = now_s - state.virtual_s[r]
                state.virtual_gb[r] += state.rate_gb_s[r] * passed
            state.virtual_s[r] = now_s
            state.rate_gb_s[r] = rate
        _find_end(r, state)
    for j in range(links):
        link = state.links[j]
        total = 0.0
        for u in range(paths.users[link], paths.users[link + 1]):
            r = paths.user[u]
            if state.active[r] > 0:
                total += state.rate_gb_s[r] * state.active[r]
        if total != state.link_gb_s[link]:
            _carry(link, now_s, state, paths, out)
            state.link_gb_s[link] = total


@njit_inline
def _report(flow: int, now_s: float, out: TransferOut) -> None:
    at = out.count[0]
    out.flow[at] = flow
    out.finish_s[at] = now_s
    out.count[0] = at + 1


@njit
def advance_transfers(
    flow: I8,
    start_s: F8,
    route: I8,
    size_gb: F8,
    count: int,
    state: TransferState,
    paths: Paths,
    until_s: float,
    out: TransferOut,
) -> float:
    """Start `count` flows (sorted by time, all before `until_s`) and process ends before it.

    Returns the time of the next end, infinite when nothing moves.

    Parameters
    ----------
    flow
        ``(count,)`` or longer: the flows that start now.
    start_s, route, size_gb
        ``(n,)`` start, route and gigabytes of every flow of the run.
    count
        How many start now.
    state, paths
        The network.
    until_s
        Ends at this time are left to the next call.
    out
        Ends are appended in order of time.
    """
    i = 0
    routes = state.next_s.shape[0]
    while True:
        ending, end_s = -1, np.inf
        for r in range(routes):
            if state.next_s[r] < end_s:
                ending, end_s = r, state.next_s[r]
        begin_s = start_s[flow[i]] if i < count else np.inf
        if end_s >= until_s and begin_s >= until_s:
            return float(end_s)
        if end_s <= begin_s:
            top = state.root[ending]
            state.virtual_gb[ending] = state.key_gb[top]
            state.virtual_s[ending] = end_s
            state.root[ending] = meld(
                state.left[top], state.right[top], state.key_gb, state.left, state.right
            )
            state.active[ending] -= 1
            _report(top, end_s, out)
            if state.active[ending] == 0:
                state.virtual_gb[ending] = 0.0
            _refill(ending, end_s, state, paths, out)
            continue
        f = flow[i]
        r, size = route[f], size_gb[f]
        i += 1
        local = paths.open[r] == 1 and paths.first[r] == paths.first[r + 1]
        if size <= 0.0 or local:
            _report(f, begin_s, out)
            continue
        if state.active[r] == 0:
            state.virtual_gb[r] = 0.0
        else:
            state.virtual_gb[r] += state.rate_gb_s[r] * (begin_s - state.virtual_s[r])
        state.virtual_s[r] = begin_s
        state.key_gb[f] = state.virtual_gb[r] + size
        state.left[f] = -1
        state.right[f] = -1
        state.root[r] = meld(state.root[r], f, state.key_gb, state.left, state.right)
        state.active[r] += 1
        _refill(r, begin_s, state, paths, out)


@njit
def advance_transfers_packed(
    flow: I8,
    start_s: F8,
    route: I8,
    size_gb: F8,
    count: int,
    state: tuple[Any, ...],
    paths: tuple[Any, ...],
    until_s: float,
    out: tuple[Any, ...],
) -> float:
    """Do `advance_transfers` with plain tuples, which cross from Python in a third of the time."""
    return advance_transfers(
        flow,
        start_s,
        route,
        size_gb,
        count,
        TransferState(*state),
        Paths(*paths),
        until_s,
        TransferOut(*out),
    )


@njit
def change_paths(
    now_s: float, state: TransferState, before: Paths, after: Paths, out: TransferOut
) -> None:
    """Go over to other paths or capacities at `now_s`; flows keep what they have sent."""
    for r in range(state.active.shape[0]):
        if state.active[r] > 0:
            state.virtual_gb[r] += state.rate_gb_s[r] * (now_s - state.virtual_s[r])
        state.virtual_s[r] = now_s
        state.rate_gb_s[r] = 0.0
    for link in range(state.link_gb_s.shape[0]):
        _carry(link, now_s, state, before, out)
        state.link_gb_s[link] = 0.0
    for r in range(state.active.shape[0]):
        if state.active[r] > 0:
            _refill(r, now_s, state, after, out)
        else:
            state.next_s[r] = np.inf


@njit
def settle_transfers(until_s: float, state: TransferState, paths: Paths, out: TransferOut) -> None:
    """Write what links carried up to `until_s`; only at the end of a run."""
    for link in range(state.link_gb_s.shape[0]):
        _carry(link, until_s, state, paths, out)


def sent_gb(state: TransferState, now_s: float) -> F8:
    """Return the gigabytes every flow of each route has sent since its virtual zero, ``(R,)``."""
    passed: F8 = state.virtual_gb + state.rate_gb_s * (now_s - state.virtual_s)
    return passed


def max_min_rates(flows: I8, paths: Paths) -> F8:
    """Return the max-min fair rate of one flow on each route, GB/s.

    Parameters
    ----------
    flows
        ``(R,)`` flows on each route.
    paths
        The routes.
    """
    state = make_transfer_state(0, len(flows), len(paths.capacity_gb_s))
    state.active[:] = flows
    rates = np.zeros(len(flows))
    for r in np.flatnonzero(flows > 0):
        routes, links = _component(int(r), state, paths)
        _fill(routes, links, state, paths)
        rates[r] = state.fresh[r]
    return rates
