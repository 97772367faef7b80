"""A conformance check that any policy can be run through, third-party ones included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from computenet.energy import RULES
from computenet.errors import InputError, Problem
from computenet.policies.check_gangs import check_gangs
from computenet.policies.example_views import example_views
from computenet.policies.other_future import other_future
from computenet.policies.protocol import Plan, Policy, SystemView

__all__ = ["check_plan", "check_policy", "example_views"]

#: How far a row of shares may be from 1.
TOLERANCE = 1e-9


def check_plan(plan: Plan, view: SystemView) -> list[Problem]:
    """Return what is wrong with a plan for a view."""
    if not isinstance(plan, Plan):
        return [Problem("plan", type(plan).__name__, "is no Plan", "what plan(view) returns")]
    problems: list[Problem] = []
    for name, shares, open_arcs in (
        ("request_shares", plan.request_shares, view.request_arc_open),
        ("job_shares", plan.job_shares, view.job_arc_open),
    ):
        path = f"plan.{name}"
        if not isinstance(shares, np.ndarray) or shares.dtype != np.float64:
            problems.append(Problem(path, type(shares).__name__, "is no array of float64"))
            continue
        if shares.shape != open_arcs.shape:
            problems.append(
                Problem(path, shares.shape, "has the wrong shape", str(open_arcs.shape))
            )
            continue
        if not np.isfinite(shares).all() or (shares < 0.0).any():
            problems.append(Problem(path, None, "holds a share that is negative or not finite"))
            continue
        if (shares[~open_arcs] > 0.0).any():
            problems.append(Problem(path, None, "gives a share to an arc that is closed"))
        total = np.asarray(shares.sum(axis=1), dtype=np.float64)
        wanted = np.asarray(open_arcs.any(axis=1), dtype=np.float64)
        wrong = np.flatnonzero(np.abs(total - wanted) > TOLERANCE)
        if name == "job_shares":
            wrong = wrong[total[wrong] > 0.0]
        if wrong.size:
            row = int(wrong[0])
            problems.append(
                Problem(
                    f"{path}[{row}]",
                    float(total[row]),
                    "a row does not sum to 1",
                    f"{float(wanted[row]):g}",
                )
            )
    problems += _check_amounts(plan, view)
    return problems


def _check_amounts(plan: Plan, view: SystemView) -> list[Problem]:
    """Return what is wrong with holds, releases and set-points."""
    problems: list[Problem] = []
    demands, sites = len(view.job_load_accelerators), len(view.compiled.sites.ids)
    groups = len(view.compiled.groups.ids)
    for name, values, n, low, high in (
        ("hold", plan.hold, demands, 0.0, 1.0),
        ("release_accelerator_s", plan.release_accelerator_s, demands, 0.0, np.inf),
        ("setpoint_mw", plan.setpoint_mw, sites, -np.inf, np.inf),
        ("serving_replicas", plan.serving_replicas, groups, 0.0, np.inf),
    ):
        if values is None:
            continue
        path = f"plan.{name}"
        if not isinstance(values, np.ndarray) or values.dtype != np.float64:
            problems.append(Problem(path, type(values).__name__, "is no array of float64"))
        elif values.shape != (n,):
            problems.append(Problem(path, values.shape, "has the wrong shape", str((n,))))
        elif np.isnan(values).any() or (values < low).any() or (values > high).any():
            problems.append(Problem(path, None, "is out of range", f"{low:g} to {high:g}"))
        elif name == "setpoint_mw" and not np.isfinite(values).all():
            problems.append(Problem(path, None, "is not finite"))
    problems += check_gangs(plan, view)
    by_plan = view.compiled.energy.battery.rule == RULES["plan"]
    if by_plan.any() and plan.setpoint_mw is None:
        sites_by_plan = np.asarray(view.compiled.sites.ids)[by_plan]
        problems.append(
            Problem(
                "plan.setpoint_mw",
                None,
                f"is missing, and storage of {', '.join(sites_by_plan)} follows the plan",
                "a policy that gives set-points, such as dispatch, or another rule of storage",
            )
        )
    return problems


def check_policy(make: Callable[[], Policy]) -> None:
    """Run a policy through example views and raise on the first kind of misbehaviour.

    Checked: it has `reset` and `plan`; plans have the right shapes, sum to 1 on open arcs and give
    nothing to closed ones, also when sites are down, demand is zero or far over capacity; the view
    and the scenario are not written to; the same seed gives the same plans; with other weather and
    other grid events to come, plans are the same, unless the policy says ``sees_ahead = True``.

    Parameters
    ----------
    make
        Returns a new policy, e.g. the class itself or ``lambda: MyPolicy(alpha=0.3)``.

    Raises
    ------
    InputError
        With every problem of the first view that shows one.
    """
    policy = make()
    if not isinstance(policy, Policy):
        raise InputError(
            [Problem("policy", type(policy).__name__, "has no methods reset and plan")],
            "policy does not conform",
        )
    names = list(example_views())
    first = _plans(policy, names)
    again = _plans(policy, names)
    other = _plans(make(), names)
    for name, *plans in zip(names, first, again, other, strict=True):
        for later in plans[1:]:
            if not _same(plans[0], later):
                raise InputError(
                    [Problem(f"view {name}", None, "the same seed gives another plan")],
                    "policy does not conform",
                )
    if not getattr(policy, "sees_ahead", False):
        _check_foresight(names, first, _plans(make(), names, other_future))


def _check_foresight(names: list[str], here: list[Plan], elsewhere: list[Plan]) -> None:
    for name, plan, other in zip(names, here, elsewhere, strict=True):
        if not _same(plan, other):
            raise InputError(
                [
                    Problem(
                        f"view {name}", None, "the plan goes by weather or grid events to come",
                        "what computenet.policies.outlook gives, or sees_ahead = True in the class",
                    )
                ],
                "policy does not conform",
            )  # fmt: skip


def _same(one: Plan, other: Plan) -> bool:
    return all(
        (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
        for a, b in (
            (getattr(one, name), getattr(other, name))
            for name in (
                "request_shares", "job_shares", "hold", "release_accelerator_s", "setpoint_mw",
                "serving_replicas", "gang_pool", "running_pool",
            )
        )
    )  # fmt: skip


def _plans(
    policy: Policy,
    names: list[str],
    world: Callable[[SystemView], SystemView] = lambda view: view,
) -> list[Plan]:
    views = example_views(bool(getattr(policy, "moves_gangs", False)))
    policy.reset(world(views[names[0]]).compiled, np.random.SeedSequence(7))
    out = []
    for name in names:
        view = world(views[name])
        before = _fingerprint(view)
        plan = policy.plan(view)
        problems = check_plan(plan, view)
        if _fingerprint(view) != before:
            problems.append(Problem("view", None, "was written to by the policy"))
        if problems:
            raise InputError(
                [replace(problem, path=f"view {name}: {problem.path}") for problem in problems],
                "policy does not conform",
            )
        out.append(plan)
    return out


def _fingerprint(record: Any) -> bytes:
    out = b""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            out += value.tobytes()
        elif hasattr(value, "__dataclass_fields__") and value is not None:
            out += _fingerprint(value)
    return out
