PlanOutcome=None
