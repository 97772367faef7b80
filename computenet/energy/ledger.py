"""Where a site's electricity came from, each megawatt-hour once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ledger", "green_ledger"]

F8 = NDArray[np.float64]


class Ledger(NamedTuple):
    """Energy by origin, ``(I,)``, MWh; the five add up to import and generation used."""

    onsite: F8
    direct: F8
    contract: F8  # green contracts over the grid, by annual volume
    certificate: F8
    residual: F8  # the grid's mix without what others have under contract

    @property
    def green(self) -> F8:
        """Green energy by annual volume, ``(I,)``."""
        return self.onsite + self.direct + self.contract + self.certificate


def green_ledger(
    onsite_mwh: F8,
    direct_mwh: F8,
    imported_mwh: F8,
    contract_share: F8,
    certificate_share: F8,
) -> Ledger:
    """Return the ledger of a run.

    A site's share of green contracts is a share of all it consumes, of which what it generates or
    gets on a direct line counts first; contracts and certificates cover import, never the same
    megawatt-hour twice. What of it is matched in the hour: :mod:`computenet.energy.matched`.

    Parameters
    ----------
    onsite_mwh, direct_mwh, imported_mwh
        ``(I, S)`` generation used, and import.
    contract_share, certificate_share
        ``(I,)`` shares of consumption under contract or (counted only for what is left) bought as
        certificates.
    """
    onsite, direct = onsite_mwh.sum(axis=1), direct_mwh.sum(axis=1)
    imported = imported_mwh.sum(axis=1)
    consumed = onsite + direct + imported
    contract = np.clip(contract_share * consumed - onsite - direct, 0.0, imported)
    certificate = np.clip(certificate_share * consumed, 0.0, imported - contract)
    return Ledger(onsite, direct, contract, certificate, imported - contract - certificate)
