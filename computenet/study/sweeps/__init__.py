"""Studies: one scenario at many points of its axes, here or on a cluster."""

from computenet.study.sweeps.querying import query_study, study_state
from computenet.study.sweeps.sweeping import (
    StudyOutcome,
    StudySource,
    check_engine,
    prepare_study,
    run_study,
    sweep,
)

__all__ = [
    "StudyOutcome",
    "StudySource",
    "check_engine",
    "prepare_study",
    "query_study",
    "run_study",
    "study_state",
    "sweep",
]
