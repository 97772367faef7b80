"""The one place that decides how kernels are compiled.

``njit`` compiles lazily without numba's own ``cache=True``, whose index is keyed by the
modification time of one file only and has gone stale in other projects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def njit(function: F) -> F:
    """Compile `function` with numba in nopython mode, keeping its Python signature for typing.

    Floating-point arithmetic keeps its IEEE order (no ``fastmath``): results must be equal bit
    for bit between runs. With ``NUMBA_DISABLE_JIT=1`` the plain Python function runs.
    """
    compiled: F = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled
