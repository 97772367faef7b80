"""Signals that come while a process starts act once it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from computenet.study.starting import undisturbed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_start_is_not_cut_short(name: str) -> None:
    number = signal.Signals[name]
    before = signal.signal(number, signal.default_int_handler)
    steps = []
    try:
        with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012
            os.kill(os.getpid(), number)
            steps.append("started")
        assert steps == ["started"]
        assert signal.getsignal(number) is signal.default_int_handler
        assert number not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    finally:
        signal.signal(number, before)


def test_what_is_started_hears_its_parent_once_it_listens() -> None:
    code = "import signal; print(*sorted(s.name for s in signal.pthread_sigmask(0, set())))"
    with undisturbed():
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout.split() == ["SIGHUP", "SIGINT", "SIGTERM"]
    heard = "from computenet.study.starting import listen; listen(); " + code
    with undisturbed():
        told = subprocess.run([sys.executable, "-c", heard], capture_output=True, text=True)
    assert told.stdout.split() == ["SIGHUP", "SIGINT"]
