"""Interrupts that come where they cannot be raised."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["keep_interrupts"]

#: Seconds after which a lost interrupt comes again.
AGAIN_S = 0.05


def keep_interrupts() -> None:
    """Let an interrupt that is lost come again.

    While kernels are compiled or loaded, the compiler calls back into Python, and what is raised in
    such a call is told and forgotten: the run would go on as if nobody had stopped it.
    """
    before = sys.unraisablehook

    def hook(lost: UnraisableHookArgs, /) -> None:
        if lost.exc_type is not None and issubclass(lost.exc_type, KeyboardInterrupt):
            again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
            again.daemon = True
            again.start()
        else:
            before(lost)

    sys.unraisablehook = hook
