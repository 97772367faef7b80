"""A cleared market as tables: allocation, what is unmet and why, prices, settlement."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.results.storage import complete_directory

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MatchOutcome"]

#: The tables, in the order they are written.
TABLES = ("allocation", "unmet", "prices", "settlement")


@dataclass(frozen=True)
class MatchOutcome:
    """Who is served from where, who is not and why, and at what price.

    Attributes
    ----------
    allocation
        One row a demand and pool; see docs/match.md for the columns of all tables.
    unmet
        One row a demand of which something is unmet, with the reason.
    prices
        One row a pool.
    settlement
        One row a tenant and region; its columns add up.
    summary
        ``served`` and ``unmet`` (reference accelerators), ``cost_cny``, ``prices`` (rows of the
        table), ``binding`` (constraints that bind) and more.
    notes
        What a reader should know, in sentences.
    """

    allocation: pd.DataFrame
    unmet: pd.DataFrame
    prices: pd.DataFrame
    settlement: pd.DataFrame
    summary: dict[str, Any]
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return what ``computenet match --json`` prints."""
        keys = ("served", "unmet", "cost_cny", "prices", "binding")
        return {key: self.summary[key] for key in keys}

    def save(self, directory: str | Path, *, overwrite: bool = False) -> Path:
        """Write the tables as CSV and the summary; the directory appears when it is complete.

        Raises
        ------
        InputError
            The directory exists already.
        RunError
            It cannot be written.
        """
        path = Path(directory)
        with complete_directory(path, overwrite=overwrite) as part:
            for name in TABLES:
                getattr(self, name).to_csv(part / f"{name}.csv", index=False, lineterminator="\n")
            (part / "summary.json").write_text(
                json.dumps(self.summary, ensure_ascii=False, indent=1, allow_nan=False) + "\n",
                encoding="utf-8",
            )
        return path
