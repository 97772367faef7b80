"""The SimPy side: the clock, outages and cuts, the recorder, and the plain reference twins."""

from computenet.simulation.progress import Progress
from computenet.simulation.run import FOLLOWS_RECORD, run_scenario

__all__ = ["FOLLOWS_RECORD", "Progress", "run_scenario"]
