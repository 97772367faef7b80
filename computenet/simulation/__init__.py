"""The SimPy side: the clock, outages and cuts, the recorder, and the plain reference twins."""

from computenet.simulation.progress import Progress
from computenet.simulation.run import FOLLOWS_RECORD, most_workers, require_workers, run_scenario

__all__ = ["FOLLOWS_RECORD", "Progress", "most_workers", "require_workers", "run_scenario"]
