"""Policies by name: the built-in ones, and those of installed packages.

A package adds a policy by an entry point of the group ``computenet.policies``. Scenario files name
registered policies only, never an import path: a file must not run code.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

from pydantic import ValidationError, create_model

from computenet.errors import InputError, Problem, nearest
from computenet.policies.protocol import Policy
from computenet.validation import Numbers, problems_of

__all__ = ["make_policy", "policy_names", "policy_parameters"]

GROUP = "computenet.policies"
BUILT_IN = {
    "nearest": "computenet.policies.nearest:Nearest",
    "cheapest": "computenet.policies.cheapest:Cheapest",
    "fair": "computenet.policies.fair:Fair",
    "greenest": "computenet.policies.greenest:Greenest",
    "least-loaded": "computenet.policies.least_loaded:LeastLoaded",
    "proportional": "computenet.policies.proportional:Proportional",
    "random": "computenet.policies.random:Random",
    "matching": "computenet.policies.matching:MatchingPolicy",
    "dispatch": "computenet.policies.dispatch:DispatchPolicy",
    "gang": "computenet.policies.gang:GangPolicy",
    "replay": "computenet.policies.replay:Replay",
}


@cache
def _registered() -> dict[str, EntryPoint]:
    """Return other packages' entry points; a built-in name cannot be taken over."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in BUILT_IN}


def policy_names() -> list[str]:
    """Return the names of all policies, built-in ones first."""
    return [*BUILT_IN, *sorted(_registered())]


def _class_of(name: str) -> type[Any]:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: type[Any] = getattr(import_module(module), attribute)
        return found
    loaded: type[Any] = _registered()[name].load()
    return loaded


def make_policy(name: str, parameters: Mapping[str, object]) -> Policy:
    """Return a policy by name, its parameters checked against its constructor's type hints.

    Raises
    ------
    InputError
        No such policy, or a parameter it does not have or cannot take; all at once.
    """
    names = policy_names()
    if name not in names:
        raise InputError(
            [
                Problem(
                    "policy.name", name, "names no policy", ", ".join(names), nearest(name, names)
                )
            ],
            "policy cannot be used",
        )
    kind = _class_of(name)
    problems: list[Problem] = []
    known = _parameters(kind)
    unknown = [key for key in parameters if key not in known]
    for key in unknown:
        allowed = ", ".join(known) if known else f"{name} has no parameters"
        problems.append(
            Problem(
                f"policy.parameters.{key}",
                parameters[key],
                "is no parameter of this policy",
                allowed,
                nearest(key, known),
            )
        )
    given = {key: value for key, value in parameters.items() if key in known}
    fields: dict[str, Any] = {key: known[key] for key in given}
    model = create_model("Parameters", __base__=Numbers, **fields)
    try:
        checked = model.model_validate(given)
    except ValidationError as error:
        problems += problems_of(error, given, model, prefix="policy.parameters")
        raise InputError(problems, "policy cannot be used") from error
    if problems:
        raise InputError(problems, "policy cannot be used")
    policy: Policy = kind(**{key: getattr(checked, key) for key in given})
    return policy


def policy_parameters(name: str) -> list[str]:
    """Return the names of a policy's parameters."""
    return list(_parameters(_class_of(name)))


def _parameters(kind: type[Any]) -> dict[str, tuple[Any, Any]]:
    """Return the constructor's parameters: type hint, and ``...`` where one must be given."""
    constructor = kind.__init__
    if constructor is object.__init__:
        return {}
    hints = get_type_hints(constructor, include_extras=True)
    return {
        name: (hints.get(name, Any), ...)
        for name in list(inspect.signature(constructor).parameters)[1:]
    }
