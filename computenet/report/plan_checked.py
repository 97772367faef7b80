"""The parts of a plan's page on its simulation: the gap as a headline, classes, sites, rounds."""

from __future__ import annotations

from html import escape

from computenet.report.numbers import decimals, plain, share
from computenet.report.plan_figures import money_unit
from computenet.report.plan_tables import amount, deck
from computenet.report.plan_view import PlanView, SimulatedView, rows_of
from computenet.report.plan_words import PlanWords
from computenet.report.sections import html_table
from computenet.report.view import Names

__all__ = ["by_class", "by_site", "derated", "headline", "rounds"]


def _signed(value: float, digits: int = 1) -> str:
    text = share(value, digits)
    return f"+{text}" if value > 0.5 * 10.0 ** (-digits - 2) else text


def headline(view: PlanView, word: PlanWords) -> str:
    """Return whether plan and simulation agree, and the gaps as cards."""
    found = view.simulated
    if found is None:
        return f'<p class="banner">{escape(word("not_simulated"))}</p>'
    count = len(found.rounds)
    spent = word("round_one") if count == 1 else word("round_many", n=count)
    words = word("agreed" if found.agreed else "differ", rounds=spent)
    css = "ok" if found.agreed else "bad"
    meets = word("simulated_meets" if found.targets_met else "simulated_misses")
    note = word("agreed_note", policy=found.policy, targets=meets) + _price(found, word)
    if found.stopped:
        note += (" " if word.lang == "en" else "") + word("stopped", why=found.stopped)
    return f'<p class="verdict {css}">{escape(words)}</p><p class="note">{escape(note)}</p>' + deck(
        _cards(found, word)
    )


def _price(found: SimulatedView, word: PlanWords) -> str:
    """Return what the corrections did to the plan's cost, in words."""
    first, last = (float(found.rounds["objective_cny"].iloc[at]) for at in (0, -1))
    if len(found.rounds) < 2 or not first > 0.0:
        return ""
    more = _signed(last / first - 1.0)
    between = " " if word.lang == "en" else ""
    return between + word("agreed_price", first=amount(first, word), last=amount(last, word),
                          more=more)  # fmt: skip


def _cards(found: SimulatedView, word: PlanWords) -> list[tuple[str, str, str, str]]:
    gaps, within = found.gaps, found.within
    out = []
    for key in ("cost", "energy", "service", "green", "delay"):
        gap, asked = gaps[key], within[key]
        either = key in ("cost", "energy")
        if either:
            value = _signed(gap)
        elif key == "delay":
            value = plain(gap, 2)
        else:
            value = share(gap) if gap >= 5e-4 else word("no_shortfall")
        fine = (abs(gap) if either else gap) <= asked
        limit = plain(asked, 2) if key == "delay" else share(asked, 0 if asked >= 0.01 else 1)
        parts = {"total": _signed(gaps["total_cost"])} if key == "cost" else {}
        sub = word(f"gap_{key}_sub", within=limit, **parts)
        out.append((word(f"gap_{key}"), value, sub, "ok" if fine else "bad"))
    return out


def by_class(found: SimulatedView, titles: dict[str, str], word: PlanWords) -> str:
    """Return coverage and objectives met of each class and stage, planned and simulated."""
    heads = [(word(key), number < 2) for number, key in enumerate(
        ("class", "stage", "target", "class_planned", "class_circle", "class_attainable",
         "class_attained", "class_gap"))]  # fmt: skip
    rows = [
        [
            titles.get(str(row["service_class"]), escape(str(row["service_class"]))),
            escape(str(row["stage"])),
            share(row["coverage_target"], 0) if row["coverage_target"] > 0.0 else "–",
            *(share(row[key]) for key in ("planned", "within_circle", "attainable", "attained")),
            _judged(row["gap"], found.within["service"]),
        ]
        for row in rows_of(found.services)
    ]
    return html_table(heads, rows) if rows else ""


def _judged(gap: float, within: float) -> str:
    if gap != gap:
        return "–"
    css = "ok" if gap <= within else "bad"
    return f'<span class="{css}">{share(gap) if gap >= 5e-4 else "0"}</span>'


def by_site(view: PlanView, found: SimulatedView, names: Names, word: PlanWords) -> str:
    """Return electricity and green share of each site in the last stage, planned and simulated."""
    stage = view.stages[-1]
    rows = [row for row in rows_of(found.sites, stage=stage)
            if max(row["energy_gwh_planned"], row["energy_gwh_simulated"]) > 1e-6]  # fmt: skip
    sides = (word("planned"), word("simulated"))
    heads = [(word("site"), True), *((f"{word('site_gwh')}, {side}", False) for side in sides),
             (word("gap"), False), (word("target"), False),
             *((f"{word('site_green')}, {side}", False) for side in sides),
             (word("class_gap"), False)]  # fmt: skip
    digits = decimals(row["energy_gwh_planned"] for row in rows)
    lines = []
    for row in rows:
        planned, simulated = row["energy_gwh_planned"], row["energy_gwh_simulated"]
        asked = row["green_target"] > 0.0
        lines.append([
            escape(names.site(row["site"])), plain(planned, digits), plain(simulated, digits),
            _signed(simulated / planned - 1.0) if planned > 1e-9 else "–",
            share(row["green_target"], 0) if asked else "–", share(row["green_planned"]),
            share(row["green_simulated"]),
            _judged(row["green_gap"], found.within["green"]) if asked else "–",
        ])  # fmt: skip
    return html_table(heads, lines)


def rounds(found: SimulatedView, word: PlanWords) -> str:
    """Return the gaps of every round."""
    keys = ("cost_gap", "energy_gap", "slo_gap", "green_gap")
    heads = [(word(key), False) for key in (
        "round", "cost", "round_cost", "round_energy", "round_service", "round_green",
        "round_delay", "round_targets")]  # fmt: skip
    unit, name = money_unit(found.rounds["objective_cny"].tolist(), word)
    heads[1] = (f"{word('cost')}, {name}", False)
    rows = [
        [
            plain(row["round"]), plain(row["objective_cny"] / unit, 3),
            *(_signed(row[key]) for key in keys[:2]),
            *(share(max(row[key], 0.0)) for key in keys[2:]), plain(row["job_delay"], 2),
            word("yes" if row["targets_met"] else "no"),
        ]
        for row in rows_of(found.rounds)
    ]  # fmt: skip
    return html_table(heads, rows)


def derated(found: SimulatedView, names: Names, titles: dict[str, str], word: PlanWords) -> str:
    """Return what the plan that stands was made with, in words."""
    if not found.derated:
        key = "derated_none" if found.agreed else "derated_not"
        return f'<p class="note">{escape(word(key))}</p>'
    last = max(number for number, *_ in found.derated)
    lines = []
    for number, what, where, factor in found.derated:
        if number != last:
            continue
        place = titles.get(where, escape(where)) if what == "room" else escape(names.site(where))
        text = word(f"derate_{what}", where=place, more=_signed(factor - 1.0),
                    points=plain(100.0 * factor, 1))  # fmt: skip
        lines.append(f"<li>{text}</li>")
    note = f'<p class="note">{escape(word("derated_note"))}</p>'
    return f"{note}<ul>{''.join(lines)}</ul>"
