"""Work done ahead in a thread of its own, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


def ahead(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Yield the items of an iterator, of which the next is made while one is being used.

    The items and their order are those of the iterator: it is only ever advanced by one thread.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        items = thread.submit(make).result()
        none = object()
        coming = thread.submit(next, items, none)
        while (item := coming.result()) is not none:
            coming = thread.submit(next, items, none)
            yield item  # type: ignore[misc]
