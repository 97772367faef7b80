"""Recorded demand: one reader a format, found by name or by content."""

from computenet.workload.traces.reading import describe_trace, read_trace, reader_names
from computenet.workload.traces.trace import Trace, TraceReader

__all__ = ["Trace", "TraceReader", "describe_trace", "read_trace", "reader_names"]
