"""Interrupts: other signals that end a program, and interrupts that cannot be raised."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["keep_interrupts"]

#: Seconds after which a lost interrupt comes again.
AGAIN_S = 0.05
#: Seconds within which signals are one interrupt: a terminal that is closed sends several.
ONE_S = 1.0


class _Interrupts:
    """Raises signals as interrupts."""

    def __init__(self) -> None:
        self._last = -ONE_S

    def raised(self, number: int, frame: FrameType | None, /) -> None:
        """Raise `KeyboardInterrupt`, unless this has just been done."""
        now = time.monotonic()
        if now - self._last >= ONE_S:
            self._last = now
            raise KeyboardInterrupt

    def again(self) -> None:
        """Send a signal anew, as the interrupt of the last one was lost."""
        self._last = -ONE_S
        os.kill(os.getpid(), signal.SIGTERM)


def keep_interrupts() -> None:
    """Take signals that end a program as interrupts, and let one that is lost come again.

    Such signals are SIGTERM, of kill and batch systems, and SIGHUP, of a terminal that is closed.

    While kernels are compiled or loaded, the compiler calls back into Python, and what is raised in
    such a call is told and forgotten: the run would go on as if nobody had stopped it.
    """
    interrupts = _Interrupts()
    signal.signal(signal.SIGTERM, interrupts.raised)
    # Not every system has it; nohup has it ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupts.raised)
    before = sys.unraisablehook

    def hook(lost: UnraisableHookArgs, /) -> None:
        if lost.exc_type is not None and issubclass(lost.exc_type, KeyboardInterrupt):
            again = threading.Timer(AGAIN_S, interrupts.again)
            again.daemon = True
            again.start()
        else:
            before(lost)

    sys.unraisablehook = hook
