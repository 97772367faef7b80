"""Where the numbers of the models and of the settings in use come from."""

from __future__ import annotations

from collections.abc import Iterator

from computenet.energy.cooling import LOAD_PENALTY
from computenet.engines import BLOCK_TOKENS, LAYER_OVERHEAD_S, STEP_TOKENS
from computenet.network import LATENCY_FACTORS
from computenet.scenario import Scenario
from computenet.scenario.provenance import NumberSource
from computenet.serving import (
    CACHE_SHARE,
    DECODE_ACTIVITY,
    DECODE_EFFICIENCY,
    MEMORY_SHARE,
    MOST_SLOTS,
    PREFILL_ACTIVITY,
    PREFILL_EFFICIENCY,
)

__all__ = ["model_numbers"]

Row = tuple[str, float, str, str, str]

JUDGED = "judgement"
CERTIFICATES = "calibration of certificate trades, June 2026"


def model_numbers(scenario: Scenario) -> list[NumberSource]:
    """Return the numbers that no record of the scenario carries, where the run used them."""
    rows = [*_serving(scenario), *_runs(scenario), *_energy(scenario), *_network(scenario)]
    return [
        NumberSource(path, path.rpartition(".")[2], f"{value:g}", unit, source, grade)
        for path, value, unit, source, grade in rows
    ]


def _serving(scenario: Scenario) -> Iterator[Row]:
    roofline = "published serving studies reach 0.4 to 0.7 of the roofline (recalled)"
    power = "shares of thermal design power, DynamoLLM and Splitwise (recalled)"
    yield ("serving.prefill_efficiency", PREFILL_EFFICIENCY, "", roofline, "estimated")
    yield ("serving.decode_efficiency", DECODE_EFFICIENCY, "", roofline, "estimated")
    yield ("serving.prefill_activity", PREFILL_ACTIVITY, "", power, "published")
    yield ("serving.decode_activity", DECODE_ACTIVITY, "", power, "published")
    yield ("serving.memory_share", MEMORY_SHARE, "", JUDGED, "assumed")
    yield ("serving.cache_share", CACHE_SHARE, "", JUDGED, "assumed")
    yield ("serving.most_slots", float(MOST_SLOTS), "", JUDGED, "assumed")
    if scenario.run.service_law == "continuous-batching":
        measured = "between those of two measured vLLM runs, 69 and 75 microseconds a layer"
        engine = "default of vLLM"
        yield ("serving.layer_overhead_s", LAYER_OVERHEAD_S, "s", measured, "measured")
        yield ("serving.step_tokens", float(STEP_TOKENS), "", engine, "published")
        yield ("serving.block_tokens", float(BLOCK_TOKENS), "", engine, "published")


def _runs(scenario: Scenario) -> Iterator[Row]:
    run, failures = scenario.run, scenario.failures
    yield ("run.checkpoint_interval_s", run.checkpoint_interval_s, "s", JUDGED, "assumed")
    yield ("run.restart_s", run.restart_s, "s", JUDGED, "assumed")
    if run.checkpoint_cost_s > 0.0:
        yield ("run.checkpoint_cost_s", run.checkpoint_cost_s, "s", JUDGED, "assumed")
    if failures.model == "sampled":
        analyst = "analyst estimate; hardware repair takes one to three days, a hot spare minutes"
        yield ("failures.repair_median_h", failures.repair_median_h, "h", analyst, "assumed")
        yield ("failures.repair_sigma", failures.repair_sigma, "", analyst, "assumed")


def _energy(scenario: Scenario) -> Iterator[Row]:
    energy = scenario.energy
    if energy.model != "full":
        return
    ministry = "Ministry of Ecology and Environment, factors of 2023 without traded green power"
    yield ("energy.residual_mix_kg_per_mwh", energy.residual_mix_kg_per_mwh, "kg/MWh", ministry,
           "published")  # fmt: skip
    yield ("energy.green_premium_cny_per_mwh", energy.green_premium_cny_per_mwh, "CNY/MWh", JUDGED,
           "assumed")  # fmt: skip
    yield ("energy.certificate_cny_per_mwh", energy.certificate_cny_per_mwh, "CNY/MWh",
           CERTIFICATES, "published")  # fmt: skip
    yield ("energy.embodied_kg_per_accelerator", energy.embodied_kg_per_accelerator, "kg", JUDGED,
           "assumed")  # fmt: skip
    yield ("energy.embodied_years", energy.embodied_years, "a", JUDGED, "assumed")
    yield ("energy.load_penalty", LOAD_PENALTY, "", "PUE 0.05 higher at 30 % load", "estimated")
    if energy.power_cap < 1.0:
        yield ("energy.power_cap.exponent", 1.0 / 3.0, "", "Mudge, IEEE Computer 34(4), 2001",
               "published")  # fmt: skip
    states = energy.power_states
    if states is not None:
        for name in ("reserve", "start_up_s", "off_power_share", "review_s"):
            unit = "s" if name.endswith("_s") else ""
            yield (f"energy.power_states.{name}", getattr(states, name), unit, JUDGED, "assumed")


def _network(scenario: Scenario) -> Iterator[Row]:
    network = scenario.network
    carried = "Aslan et al., J. Industrial Ecology 22(4), 2018, halved every two years (recalled)"
    bulletin = "CAICT, quality of the national compute network, 2024-Q1: means between hubs"
    for name in sorted({item.network for item in scenario.workload.service_classes}):
        yield (f"network.latency_factor.{name}", LATENCY_FACTORS[name], "", bulletin, "published")
    yield ("network.kwh_per_gb", network.kwh_per_gb, "kWh/GB", carried, "estimated")
    for move in network.bulk_moves:
        path = f"network.bulk_moves.{move.name}"
        if move.by in {"dedicated", "cheapest"}:
            yield (f"{path}.cny_per_gbps_h", move.cny_per_gbps_h, "CNY/Gbps/h",
                   "analyst estimate for wavelengths", "estimated")  # fmt: skip
        if move.by in {"shipped", "cheapest"}:
            yield (f"{path}.lead_time_h", move.lead_time_h, "h", JUDGED, "assumed")
            yield (f"{path}.cny_per_tb", move.cny_per_tb, "CNY/TB", JUDGED, "assumed")
