"""Runs side by side: their figures, their bounds, and how they are kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.errors import InputError, Problem
from computenet.results import Results, load_run
from computenet.results.storage import complete_directory, write_run
from computenet.scenario import TopologySpec
from computenet.scenario.layouts import Change, topology_changes
from computenet.scenario.yaml_text import read_yaml
from computenet.study.bounds import RunBound, gaps_of
from computenet.units import MANY_CNY

if TYPE_CHECKING:
    from computenet.report.view import Lang

__all__ = ["MARK", "Comparison", "Row", "load_comparison"]

#: A directory is a comparison when it holds this file, which is written last.
MARK = "comparison.json"
#: The topology that layouts are told apart from.
BASE_FILE = "base-topology.yaml"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a comparison."""

    name: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    runs
        Results by name.
    limits
        Lower bounds on cost, carbon and waiting with perfect foresight; figures are ``None`` where
        the status says why there is none.
    own_limits
        Bounds by run, where runs are of different layouts.
    base
        The topology that layouts are told apart from, if layouts are compared.
    """

    runs: dict[str, Results] = field(repr=False)
    limits: RunBound = field(default_factory=RunBound)
    own_limits: dict[str, RunBound] = field(default_factory=dict)
    base: TopologySpec | None = field(default=None, repr=False)

    @property
    def gaps(self) -> dict[str, dict[str, float | None]]:
        """How far each run lies above its bounds, see `gaps_of`."""
        return {
            name: gaps_of(self.own_limits.get(name, self.limits), results.summary)
            for name, results in self.runs.items()
        }

    @property
    def bounds_cny(self) -> dict[str, float | None]:
        """The least that each run's work can cost, ``None`` where that is not known."""
        return {name: self.own_limits.get(name, self.limits).cost_cny for name in self.runs}

    @property
    def changes(self) -> dict[str, list[Change]]:
        """What each run's topology has that `base` has not, and the reverse, by run."""
        if self.base is None:
            return {}
        return {
            name: topology_changes(self.base, results.scenario.topology)
            for name, results in self.runs.items()
        }

    @property
    def bound(self) -> dict[str, Any]:
        """The bounds, see `RunBound`, and as ``gap`` how far the cheapest run lies above."""
        known = [row["gap_to_bound"] for row in self.gaps.values()]
        least = min((gap for gap in known if gap is not None), default=None)
        return {**self.limits.as_dict(), "gap": least}

    def as_dict(self) -> dict[str, Any]:
        """Return what ``compare --json`` prints."""
        gaps = self.gaps
        more: dict[str, Any] = {}
        if self.base is not None:
            more["bounds"] = {name: one.as_dict() for name, one in self.own_limits.items()}
            more["changes"] = {
                name: [asdict(one) for one in found] for name, found in self.changes.items()
            }
        return {
            "runs": {
                name: {**results.summary, **gaps[name]} for name, results in self.runs.items()
            },
            "bound": self.bound,
            **more,
        }

    def rows(self) -> list[Row]:
        """Return the figures that tell runs apart, formatted."""
        runs = [results.summary for results in self.runs.values()]
        rows = [
            Row(name, [show(summary) for summary in runs])
            for name, show in (*_money_figures(runs), *_FIGURES)
        ]
        gaps = self.gaps.values()
        if any(row["gap_to_bound"] is not None for row in gaps):
            rows += [Row(name, [_share(row[key]) for row in gaps]) for name, key in _GAPS]
        return rows

    def bound_line(self) -> str:
        """Return what is known of the least cost in a sentence."""
        limits = self.limits
        if any(one.cost_cny is not None for one in self.own_limits.values()):
            shown = {
                name: "no bound" if one.cost_cny is None else f"{one.cost_cny:,.0f} CNY"
                for name, one in self.own_limits.items()
            }
            return "bounds: " + "; ".join(f"{name} {text}" for name, text in shown.items())
        if limits.cost_cny is None:
            return f"bound: {limits.status}"
        text = (
            f"bound: no policy does the work of these runs for less than {limits.cost_cny:,.0f} CNY"
        )
        if limits.idle_cost_cny is not None:
            text += f", of which {limits.idle_cost_cny:,.0f} for no work at all"
        return text if limits.status == "optimal" else f"{text} ({limits.status})"

    def save(self, directory: str | Path, *, overwrite: bool = False, lang: str = "en") -> Path:
        """Write every run below `directory`, with ``comparison.json`` and ``comparison.html``.

        Raises
        ------
        InputError
            `directory` is taken, or the name of a run leads out of it.
        RunError
            The disk is full or not writable; nothing is left behind.
        """
        from computenet.report import render_report
        from computenet.report.comparison_page import render_comparison

        root = Path(directory)
        problems = [
            Problem("runs", name, "leads out of the directory to write", "the name of a directory")
            for name in self.runs
            if Path(name).is_absolute() or not Path(name).parts or ".." in Path(name).parts
        ]
        if problems:
            raise InputError(problems, "comparison cannot be saved")
        tongue: Lang = "zh" if lang == "zh" else "en"
        with complete_directory(root, overwrite=overwrite, mark=MARK) as part:
            for name, results in self.runs.items():
                (part / name).mkdir(parents=True)
                write_run(results, part / name, render_report(results, tongue))
            if self.base is not None:
                (part / BASE_FILE).write_text(_dumped(self.base), encoding="utf-8")
            page = render_comparison(self, tongue)
            (part / "comparison.html").write_text(page, encoding="utf-8")
            text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False)
            (part / MARK).write_text(text + "\n", encoding="utf-8")
        return root


def _dumped(topology: TopologySpec) -> str:
    import yaml

    text: str = yaml.safe_dump(
        topology.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False
    )
    return text


def load_comparison(directory: str | Path) -> Comparison:
    """Read a comparison back that was saved.

    Raises
    ------
    InputError
        The directory holds none, or something of it is missing or damaged.
    """
    root = Path(directory)
    try:
        told = json.loads((root / MARK).read_text(encoding="utf-8"))
        runs = {str(name): load_run(root / name) for name in told["runs"]}
        own = {str(name): _limits(one) for name, one in told.get("bounds", {}).items()}
        base = None
        if (root / BASE_FILE).is_file():
            base = TopologySpec.model_validate(read_yaml(root / BASE_FILE))
        return Comparison(runs, _limits(told["bound"]), own, base)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            [Problem(str(root / MARK), None, f"is missing or damaged: {error}")],
            "comparison cannot be read",
        ) from error


def _limits(told: Mapping[str, Any]) -> RunBound:
    known = {one.name for one in fields(RunBound)}
    return RunBound(**{key: value for key, value in told.items() if key in known})


def _millions(value: float) -> str:
    return _sized(value / 1e6) if abs(value) < 1e6 else f"{value / 1e6:,.2f}"


_Figures = tuple[tuple[str, Callable[[dict[str, Any]], str]], ...]


def _money_figures(runs: list[dict[str, Any]]) -> _Figures:
    """Return the figures of money, in CNY where no run costs a tenth of a million."""
    small = max((run["cost"]["total_cny"] for run in runs), default=0.0) < MANY_CNY
    unit, shown = ("CNY", _sized) if small else ("million CNY", _millions)
    return (
        (f"cost, {unit}", lambda s: shown(s["cost"]["total_cny"])),
        ("  energy", lambda s: shown(s["cost"]["energy_cny"])),
        ("  network", lambda s: shown(s["cost"]["network_cny"])),
        (f"bills of users, {unit}", lambda s: shown(_bills(s)) if _bills(s) else "-"),
    )


_FIGURES: _Figures = (
    ("carbon, t CO2", lambda s: _sized(s["carbon"]["kg"] / 1000)),
    ("facility, MWh", lambda s: _sized(s["energy"]["facility_mwh"])),
    ("PUE", lambda s: "-" if s["energy"]["pue"] is None else f"{s['energy']['pue']:.3f}"),
    ("green share", lambda s: _share(s["energy"]["green_share"])),
    ("unserved, MWh", lambda s: _sized(s["energy"]["unserved_mwh"])),
    ("SLO attainment", lambda s: _share(s["requests"]["slo_attainment"])),
    ("  lowest region", lambda s: _share(_of_regions(s, "min"))),
    ("  Jain's index of regions", lambda s: _index(_of_regions(s, "jain"))),
    ("TTFT p50 / p99, ms", lambda s: _pair(s["requests"]["ttft_ms"])),
    ("requests dropped", lambda s: f"{s['requests']['dropped']:,}"),
    ("jobs completed", lambda s: f"{s['jobs']['completed']:,}"),
    ("job wait mean, s", lambda s: _number(s["jobs"]["wait_s"]["mean"])),
    ("job wait p99, s", lambda s: _number(s["jobs"]["wait_s"]["p99"])),
    ("cost against plan", lambda s: _signed(s["plan"]["gap"])),
    ("work in the west", lambda s: _share(s["network"]["west_share"])),
    ("utilisation", lambda s: _share(s["capacity"]["utilisation"])),
)


_GAPS = (
    ("cost over bound", "gap_to_bound"),
    ("  above idle", "gap_above_idle"),
    ("carbon over bound", "carbon_gap_to_bound"),
)


def _sized(value: float) -> str:
    """Return three digits at least, so that small networks do not all cost 0.00."""
    return f"{value:.3g}" if 0.0 < abs(value) < 10.0 else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2%}"


def _bills(summary: dict[str, Any]) -> float:
    """Return the sum of users' bills; runs on disk may be older than bills."""
    return float(summary.get("revenue", {}).get("bill_cny", 0.0))


def _of_regions(summary: dict[str, Any], figure: str) -> float | None:
    """Return a figure of the spread of SLO attainment; runs on disk may be older than it."""
    value: float | None = summary.get("fairness", {}).get("slo_attainment", {}).get(figure)
    return value


def _index(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _pair(values: Mapping[str, float | None]) -> str:
    low, high = values["p50"], values["p99"]
    return "-" if low is None or high is None else f"{low:,.0f} / {high:,.0f}"
