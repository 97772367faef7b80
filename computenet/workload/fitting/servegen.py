"""Single requests drawn from ServeGen's measured client rates and token distributions."""

from __future__ import annotations

import ast
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, TraceError
from computenet.streams import named_stream
from computenet.workload.traces.columns import csv_columns, numbers
from computenet.workload.traces.opening import open_content
from computenet.workload.traces.servegen import COLUMNS, ServeGenRatesReader

__all__ = ["draw_servegen"]

F8 = NDArray[np.float64]

#: Requests expected at most in one drawing.
MOST_EXPECTED = 60e6
CLIENT = re.compile(r"chunk-(\d+)-dataset\.json")


def draw_servegen(
    rates: str | Path,
    lengths: str | Path,
    *,
    from_h: float = 0.0,
    to_h: float | None = None,
    keep: float = 1.0,
    seed: int = 1,
) -> tuple[pd.DataFrame, list[str]]:
    """Draw requests from rates by client and window.

    In every window of a client arrivals are a renewal process with the window's Gamma or Weibull
    gaps, met at a time of its stationary state. Tokens follow the client's distribution of the
    latest window that has one; a client without any follows the others'. Input and output are
    drawn apart: the files do not tell them together.

    Parameters
    ----------
    rates
        ``client,timestamp,rate,cv,pattern,arg1,arg2``.
    lengths
        A folder of ``chunk-<client>-dataset.json`` files, perhaps compressed.
    from_h, to_h
        Window drawn, hours from the trace's start.
    keep
        Share of the requests kept.
    seed
        Of the drawing.

    Returns
    -------
    DataFrame
        Native columns and ``client``, sorted.
    list
        What was assumed.

    Raises
    ------
    TraceError
        A file cannot be read.
    InputError
        The window is empty or too large.
    """
    content = open_content(Path(rates))
    if not ServeGenRatesReader().sniff(content):
        raise TraceError([Problem(str(rates), None, "is no file of client rates")])
    table = csv_columns(content, COLUMNS)
    where = content.where
    start = numbers(table["timestamp"], "timestamp", where, least=0.0)
    rate = numbers(table["rate"], "rate", where, least=0.0)
    shape = numbers(table["arg1"], "arg1", where, least=0.0)
    scale = numbers(table["arg2"], "arg2", where, least=0.0)
    client = numbers(table["client"], "client", where, least=0.0, whole=True).astype(np.int64)
    weibull = (table["pattern"] == "Weibull").to_numpy(dtype=bool)
    steps = np.diff(np.unique(start))
    window_s = float(steps.min()) if steps.size else 600.0
    last_s = np.inf if to_h is None else 3600.0 * to_h
    chosen = (start + window_s > 3600.0 * from_h) & (start < last_s) & (rate > 0.0)
    expected = float(rate[chosen].sum()) * window_s * keep
    problems: list[Problem] = []
    if not 0.0 < keep <= 1.0:
        problems.append(Problem("--keep", keep, "is out of range", "over 0 to 1"))
    elif not chosen.any():
        problems.append(Problem("--from-h, --to-h", f"{from_h}, {to_h}", "holds no requests"))
    elif expected > MOST_EXPECTED:
        problems.append(
            Problem("--from-h, --to-h, --keep", f"{expected:,.0f} requests expected",
                    "are too many", f"up to {MOST_EXPECTED:,.0f}")
        )  # fmt: skip
    if problems:
        raise InputError(problems, "nothing was drawn")
    laws, notes = _laws(Path(lengths))
    frames = []
    for number in np.unique(client[chosen]):
        mine = np.flatnonzero(chosen & (client == number))
        rng = np.random.default_rng(named_stream(seed, f"servegen.{number}"))
        times = [
            start[row] + _renewal(rng, window_s, shape[row], scale[row], bool(weibull[row]))
            for row in mine
        ]
        time_s = np.concatenate(times)
        time_s = time_s[(time_s >= 3600.0 * from_h) & (time_s < last_s)]
        time_s = np.sort(time_s[rng.random(len(time_s)) < keep])
        law = laws.get(int(number), laws[-1])
        frames.append(
            pd.DataFrame(
                {
                    "arrival_s": time_s - 3600.0 * from_h,
                    "input_tokens": _tokens(rng, law["input_tokens"], time_s),
                    "output_tokens": _tokens(rng, law["output_tokens"], time_s),
                    "client": np.full(len(time_s), number),
                }
            )
        )
    drawn = pd.concat(frames, ignore_index=True).sort_values("arrival_s", kind="stable")
    without = sorted(set(np.unique(client[chosen]).tolist()) - set(laws))
    if without:
        notes.append(
            f"{len(without)} of {len(frames)} clients have no token distributions and take the "
            "mixture of the others"
        )
    notes.append("input and output tokens are drawn apart")
    return drawn, notes


def _renewal(
    rng: np.random.Generator, window_s: float, shape: float, scale: float, weibull: bool
) -> F8:
    """Return arrivals in a window."""
    if shape <= 0.0 or scale <= 0.0:
        return np.zeros(0)

    def gaps(n: int) -> F8:
        return scale * rng.weibull(shape, n) if weibull else rng.gamma(shape, scale, n)

    mean = scale * (math.gamma(1.0 + 1.0 / shape) if weibull else shape)
    # The gap in which a stationary process is met is chosen by its length.
    biased = (
        scale * rng.gamma(1.0 + 1.0 / shape) ** (1.0 / shape)
        if weibull
        else rng.gamma(shape + 1.0, scale)
    )
    first = biased * rng.random()
    times = first + np.concatenate([[0.0], np.cumsum(gaps(int(1.2 * window_s / mean) + 16))])
    while times[-1] < window_s:
        times = np.concatenate([times, times[-1] + np.cumsum(gaps(len(times)))])
    return times[times < window_s]


Law = list[tuple[float, NDArray[np.int64], F8]]


def _laws(folder: Path) -> tuple[dict[int, dict[str, Law]], list[str]]:
    """Return by client and field the windows' (start, values, cumulative shares); -1 = all."""
    laws: dict[int, dict[str, Law]] = {}
    for path in sorted(folder.glob("chunk-*-dataset.json*")):
        found = CLIENT.match(path.name)
        if found is None:
            continue
        content = open_content(path)
        try:
            raw = json.loads(content.text)
            fields = {name: _windows(raw, name) for name in ("input_tokens", "output_tokens")}
        except (ValueError, SyntaxError, TypeError, AttributeError) as error:
            raise TraceError(
                [Problem(content.where, None, "is no file of length distributions")]
            ) from error
        if all(fields.values()):
            laws[int(found.group(1))] = fields
    if not laws:
        raise TraceError(
            [Problem(str(folder), None, "holds no chunk-<client>-dataset.json with tokens")]
        )
    mixed: dict[str, Law] = {}
    for name in ("input_tokens", "output_tokens"):
        values = np.concatenate([law[0][1] for laws_of in laws.values() for law in [laws_of[name]]])
        weights = np.concatenate(
            [
                np.diff(law[0][2], prepend=0.0)
                for laws_of in laws.values()
                for law in [laws_of[name]]
            ]
        )
        mixed[name] = [(0.0, values, np.cumsum(weights) / weights.sum())]
    return {**laws, -1: mixed}, []


def _windows(raw: dict[str, Any], name: str) -> Law:
    out: Law = []
    for key in sorted(raw, key=float):
        law: dict[float, float] = ast.literal_eval(raw[key].get(name, "{}"))
        weight = sum(law.values())
        if weight > 0.0:
            values = np.asarray([int(value) for value in law], dtype=np.int64)
            shares = np.cumsum(np.asarray(list(law.values()), dtype=np.float64)) / weight
            out.append((float(key), values, shares))
    return out


def _tokens(rng: np.random.Generator, law: Law, time_s: F8) -> NDArray[np.int64]:
    """Return token counts, each by the latest window that has a distribution."""
    starts = np.asarray([start for start, _, _ in law])
    window = np.maximum(np.searchsorted(starts, time_s, side="right") - 1, 0)
    draw = rng.random(len(time_s))
    tokens = np.empty(len(time_s), dtype=np.int64)
    for at, (_, values, shares) in enumerate(law):
        mine = window == at
        place = np.minimum(np.searchsorted(shares, draw[mine], side="right"), len(values) - 1)
        tokens[mine] = values[place]
    return tokens
