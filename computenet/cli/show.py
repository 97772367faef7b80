"""What the commands print: listings, the summary of a run, a comparison, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from computenet.results import Results
    from computenet.scenario import Scenario
    from computenet.simulation import Progress
    from computenet.study import Comparison

__all__ = ["print_comparison", "print_facts", "print_listing", "print_summary", "progress"]

#: Space that a table without lines has around each column.
GAP = 2


def print_listing(listing: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Print what is built in, a table a kind."""
    console = Console()
    for kind, rows in listing.items():
        table = Table("name", "what it is", title=kind, title_justify="left", box=None)
        for row in rows:
            table.add_row(escape(row["name"]), escape(row["title"]))
        console.print(table)
        console.print()


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, nested mappings indented."""
    console = Console(highlight=False)
    table = Table("", "", box=None, show_header=False)
    for name, value in facts.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key}: {item}" for key, item in value.items())
        elif isinstance(value, float):
            value = f"{value:,.6g}"
        elif isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:,}"
        table.add_row(escape(str(name)), escape(str(value)))
    console.print(table)


@contextmanager
def progress(
    scenario: Scenario, *, quiet: bool, runs: Sequence[str] = ("",)
) -> Iterator[Callable[[Progress], None] | None]:
    """Show a bar with the simulated date and the rate on a terminal, and nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.fields[name]}"),
        TextColumn("{task.fields[date]}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        tasks: dict[str, Any] = {}

        def report(state: Progress) -> None:
            if state.run not in tasks:
                tasks[state.run] = bar.add_task(
                    "", total=scenario.horizon_s, name=escape(state.run), date="", rate=""
                )
            when = scenario.start + timedelta(seconds=state.now_s)
            bar.update(
                tasks[state.run],
                completed=state.now_s,
                date=when.strftime("%Y-%m-%d %H:%M"),
                rate=f"{state.requests / max(state.wall_s, 1e-9) / 1e6:.2f} M requests/s",
            )

        yield report


def print_summary(results: Results, out: Path | None) -> None:
    """Print the key figures of a run."""
    console = Console(highlight=False)
    for group, rows in key_figures(results.summary).items():
        table = Table("", "", title=group, title_justify="left", box=None, show_header=False)
        for name, value in rows:
            table.add_row(f"  {name}", value)
        console.print(table)
    missed = [row for row in results.summary["targets"] if row["met"] is False]
    console.print(
        f"targets: {len(results.summary['targets']) - len(missed)} met, {len(missed)} missed"
    )
    sampling = results.manifest["sampling"]["factor"]
    if sampling > 1:
        console.print(
            f"requests are sampled: one replica and one request in {sampling:,} were simulated, "
            "totals are scaled up"
        )
    window_h = results.scenario.run.request_window_h
    if window_h > 0.0:
        console.print(
            f"requests are simulated in windows: {window_h:g} h in every "
            f"{results.scenario.run.request_period_h:g} h, the rest is estimated from them"
        )
    shared = results.manifest.get("workers", {"idle": 0})
    if shared["idle"] > 0:
        console.print(
            f"{shared['idle']} of {shared['count']} workers had nothing to do: there are fewer "
            "demands and replicas to share"
        )
    console.print("audit: every balance closes")
    if out is not None:
        console.print(f"run: {escape(str(out))}")
        console.print(f"report: {escape(str(out / 'report.html'))}")


def key_figures(summary: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return the figures worth a line each, grouped."""
    jobs, requests = summary["jobs"], summary["requests"]
    capacity, energy, cost = summary["capacity"], summary["energy"], summary["cost"]
    return {
        "jobs": [
            (
                "submitted / completed / rejected",
                f"{jobs['submitted']:,} / {jobs['completed']:,} / {jobs['rejected']:,}",
            ),
            ("wait mean, p50, p95, p99", _spread(jobs["wait_s"], "s")),
            *_recorded(jobs["recorded"]),
        ],
        "requests": [
            ("arrived / served / dropped", _trio(requests, ("arrived", "served", "dropped"))),
            ("TTFT p50, p95, p99", _percentiles(requests["ttft_ms"])),
            ("TPOT p50, p95, p99", _percentiles(requests["tpot_ms"])),
            ("SLO attainment", _percent(requests["slo_attainment"])),
        ],
        "capacity": [
            ("utilisation", _percent(capacity["utilisation"])),
            (
                "EFLOPS FP16 installed / delivered",
                f"{_sized(capacity['eflops_fp16_installed'])} / "
                f"{_sized(capacity['eflops_fp16_delivered'])}",
            ),
        ],
        "energy": [
            (
                "facility, PUE",
                f"{_sized(energy['facility_mwh'])} MWh, "
                + ("-" if energy["pue"] is None else f"{energy['pue']:.3f}"),
            ),
            (
                "green share, hourly matched",
                f"{_percent(energy['green_share'])}, "
                f"{_percent(energy['hourly_matched_green_share'])}",
            ),
            ("carbon", f"{_sized(summary['carbon']['kg'] / 1000)} t CO2"),
            ("water", f"{_sized(summary['water']['m3'])} m3"),
        ],
        "cost": [
            (
                "energy + network = total",
                f"{_money(cost['energy_cny'])} + {_money(cost['network_cny'])} = "
                f"{_money(cost['total_cny'])} CNY",
            ),
            *(
                [("cost against plan", f"{summary['plan']['gap']:+.2%}")]
                if summary.get("plan", {}).get("gap") is not None
                else []
            ),
            ("work done in the west", _percent(summary["network"]["west_share"])),
        ],
        **({"bound": _bound(summary["bound"])} if "bound" in summary else {}),
    }


def _bound(bound: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what no policy could better, and how far the run is from it."""
    if bound["cost_cny"] is None:
        return [("status", str(bound["status"]))]
    return [
        ("least cost", f"{_money(bound['cost_cny'])} CNY"),
        (
            "this run over it; above idle",
            f"{_percent(bound['gap_to_bound'])}; {_percent(bound['gap_above_idle'])}",
        ),
    ]


def _recorded(recorded: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the waits on record beside those simulated, of the jobs that have one."""
    if not recorded["jobs"]:
        return []
    return [
        (f"wait on record, {recorded['jobs']:,} jobs", _spread(recorded["wait_s"], "s")),
        ("wait simulated, the same jobs", _spread(recorded["simulated_wait_s"], "s")),
    ]


def _sized(value: float) -> str:
    """Return a number with three digits at least: 154,037 or 12.3 or 0.0253."""
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _money(value: float) -> str:
    return f"{value / 1e6:,.2f} million" if abs(value) >= 1e6 else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _trio(values: Mapping[str, Any], names: Sequence[str]) -> str:
    return " / ".join(f"{values[name]:,}" for name in names)


def _spread(values: Mapping[str, float | None], unit: str) -> str:
    shown = [
        "-" if values[k] is None else f"{values[k]:,.0f}" for k in ("mean", "p50", "p95", "p99")
    ]
    return ", ".join(shown) + f" {unit}"


def _percentiles(values: Mapping[str, float | None]) -> str:
    shown = ["-" if values[k] is None else f"{values[k]:,.1f}" for k in ("p50", "p95", "p99")]
    return ", ".join(shown) + " ms"


def print_comparison(comparison: Comparison, out: Path | None) -> None:
    """Print runs side by side; below each other where a terminal is too narrow for all of them."""
    names, rows = list(comparison.runs), comparison.rows()
    widths = [
        max(len(name), *(len(row.values[at]) for row in rows)) + GAP
        for at, name in enumerate(names)
    ]
    first = max(len(row.name) for row in rows) + GAP
    wide = first + sum(widths)
    said = comparison.bound_line()
    # A file is not wrapped at all.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else max(wide, len(said)))
    at = 0
    while at < len(names):
        end = at + 1
        while end < len(names) and first + sum(widths[at : end + 1]) <= console.width:
            end += 1
        table = Table("", *[escape(name) for name in names[at:end]], box=None)
        for row in rows:
            table.add_row(row.name, *row.values[at:end])
        if at:
            console.print()
        console.print(table)
        at = end
    console.print(escape(said))
    if out is not None:
        console.print(f"comparison: {escape(str(out))}")


def print_served(figures: Mapping[str, Any]) -> None:
    """Print latencies of a replica, beside measured ones and how far they are apart."""
    console = Console(highlight=False)
    console.print(
        f"{figures['served']:,} of {figures['requests']:,} requests served, "
        f"{figures['dropped']:,} too large; {figures['law']}, "
        f"{figures['cache_tokens']:,} tokens of cache"
    )
    console.print(
        f"accelerator: {figures['accelerator_grade']} ({escape(figures['accelerator_source'])})"
    )
    measured, error = figures["measured"], figures["error"]
    table = Table("ms", "simulated", *(["measured", "difference"] if measured else []), box=None)
    for name, value in figures["simulated"].items():
        more = []
        if measured:
            far = error.get(name)
            more = [f"{measured[name]:,.1f}", "-" if far is None else f"{far:+.1%}"]
        table.add_row(name, f"{value:,.1f}", *more)
    console.print(table)


def print_fit(figures: Mapping[str, Any]) -> None:
    """Print how well a fitted generator resembles its source."""
    console = Console(highlight=False)
    for note in figures["notes"]:
        console.print(f"note: {escape(note)}")
    rows = figures["rows"]
    console.print(f"{rows['source']:,} rows in the source, {rows['fitted']:,} drawn")
    table = Table("", "", "mean", "p50", "p90", "p99", "KS", "p", box=None)
    for name, item in figures["marginals"].items():
        if item["ks"] is None:
            continue
        for side in ("source", "fitted"):
            figures_of = [_sized(item[side][key]) for key in ("mean", "p50", "p90", "p99")]
            test = ["", ""] if side == "source" else [f"{item['ks']:.3f}", f"{item['p_value']:.2g}"]
            table.add_row(name if side == "source" else "", side, *figures_of, *test)
    console.print(table)
    for title, key in (
        ("index of dispersion by time scale", "dispersion"),
        ("autocorrelation of counts a minute, by lag", "autocorrelation"),
    ):
        table = Table("", "source", "fitted", title=title, box=None)
        for name, pair in figures[key].items():
            shown = [
                "-" if pair[side] is None else f"{pair[side]:.3g}" for side in ("source", "fitted")
            ]
            table.add_row(name.replace("_", " "), *shown)
        console.print(table)
