"""A child process that takes orders through a pipe and answers each."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import computenet
from computenet.errors import RunError

__all__ = ["Child", "Gone", "answer_orders", "own_streams"]


class Gone(Exception):
    """The child has ended; the message says how."""


class Child:
    """A Python module run as a child.

    It is a plain child of this process, so a script that starts one is not run again in it. It ends
    when its pipe is closed, whatever happens to this process. Interrupts of the terminal do not
    reach it; they are for this process, which ends it.

    Parameters
    ----------
    module, arguments
        What is run: ``python -m MODULE ARGUMENTS…``.
    descriptors
        Open files it inherits.
    settings
        More variables of its environment.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[object],
        descriptors: Sequence[int] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        # The child finds this very package, wherever it was imported from.
        home = str(Path(computenet.__file__).parent.parent)
        path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**(settings or {}), **os.environ, "PYTHONPATH": path},
            pass_fds=descriptors,
            process_group=0,
        )

    def order(self, message: bytes) -> None:
        """Send a pickled order; raises `Gone`."""
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(message)
            stream.flush()
        except (OSError, ValueError):
            raise Gone(self._how()) from None

    def answer(self) -> Any:
        """Return the answer to an order; raises `Gone`, and `RunError` where it failed."""
        stream = self._process.stdout
        assert stream is not None
        try:
            fine, answer = pickle.load(stream)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise Gone(self._how()) from None
        if not fine:
            raise RunError(answer)
        return answer

    def _how(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        code = self._process.returncode
        if code is not None and code < 0:
            named = -code in set(signal.Signals)  # those of real time have none
            return f"signal {signal.Signals(-code).name if named else -code}"
        return f"exit status {code}"

    def end(self, patience_s: float = 0.0) -> None:
        """End the child: let it finish for so long, ask it to end for as long, then kill it."""
        process = self._process
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        if patience_s > 0.0 and not self._ends_within(patience_s):
            process.terminate()
            self._ends_within(patience_s)
        if process.poll() is None:
            process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            if process.stdout is not None:
                process.stdout.close()

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def own_streams(errors_to: int) -> tuple[BinaryIO, BinaryIO]:
    """Return the streams of orders and answers; what libraries print goes to `errors_to`."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(errors_to, 1)
    return sys.stdin.buffer, answers


def answer_orders(orders: BinaryIO, answers: BinaryIO, act: Callable[..., Any]) -> None:
    """Carry out orders in the child until there are no more.

    An order that breaks off is none: who gave it was killed while writing.
    """
    while True:
        try:
            order = pickle.load(orders)
        except (EOFError, pickle.UnpicklingError):
            return
        try:
            answer = True, act(*order)
        except MemoryError:
            answer = False, "out of memory"
        except RunError as error:
            answer = False, str(error)
        except Exception as error:
            answer = False, f"{type(error).__name__}: {error}"
        try:
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            return
