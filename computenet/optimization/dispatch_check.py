"""Shapes and numbers of a dispatch problem, all problems at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem

if TYPE_CHECKING:
    from computenet.optimization.dispatch_problem import DispatchProblem

__all__ = ["RELAXED", "TABLE", "checked"]

F8 = NDArray[np.float64]

ANY, POSITIVE, AT_LEAST_0, SHARE, ABOVE_0 = (
    "a number", "above 0", "0 or more", "from 0 to 1", "above 0, up to 1",
)  # fmt: skip

#: Axes of each array and what its numbers may be; ``~`` = infinite is allowed; an index names the
#: axis that it points into.
TABLE: dict[str, dict[str, tuple[str, str]]] = {
    "fleet": {
        "pool_site": ("P", "index I"),
        "job_accelerators": ("TP", AT_LEAST_0),
        "serving_accelerators": ("TP", AT_LEAST_0),
        "serving_utilisation": ("P", ABOVE_0),
        "serving_reserve": ("P", AT_LEAST_0),
        "switch_cny": ("P", "~" + AT_LEAST_0),
    },
    "requests": {
        "rate_per_s": ("TD", AT_LEAST_0),
        "unmet_cny": ("D", AT_LEAST_0),
        "arc_demand": ("A", "index D"),
        "arc_group": ("A", "index G"),
        "arc_accelerator_s": ("A", AT_LEAST_0),
        "arc_it_mwh": ("A", AT_LEAST_0),
        "arc_cny": ("A", ANY),
        "arc_open": ("TA", "bool"),
        "group_pool": ("G", "index P"),
        "group_accelerators": ("TG", "~" + AT_LEAST_0),
    },
    "work": {
        "arrivals_accelerator_h": ("TJ", AT_LEAST_0),
        "due_accelerator_h": ("TJ", AT_LEAST_0),
        "speed": ("JP", AT_LEAST_0),
        "active_w": ("JP", AT_LEAST_0),
        "parallelism": ("TJ", "~" + AT_LEAST_0),
        "late_cny": ("J", "~" + AT_LEAST_0),
        "waiting_cny": ("J", AT_LEAST_0),
        "unfinished_cny": ("J", AT_LEAST_0),
    },
    "data": {
        "gb_per_accelerator_h": ("J", AT_LEAST_0),
        "here": ("JI", "bool"),
        "open": ("JI", "bool"),
        "price_cny_per_gb": ("JI", AT_LEAST_0),
        "link_gb": ("TL", "~" + AT_LEAST_0),
        "route_stream": ("N", "index J"),
        "route_site": ("N", "index I"),
        "route_link": ("N", "index L"),
    },
    "power": {
        "fixed_mw": ("TI", AT_LEAST_0),
        "pue": ("TI", POSITIVE),
        "price_cny_per_mwh": ("TI", ANY),
        "limit_mw": ("TI", "~" + AT_LEAST_0),
        "generation_mw": ("TI", AT_LEAST_0),
        "generation_cny_per_mwh": ("TI", ANY),
        "battery_mw": ("I", AT_LEAST_0),
        "battery_mwh": ("I", AT_LEAST_0),
        "battery_efficiency": ("I", ABOVE_0),
        "cycle_cny_per_mwh": ("I", AT_LEAST_0),
        "stored_cny_per_mwh": ("I", ANY),
        "demand_charge_cny_per_mw": ("I", AT_LEAST_0),
        "month_of_slot": ("T", "index M"),
        "month_share": ("M", AT_LEAST_0),
    },
    "green": {
        "zone": ("I", "index Z"),
        "share_min": ("Z", SHARE),
        "premium_cny_per_mwh": ("TI", ANY),
        "green_limit_mw": ("TI", "~" + AT_LEAST_0),
        "emission_kg_per_mwh": ("TI", AT_LEAST_0),
        "carbon_cap_kg": ("Z", "~" + AT_LEAST_0),
    },
    "carry": {
        "backlog_accelerator_h": ("J", AT_LEAST_0),
        "buffer_gb": ("JI", AT_LEAST_0),
        "stored_mwh": ("I", AT_LEAST_0),
        "peak_mw": ("I", AT_LEAST_0),
        "green_mwh": ("Z", AT_LEAST_0),
        "consumed_mwh": ("Z", AT_LEAST_0),
        "carbon_kg": ("Z", AT_LEAST_0),
        "lent": ("P", AT_LEAST_0),
    },
}
#: Prices at which hard constraints give way.
RELAXED = (
    "unserved_cny_per_mwh", "green_short_cny_per_mwh", "carbon_over_cny_per_kg", "deadline_cny",
)  # fmt: skip


def checked(problem: DispatchProblem) -> dict[str, Any]:
    """Return the parts of a problem with every array in its shape.

    Raises
    ------
    InputError
        Something is wrong.
    """
    found: list[Problem] = []
    sizes = _sizes(problem)
    parts: dict[str, Any] = {}
    hours = np.atleast_1d(np.asarray(problem.hours, dtype=np.float64))
    if not len(hours) or not (np.isfinite(hours).all() and (hours > 0.0).all()):
        found.append(Problem("hours", problem.hours, "slots need a length", POSITIVE))
    parts["hours"] = hours
    for part, table in TABLE.items():
        given = getattr(problem, part)
        if given is None:
            continue
        parts[part] = replace(
            given,
            **{
                name: _fit(f"{part}.{name}", getattr(given, name), axes, rule, sizes, found)
                for name, (axes, rule) in table.items()
            },
        )
    for name in RELAXED:
        value = getattr(problem, name)
        if not value >= 0.0:
            found.append(Problem(name, value, "a price is wrong", "0 or more, or infinite"))
    for path, given in (
        ("green.carbon_cny_per_t", problem.green.carbon_cny_per_t if problem.green else 0.0),
        ("data.holding_cny_per_gb_h", problem.data.holding_cny_per_gb_h if problem.data else 0.0),
    ):
        if not 0.0 <= given < np.inf:
            found.append(Problem(path, given, "a price is wrong", AT_LEAST_0 + ", finite"))
    if not found:
        _together(parts, found)
    if found:
        raise InputError(found, "the dispatch problem cannot be used")
    return parts


def _sizes(problem: DispatchProblem) -> dict[str, tuple[int, tuple[str, ...]]]:
    data, green = problem.data, problem.green
    named = {
        "I": problem.fleet.sites, "P": problem.fleet.pools, "D": problem.requests.names,
        "G": problem.requests.groups, "J": problem.work.names,
        "L": data.links if data else (), "Z": green.zones if green else ("network",),
    }  # fmt: skip
    counts = {
        "T": np.size(problem.hours), "A": np.size(problem.requests.arc_demand),
        "N": np.size(data.route_stream) if data else 0, "M": np.size(problem.power.month_share),
    }  # fmt: skip
    return {axis: (len(names), names) for axis, names in named.items()} | {
        axis: (count, ()) for axis, count in counts.items()
    }


def _fit(
    path: str,
    given: object,
    axes: str,
    rule: str,
    sizes: dict[str, tuple[int, tuple[str, ...]]],
    found: list[Problem],
) -> NDArray[Any]:
    """Return an array in its shape; add what is wrong with it to `found`."""
    shape = tuple(sizes[axis][0] for axis in axes)
    kind = np.int64 if rule.startswith("index") else np.bool_ if rule == "bool" else np.float64
    raw = np.asarray(given)
    wanted = f"{len(shape)} axes ({', '.join(axes)}) of {', '.join(map(str, shape))}"
    if not raw.size and not np.prod(shape):
        return np.zeros(shape, dtype=kind)
    try:
        if kind is np.int64 and raw.size and not (raw == raw.astype(np.int64)).all():
            raise ValueError
        values: NDArray[Any] = np.array(np.broadcast_to(raw.astype(kind), shape))
    except (ValueError, TypeError):
        found.append(Problem(path, raw.shape, "the array does not fit", wanted))
        return np.zeros(shape, dtype=kind)
    if rule == "bool":
        return values
    if kind is np.int64:
        most = sizes[rule[-1]][0]
        wrong = (values < 0) | (values >= most)
        allowed = f"0 to {most - 1}"
    else:
        wrong, allowed = _outside(values, rule)
    if wrong.any():
        at = tuple(int(k) for k in np.argwhere(wrong)[0])
        names = [
            sizes[axis][1][k] if sizes[axis][1] else f"{axis}={k}"
            for axis, k in zip(axes, at, strict=True)
        ]
        count = int(wrong.sum())
        more = f", and {count - 1} more" if count > 1 else ""
        found.append(
            Problem(
                f"{path}[{', '.join(names)}]", values[at], f"the number is wrong{more}", allowed
            )
        )
    return values


def _outside(values: F8, rule: str) -> tuple[NDArray[np.bool_], str]:
    infinite = rule.startswith("~")
    kind = rule.removeprefix("~")
    wrong = np.isnan(values) | (np.isneginf(values) if infinite else np.isinf(values))
    if kind in (POSITIVE, ABOVE_0):
        wrong |= values <= 0.0
    if kind in (AT_LEAST_0, SHARE):
        wrong |= values < 0.0
    if kind in (SHARE, ABOVE_0):
        wrong |= values > 1.0
    return wrong, f"{kind}, or infinite" if infinite else f"{kind}, finite"


def _together(parts: dict[str, Any], found: list[Problem]) -> None:
    """Check what concerns several arrays."""
    power, carry, work = parts["power"], parts["carry"], parts["work"]
    full = carry.stored_mwh > power.battery_mwh * (1.0 + 1e-9) + 1e-9
    found += [
        Problem(
            f"carry.stored_mwh[{parts['fleet'].sites[i]}]",
            float(carry.stored_mwh[i]),
            "more is stored than the battery holds",
            f"up to {power.battery_mwh[i]:g}",
        )
        for i in np.flatnonzero(full).tolist()
    ]
    if (np.diff(power.month_of_slot) < 0).any() or (power.month_of_slot[:1] != 0).any():
        found.append(
            Problem("power.month_of_slot", power.month_of_slot, "months go up from 0 in slot 0")
        )
    released = carry.backlog_accelerator_h + np.cumsum(work.arrivals_accelerator_h, axis=0)
    due = np.cumsum(work.due_accelerator_h, axis=0)
    early = due > released * (1.0 + 1e-9) + 1e-6
    for j in np.flatnonzero(early.any(axis=0)).tolist():
        t = int(np.argmax(early[:, j]))
        found.append(
            Problem(
                f"work.due_accelerator_h[T={t}, {work.names[j]}]", due[t, j],
                "more work is due than has been released", f"up to {released[t, j]:g} by then",
            )
        )  # fmt: skip
