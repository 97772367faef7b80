"""Jain's index, and the fairness figures of a run."""

from __future__ import annotations

import numpy as np
import pytest

import computenet as cn
from computenet.simulation.fairness import jain_index, spread_over_regions


def test_jain_by_hand() -> None:
    assert jain_index(np.asarray([3.0, 3.0, 3.0])) == 1.0
    assert jain_index(np.asarray([5.0, 0.0, 0.0, 0.0])) == 0.25
    assert jain_index(np.asarray([1.0, 2.0])) == pytest.approx(9 / 10)
    assert jain_index(np.zeros(3)) == 1.0
    assert jain_index(np.asarray([1e-200, 1e-200])) == 1.0


def test_regions_that_ask_for_nothing_are_left_out() -> None:
    spread = spread_over_regions(np.asarray([1.0, 0.0, 3.0]), np.asarray([2.0, 0.0, 3.0]))
    assert spread == {"jain": pytest.approx(1.5**2 / (2 * 1.25)), "min": 0.5, "max": 1.0}
    assert spread_over_regions(np.zeros(2), np.zeros(2))["jain"] is None


def test_figures_agree_with_the_tables() -> None:
    run = cn.simulate(cn.load("two-hubs", days=0.2))
    fairness = run.summary["fairness"]
    served = (run.requests.served / run.requests.arrived).to_numpy()
    assert fairness["requests_served"]["min"] == served.min()
    assert fairness["slo_attainment"]["max"] == run.requests.slo_attainment.max()
    asked = run.jobs[run.jobs.state != "not_submitted"]
    work = (asked.work_s * asked.held_accelerators).groupby(asked.region, observed=False).sum()
    done = asked[asked.state == "completed"]
    finished = (done.work_s * done.held_accelerators).groupby(done.region, observed=False).sum()
    assert fairness["work_completed"]["min"] == pytest.approx((finished / work).min())
