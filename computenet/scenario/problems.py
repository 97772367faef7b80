"""What is wrong with the fields of a scenario, in the words of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from computenet.errors import Problem
from computenet.scenario.scenario import Scenario
from computenet.validation import problems_of

__all__ = ["spec_problems"]

#: What a value off scale probably means, by field.
_HINTS: dict[str, str] = {
    "pue": "PUE is facility energy over IT energy and never below 1 (1.25, not 0.8 or 125)",
    "pue_max": "PUE is facility energy over IT energy and never below 1 (1.25, not 0.8 or 125)",
    "green_contract_share": "a share between 0 and 1, not per cent",
    "green_share_min": "a share between 0 and 1, not per cent",
    "serving_share": "a share between 0 and 1, not per cent",
}


def spec_problems(
    error: ValidationError, raw: Mapping[str, Any], root: type[BaseModel] = Scenario
) -> list[Problem]:
    """Return a problem for every mistake in what should have been a `root`."""
    return problems_of(error, raw, root, hints=_HINTS)
