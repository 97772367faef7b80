"""Policies: one class in one file, seeing arrays and a view, returning a plan."""

from computenet.policies.check import check_policy, example_views
from computenet.policies.protocol import Future, Plan, Policy, PriceRow, SystemView
from computenet.policies.registry import make_policy, policy_names, policy_parameters

__all__ = [
    "Future",
    "Plan",
    "Policy",
    "PriceRow",
    "SystemView",
    "check_policy",
    "example_views",
    "make_policy",
    "policy_names",
    "policy_parameters",
]
