"""Benchmarks can be run: what they are made of is still there. Their figures are not looked at."""

from __future__ import annotations

from importlib import import_module

import pytest

from benchmarks.run import LONG, SUITES


@pytest.mark.parametrize("name", SUITES + LONG)
def test_a_suite_can_be_loaded(name: str) -> None:
    assert callable(import_module(f"benchmarks.{name}").run)
