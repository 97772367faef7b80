"""Recorded demand: one reader a format, found by name or by content."""

from computenet.workload.traces.reading import (
    describe_trace,
    read_trace,
    reader_names,
    reader_titles,
)
from computenet.workload.traces.trace import Labels, NodeGroup, Origin, Trace, TraceReader
from computenet.workload.traces.writing import (
    SUFFIXES,
    SWF_SUFFIXES,
    convert_trace,
    scale_trace,
    target_problems,
    write_frame,
    write_table,
    write_whole,
)

__all__ = [
    "SUFFIXES",
    "SWF_SUFFIXES",
    "Labels",
    "NodeGroup",
    "Origin",
    "Trace",
    "TraceReader",
    "convert_trace",
    "describe_trace",
    "read_trace",
    "reader_names",
    "reader_titles",
    "scale_trace",
    "target_problems",
    "write_frame",
    "write_table",
    "write_whole",
]
