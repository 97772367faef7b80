"""The parts of a report that are text and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta, timezone
from html import escape
from typing import Any

import pandas as pd

from computenet.report.labels import Labels
from computenet.report.numbers import compact, decimals, duration, money, plain, share, significant
from computenet.report.view import Names, RunView, number_at

__all__ = [
    "audit",
    "bound",
    "by_region",
    "by_site",
    "cards",
    "events",
    "heading",
    "html_table",
    "links",
    "revenue",
    "targets",
]

MOST_EVENTS = 300
MOST_LINKS = 12


def html_table(
    head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], last: str = ""
) -> str:
    """Return a table; cells are HTML already, the flag says whether a column is text."""
    top = "".join(f'<th class="{"t" if text else ""}">{escape(name)}</th>' for name, text in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{"t" if text else ""}">{cell}</td>'
            for cell, (_, text) in zip(row, head, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}{last}</tbody></table></div>"
    )


def heading(run: RunView, label: Labels) -> str:
    """Return policy, span, topology, seed and how requests were sampled."""
    scenario = run.scenario
    zone = timezone(timedelta(hours=scenario.topology.utc_offset_h))
    start = scenario.start.astimezone(zone)
    end = start + timedelta(days=scenario.days)
    size = label(
        "sites_pools",
        sites=len(scenario.topology.sites),
        pools=len(scenario.topology.pools),
        regions=len(scenario.topology.regions),
    )
    factor = int(run.manifest["sampling"]["factor"])
    sampled = label("sampling_many", k=plain(factor)) if factor > 1 else label("sampling_one")
    if scenario.run.request_window_h > 0.0:
        sampled += " " + label(
            "sampling_windows",
            window=f"{scenario.run.request_window_h:g}",
            period=f"{scenario.run.request_period_h:g}",
        )
    return (
        f"<p>{label('policy')}: <b>{escape(str(run.manifest['policy']['name']))}</b> · "
        f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M} "
        f"({label('days', n=f'{scenario.days:g}')}) · {label('seed')} {scenario.seed}</p>"
        f"<p>{escape(getattr(scenario.topology.title, label.lang))}: {size}</p>"
        f'<p class="banner">{sampled}</p>'
    )


def cards(run: RunView, label: Labels) -> str:
    """Return the key figures."""
    s, lang = run.summary, label.lang

    def at(path: str) -> float | None:
        return number_at(s, path)

    met = sum(1 for row in s["targets"] if row["met"])
    it_mwh, water = at("energy.it_mwh") or 0.0, at("water.m3") or 0.0
    shown = [
        ("utilisation", share(at("capacity.utilisation")),
         label("utilisation_sub", jobs=share(at("capacity.utilisation_jobs")),
               serving=share(at("capacity.utilisation_serving")))),
        ("eflops", f"{significant(at('capacity.eflops_fp16_installed'))} EFLOPS",
         label("eflops_sub", delivered=significant(at("capacity.eflops_fp16_delivered")))),
        ("jobs_completed", compact(at("jobs.completed"), lang),
         label("jobs_sub", submitted=compact(at("jobs.submitted"), lang),
               wait=duration(at("jobs.wait_s.mean"), lang))),
        ("requests_served", compact(at("requests.served"), lang),
         label("requests_sub", slo=share(at("requests.slo_attainment")),
               dropped=compact(at("requests.dropped"), lang))),
        ("ttft", f"{plain(at('requests.ttft_ms.p50'))} ms",
         label("ttft_sub", p95=f"{plain(at('requests.ttft_ms.p95'))} ms",
               p99=f"{plain(at('requests.ttft_ms.p99'))} ms")),
        ("energy", f"{compact(at('energy.facility_mwh'), lang)} MWh",
         label("energy_sub", pue=plain(at("energy.pue"), 3), it=f"{compact(it_mwh, lang)} MWh")),
        ("cost", money(at("cost.total_cny"), lang),
         label("cost_sub", energy=money(at("cost.energy_cny"), lang),
               network=money(at("cost.network_cny"), lang))),
        ("carbon", f"{compact((at('carbon.kg') or 0.0) / 1000.0, lang)} t",
         label("carbon_sub", intensity=plain(at("carbon.kg_per_eflop_h")))),
        ("green", share(at("energy.green_share")),
         label("green_sub", hourly=share(at("energy.hourly_matched_green_share")))),
        ("water", f"{compact(water, lang)} m³",
         label("water_sub", rate=plain(water / it_mwh if it_mwh else None, 2))),
        ("network", f"{compact((at('network.carried_gb') or 0.0) / 1000.0, lang)} TB",
         label("network_sub", west=share(at("network.west_share")))),
        ("targets_met", f"{met} / {len(s['targets'])}", label("targets_sub")),
    ]  # fmt: skip
    return '<div class="cards">' + "".join(
        f'<div class="card"><span>{escape(label(key))}</span><b>{escape(value)}</b>'
        f"<small>{escape(sub)}</small></div>"
        for key, value, sub in shown
    ) + "</div>"  # fmt: skip


def targets(run: RunView, names: Names, label: Labels) -> str:
    """Return every policy target with its margin."""
    rows = run.summary["targets"]
    if not rows:
        return f'<p class="note">{label("no_targets")}</p>'

    def shown(row: dict[str, Any], value: float) -> str:
        return plain(value, 3) if row["target"] == "pue_max" else share(value)

    head = [
        (label("col_site"), True),
        (label("target"), True),
        (label("limit"), False),
        (label("result"), False),
        (label("margin"), False),
        (label("status"), True),
    ]
    return html_table(
        head,
        (
            (
                escape(names.site(row["site"])),
                escape(label.or_own("", row["target"])),
                shown(row, row["limit"]),
                shown(row, row["result"]),
                shown(row, row["margin"]),
                f'<span class="{"ok" if row["met"] else "bad"}">'
                f"{label('met') if row['met'] else label('not_met')}</span>",
            )
            for row in rows
        ),
    )


def bound(run: RunView, label: Labels) -> str:
    """Return the run's figures beside what no policy could better."""
    found = run.summary["bound"]

    def row(name: str, value: float | None, least: float | None, idle: float | None) -> list[str]:
        def gap(low: float) -> str:
            if value is None or least is None or least - low <= 0.0:
                return share(None)
            return share((value - least) / (least - low))

        cells = [plain(value), plain(least), plain(idle)]
        above = share(None) if idle is None else gap(idle)
        return [escape(label(name)), *cells, gap(0.0), above]

    head = [("", True)] + [
        (label(name), False)
        for name in ("bound_run", "bound_least", "bound_idle", "bound_gap", "bound_gap_above")
    ]
    return html_table(
        head,
        (
            row(
                "bound_cost", number_at(run.summary, "cost.total_cny"),
                found["cost_cny"], found["idle_cost_cny"],
            ),
            row(
                "bound_carbon", number_at(run.summary, "carbon.kg"), found["carbon_kg"],
                found["idle_carbon_kg"],
            ),
            row(
                "bound_waiting", number_at(run.summary, "work.waiting_accelerator_h"),
                found["waiting_accelerator_h"], None,
            ),
        ),
    )  # fmt: skip


def by_site(run: RunView, names: Names, label: Labels) -> str:
    """Return a row a site and their sum; bills are those before vouchers, which no site has."""
    head = [(label("col_site"), True)] + [
        (label(f"col_{name}"), False)
        for name in ("accelerators", "utilisation", "energy", "cost", "price", "carbon", "water",
                     "green", "jobs_started", "wait")
    ]  # fmt: skip
    s = run.summary
    voucher = s["cost"]["voucher_cny"]
    cost, energy = s["cost"]["energy_cny"] + voucher, s["energy"]["facility_mwh"]
    mwh, tonnes, cubic = (
        decimals([total]) for total in (energy, s["carbon"]["kg"] / 1000.0, s["water"]["m3"])
    )
    rows = [
        (
            escape(names.site(key)), plain(v["accelerators"]), share(v["utilisation"]),
            plain(v["facility_mwh"], mwh), plain(v["energy_cny"]), plain(v["cny_per_mwh"]),
            plain(v["carbon_kg"] / 1000.0, tonnes), plain(v["water_m3"], cubic),
            share(v["green_share"]), plain(v["jobs_started"]),
            duration(v["job_wait_s_mean"], label.lang),
        )
        for key, v in s["by_site"].items()
    ]  # fmt: skip
    last = "".join(
        f'<td class="{"t" if i == 0 else ""}">{cell}</td>'
        for i, cell in enumerate(
            (
                label("total"), plain(s["capacity"]["accelerators"]),
                share(s["capacity"]["utilisation"]), plain(energy, mwh), plain(cost),
                plain(cost / energy if energy else None),
                plain(s["carbon"]["kg"] / 1000.0, tonnes), plain(s["water"]["m3"], cubic),
                share(s["energy"]["green_share"]),
                plain(sum(v["jobs_started"] for v in s["by_site"].values())),
                duration(s["jobs"]["wait_s"]["mean"], label.lang),
            )
        )
    )  # fmt: skip
    paid = label("site_vouchers", voucher=money(voucher, label.lang),
                 left=money(s["cost"]["energy_cny"], label.lang))  # fmt: skip
    note = f'<p class="note">{escape(paid)}</p>' if voucher else ""
    return note + html_table(head, rows, f'<tr class="sum">{last}</tr>')


def by_region(run: RunView, names: Names, label: Labels) -> str:
    """Return a row a demand region."""
    head = [(label("col_region"), True)] + [
        (label(f"col_{name}"), False) for name in ("arrived", "dropped", "slo", "jobs", "wait")
    ]
    return _fairness(run, label) + html_table(
        head,
        (
            (
                escape(names.region(key)), compact(v["requests_arrived"], label.lang),
                compact(v["requests_dropped"], label.lang), share(v["slo_attainment"]),
                plain(v["jobs_submitted"]), duration(v["job_wait_s_mean"], label.lang),
            )
            for key, v in run.summary["by_region"].items()
        ),
    )  # fmt: skip


def revenue(run: RunView, names: Names, label: Labels) -> str:
    """Return who pays what for jobs: a row an operation, a row a region, and the sum."""
    sums = run.summary.get("revenue", {})
    if not sums.get("bill_cny"):
        return ""
    columns = ("hours", "bill", "voucher", "paid")
    head = [(label("col_who"), True)] + [(label(f"col_{name}"), False) for name in columns]

    def cells(who: str, row: dict[str, Any]) -> tuple[str, ...]:
        amounts = (money(row[f"{name}_cny"], label.lang) for name in columns[1:])
        return (escape(who), compact(row["accelerator_h"], label.lang), *amounts)

    rows = [cells(label(f"op_{kind}"), row) for kind, row in sums["by_operation"].items()]
    rows += [
        cells(names.region(key), row) for key, row in sums["by_region"].items() if row["bill_cny"]
    ]
    last = "".join(
        f'<td class="{"t" if at == 0 else ""}">{cell}</td>'
        for at, cell in enumerate(cells(label("total"), sums))
    )
    margin = label("margin_note", margin=money(sums["margin_cny"], label.lang))
    note = f'<p class="note">{escape(margin)}</p>'
    return note + html_table(head, rows, f'<tr class="sum">{last}</tr>')


def _fairness(run: RunView, label: Labels) -> str:
    """Return a line on how evenly regions were served."""
    parts = []
    for name, spread in run.summary.get("fairness", {}).items():
        if spread["jain"] is not None:
            parts.append(
                label(
                    f"fair_{name}", jain=plain(spread["jain"], 3), low=share(spread["min"]),
                    high=share(spread["max"]),
                )
            )  # fmt: skip
    return f'<p class="note">{label("fairness")} {"; ".join(parts)}.</p>' if parts else ""


def _bulk_moves(run: RunView, names: Names, label: Labels) -> str:
    """Return how the scheduled moves went; nothing where there are none."""
    moves = run.summary["network"].get("bulk_moves", [])
    if not moves:
        return ""
    columns = ("move", "way", "size", "finish", "deadline", "money")
    head = [(label(f"col_{name}"), name in {"move", "way"}) for name in columns]

    def hours(value: float | None) -> str:
        return "-" if value is None else plain(value, 1)

    return f'<p class="note">{escape(label("moves_note"))}</p>' + html_table(
        head,
        (
            (
                escape(f"{row['name']}: {names.region(row['region'])} → {names.site(row['site'])}"),
                escape(label(f"way_{row['by']}")),
                significant(row["size_tb"]),
                hours(row["finish_h"]),
                hours(row["deadline_h"]),
                plain(row["cny"]),
            )
            for row in moves
        ),
    )


def links(run: RunView, names: Names, label: Labels) -> str:
    """Return the links that carried most."""
    table = run.tables["links"]
    grouped = table.groupby("link", observed=True)
    most = pd.DataFrame(
        {
            "carried": grouped["carried_gb"].sum(),
            "mean": grouped["utilisation"].mean(),
            "peak": grouped["utilisation"].max(),
        }
    ).sort_values("carried", ascending=False, kind="stable")
    head = [
        (label("col_link"), True),
        (label("col_carried"), False),
        (label("col_mean_use"), False),
        (label("col_peak_use"), False),
    ]
    note = label("links_note", n=min(MOST_LINKS, len(most)), all=len(most))
    return (
        _bulk_moves(run, names, label)
        + f'<p class="note">{escape(note)}</p>'
        + html_table(
            head,
            (
                (
                    escape(str(row["link"])),
                    significant(row["carried"] / 1000.0),
                    share(row["mean"]),
                    share(row["peak"]),
                )
                for row in most.head(MOST_LINKS).reset_index().to_dict("records")
            ),
        )
    )


def events(run: RunView, label: Labels) -> str:
    """Return outages, cuts and notes, and the other events folded away."""
    table = run.tables["events"]
    zone = timezone(timedelta(hours=run.scenario.topology.utc_offset_h))
    start = run.scenario.start.astimezone(zone)
    shown = table.head(MOST_EVENTS)
    head = [(label(f"col_{name}"), True) for name in ("time", "kind", "subject", "detail")]
    rows = html_table(
        head,
        (
            (
                (start + timedelta(seconds=float(row["time_s"]))).strftime("%Y-%m-%d %H:%M"),
                escape(label.or_own("event_", str(row["kind"]))), escape(str(row["subject"])),
                escape(str(row["detail"])),
            )
            for row in shown.to_dict("records")
        ),
    )  # fmt: skip
    note = (
        f'<p class="note">{label("events_first", n=len(shown), all=len(table))}</p>'
        if len(shown) < len(table)
        else ""
    )
    return f"<details><summary>{label('events_list', n=len(table))}</summary>{note}{rows}</details>"


def audit(run: RunView, label: Labels) -> str:
    """Return the residuals of the balances."""
    head = [(label("col_balance"), True), (label("col_residual"), False)]
    return html_table(
        head,
        (
            (escape(label.or_own("audit_", name)), f"{value:.2g}" if value else "0")
            for name, value in run.summary["audit"].items()
        ),
    )
