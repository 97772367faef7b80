"""Recorded demand: one reader a format, found by name or by content."""

from computenet.workload.traces.reading import (
    describe_trace,
    read_trace,
    reader_names,
    reader_titles,
)
from computenet.workload.traces.trace import Labels, NodeGroup, Trace, TraceReader
from computenet.workload.traces.writing import convert_trace, scale_trace, write_frame, write_table

__all__ = [
    "Labels",
    "NodeGroup",
    "Trace",
    "TraceReader",
    "convert_trace",
    "describe_trace",
    "read_trace",
    "reader_names",
    "reader_titles",
    "scale_trace",
    "write_frame",
    "write_table",
]
