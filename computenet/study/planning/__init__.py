"""Plan what to build: from a scenario to a capacity expansion and back to tables and layouts."""

from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.planning import PlanProgress, plan

__all__ = ["PlanOutcome", "PlanProgress", "plan"]
