"""The data plane: numba kernels, numpy arrays in and numpy arrays out.

Nothing here knows of scenarios, policies or SimPy. Each kernel is a pair of functions
``make_*_state`` and ``advance_*`` that follow the contract in ``docs/architecture.md``.
"""
