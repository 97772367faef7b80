"""Models that decide for the whole network, and their solvers."""
