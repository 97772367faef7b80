"""The columns of the tables that are cleared: name, kind, default and meaning.

Documentation, templates and checks all come from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEMAND", "LEAST", "MOST", "PATHS", "SUPPLY", "Column", "column_lines"]

#: Largest number of any cell and price, and least hours and speed, by which others are divided: the
#: solver takes no model of what lies beyond.
MOST, LEAST = 1e12, 1e-6

Kind = Literal["text", "number", "whole number", "yes or no", "choice", "types"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    name
        Its heading, with the unit.
    kind
        What a cell holds.
    meaning
        In a sentence without a full stop.
    default
        What an empty cell or a missing column means; nothing = a cell is needed.
    least, most
        Range of numbers.
    above
        Whether `least` itself is excluded.
    smallest
        Least number above 0.
    choices
        What a choice may be.
    """

    name: str
    kind: Kind
    meaning: str
    default: str | None = None
    least: float = 0.0
    most: float = float("inf")
    above: bool = False
    smallest: float = 0.0
    choices: tuple[str, ...] = ()

    def too_far(self, value: float) -> str | None:
        """Return what is allowed in words where a number is too large, or too small beside 0."""
        if abs(value) > MOST:
            return f"{self.allowed}, at most {MOST:,.0f}"
        small = 0.0 < value < self.smallest
        return (
            f"{self.allowed}, and no less than {self.smallest:.9f}".rstrip("0") if small else None
        )

    @property
    def allowed(self) -> str:
        """What a cell may hold, in words."""
        if self.kind in ("number", "whole number"):
            word = "a number" if self.kind == "number" else "a whole number"
            if self.most < float("inf"):
                return f"{word} from {self.least:g} to {self.most:g}"
            if self.least == -float("inf"):
                return word
            return f"{word} above {self.least:g}" if self.above else f"{word} of at least 0"
        if self.kind == "yes or no":
            return "yes, no"
        if self.kind == "choice":
            return ", ".join(self.choices)
        if self.kind == "types":
            return "accelerator types separated by |, each may have :SPEED; * is any"
        return "text"


SUPPLY = (
    Column("pool", "text", "name of the pool", "SITE/ACCELERATOR"),
    Column("site", "text", "where it stands; a site of the topology has its facts"),
    Column("accelerator", "text", "type; a type of the topology has its facts"),
    Column("count", "number", "accelerators that are free"),
    Column(
        "price_cny_per_accelerator_h", "number",
        "what is asked for an accelerator for an hour, without the energy below",
        "0 if the cost of energy is known, else needed",
    ),
    Column(
        "kw_per_accelerator", "number",
        "IT power of a busy accelerator with its share of the server",
        "from the topology, else energy is not counted",
    ),
    Column(
        "pue", "number", "facility energy over IT energy",
        "from the topology, else 1.3, the mean of China's national clusters in March 2025 "
        "(National Data Administration)", least=1.0, most=3.0,
    ),
    Column(
        "electricity_cny_per_mwh", "number", "price of electricity; it may be negative",
        "from the topology, else energy is not charged", least=-float("inf"),
    ),
    Column(
        "emission_kg_per_mwh", "number", "CO2 of electricity",
        "from the topology, else carbon is not counted",
    ),
    Column(
        "speed", "number", "work of an accelerator over that of the reference accelerator",
        "from the topology for the demand's class, else 1", above=True, smallest=LEAST,
    ),
    Column(
        "site_power_mw", "number",
        "most facility power of what is placed at the site; the same in all its rows",
        "from the topology, else no limit",
    ),
    Column("free_h", "number", "the pool is free for so many hours from now", "no limit"),
    Column(
        "latitude", "number", "of the site, degrees", "from the topology, else unknown",
        least=-90.0, most=90.0,
    ),
    Column(
        "longitude", "number", "of the site, degrees", "from the topology, else unknown",
        least=-180.0, most=180.0,
    ),
)  # fmt: skip

DEMAND = (
    Column("id", "text", "name of the demand"),
    Column("tenant", "text", "who pays", "-"),
    Column("region", "text", "where its users or data are; a region of the topology", "-"),
    Column(
        "class", "text",
        "class of the topology's scenario, whose speeds on each accelerator type are used",
        "speeds of the supply",
    ),
    Column("accelerators", "number", "reference accelerators wanted", smallest=1e-9),
    Column("hours", "number", "for how long", "1", above=True, smallest=LEAST),
    Column("types", "types", "accelerator types that will do, and how fast they are for it", "*"),
    Column("latency_ms", "number", "most latency from region to site, one way", "no limit"),
    Column(
        "data_gb", "number", "carried between region and site, evenly over the hours", "0",
    ),
    Column(
        "max_price_cny_per_accelerator_h", "number",
        "most it pays for a reference accelerator for an hour, all in: what leaving it unmet costs",
        "--max-price; where it must run, no limit",
    ),
    Column(
        "priority", "whole number", "larger goes first, whatever it pays", "0",
        least=-1000, most=1000,
    ),
    Column(
        "must_run", "yes or no",
        "it is served whole, at any price; what is above a highest price of its own, the operator "
        "bears", "no",
    ),
    Column(
        "whole", "choice",
        "no: any part of it will do; all: all or nothing; one-pool: all or nothing, in one pool",
        "no", choices=("no", "all", "one-pool"),
    ),
    Column(
        "latitude", "number", "of the region, degrees", "from the topology, else unknown",
        least=-90.0, most=90.0,
    ),
    Column(
        "longitude", "number", "of the region, degrees", "from the topology, else unknown",
        least=-180.0, most=180.0,
    ),
)  # fmt: skip

PATHS = (
    Column("region", "text", "one end"),
    Column("site", "text", "other end"),
    Column("latency_ms", "number", "one way"),
    Column("capacity_gbps", "number", "what is free of it, both directions together", "no limit"),
    Column("price_cny_per_gb", "number", "of what it carries", "0"),
)


def column_lines(columns: tuple[Column, ...]) -> list[str]:
    """Return one line of explanation a column."""
    return [
        f"{column.name}: {column.meaning}; "
        + ("needed" if column.default is None else f"empty = {column.default}")
        + ("" if column.kind == "text" else f" ({column.allowed})")
        for column in columns
    ]
