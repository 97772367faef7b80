"""Load, simulate, replay, compare: the Python interface, of which the command line is a layer."""

from computenet.study.bench_setup import prepare_bench
from computenet.study.benching import Benchmark, bench, run_bench
from computenet.study.bounds import RunBound, bound_runs, with_bound
from computenet.study.clearing import MatchOutcome, Template, match, match_template
from computenet.study.comparing import check_policies, compare, compare_runs
from computenet.study.comparison import Comparison, Row, load_comparison
from computenet.study.fits import draw, fit
from computenet.study.layouts import check_layouts, compare_layouts, layout_names, with_layouts
from computenet.study.pages import Page, page_of
from computenet.study.planning import PlanOutcome, PlanProgress, check_plan, plan
from computenet.study.replays import Replay, prepare_replay, replay, run_replay
from computenet.study.runs import check_workers, listing, load, save, simulate, validate
from computenet.study.serving import serve
from computenet.study.shocks import check_shocks, compare_shocks, shock_names, with_shock
from computenet.study.sweeps import (
    StudyOutcome,
    check_engine,
    prepare_study,
    query_study,
    run_study,
    study_state,
    sweep,
)
from computenet.workload.replay import ReplayOptions

__all__ = [
    "Benchmark",
    "Comparison",
    "MatchOutcome",
    "Page",
    "PlanOutcome",
    "PlanProgress",
    "Replay",
    "ReplayOptions",
    "Row",
    "RunBound",
    "StudyOutcome",
    "Template",
    "bench",
    "bound_runs",
    "check_engine",
    "check_layouts",
    "check_plan",
    "check_policies",
    "check_shocks",
    "check_workers",
    "compare",
    "compare_layouts",
    "compare_runs",
    "compare_shocks",
    "draw",
    "fit",
    "layout_names",
    "listing",
    "load",
    "load_comparison",
    "match",
    "match_template",
    "page_of",
    "plan",
    "prepare_bench",
    "prepare_replay",
    "prepare_study",
    "query_study",
    "replay",
    "run_bench",
    "run_replay",
    "run_study",
    "save",
    "serve",
    "shock_names",
    "simulate",
    "study_state",
    "sweep",
    "validate",
    "with_bound",
    "with_layouts",
    "with_shock",
]
