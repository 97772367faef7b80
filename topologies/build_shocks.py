"""Write the shipped shocks; run by hand, ``python topologies/build_shocks.py``.

Each is a list of events for ``china-2025``, beginning a day into the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
EAST = ("zhangjiakou", "yrd_demo", "wuhu", "shaoguan")
NORTH_WEST = ("helingeer", "qingyang", "zhongwei")
SOUTH_WEST = ("tianfu", "chongqing", "guian")
SOUTH = ("yrd_demo", "wuhu", "tianfu", "chongqing")
#: Regions whose fibre to the north-west runs through the corridors that are cut.
EAST_REGIONS = (
    "BJ", "TJ", "HE", "LN", "JL", "HL", "SH", "JS", "ZJ", "AH", "FJ", "JX", "SD", "HA", "HB", "HN",
    "GD", "GX", "HI",
)  # fmt: skip


def links() -> list[str]:
    """Return the links between the east and the north-western hubs."""
    topology = yaml.safe_load((HERE / "china-2025" / "topology.yaml").read_text(encoding="utf-8"))
    ends = {*EAST, *EAST_REGIONS}
    return [
        link["id"]
        for link in topology["links"]
        if (link["a"] in ends and link["b"] in NORTH_WEST)
        or (link["b"] in ends and link["a"] in NORTH_WEST)
    ]


def shocks() -> dict[str, dict[str, Any]]:
    """Return every shock by name."""
    return {
        "heat-wave": {
            "title": {"en": "Heat wave in the south", "zh": "南方热浪"},
            "description": "Five days 8 degrees warmer along the Yangtze, power a fifth dearer: "
            "the summer of 2022 in outline.",
            "events": [
                {"kind": "weather-shift", "sites": list(SOUTH), "at_h": 24, "duration_h": 120,
                 "temperature_c": 8.0},
                {"kind": "grid-shift", "sites": list(SOUTH), "at_h": 24, "duration_h": 120,
                 "price_factor": 1.2, "emission_factor": 1.1},
            ],
        },
        "drought-southwest": {
            "title": {"en": "Drought in the south-west", "zh": "西南干旱"},
            "description": "Six days with hydropower halved: Sichuan, Chongqing and Guizhou import "
            "coal power, at a higher price and with less to spare.",
            "events": [
                {"kind": "grid-shift", "sites": ["tianfu"], "at_h": 24, "duration_h": 144,
                 "price_factor": 1.3, "emission_factor": 2.5, "import_limit_share": 0.25},
                {"kind": "grid-shift", "sites": ["chongqing", "guian"], "at_h": 24,
                 "duration_h": 144, "price_factor": 1.2, "emission_factor": 1.3},
            ],
        },
        "east-west-fibre-cut": {
            "title": {"en": "East-west fibre cut", "zh": "东西光缆中断"},
            "description": "Every fibre between the east and the three north-western hubs is cut "
            "for twelve hours; traffic goes round through the south-west where it can.",
            "events": [
                {"kind": "link-cut", "link": name, "at_h": 33, "duration_h": 12}
                for name in links()
            ],
        },
        "demand-surge": {
            "title": {"en": "Demand surge", "zh": "需求激增"},
            "description": "Three times the usual requests from the eastern provinces for four "
            "hours of an evening.",
            "events": [
                {"kind": "demand-surge", "regions": ["BJ", "SH", "JS", "ZJ", "GD"], "at_h": 43,
                 "duration_h": 4, "factor": 3.0},
            ],
        },
        "grid-shortage-evening": {
            "title": {"en": "Evening shortage of power", "zh": "晚高峰缺电"},
            "description": "Two evenings on which the grid asks eastern sites to shed load from 18 "
            "to 21 h, and power is half as dear again.",
            "events": [
                *[
                    {"kind": "grid-event", "site": site, "at_h": at_h, "duration_h": 3,
                     "shed_mw": mw}
                    for at_h in (42, 66)
                    for site, mw in (("zhangjiakou", 20.0), ("wuhu", 8.0), ("yrd_demo", 4.0))
                ],
                *[
                    {"kind": "grid-shift", "sites": ["zhangjiakou", "wuhu", "yrd_demo"],
                     "at_h": at_h, "duration_h": 3, "price_factor": 1.5}
                    for at_h in (42, 66)
                ],
            ],
        },
    }  # fmt: skip


def main() -> None:
    """Write the files."""
    for name, shock in shocks().items():
        text = yaml.safe_dump({"id": name, **shock}, allow_unicode=True, sort_keys=False, width=100)
        (HERE / "shocks" / f"{name}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
