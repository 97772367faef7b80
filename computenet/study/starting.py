"""Processes are started whole, whatever signals come meanwhile."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

__all__ = ["listen", "undisturbed"]

#: Signals by which a user or a system ends a program, as far as there are such here.
ENDINGS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def listen() -> None:
    """Hear SIGTERM from now on, in a process that was started `undisturbed`."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal cut the start of a process short, nor reach the process by way of its group.

    Signals that come meanwhile act afterwards. Processes started meanwhile never hear the interrupt
    key nor the end of the terminal: they are for their parent, which ends them by SIGTERM. That
    they hear from `listen` on: one that dies before it has read what it is to do would leave its
    parent writing to nobody.
    """
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - not on Unix
        yield
        return
    came: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        known = {number: signal.getsignal(number) for number in ENDINGS}
        handlers = {n: one for n, one in known.items() if one not in (None, signal.SIG_IGN)}
    for number in handlers:
        signal.signal(number, lambda number, _: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # a mask is inherited
    try:
        # It clears away semaphores, so it too is to outlive a closed terminal. Its start unblocks
        # two of them.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
