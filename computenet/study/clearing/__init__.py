"""One-shot clearing of a market for accelerators: tables in, allocation and prices out."""

from computenet.study.clearing.clearing import match
from computenet.study.clearing.outcome import MatchOutcome
from computenet.study.clearing.schema import DEMAND, PATHS, SUPPLY, Column, column_lines
from computenet.study.clearing.template import Template, match_template

__all__ = [
    "DEMAND",
    "PATHS",
    "SUPPLY",
    "Column",
    "MatchOutcome",
    "Template",
    "column_lines",
    "match",
    "match_template",
]
