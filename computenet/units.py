"""Conversions and sign conventions.

Names carry units. Inside computenet: seconds (float64 from the scenario's start), MW, MWh,
decimal GB, CNY, kg CO2. Consumption, import and charging are positive.
"""

from __future__ import annotations

from typing import Final

SECONDS_PER_HOUR: Final = 3600.0
SECONDS_PER_DAY: Final = 86_400.0
HOURS_PER_DAY: Final = 24.0
WATTS_PER_MW: Final = 1e6
KWH_PER_MWH: Final = 1000.0
KG_PER_TONNE: Final = 1000.0
BITS_PER_BYTE: Final = 8.0
LITRES_PER_M3: Final = 1000.0
TFLOPS_PER_EFLOPS: Final = 1e6

#: Cost from which a table of runs tells money in millions.
MANY_CNY: Final = 1e5

#: Grades of a number, best first.
GRADES: Final = ("measured", "published", "estimated", "assumed")
