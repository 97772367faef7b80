"""Later turns of conversations: drawn when the first one arrives, handed over as time comes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit
from computenet.kernels.arrivals import Draws, TokenLaws, token_count
from computenet.kernels.random_streams import normal, uniform

__all__ = ["TurnLaws", "draw_turns"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
U8 = NDArray[np.uint64]


class TurnLaws(NamedTuple):
    """Turns of each service class (axis K)."""

    again: F8  # probability of another turn, 1 - 1 / mean turns
    pause_mu: F8  # log-normal time between two turns, s
    pause_sigma: F8


@njit
def draw_turns(
    first: Draws,
    count: int,
    class_of_source: I4,
    laws: TokenLaws,
    turns: TurnLaws,
    streams: U8,
    into: Draws,
) -> bool:
    """Draw the turns after the first of conversations; False when `into` is full.

    A turn's prompt is all that was said before and what is new; what was said before may stand in
    a prefix cache. Turns are geometric in number.

    Parameters
    ----------
    first, count
        First turns, by source, then by time.
    streams
        ``(D, 4)`` streams of turns; written.
    into
        Written from its `count` on.
    """
    m = into.count[0]
    room = into.arrival_s.shape[0]
    for i in range(count):
        d = first.source[i]
        k = class_of_source[d]
        rho = laws.correlation[k]
        across = np.sqrt(1.0 - rho * rho)
        time_s = first.arrival_s[i]
        said = first.input_tokens[i] + first.output_tokens[i]
        while uniform(streams, d) < turns.again[k]:
            if m >= room:
                return False
            pause, _ = normal(streams, d)
            time_s += np.exp(turns.pause_mu[k] + turns.pause_sigma[k] * pause)
            a, b = normal(streams, d)
            new = token_count(
                laws.input_mu[k], laws.input_sigma[k], laws.input_most[k], laws.input_table, k, a
            )
            prompt = min(float(said + new), laws.input_most[k])
            into.arrival_s[m] = time_s
            into.source[m] = d
            into.input_tokens[m] = int(prompt)
            into.cached_tokens[m] = int(min(float(said), prompt - 1.0))
            into.output_tokens[m] = token_count(
                laws.output_mu[k], laws.output_sigma[k], laws.output_most[k], laws.output_table, k,
                rho * a + across * b,
            )  # fmt: skip
            into.choice[m] = np.float32(uniform(streams, d))
            said = into.input_tokens[m] + into.output_tokens[m]
            m += 1
    into.count[0] = m
    return True
