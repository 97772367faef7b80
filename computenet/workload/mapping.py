"""What a trace's words mean on a topology: regions, sites and accelerator types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, nearest
from computenet.scenario import Scenario, load_scenario
from computenet.scenario.topology import TopologySpec
from computenet.streams import named_stream
from computenet.workload.tables import JobTable
from computenet.workload.traces.trace import Labels, Trace

__all__ = [
    "GPU_TYPES",
    "Kinds",
    "assign_regions",
    "check_gpu_types",
    "place_words",
    "region_labels",
    "regions_of",
    "unmapped",
]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]

#: Rows drawn at once.
PIECE = 1 << 20
#: Words named in a notice.
MOST_NAMED = 8

_OLDER = ("nvidia_a800", "nvidia_h20", "nvidia_h800", "nvidia_a100", "nvidia_h100")
#: Accelerators that stand for a recorded GPU type (the beginning of its name in capitals without
#: signs); the longest that fits counts. CUDA programs stay on CUDA accelerators, an export variant
#: stands for its original, a newer type for one that no topology has. Grade: assumed.
GPU_TYPES: dict[str, tuple[str, ...]] = {
    "A100": ("nvidia_a100", "nvidia_a800"),
    "A800": ("nvidia_a800", "nvidia_a100"),
    "H100": ("nvidia_h100", "nvidia_h800"),
    "H800": ("nvidia_h800", "nvidia_h100"),
    "H200": ("nvidia_h200", "nvidia_h800", "nvidia_h100"),
    "H20": ("nvidia_h20",),
    "V100": _OLDER,
    "P100": _OLDER,
    "P4": _OLDER,
    "T4": _OLDER,
    "K80": _OLDER,
    "A10": _OLDER,
    "GTX": _OLDER,
    "RTX": _OLDER,
    "TITAN": _OLDER,
    "ASCEND910C": ("ascend_910c",),
    "ASCEND910": ("ascend_910b", "ascend_910c"),
    "MLU": ("cambricon_mlu590",),
    "DCU": ("hygon_k100ai",),
    "KUNLUN": ("kunlun_p800",),
}


def assign_regions(
    tenant: NDArray[np.int32] | None, rows: int, shares: F8, seed: int, name: str
) -> I4:
    """Return a region for every row: one tenant, one region, in proportion to `shares`.

    Parameters
    ----------
    tenant
        ``(n,)`` integer tenant; -1 = unknown, each such row is a tenant of its own. ``None`` = all
        unknown.
    rows
        Number of rows.
    shares
        ``(R,)`` demand shares, any positive sum.
    seed, name
        The named random stream.
    """
    draw = np.random.default_rng(named_stream(seed, name))
    edges = np.cumsum(shares / shares.sum())[:-1]
    region = np.empty(rows, dtype=np.int32)
    if tenant is not None:
        known, inverse = np.unique(tenant, return_inverse=True)
        region_of = np.searchsorted(edges, draw.random(len(known)), side="right").astype(np.int32)
    for at in range(0, rows, PIECE):
        part = region[at : at + PIECE]
        part[:] = np.searchsorted(edges, draw.random(len(part)), side="right")
        if tenant is not None:
            here = slice(at, at + PIECE)
            part[:] = np.where(tenant[here] < 0, part, region_of[inverse[here]])
    return region


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word).casefold()


def place_words(names: Sequence[str], places: Iterable[tuple[int, Sequence[str]]]) -> I4:
    """Return the place of every word, ``(words,)``; -1 where none has that name.

    Parameters
    ----------
    names
        Words of a trace.
    places
        Index of each place and what it is called: its id and its names; case, spaces and signs do
        not count.
    """
    known = {_plain(name): index for index, called in places for name in called}
    return np.asarray([known.get(_plain(name), -1) for name in names], dtype=np.int32)


def words_told(words: Sequence[str], rows: Sequence[int]) -> str:
    """Return words and how many rows each has, the most frequent first, cut where they are many."""
    order = sorted(zip(words, rows, strict=True), key=lambda pair: (-pair[1], pair[0]))
    told = ", ".join(f"{word} ({count:,})" for word, count in order[:MOST_NAMED])
    return told + (f" and {len(order) - MOST_NAMED} more" if len(order) > MOST_NAMED else "")


def regions_of(
    trace: Trace, topology: TopologySpec, column: str | None, seed: int, stream: str
) -> tuple[I4, list[str]]:
    """Return the region of every row of a trace's table, and what could not be mapped.

    Parameters
    ----------
    column
        Label that tells the region; ``None`` = ``region`` where there is one, else the tenant. A
        word that names no region stands for a tenant.
    seed, stream
        The named random stream.
    """
    table = trace.jobs if trace.jobs is not None else trace.requests
    assert table is not None
    jobs = isinstance(table, JobTable)
    shares = np.asarray(
        [item.training_share if jobs else item.inference_share for item in topology.regions]
    )
    name = column or "region"
    if name not in trace.labels:
        tenant = table.user if isinstance(table, JobTable) else None
        return assign_regions(tenant, table.rows, shares, seed, stream), []
    labels = trace.labels[name]
    region = assign_regions(labels.code, table.rows, shares, seed, stream)
    place = place_words(
        labels.names,
        ((at, [item.id, item.name.en, item.name.zh]) for at, item in enumerate(topology.regions)),
    )
    if len(place):
        told = np.where(labels.code >= 0, place[labels.code], -1)
        region = np.where(told >= 0, told, region).astype(np.int32)
    notices = unmapped(
        labels, np.flatnonzero(place < 0), f"have a {name} that is no region of the topology; each "
        "such word got one region, drawn by demand share",
    )  # fmt: skip
    alone = int((labels.code < 0).sum())
    if alone:
        notices.append(f"{alone:,} rows have no {name}: drawn by demand share")
    return region, notices


def region_labels(
    trace: Trace, topology: str, column: str | None, seed: int
) -> tuple[Labels, list[str]]:
    """Return region ids beside a trace's table for a built-in topology or a scenario file."""
    spec = load_scenario(topology, {}).topology
    region, notices = regions_of(trace, spec, column, seed, "trace.regions")
    return Labels(tuple(item.id for item in spec.regions), region), notices


def unmapped(labels: Labels, words: NDArray[np.integer], what: str) -> list[str]:
    """Return how many rows have words that could not be mapped, and which; nothing if none."""
    if not len(words):
        return []
    often = np.bincount(labels.code[labels.code >= 0], minlength=len(labels.names))
    rows = [int(often[at]) for at in words]
    return [f"{sum(rows):,} rows {what}: {words_told([labels.names[at] for at in words], rows)}"]


def check_gpu_types(table: Mapping[str, object], scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Return a user's table of GPU types, checked against the topology.

    Parameters
    ----------
    table
        Accelerator ids by GPU type: a list, one id, or ``any``.

    Raises
    ------
    InputError
        An entry names no accelerator of the topology; all are told at once.
    """
    ids = [item.id for item in scenario.topology.accelerators]
    problems: list[Problem] = []
    out: dict[str, tuple[str, ...]] = {}
    for name, value in table.items():
        wanted = [value] if isinstance(value, str) else value
        if not isinstance(wanted, (list, tuple)) or not wanted:
            problems.append(Problem(f"gpu_types.{name}", value, "is no list of accelerators"))
            continue
        unknown = [item for item in wanted if item not in ids and item != "any"]
        problems += [
            Problem(
                f"gpu_types.{name}", item, "is no accelerator of the topology",
                ", ".join([*ids, "any"]), nearest(str(item), ids),
            )
            for item in unknown
        ]  # fmt: skip
        out[_plain(str(name)).upper()] = tuple(str(item) for item in wanted)
    if problems:
        raise InputError(problems, "the table of GPU types cannot be used")
    return out


class Kinds:
    """Accelerator kinds of the jobs of several traces.

    Parameters
    ----------
    accelerators
        Types that have a pool, with their names; a GPU type of the same name is that one.
    own
        The user's accelerators by GPU type; they go before the same names and before `GPU_TYPES`.
    """

    def __init__(
        self, accelerators: Mapping[str, Sequence[str]], own: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._here = set(accelerators)
        self._own = set(own)
        self._same = {_plain(name).upper(): {key} for key, names in accelerators.items()
                      for name in (key, *names)}  # fmt: skip
        self._table = {**GPU_TYPES, **own}
        self._index: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every kind so far: accelerators joined by ``|``."""
        return tuple(self._index)

    def _accelerators(self, word: str) -> set[str] | None:
        """Return what may run a GPU type; ``None`` = anything, nothing = not known."""
        plain = _plain(word).upper()
        if plain in self._same and plain not in self._own:
            return self._same[plain]
        fits = [key for key in self._table if plain.startswith(key)]
        if not fits:
            return set()
        found = self._table[max(fits, key=len)]
        return None if "any" in found else {name for name in found if name in self._here}

    def of(self, labels: Labels) -> tuple[I4, I4]:
        """Return the kind of each row, -1 = any, and the words that have none, as indices."""
        kind = np.full(len(labels.names), -1, dtype=np.int32)
        unknown: list[int] = []
        for at, word in enumerate(labels.names):
            wanted: set[str] | None = set()
            for part in word.split("|"):
                found = self._accelerators(part)
                if found is None or wanted is None:
                    wanted = None
                else:
                    wanted |= found
            if wanted is None:
                continue
            if not wanted:
                unknown.append(at)
                continue
            kind[at] = self._index.setdefault("|".join(sorted(wanted)), len(self._index))
        of_row = np.where(labels.code >= 0, kind[labels.code], -1) if len(kind) else labels.code
        return of_row.astype(np.int32), np.asarray(unknown, dtype=np.int32)
