"""Mean run times of job classes against what the generators draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from computenet import load
from computenet.scenario.workload import JobClassSpec
from computenet.simulation.demand import job_laws
from computenet.workload.generators.job_laws import mean_load_accelerators, run_times


def drawn_mean(item: JobClassSpec) -> float:
    """Return the mean of what is drawn, over many quantiles."""
    points = (np.arange(400_000) + 0.5) / 400_000
    return float(run_times(_law(item), ndtri(points)).mean())


def _law(item: JobClassSpec) -> Any:
    scenario = load("two-hubs")
    workload = scenario.workload.model_copy(update={"job_classes": [item]})
    return job_laws(scenario.model_copy(update={"workload": workload}))[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"run_time_most_s": 1e9},
        {"run_time_most_s": 2_000.0},
        {"run_time_most_s": 100.0},
        {"run_time_sigma": 0.0},
        {"run_time_sigma": 0.0, "run_time_most_s": 10.0},
        {"run_time_quantiles_s": [1.0, 10.0, 10.0, 400.0, 5_000.0], "run_time_most_s": 1e9},
        {"run_time_quantiles_s": [1.0, 10.0, 10.0, 400.0, 5_000.0], "run_time_most_s": 90.0},
        {"run_time_quantiles_s": [7.0, 7.0], "run_time_most_s": 3.0},
        {"run_time_quantiles_s": [7.0, 7.0, 9.0], "run_time_most_s": 7.0},
    ],
)
def test_the_mean_is_that_of_what_is_drawn(changes: dict[str, object]) -> None:
    base = load("two-hubs").workload.job_classes[0]
    item = base.model_copy(update={"run_time_median_s": 1_000.0, "run_time_sigma": 1.5, **changes})
    assert item.mean_run_time_s == pytest.approx(drawn_mean(item), rel=2e-4)


@pytest.mark.parametrize("name", ["two-hubs", "four-hubs", "china-2025", "china-2025-cities"])
def test_work_of_built_in_classes_is_that_of_the_generators(name: str) -> None:
    for item in load(name).workload.job_classes:
        law = _law(item)
        part = 1.0 - law.failed_share * (1.0 - law.failed_after)
        assert item.mean_held_s == pytest.approx(part * drawn_mean(item), rel=1e-3)
        # The generators' own figure is taken over fewer points, of laws with long tails.
        load_of = (
            law.rate_per_day
            / 86_400
            * item.mean_held_s
            * float(np.average(list(item.sizes), weights=list(item.sizes.values())))
        )
        assert load_of == pytest.approx(mean_load_accelerators(law), rel=0.01)
