"""Plan what to build: from a scenario to a capacity expansion and back to tables and layouts."""

from computenet.study.planning.checks import check_plan
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.planning import PlanProgress, plan, with_variants
from computenet.study.planning.verification import (
    Agreement,
    Verification,
    VerificationProgress,
    verify,
)

__all__ = [
    "Agreement", "PlanOutcome", "PlanProgress", "Verification", "VerificationProgress",
    "check_plan", "plan", "verify", "with_variants",
]  # fmt: skip
