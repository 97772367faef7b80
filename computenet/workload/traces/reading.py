"""Finding the reader of a file, and reading it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from computenet.errors import InputError, Problem, TraceError, nearest
from computenet.workload.traces.acme import AcmeReader
from computenet.workload.traces.azure_llm import AzureLlmReader
from computenet.workload.traces.burstgpt import BurstGptReader
from computenet.workload.traces.cluster_log import ClusterLogReader
from computenet.workload.traces.dlrm import DlrmReader
from computenet.workload.traces.gavel import GavelReader, GavelThroughputsReader
from computenet.workload.traces.genai import GenaiReader
from computenet.workload.traces.mooncake import MooncakeReader
from computenet.workload.traces.native import NativeReader
from computenet.workload.traces.openb import OpenbNodesReader, OpenbPodsReader
from computenet.workload.traces.opendc import (
    OpenDcCarbonReader,
    OpenDcFragmentsReader,
    OpenDcTasksReader,
)
from computenet.workload.traces.opening import Content, open_content
from computenet.workload.traces.pai import PaiReader
from computenet.workload.traces.pai_tables import PaiTablesReader
from computenet.workload.traces.philly import PhillyReader
from computenet.workload.traces.series import (
    HeliosMinutesReader,
    HeliosQuotaReader,
    HourlySeriesReader,
    SamplesReader,
    SpotSeriesReader,
    SummaryReader,
)
from computenet.workload.traces.servegen import ServeGenLengthsReader, ServeGenRatesReader
from computenet.workload.traces.spot_nodes import SpotNodesReader
from computenet.workload.traces.swf import SwfReader
from computenet.workload.traces.trace import Trace, TraceReader
from computenet.workload.traces.vllm import VllmReader
from computenet.workload.traces.words import words_of

__all__ = ["describe_trace", "read_trace", "reader_names", "reader_titles"]

GROUP = "computenet.trace_readers"
#: Lines left out that are named.
SKIPPED_SHOWN = 10
BUILT_IN: tuple[type[TraceReader], ...] = (
    PaiReader,
    PaiTablesReader,
    AzureLlmReader,
    MooncakeReader,
    SwfReader,
    NativeReader,
    AcmeReader,
    DlrmReader,
    GenaiReader,
    OpenbNodesReader,
    OpenbPodsReader,
    OpenDcCarbonReader,
    OpenDcFragmentsReader,
    OpenDcTasksReader,
    PhillyReader,
    SpotNodesReader,
    BurstGptReader,
    ClusterLogReader,
    GavelReader,
    GavelThroughputsReader,
    ServeGenLengthsReader,
    ServeGenRatesReader,
    HeliosMinutesReader,
    HeliosQuotaReader,
    HourlySeriesReader,
    SamplesReader,
    SpotSeriesReader,
    SummaryReader,
    VllmReader,
)


@cache
def _readers() -> dict[str, TraceReader]:
    readers: dict[str, TraceReader] = {}
    for kind in BUILT_IN:
        reader = kind()
        readers[reader.name] = reader
    for point in entry_points(group=GROUP):
        if point.name not in readers:
            readers[point.name] = point.load()()
    return readers


def reader_names() -> list[str]:
    """Return the names of the formats that can be read."""
    return list(_readers())


def reader_titles() -> dict[str, str]:
    """Return what every format is, by name."""
    return {
        name: (type(reader).__doc__ or name).strip().splitlines()[0]
        for name, reader in _readers().items()
    }


def read_trace(
    path: str | Path,
    *,
    format: str = "auto",
    strict: bool = False,
    lenient: bool = False,
    words: tuple[str, ...] = (),
) -> Trace:
    """Read a trace.

    Parameters
    ----------
    path
        Plain, gzip or zstd.
    format
        A reader's name, or ``auto`` to tell by the content.
    strict
        Refuse rows out of order instead of sorting them.
    lenient
        Leave out lines that cannot be read, and say how many and which, instead of refusing the
        file.
    words
        Columns wanted as labels beside the table.

    Raises
    ------
    TraceError
        The file cannot be read.
    InputError
        No reader of that name, or both strict and lenient.
    """
    if strict and lenient:
        raise InputError(
            [Problem("--lenient", None, "cannot be used with --strict")], "trace cannot be read"
        )
    content = open_content(Path(path))
    reader = _reader_of(content, format)
    try:
        if lenient:
            trace, content = _read_leniently(reader, content)
        else:
            trace = reader.read(content, strict=strict)
    except TraceError as error:
        if reader.sniff(content):
            raise
        unlike = Problem(content.where, _first(content), f"does not begin like {reader.name}")
        raise TraceError([unlike, *error.problems]) from error
    notices = (*trace.notices, *_left_out(content))
    trace = replace(trace, notices=notices, format=reader.name, bytes=content.path.stat().st_size)
    if words:
        named_columns = {column: words_of(content, trace, column) for column in words}
        trace = replace(trace, labels={**trace.labels, **named_columns})
    return trace


def _reader_of(content: Content, format: str) -> TraceReader:
    readers = _readers()
    if format != "auto" and format not in readers:
        raise InputError(
            [
                Problem(
                    "--format",
                    format,
                    "names no reader",
                    ", ".join(["auto", *readers]),
                    nearest(format, readers),
                )
            ],
            "trace cannot be read",
        )
    if format != "auto":
        return readers[format]
    for reader in readers.values():
        if reader.sniff(content):
            return reader
    raise TraceError(
        [
            Problem(
                content.where,
                _first(content),
                "the first line is of no format that is known",
                ", ".join(readers),
            )
        ]
    )


def _first(content: Content) -> str:
    """Return how a file begins, for messages."""
    return content.head.split("\n", 1)[0][:80] or repr(content.start[:16])


def _left_out(content: Content) -> list[str]:
    """Return how many lines were left out, and the first of them."""
    lines = [
        (str(line) if where == content.where else f"{line} of {where}")
        for where, found in content.left_out.items()
        for line in sorted(found)
    ]
    if not lines:
        return []
    more = f" and {len(lines) - SKIPPED_SHOWN:,} more" if len(lines) > SKIPPED_SHOWN else ""
    return [
        f"{len(lines):,} lines could not be read and were left out: "
        f"{', '.join(lines[:SKIPPED_SHOWN])}{more}"
    ]


def _read_leniently(reader: TraceReader, content: Content) -> tuple[Trace, Content]:
    """Read, leaving out the lines at fault, until no fault is left that has a line."""
    while True:
        try:
            return reader.read(replace(content, faults=[]), strict=False), content
        except TraceError as error:
            left = dict(content.left_out)
            for problem in error.problems:
                where = problem.path.rpartition(": line ")[0] or problem.path
                left[where] = left.get(where, frozenset()).union(problem.rows)
            left = {where: lines for where, lines in left.items() if lines}
            if left == content.left_out:
                raise
            content = replace(content, left_out=left)


def describe_trace(path: str | Path, *, format: str = "auto") -> dict[str, Any]:
    """Return the figures of a trace; see `read_trace`."""
    return read_trace(path, format=format).figures
