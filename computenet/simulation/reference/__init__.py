"""The rules of the data plane again, in plain SimPy: slow, readable, and held equal by tests.

One process a job, a request or a flow; no kernels, no virtual time. Nothing else in computenet
uses these modules: they are what the kernels are checked and timed against.
"""

from computenet.simulation.reference.jobs import ReferenceJob, ReferencePool, run_jobs
from computenet.simulation.reference.requests import (
    ReferenceReplica,
    ReferenceRequest,
    run_requests,
)
from computenet.simulation.reference.transfers import ReferenceFlow, run_transfers

__all__ = [
    "ReferenceFlow",
    "ReferenceJob",
    "ReferencePool",
    "ReferenceReplica",
    "ReferenceRequest",
    "run_jobs",
    "run_requests",
    "run_transfers",
]
