"""The one place that decides how kernels are compiled, and where the compiled code is kept.

Compiled kernels are kept on disk, so that only the first command after an installation pays for
compilation. numba's own index trusts the modification time of one file, which has given other
projects stale code when a *called* function changed; here the folder's name is a hash of every
kernel source, of the versions of computenet's compilers and of the processor, so code of another
making is never looked at. Old folders are harmless and may be deleted at any time.

``COMPUTENET_CACHE_DIR`` names another folder; ``COMPUTENET_CACHE_DIR=off`` keeps nothing. Where the
folder cannot be written, a note on stderr says so once a command.
``NUMBA_DISABLE_JIT=1`` runs the kernels as plain Python.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding
import numba
import numpy as np

__all__ = ["cache_directory", "njit", "njit_inline"]

F = TypeVar("F", bound=Callable[..., Any])


def _cache_root() -> Path | None:
    chosen = os.environ.get("COMPUTENET_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "computenet"
    except RuntimeError:
        return None


def _key() -> str:
    digest = hashlib.sha256()
    for part in (
        sys.version,
        platform.machine(),
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
        numba.__version__,
        llvmlite.__version__,
        np.__version__,
    ):
        digest.update(part.encode() + b"\0")
    here = Path(__file__).parent
    digest.update(str(here).encode() + b"\0")
    for source in sorted(here.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


def _prepare() -> Path | None:
    if os.environ.get("COMPUTENET_CACHE_DIR") == "off":
        return None
    root = _cache_root()
    folder = None if root is None else root / "kernels" / _key()
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    except OSError:
        pass
    _tell("there is no home directory" if root is None else f"{root} cannot be written")
    return None


def _tell(why: str) -> None:
    """Say on stderr, once a command, that compiled kernels are not kept."""
    compiled = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
    if compiled and multiprocessing.parent_process() is None and sys.stderr is not None:
        sys.stderr.write(
            f"note: compiled kernels cannot be kept, as {why}: every command compiles them anew, "
            "which takes minutes. COMPUTENET_CACHE_DIR names another folder; off says nothing.\n"
        )


_FOLDER = _prepare()


def cache_directory() -> Path | None:
    """Return the folder of the compiled kernels, or ``None`` where nothing is kept."""
    return _FOLDER


def _compile(function: F, **options: Any) -> F:
    # No kernel allocates, so numba's reference counts are left out: with state in tuples of
    # thirty arrays they would cost more than the work itself.
    options |= {"nogil": True, "error_model": "numpy", "_nrt": False}
    if _FOLDER is None:
        plain: F = numba.njit(**options)(function)
        return plain
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(_FOLDER)
    try:
        kept: F = numba.njit(cache=True, **options)(function)
    finally:
        settings.CACHE_DIR = before
    return kept


def njit(function: F) -> F:
    """Compile `function` with numba in nopython mode, keeping its Python signature for typing.

    Floating-point arithmetic keeps its IEEE order (no ``fastmath``): results are equal bit for
    bit between runs. With ``NUMBA_DISABLE_JIT=1`` the plain Python function runs. Compiled
    functions must not allocate.
    """
    return _compile(function)


def njit_inline(function: F) -> F:
    """Compile a small function that is always inlined into its callers."""
    return _compile(function, forceinline=True)
