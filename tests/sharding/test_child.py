"""The child's loop: orders are answered one by one, and it ends quietly however they end."""

from __future__ import annotations

import io
import os
import pickle
import signal

import pytest

from computenet.errors import RunError
from computenet.sharding.child import Child, Gone, answer_orders


def act(number: int) -> int:
    if number < 0:
        raise RunError("below zero")
    return 10 // number


def answers_to(orders: bytes) -> list[tuple[bool, object]]:
    written = io.BytesIO()
    answer_orders(io.BytesIO(orders), written, act)
    written.seek(0)
    answers = []
    while written.tell() < len(written.getvalue()):
        answers.append(pickle.load(written))
    return answers


def test_every_order_has_its_answer() -> None:
    orders = b"".join(pickle.dumps((number,)) for number in (5, -1, 0, 2))
    assert answers_to(orders) == [
        (True, 2),
        (False, "below zero"),
        (False, "ZeroDivisionError: integer division or modulo by zero"),
        (True, 5),
    ]


@pytest.mark.parametrize("size", [1, 1_000, 1_000_000])
def test_an_order_that_breaks_off_ends_it_quietly(size: int) -> None:
    whole = pickle.dumps((5,), protocol=pickle.HIGHEST_PROTOCOL)
    long = pickle.dumps((5, b"x" * size), protocol=pickle.HIGHEST_PROTOCOL)
    for length in sorted({*range(1, min(len(long), 200)), len(long) // 2, len(long) - 1}):
        assert answers_to(whole + long[:length]) == [(True, 2)]


@pytest.mark.parametrize(("number", "words"), [(signal.SIGKILL, "SIGKILL"), (35, "signal 35")])
def test_the_signal_that_ended_it_is_told(number: int, words: str) -> None:
    child = Child("timeit", ["-n", "1", "-r", "1", "import time; time.sleep(60)"])
    try:
        os.kill(child._process.pid, number)
        with pytest.raises(Gone, match=words):
            child.answer()
    finally:
        child.end()
