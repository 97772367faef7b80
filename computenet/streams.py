"""One seed, one named child stream a source of randomness."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["named_stream"]


def named_stream(seed: int, name: str) -> np.random.SeedSequence:
    """Return the child stream `name` of `seed`.

    The name is hashed (SHA-256), so a stream does not depend on which others exist or on the order
    in which they are made.
    """
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 16, 4)]
    return np.random.SeedSequence(entropy=seed, spawn_key=tuple(words))
