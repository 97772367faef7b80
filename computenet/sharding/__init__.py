"""Request queues of one run, alone or shared by several workers with equal results."""

from computenet.sharding.lone import LoneQueues
from computenet.sharding.queues import LANE, QueueFacts, Reading, Source, Sums
from computenet.sharding.shard import MakeSource
from computenet.sharding.team import ShardTeam, Transport
from computenet.sharding.transports import ENGINES, hire

__all__ = [
    "ENGINES",
    "LANE",
    "LoneQueues",
    "MakeSource",
    "QueueFacts",
    "Reading",
    "ShardTeam",
    "Source",
    "Sums",
    "Transport",
    "hire",
]
