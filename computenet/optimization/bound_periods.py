"""Periods of a bound: slots put together so that a long run stays a small model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.units import SECONDS_PER_HOUR

__all__ = ["MOST_PERIODS", "Periods", "make_periods", "slot_hours"]

#: Periods a model has at most, unless the months alone are more.
MOST_PERIODS = 300
#: Ways to make periods, best first: length of a block, h (0 = one slot), and how far prices in one
#: period may differ, as a share of the mean price. A period is charged its lowest price, so a long
#: block with prices kept apart says more than a short one without.
_STEPS = (
    (0.0, 0.0), (1.0, 0.0), (1.0, np.inf), (24.0, 0.0), (48.0, 0.0), (96.0, 0.0), (168.0, 0.0),
    (336.0, 0.0), (np.inf, 0.0), (24.0, 0.05), (168.0, 0.05), (24.0, 0.2), (168.0, 0.2),
    (np.inf, 0.2), (24.0, np.inf), (168.0, np.inf), (np.inf, np.inf),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Periods:
    """Slots by period, periods by block.

    A block is a stretch of time within one month; a period is the slots of a block whose prices
    and emission factors are alike, so it need not be one stretch. Blocks follow one another,
    periods are numbered block by block.
    """

    of_slot: I8  # (S,)
    block: I8  # (T,) block of each period
    month: I8  # (T,)
    last_slot: I8  # (B,) last slot of each block
    hours: F8  # (T,)

    @property
    def count(self) -> int:
        """Number of periods."""
        return len(self.block)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.last_slot)

    def total(self, values: F8) -> F8:
        """Return sums over the slots of each period: ``(..., S)`` to ``(..., T)``."""
        out = np.zeros((*values.shape[:-1], self.count))
        flat, source = out.reshape(-1, self.count), values.reshape(-1, values.shape[-1])
        for row, each in zip(flat, source, strict=True):
            row += np.bincount(self.of_slot, weights=each, minlength=self.count)
        return out

    def least(self, values: F8) -> F8:
        """Return the least over the slots of each period: ``(..., S)`` to ``(..., T)``."""
        order = np.argsort(self.of_slot, kind="stable")
        first = np.searchsorted(self.of_slot[order], np.arange(self.count))
        out: F8 = np.minimum.reduceat(values[..., order], first, axis=-1)
        return out


def slot_hours(compiled: CompiledScenario) -> F8:
    """Return the length of every accounting slot, ``(S,)``, h; the last may be short."""
    edges_s = np.minimum(
        np.arange(compiled.n_slots + 1, dtype=np.float64) * compiled.slot_s, compiled.horizon_s
    )
    hours: F8 = np.diff(edges_s) / SECONDS_PER_HOUR
    return hours


def make_periods(compiled: CompiledScenario, most: int = MOST_PERIODS) -> Periods:
    """Return the finest periods of which there are at most `most`, if there are such.

    Every way to put slots together keeps a lower bound one, since what is added up is what the
    slots of a run add up to, a period is charged its lowest price, and its mean power is no higher
    than its highest; periods only decide how close the bound is.
    """
    for block_h, differ in _STEPS:
        periods = _periods(compiled, block_h, differ)
        if periods.count <= most:
            break
    return periods


def _periods(compiled: CompiledScenario, block_h: float, differ: float) -> Periods:
    slots, month = compiled.n_slots, compiled.month_of_slot.astype(np.int64)
    each = 1.0 if block_h == 0.0 else block_h * SECONDS_PER_HOUR / compiled.slot_s
    # A slot longer than the block is a block of its own.
    number = np.arange(slots) // max(each, 1.0) if np.isfinite(each) else np.zeros(slots)
    _, block = np.unique(np.stack([month, number]), axis=1, return_inverse=True)
    series = np.concatenate(
        [compiled.sites.price_cny_per_mwh, compiled.energy.emission_kg_per_mwh]
    )  # (2 I, S)
    if differ > 0.0:
        step = differ * np.maximum(np.abs(series).mean(axis=1, keepdims=True), 1e-12)
        series = np.zeros_like(series) if np.isinf(differ) else np.floor(series / step)
    _, alike = np.unique(series, axis=1, return_inverse=True)
    pairs, of_slot = np.unique(
        np.stack([block.ravel(), alike.ravel()]), axis=1, return_inverse=True
    )
    of_slot = of_slot.ravel()
    hours: F8 = np.bincount(of_slot, weights=slot_hours(compiled)).astype(np.float64)
    month_of = np.zeros(len(hours), dtype=np.int64)
    month_of[of_slot] = month
    last = np.zeros(int(block.max()) + 1, dtype=np.int64)
    last[block.ravel()] = np.arange(slots)
    return Periods(of_slot, pairs[0].astype(np.int64), month_of, last, hours)
