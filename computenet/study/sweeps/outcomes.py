"""Whether the outcomes that a study names, and no axis, are figures of its runs.

Tried before anything runs, checked after.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from computenet.errors import InputError, Problem
from computenet.study.sweeps.preparing import Prepared
from computenet.study.sweeps.spec import TITLE
from computenet.study.sweeps.tasks import Record, scenario_of, simulated
from computenet.units import SECONDS_PER_DAY

__all__ = ["Outcomes"]


class Outcomes:
    """Sees to it that the outcomes a study names are figures of its runs."""

    def __init__(self, prepared: Prepared) -> None:
        spec = prepared.study.spec
        goals = [f"pareto.{g}" for g in range(len(spec.pareto))]
        names = [f"outcomes.{n}" for n in range(len(spec.outcomes))]
        self._wanted = dict(
            zip([*names, *goals], [*spec.outcomes, *(g.outcome for g in spec.pareto)], strict=True)
        )
        self._prepared = prepared
        self._checked = False

    def try_out(self) -> None:
        """Simulate one slot of the first run and look for the outcomes in its figures.

        A scenario with events, which have times within the run, is not tried, nor one that fails
        here: `check` sees to their first run.

        Raises
        ------
        InputError
            Naming every outcome that is no figure, and every axis that is called like one.
        """
        scenario = scenario_of(self._prepared.work, self._prepared.tasks[0])
        if scenario.events:
            return
        run = scenario.run.model_copy(
            update={"warmup_h": 0.0, "request_window_h": 0.0, "request_period_h": 0.0}
        )
        days = min(scenario.days, run.slot_s / SECONDS_PER_DAY)
        try:
            figures = simulated(scenario.model_copy(update={"days": days, "run": run}))
        except Exception:  # The first run will say so.
            return
        self._compare(figures)

    def check(self, record: Record) -> None:
        """Raise `InputError` at the first run that is done without one of the outcomes."""
        if not self._checked and record.status == "done":
            self._checked = True
            self._compare(record.figures)

    def _compare(self, figures: Mapping[str, Any]) -> None:
        problems = [
            Problem(where, name, "names no figure of summary.json",
                    suggestion=next(iter(get_close_matches(name, figures, 1)), None))
            for where, name in self._wanted.items()
            if name not in figures
        ]  # fmt: skip
        problems += [
            Problem(f"axes.{axis.name}", None, "is called like a figure of summary.json, "
                    "whose column it would be", "name: another one")
            for axis in self._prepared.study.spec.axes
            if axis.name in figures
        ]  # fmt: skip
        if problems:
            raise InputError(problems, TITLE)
